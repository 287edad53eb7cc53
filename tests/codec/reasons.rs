//! Which packet carries which reason code: every byte in every packet.

use mqtt_proto::{Context, DecodeErrorKind as Kind, PacketKind, ReasonCode, Sender, decode};

use crate::table::{V5_0, frame, join, refused};

/// The reason codes of each packet, written down from the packets' own tables, not from the codec's.
///
/// 0x8C in DISCONNECT stands in the general table alone.
const LISTED: [(PacketKind, &str, &[u8]); 9] = [
    (
        PacketKind::Connack,
        "MQTT-3.2.2-8",
        &[
            0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
            0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
        ],
    ),
    (PacketKind::Puback, "MQTT-3.4.2-1", &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
    (PacketKind::Pubrec, "MQTT-3.5.2-1", &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
    (PacketKind::Pubrel, "MQTT-3.6.2-1", &[0x00, 0x92]),
    (PacketKind::Pubcomp, "MQTT-3.7.2-1", &[0x00, 0x92]),
    (
        PacketKind::Suback,
        "MQTT-3.9.3-2",
        &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
    ),
    (PacketKind::Unsuback, "MQTT-3.11.3-2", &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]),
    (
        PacketKind::Disconnect,
        "MQTT-3.14.2-1",
        &[
            0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94,
            0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
        ],
    ),
    (PacketKind::Auth, "MQTT-3.15.2-1", &[0x00, 0x18, 0x19]),
];

/// A packet that is good but for its reason, and where the reason stands.
fn with_reason(kind: PacketKind, reason: u8) -> (Vec<u8>, u32) {
    let (before, behind): (&[u8], &[u8]) = match kind {
        PacketKind::Connack => (&[0], &[0]),
        PacketKind::Suback | PacketKind::Unsuback => (&[0, 7, 0], &[]),
        PacketKind::Disconnect => (&[], &[]),
        PacketKind::Auth => (&[], b"\x04\x15\0\x01m"),
        _ => (&[0, 7], &[]),
    };
    let first = (kind as u8) << 4 | kind.flags();
    (frame(first, &join(&[before, &[reason], behind])), 2 + before.len() as u32)
}

/// [5.0 MQTT-3.2.2-8] [5.0 MQTT-3.4.2-1] [5.0 MQTT-3.5.2-1] [5.0 MQTT-3.6.2-1] [5.0 MQTT-3.7.2-1]
/// [5.0 MQTT-3.9.3-2] [5.0 MQTT-3.11.3-2] [5.0 MQTT-3.14.2-1] [5.0 MQTT-3.15.2-1]
#[test]
fn a_packet_carries_its_own_reasons_and_no_other() {
    for (kind, statement, listed) in LISTED {
        for byte in 0..=255_u8 {
            let (bytes, offset) = with_reason(kind, byte);
            let is_listed = listed.contains(&byte);
            let code = ReasonCode::from_byte(byte, kind);
            assert_eq!(code.map(ReasonCode::byte), is_listed.then_some(byte), "{kind} {byte:#x}");
            if is_listed {
                let packet = decode(&bytes, Context { version: V5_0, sender: None });
                let packet = packet.unwrap_or_else(|error| panic!("{byte:#x}: {error}"));
                let mut out = Vec::new();
                let len = packet.encode(V5_0, &mut out).expect("what was decoded can be encoded");
                assert!(out == bytes || byte == 0 && len < bytes.len(), "{packet}");
            } else {
                refused(V5_0, &bytes, Kind::ReasonCode { byte }, offset, statement);
            }
        }
    }
}

#[test]
fn all_codes_are_listed_somewhere_and_know_where() {
    for code in ReasonCode::ALL {
        for kind in PacketKind::ALL {
            let listed = LISTED.iter().find(|(listed_kind, ..)| *listed_kind == kind);
            let is_listed = listed.is_some_and(|(_, _, codes)| codes.contains(&code.byte()));
            assert_eq!(code.is_legal_in(kind), is_listed, "{code} {kind}");
        }
        assert_eq!(code.is_error(), code.byte() >= 0x80);
    }
    let mut all: Vec<u8> = LISTED.iter().flat_map(|(.., codes)| codes.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, ReasonCode::ALL.iter().map(|code| code.byte()).collect::<Vec<_>>());
}

/// The return codes of 3.x and the reasons of the same meaning, both ways.
#[test]
fn return_codes_translate_both_ways() {
    for byte in 0..=255_u8 {
        let code = ReasonCode::from_return_code(byte);
        assert_eq!(code.is_some(), byte <= 5);
        assert_eq!(code.and_then(ReasonCode::return_code), code.map(|_| byte));
    }
    let translated = ReasonCode::ALL.iter().filter(|code| code.return_code().is_some()).count();
    assert_eq!(translated, 6);
}

/// What a 5.0 endpoint tells its peer: 0x81 for what cannot be read, 0x82 for what can be read and is not allowed.
#[test]
fn a_fault_is_told_by_its_own_reason() {
    const OPTIONS: &[u8] = b"\0\x07\0\0\x01f";
    for byte in 0..=255_u8 {
        let expected = match byte {
            _ if byte & 0xc0 != 0 => Some(ReasonCode::MalformedPacket),
            _ if byte & 0x03 == 3 || byte >> 4 == 3 => Some(ReasonCode::ProtocolError),
            _ => None,
        };
        assert_eq!(told(None, &frame(0x82, &join(&[OPTIONS, &[byte]]))), expected, "options {byte:#04x}");
    }
    let rows: [(&[u8], ReasonCode); 12] = [
        (b"\x00\x00", ReasonCode::MalformedPacket),
        (b"\x80\x06\0\x07\0\0\x01f\0", ReasonCode::MalformedPacket),
        (b"\x36\x07\0\x01t\0\x07\0x", ReasonCode::MalformedPacket),
        (b"\x30\x05\0\x02t\xff\0", ReasonCode::MalformedPacket),
        // Unknown, then known and of another packet, then repeated.
        (b"\x30\x06\0\x01t\x02\x7f\x01", ReasonCode::MalformedPacket),
        (b"\x30\x07\0\x01t\x03\x21\0\x01", ReasonCode::MalformedPacket),
        (b"\x30\x08\0\x01t\x04\x01\0\x01\0", ReasonCode::ProtocolError),
        (b"\x30\x07\0\x01t\x03\x23\0\0", ReasonCode::TopicAliasInvalid),
        (b"\x30\x03\0\0\0", ReasonCode::ProtocolError),
        (b"\x82\x03\0\x07\0", ReasonCode::ProtocolError),
        (b"\x82\x10\0\x07\0\0\x0a$share/g/f\x04", ReasonCode::ProtocolError),
        (b"\xf0\x02\x18\0", ReasonCode::ProtocolError),
    ];
    for (bytes, expected) in rows {
        assert_eq!(told(None, bytes), Some(expected), "{bytes:02x?}");
    }
}

/// The reason that is told about bytes that are refused.
pub(crate) fn told(sender: Option<Sender>, bytes: &[u8]) -> Option<ReasonCode> {
    decode(bytes, Context { version: V5_0, sender }).err().map(|error| error.reason_code())
}
