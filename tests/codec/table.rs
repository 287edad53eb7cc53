//! The one place that knows how a row of a table is tried.
//!
//! A good row is fed whole, byte by byte and with the next packet behind it, and is encoded again. A bad row is
//! refused with the same fault however it arrives.

use mqtt_proto::{
    Context, DecodeErrorKind, PACKET_SIZE_MAX, Packet, PacketId, PacketKind, Sender, Version, decode,
    frame_len,
};

pub(crate) const V3_1: Version = Version::V3_1;
pub(crate) const V3_1_1: Version = Version::V3_1_1;
pub(crate) const V5_0: Version = Version::V5_0;
pub(crate) const VERSIONS: [Version; 3] = [V3_1, V3_1_1, V5_0];
pub(crate) const SENDERS: [Option<Sender>; 3] = [None, Some(Sender::Client), Some(Sender::Server)];

pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("tables hold no packet id 0")
}

/// The packet is what the bytes say, and the bytes are how the packet is written.
pub(crate) fn both_ways(version: Version, bytes: &[u8], packet: Packet<'_>) {
    reads_as(version, bytes, packet);
    writes_as(version, packet, bytes);
}

/// The packet is what the bytes say, though they are not how we write it.
#[track_caller]
pub(crate) fn reads_as(version: Version, bytes: &[u8], packet: Packet<'_>) {
    let context = Context { version, sender: None };
    assert_eq!(decode(bytes, context), Ok(packet), "{version} {bytes:02x?}");
    // The packet as the bytes come in, one after the other, with another packet behind it.
    let mut stream = bytes.to_vec();
    stream.extend_from_slice(&[0xc0, 0x00]);
    for arrived in 0..=stream.len() {
        let len = frame_len(&stream[..arrived], PACKET_SIZE_MAX).expect("a good fixed header");
        let header_len = 1 + bytes[1..].iter().position(|byte| byte & 0x80 == 0).expect("an end") + 1;
        assert_eq!(len, (arrived >= header_len).then_some(bytes.len()), "{arrived} of {bytes:02x?}");
    }
    let len = frame_len(&stream, PACKET_SIZE_MAX).expect("a good header").expect("a whole header");
    assert_eq!(decode(&stream[..len], context), Ok(packet), "{version} {bytes:02x?}");
    // The side that may send it is the only one that may.
    for sender in [Sender::Client, Sender::Server] {
        let is_taken = decode(bytes, Context { version, sender: Some(sender) }).is_ok();
        if !packet.kind().is_sent_by(sender, version) {
            assert!(!is_taken, "{version} {sender:?} {bytes:02x?}");
        }
    }
}

/// The bytes are how the packet is written, behind whatever is there already.
#[track_caller]
pub(crate) fn writes_as(version: Version, packet: Packet<'_>, bytes: &[u8]) {
    assert_eq!(packet.encoded_len(version), Ok(bytes.len()), "{version} {packet}");
    let mut out = b"before".to_vec();
    assert_eq!(packet.encode(version, &mut out), Ok(bytes.len()), "{version} {packet}");
    assert_eq!(&out[..6], b"before");
    assert_eq!(&out[6..], bytes, "{version} {packet}");
    if let Packet::Publish(publish) = packet {
        let mut header = b"before".to_vec();
        assert_eq!(publish.encode_header(version, &mut header), Ok(bytes.len()), "{version} {packet}");
        assert_eq!(header[6..], bytes[..bytes.len() - publish.payload.len()], "{version} {packet}");
    }
}

/// The bytes are refused: with this fault, found at this byte, for this statement (empty for none).
#[track_caller]
pub(crate) fn refused(version: Version, bytes: &[u8], kind: DecodeErrorKind, offset: u32, statement: &str) {
    refused_from(None, version, bytes, kind, offset, statement);
}

/// The bytes are refused from that side.
#[track_caller]
pub(crate) fn refused_from(
    sender: Option<Sender>,
    version: Version,
    bytes: &[u8],
    kind: DecodeErrorKind,
    offset: u32,
    statement: &str,
) {
    match decode(bytes, Context { version, sender }) {
        Ok(packet) => panic!("{version} {bytes:02x?} is taken as {packet}"),
        Err(error) => {
            let found = (error.kind, error.offset, error.statement().unwrap_or_default());
            assert_eq!(found, (kind, offset, statement), "{version} {sender:?} {bytes:02x?}: {error}");
        }
    }
}

/// A frame around a body.
pub(crate) fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut len = body.len();
    while len >= 0x80 {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend_from_slice(body);
    bytes
}

/// Pieces put together, so that a table can show the fields of a packet.
pub(crate) fn join(pieces: &[&[u8]]) -> Vec<u8> {
    pieces.concat()
}

/// A good packet of the kind, as short as it may be; none for AUTH before 5.0.
pub(crate) fn minimal(kind: PacketKind, version: Version) -> Option<Vec<u8>> {
    let is_5 = version == V5_0;
    let none: &[u8] = if is_5 { &[0] } else { &[] };
    let body = match kind {
        PacketKind::Connect => {
            let name: &[u8] = if version == V3_1 { b"\0\x06MQIsdp" } else { b"\0\x04MQTT" };
            join(&[name, &[version.level(), 2, 0, 60], none, b"\0\x01c"])
        }
        PacketKind::Connack => join(&[&[0, 0], none]),
        PacketKind::Publish => join(&[b"\0\x01t", none]),
        PacketKind::Puback | PacketKind::Pubrec | PacketKind::Pubrel | PacketKind::Pubcomp => vec![0, 7],
        PacketKind::Subscribe => join(&[&[0, 7], none, b"\0\x01f\0"]),
        PacketKind::Suback => join(&[&[0, 7], none, &[0]]),
        PacketKind::Unsubscribe => join(&[&[0, 7], none, b"\0\x01f"]),
        PacketKind::Unsuback => join(&[&[0, 7], none, none]),
        PacketKind::Pingreq | PacketKind::Pingresp | PacketKind::Disconnect => vec![],
        PacketKind::Auth if is_5 => vec![],
        PacketKind::Auth => return None,
    };
    Some(frame((kind as u8) << 4 | kind.flags(), &body))
}
