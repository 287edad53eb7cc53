//! PUBLISH: its flags, topic, packet identifier, properties and payload.

use mqtt_proto::{
    DecodeErrorKind as Kind, EncodeError, Packet, PacketKind, Properties, Property, PropertyId, Publish, QoS,
    Sender, TopicName,
};

use crate::table::{
    V3_1, V3_1_1, V5_0, VERSIONS, both_ways, frame, id, join, reads_as, refused, refused_from,
};

fn plain(topic: &str) -> Publish<'_> {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: TopicName::new(topic).expect("a name"),
        packet_id: None,
        properties: Properties::EMPTY,
        payload: b"",
    }
}

/// Every good value of the four flags; the packet identifier is there with QoS 1 and 2 alone.
///
/// [5.0 MQTT-2.2.1-2] [5.0 MQTT-3.3.2-1] [5.0 MQTT-2.2.2-1] [3.1.1 MQTT-2.3.1-5] [3.1.1 MQTT-3.3.2-1]
#[test]
fn flags_say_what_follows() {
    for version in VERSIONS {
        let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
        for flags in 0..16_u8 {
            let Some(qos) = QoS::from_bits(flags >> 1 & 3) else { continue };
            let (dup, retain) = (flags & 8 != 0, flags & 1 != 0);
            if dup && qos == QoS::AtMostOnce {
                continue;
            }
            let packet_id = (qos != QoS::AtMostOnce).then(|| id(0x0102));
            let id_bytes: &[u8] = if packet_id.is_some() { &[1, 2] } else { &[] };
            for payload in [&b""[..], b"x", b"\xff\0\xfe"] {
                let publish = Publish { dup, qos, retain, packet_id, payload, ..plain("a/b") };
                let bytes = frame(0x30 | flags, &join(&[b"\0\x03a/b", id_bytes, none, payload]));
                both_ways(version, &bytes, Packet::Publish(publish));
            }
        }
    }
}

/// [5.0 MQTT-3.3.1-4] [3.1.1 MQTT-3.3.1-4]
#[test]
fn qos_3_is_refused() {
    for flags in [0b0110, 0b0111, 0b1110, 0b1111] {
        for (version, statement) in [(V3_1, ""), (V3_1_1, "MQTT-3.3.1-4"), (V5_0, "MQTT-3.3.1-4")] {
            refused(version, &frame(0x30 | flags, b"\0\x01t\0\x01\0"), Kind::PublishQoS, 0, statement);
        }
    }
}

/// 3.1 gives DUP a meaning only above QoS 0.
///
/// [5.0 MQTT-3.3.1-2] [3.1.1 MQTT-3.3.1-2]
#[test]
fn dup_needs_a_qos() {
    for retain in [0, 1] {
        for version in [V3_1_1, V5_0] {
            let bytes = frame(0x38 | retain, b"\0\x01t\0");
            refused(version, &bytes, Kind::DupWithQoS0, 0, "MQTT-3.3.1-2");
        }
        let publish = Publish { retain: retain == 1, ..plain("t") };
        reads_as(V3_1, &frame(0x38 | retain, b"\0\x01t"), Packet::Publish(publish));
    }
}

/// [5.0 MQTT-3.3.2-2] [5.0 MQTT-4.7.0-1] [3.1.1 MQTT-3.3.2-2] [3.1.1 MQTT-4.7.1-1]
#[test]
fn a_topic_name_has_no_wildcard() {
    for topic in
        [&b"\0\x01#"[..], b"\0\x01+", b"\0\x03a/#", b"\0\x09abcdefgh+", b"\0\x08+bcdefgh", b"\0\x02a#"]
    {
        for (version, statement) in [(V3_1, ""), (V3_1_1, "MQTT-3.3.2-2"), (V5_0, "MQTT-3.3.2-2")] {
            let bytes = frame(0x30, &join(&[topic, &[0]]));
            refused(version, &bytes, Kind::WildcardInTopicName, 2, statement);
        }
    }
}

/// The first field is a string, and is checked as one.
///
/// [5.0 MQTT-3.3.2-1] [5.0 MQTT-1.5.4-1] [5.0 MQTT-1.5.4-2] [5.0 MQTT-4.7.3-2] [3.1.1 MQTT-3.3.2-1]
/// [3.1.1 MQTT-1.5.3-1] [3.1.1 MQTT-1.5.3-2] [3.1.1 MQTT-4.7.3-2]
#[test]
fn a_topic_name_is_a_string() {
    for (version, utf8, nul) in
        [(V3_1, "", ""), (V3_1_1, "MQTT-1.5.3-1", "MQTT-1.5.3-2"), (V5_0, "MQTT-1.5.4-1", "MQTT-1.5.4-2")]
    {
        refused(version, &frame(0x30, b"\0\x03ab\xff\0"), Kind::Utf8, 6, utf8);
        refused(version, &frame(0x30, b"\0\x03\xed\xa0\x80\0"), Kind::Utf8, 4, utf8);
        refused(version, &frame(0x30, b"\0\x03a\0b\0"), Kind::NulInString, 5, nul);
        // A name that is bad in two ways is no string first.
        refused(version, &frame(0x30, b"\0\x03#\0b\0"), Kind::NulInString, 5, nul);
        refused(version, &frame(0x30, b"\0\x03ab"), Kind::Truncated, 4, "");
        refused(version, &frame(0x30, b"\0"), Kind::Truncated, 2, "");
        refused(version, &frame(0x30, b""), Kind::Truncated, 2, "");
    }
}

/// [5.0 MQTT-4.7.3-1] [3.1.1 MQTT-4.7.3-1]
#[test]
fn an_empty_topic_name_needs_an_alias() {
    refused(V3_1, &frame(0x30, b"\0\0x"), Kind::EmptyTopicName, 2, "");
    refused(V3_1_1, &frame(0x30, b"\0\0x"), Kind::EmptyTopicName, 2, "MQTT-4.7.3-1");
    refused(V5_0, &frame(0x30, b"\0\0\0x"), Kind::EmptyTopicName, 2, "MQTT-4.7.3-1");
    refused(V5_0, &frame(0x30, b"\0\0\x02\x01\0x"), Kind::EmptyTopicName, 2, "MQTT-4.7.3-1");
    let properties = [Property::TopicAlias(0x0102)];
    let publish =
        Publish { topic: TopicName::ALIASED, properties: Properties::new(&properties), ..plain("t") };
    both_ways(V5_0, &frame(0x30, b"\0\0\x03\x23\x01\x02"), Packet::Publish(publish));
    let bare = Packet::Publish(Publish { properties: Properties::EMPTY, ..publish });
    for version in VERSIONS {
        assert_eq!(bare.encoded_len(version), Err(EncodeError::EmptyTopicName));
    }
}

/// [3.1.1 MQTT-2.3.1-1]
#[test]
fn a_packet_id_is_not_0() {
    for flags in [0x32, 0x34, 0x3a] {
        for (version, statement) in [(V3_1, ""), (V3_1_1, "MQTT-2.3.1-1"), (V5_0, "MQTT-2.2.1-3")] {
            refused(version, &frame(flags, b"\0\x01t\0\0\0"), Kind::PacketIdZero, 5, statement);
            refused(version, &frame(flags, b"\0\x01t\x01"), Kind::Truncated, 5, "");
        }
    }
}

/// Only a server says which subscriptions a message is for, and how many.
///
/// [5.0 MQTT-3.3.4-6]
#[test]
fn a_client_sends_no_subscription_identifier() {
    let bytes = frame(0x30, b"\0\x01t\x05\x0b\x01\x0b\x80\x01x");
    let kind = Kind::PropertyNotAllowed(PropertyId::SubscriptionIdentifier);
    refused_from(Some(Sender::Client), V5_0, &bytes, kind, 6, "MQTT-3.3.4-6");
    let properties = [Property::SubscriptionIdentifier(1), Property::SubscriptionIdentifier(128)];
    let publish = Publish { properties: Properties::new(&properties), payload: b"x", ..plain("t") };
    both_ways(V5_0, &bytes, Packet::Publish(publish));
}

/// [5.0 MQTT-3.3.2-8]
#[test]
fn an_alias_is_not_0() {
    let kind = Kind::PropertyValue(PropertyId::TopicAlias);
    refused(V5_0, &frame(0x30, b"\0\x01t\x03\x23\0\0"), kind, 7, "MQTT-3.3.2-8");
}

/// [5.0 MQTT-3.3.2-13] [5.0 MQTT-3.3.2-14] [5.0 MQTT-3.3.2-19]
#[test]
fn response_topic_and_content_type_are_strings() {
    let kind = Kind::PropertyValue(PropertyId::ResponseTopic);
    refused(V5_0, &frame(0x30, b"\0\x01t\x06\x08\0\x03a/#"), kind, 7, "MQTT-3.3.2-14");
    refused(V5_0, &frame(0x30, b"\0\x01t\x06\x08\0\x03+/a"), kind, 7, "MQTT-3.3.2-14");
    refused(V5_0, &frame(0x30, b"\0\x01t\x03\x08\0\0"), kind, 7, "MQTT-3.3.2-14");
    for property in [b'\x08', b'\x03'] {
        let bytes = frame(0x30, &join(&[b"\0\x01t\x05", &[property], b"\0\x02a\xff"]));
        refused(V5_0, &bytes, Kind::Utf8, 10, "MQTT-1.5.4-1");
        let bytes = frame(0x30, &join(&[b"\0\x01t\x05", &[property], b"\0\x02a\0"]));
        refused(V5_0, &bytes, Kind::NulInString, 10, "MQTT-1.5.4-2");
    }
}

/// What Payload Format Indicator 1 says about the payload is not checked; a receiver may.
#[test]
fn a_payload_is_any_bytes() {
    let properties = [Property::PayloadFormatIndicator(1)];
    let publish = Publish { properties: Properties::new(&properties), payload: b"\xff\0", ..plain("t") };
    both_ways(V5_0, &frame(0x30, b"\0\x01t\x02\x01\x01\xff\0"), Packet::Publish(publish));
}

#[test]
fn what_has_no_encoding_is_not_encoded() {
    let list = [Property::ContentType("t")];
    let wrong = [Property::ReceiveMaximum(1)];
    let owner = mqtt_proto::PropertyOwner::Publish;
    let not_allowed = EncodeError::PropertyNotAllowed { id: PropertyId::ReceiveMaximum, owner };
    let plain = plain("t");
    let at_least_once = Publish { qos: QoS::AtLeastOnce, packet_id: Some(id(1)), ..plain };
    for version in VERSIONS {
        let mut cases = vec![
            (Publish { packet_id: Some(id(1)), ..plain }, EncodeError::PacketId),
            (Publish { packet_id: None, ..at_least_once }, EncodeError::PacketId),
            (Publish { dup: true, ..plain }, EncodeError::DupWithQoS0),
        ];
        let needs_5 = EncodeError::NeedsVersion5(PacketKind::Publish);
        let wrong_error = if version == V5_0 { not_allowed } else { needs_5 };
        cases.push((Publish { properties: Properties::new(&wrong), ..plain }, wrong_error));
        if version != V5_0 {
            cases.push((Publish { properties: Properties::new(&list), ..plain }, needs_5));
        }
        for (publish, error) in cases {
            let mut out = b"before".to_vec();
            assert_eq!(publish.encode(version, &mut out), Err(error), "{version} {publish}");
            assert_eq!(publish.encode_header(version, &mut out), Err(error), "{version} {publish}");
            assert_eq!(Packet::Publish(publish).encode(version, &mut out), Err(error), "{version} {publish}");
            assert_eq!(Packet::Publish(publish).encoded_len(version), Err(error), "{version} {publish}");
            assert_eq!(out, b"before");
        }
    }
}
