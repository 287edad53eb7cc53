//! The largest of everything: strings, integers, packets.

use mqtt_proto::{
    Connect, Context, DecodeErrorKind as Kind, EncodeError, PACKET_SIZE_MAX, Packet, Properties, Property,
    Publish, QoS, REMAINING_LENGTH_MAX, TopicName, Version, decode, frame_len,
};

use crate::table::{V3_1_1, V5_0, VERSIONS, both_ways, frame, join, refused};

fn publish<'a>(topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: TopicName::new(topic).expect("a name"),
        packet_id: None,
        properties: Properties::EMPTY,
        payload,
    }
}

/// [5.0 MQTT-4.7.3-3] [3.1.1 MQTT-4.7.3-3]
#[test]
fn a_string_has_65535_bytes_at_most() {
    let longest = "x".repeat(65_535);
    for version in [V3_1_1, V5_0] {
        let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
        let connect = Connect {
            version,
            clean_start: true,
            keep_alive_secs: 0,
            properties: Properties::EMPTY,
            client_id: &longest,
            will: None,
            user_name: Some(&longest),
            password: Some(longest.as_bytes()),
        };
        let field = join(&[&[0xff, 0xff], longest.as_bytes()]);
        let start = join(&[b"\0\x04MQTT", &[version.level(), 0xc2, 0, 0], none]);
        let bytes = frame(0x10, &join(&[&start, &field, &field, &field]));
        let packet = decode(&bytes, Context { version, sender: None });
        assert!(packet == Ok(Packet::from(&connect)));
        let mut out = Vec::new();
        assert_eq!(Packet::from(&connect).encode(version, &mut out), Ok(bytes.len()));
        assert!(out == bytes);
        let topic = frame(0x30, &join(&[&field, none]));
        let packet = decode(&topic, Context { version, sender: None });
        assert!(packet == Ok(Packet::Publish(publish(&longest, b""))));
    }
}

/// The remaining length around each size at which it gets a byte longer.
#[test]
fn lengths_grow_by_a_byte_at_a_time() {
    for remaining in [127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
        let payload = vec![b'x'; remaining - 3];
        let bytes = frame(0x30, &join(&[b"\0\x01t", &payload]));
        let len_size = match remaining {
            0..=127 => 1,
            128..=16_383 => 2,
            16_384..=2_097_151 => 3,
            _ => 4,
        };
        assert_eq!(bytes.len(), 1 + len_size + remaining);
        assert_eq!(frame_len(&bytes[..=len_size], PACKET_SIZE_MAX), Ok(Some(bytes.len())));
        let packet = Packet::Publish(publish("t", &payload));
        assert!(decode(&bytes, Context { version: V3_1_1, sender: None }) == Ok(packet));
        let mut out = Vec::new();
        assert_eq!(packet.encode(V3_1_1, &mut out), Ok(bytes.len()));
        assert!(out == bytes);
    }
}

/// The payload is zeroes that no one has touched: decoding borrows it, and the header is written alone.
#[test]
fn the_largest_packet_is_neither_copied_nor_refused() {
    let mut bytes = vec![0; PACKET_SIZE_MAX as usize];
    bytes[..9].copy_from_slice(&[0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b't', 0]);
    assert_eq!(frame_len(&bytes[..5], PACKET_SIZE_MAX), Ok(Some(bytes.len())));
    for version in VERSIONS {
        let packet = decode(&bytes, Context { version, sender: None }).expect("a good packet");
        let Packet::Publish(publish) = packet else { panic!("{packet}") };
        assert_eq!(publish.payload.as_ptr_range().end, bytes.as_ptr_range().end);
        assert_eq!(packet.encoded_len(version), Ok(bytes.len()));
        let mut header = Vec::new();
        assert_eq!(publish.encode_header(version, &mut header), Ok(bytes.len()));
        let header_len = if version == V5_0 { 9 } else { 8 };
        assert_eq!(header, bytes[..header_len]);
        assert!(packet.to_string().len() < 300);
    }
    let too_large = publish("t", &bytes[..REMAINING_LENGTH_MAX as usize - 2]);
    let error = EncodeError::PacketTooLarge { size: REMAINING_LENGTH_MAX as usize + 1 };
    assert_eq!(too_large.encode(V3_1_1, &mut Vec::new()), Err(error));
    assert_eq!(too_large.encode_header(V3_1_1, &mut Vec::new()), Err(error));
    assert_eq!(Packet::Publish(too_large).encoded_len(V3_1_1), Err(error));
}

/// Sections of properties around the sizes at which their length gets a byte longer.
#[test]
fn sections_grow_by_a_byte_at_a_time() {
    for (size, len_bytes) in
        [(127, &[0x7f][..]), (128, &[0x80, 1]), (16_383, &[0xff, 0x7f]), (16_384, &[0x80, 0x80, 1])]
    {
        let text = "x".repeat(size - 3);
        let list = [Property::ContentType(&text)];
        let properties = Properties::new(&list);
        let text_len = (text.len() as u16).to_be_bytes();
        let body = join(&[b"\0\x01t", len_bytes, &[3], &text_len, text.as_bytes()]);
        let packet = Packet::Publish(Publish { properties, ..publish("t", b"") });
        let bytes = frame(0x30, &body);
        assert!(decode(&bytes, Context { version: V5_0, sender: None }) == Ok(packet));
        let mut out = Vec::new();
        assert_eq!(packet.encode(V5_0, &mut out), Ok(bytes.len()));
        assert!(out == bytes);
    }
}

#[test]
fn integers_reach_their_ends() {
    let list = [
        Property::SessionExpiryInterval(u32::MAX),
        Property::ReceiveMaximum(u16::MAX),
        Property::MaximumPacketSize(u32::MAX),
        Property::TopicAliasMaximum(u16::MAX),
    ];
    let connect = Connect {
        version: Version::V5_0,
        clean_start: false,
        keep_alive_secs: u16::MAX,
        properties: Properties::new(&list),
        client_id: "",
        will: None,
        user_name: None,
        password: None,
    };
    let body =
        b"\0\x04MQTT\x05\0\xff\xff\x10\x11\xff\xff\xff\xff\x21\xff\xff\x27\xff\xff\xff\xff\x22\xff\xff\0\0";
    both_ways(V5_0, &frame(0x10, body), Packet::from(&connect));
    for (bytes, value) in [
        (&b"\x01"[..], 1),
        (b"\x7f", 127),
        (b"\x80\x01", 128),
        (b"\xff\x7f", 16_383),
        (b"\x80\x80\x01", 16_384),
        (b"\xff\xff\x7f", 2_097_151),
        (b"\x80\x80\x80\x01", 2_097_152),
        (b"\xff\xff\xff\x7f", 268_435_455),
    ] {
        let list = [Property::SubscriptionIdentifier(value)];
        let body = join(&[b"\0\x01t", &[1 + bytes.len() as u8, 0x0b], bytes]);
        let packet = Packet::Publish(Publish { properties: Properties::new(&list), ..publish("t", b"") });
        both_ways(V5_0, &frame(0x30, &body), packet);
    }
    refused(V5_0, b"\x30\x0a\0\x01t\x06\x0b\x80\x80\x80\x80\x01", Kind::IntegerTooLong, 7, "");
}
