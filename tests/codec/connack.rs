//! CONNACK: flags, return codes and reason codes.

use mqtt_proto::{
    Connack, DecodeErrorKind as Kind, EncodeError, Packet, PacketKind, Properties, Property, ReasonCode,
};

use crate::table::{V3_1, V3_1_1, V5_0, VERSIONS, both_ways, frame, reads_as, refused};

fn plain(session_present: bool, reason: ReasonCode) -> Connack<'static> {
    Connack { session_present, reason, properties: Properties::EMPTY }
}

/// The return codes of 3.x by their numbers.
const RETURN_CODES: [ReasonCode; 6] = [
    ReasonCode::Success,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::ServerUnavailable,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
];

#[test]
fn return_codes_of_3_are_the_first_six() {
    for version in [V3_1, V3_1_1] {
        for byte in 0..=255_u8 {
            let bytes = [0x20, 2, 0, byte];
            match RETURN_CODES.get(usize::from(byte)) {
                Some(reason) => both_ways(version, &bytes, Packet::Connack(plain(false, *reason))),
                None => refused(version, &bytes, Kind::ReasonCode { byte }, 3, ""),
            }
        }
        for code in ReasonCode::ALL.iter().filter(|code| !RETURN_CODES.contains(code)) {
            let packet = Packet::Connack(plain(false, *code));
            assert_eq!(packet.encoded_len(version), Err(EncodeError::ReasonCode(*code)));
        }
    }
}

#[test]
fn session_present_is_the_lowest_flag() {
    both_ways(V3_1_1, &[0x20, 2, 1, 0], Packet::Connack(plain(true, ReasonCode::Success)));
    both_ways(V5_0, &[0x20, 3, 1, 0, 0], Packet::Connack(plain(true, ReasonCode::Success)));
    // 3.1 has no such flag and leaves the byte unused.
    for flags in 0..=255 {
        reads_as(V3_1, &[0x20, 2, flags, 0], Packet::Connack(plain(false, ReasonCode::Success)));
        reads_as(V3_1, &[0x20, 2, flags, 5], Packet::Connack(plain(false, ReasonCode::NotAuthorized)));
    }
}

/// [5.0 MQTT-3.2.2-1]
#[test]
fn the_other_flags_are_zero() {
    for flags in 2..=255 {
        refused(V3_1_1, &[0x20, 2, flags, 0], Kind::ConnackFlags, 2, "");
        refused(V5_0, &[0x20, 3, flags, 0, 0], Kind::ConnackFlags, 2, "MQTT-3.2.2-1");
    }
}

/// [5.0 MQTT-3.2.2-6] [3.1.1 MQTT-3.2.2-4]
#[test]
fn a_refusal_has_no_session() {
    for code in 1..6 {
        refused(V3_1_1, &[0x20, 2, 1, code], Kind::SessionPresentInRefusal, 2, "MQTT-3.2.2-4");
    }
    refused(V5_0, &[0x20, 3, 1, 0x87, 0], Kind::SessionPresentInRefusal, 2, "MQTT-3.2.2-6");
    for version in VERSIONS {
        let packet = Packet::Connack(plain(true, ReasonCode::NotAuthorized));
        assert_eq!(packet.encoded_len(version), Err(EncodeError::SessionPresentInRefusal));
    }
}

#[test]
fn a_session_in_3_1_is_refused_instead_of_left_out() {
    let packet = Packet::Connack(plain(true, ReasonCode::Success));
    let mut out = b"before".to_vec();
    assert_eq!(packet.encode(V3_1, &mut out), Err(EncodeError::SessionPresentIn3_1));
    assert_eq!(packet.encoded_len(V3_1), Err(EncodeError::SessionPresentIn3_1));
    assert_eq!(out, b"before");
    assert_eq!(packet.encode(V3_1_1, &mut out), Ok(4));
    assert_eq!(packet.encode(V5_0, &mut out), Ok(5));
}

#[test]
fn properties_are_of_5() {
    let properties =
        [Property::AssignedClientIdentifier("id"), Property::MaximumQoS(1), Property::UserProperty("a", "")];
    let connack = Connack { properties: Properties::new(&properties), ..plain(true, ReasonCode::Success) };
    let body = b"\x01\0\x0d\x12\0\x02id\x24\x01\x26\0\x01a\0\0";
    both_ways(V5_0, &frame(0x20, body), Packet::Connack(connack));
    for version in [V3_1, V3_1_1] {
        let error = EncodeError::NeedsVersion5(PacketKind::Connack);
        assert_eq!(Packet::Connack(connack).encoded_len(version), Err(error));
    }
    refused(V5_0, &[0x20, 2, 0, 0], Kind::Truncated, 4, "");
    refused(V5_0, &[0x20, 1, 0], Kind::Truncated, 3, "");
    refused(V3_1_1, &[0x20, 1, 0], Kind::Truncated, 3, "");
    refused(V3_1_1, &[0x20, 3, 0, 0, 0], Kind::TrailingBytes, 4, "");
}
