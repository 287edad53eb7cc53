//! CONNECT as it should not be: what is refused, where and why.

use mqtt_proto::{
    Connect, DecodeErrorKind as Kind, EncodeError, Packet, PacketKind, Properties, Property, PropertyId, QoS,
    TopicName, Version, Will,
};

use crate::table::{V3_1, V3_1_1, V5_0, VERSIONS, frame, join, refused};

/// The parts of a CONNECT up to its client identifier.
fn start(version: Version, flags: u8) -> Vec<u8> {
    let name: &[u8] = if version == V3_1 { b"\0\x06MQIsdp" } else { b"\0\x04MQTT" };
    let properties: &[u8] = if version == V5_0 { &[0] } else { &[] };
    join(&[name, &[version.level(), flags, 0, 60], properties])
}

/// A CONNECT says its own version, whatever the connection was thought to be.
#[track_caller]
fn refused_connect(body: &[u8], kind: Kind, offset: usize, statement: &str) {
    for connection in VERSIONS {
        refused(connection, &frame(0x10, body), kind, offset as u32, statement);
    }
}

#[test]
fn another_protocol_is_told_from_another_level() {
    for name in
        [&b"\0\x04MQTQ"[..], b"\0\x00", b"\0\x05MQTTS", b"\0\x06MQIsdP", b"\0\x04mqtt", b"\0\x02\xff\xff"]
    {
        let bytes = frame(0x10, &join(&[name, b"\x04\x02\0\x3c\0\x01c"]));
        refused(V3_1_1, &bytes, Kind::ProtocolName, 2, "MQTT-3.1.2-1");
        refused(V5_0, &bytes, Kind::ProtocolName, 2, "MQTT-3.1.2-1");
        refused(V3_1, &bytes, Kind::ProtocolName, 2, "");
    }
    for (name, level) in [("\0\x04MQTT", 3), ("\0\x04MQTT", 6), ("\0\x04MQTT", 0x84), ("\0\x06MQIsdp", 4)] {
        let bytes = frame(0x10, &join(&[name.as_bytes(), &[level], b"\x02\0\x3c\0\x01c"]));
        let offset = 2 + name.len() as u32;
        refused(V5_0, &bytes, Kind::ProtocolLevel { level }, offset, "MQTT-3.1.2-2");
        refused(V3_1_1, &bytes, Kind::ProtocolLevel { level }, offset, "MQTT-3.1.2-2");
    }
}

/// [5.0 MQTT-3.1.2-3] [3.1.1 MQTT-3.1.2-3]
#[test]
fn the_reserved_flag_is_zero() {
    for version in [V3_1_1, V5_0] {
        let body = join(&[&start(version, 0x03), b"\0\x01c"]);
        refused_connect(&body, Kind::ConnectFlags, 9, "MQTT-3.1.2-3");
    }
}

/// [5.0 MQTT-3.1.2-11] [5.0 MQTT-3.1.2-13] [3.1.1 MQTT-3.1.2-11] [3.1.1 MQTT-3.1.2-13] [3.1.1 MQTT-3.1.2-15]
#[test]
fn without_a_will_its_flags_are_zero() {
    for flags in [0x08, 0x10, 0x18, 0x28] {
        let body = join(&[&start(V3_1_1, flags), b"\0\x01c"]);
        refused_connect(&body, Kind::WillFlagsWithoutWill, 9, "MQTT-3.1.2-13");
        let body = join(&[&start(V5_0, flags), b"\0\x01c"]);
        refused_connect(&body, Kind::WillFlagsWithoutWill, 9, "MQTT-3.1.2-11");
    }
    let body = join(&[&start(V3_1_1, 0x20), b"\0\x01c"]);
    refused_connect(&body, Kind::WillRetainWithoutWill, 9, "MQTT-3.1.2-15");
    let body = join(&[&start(V5_0, 0x20), b"\0\x01c"]);
    refused_connect(&body, Kind::WillRetainWithoutWill, 9, "MQTT-3.1.2-13");
    // A will that no flag announces is not read.
    for version in VERSIONS {
        let body = join(&[&start(version, 0x02), b"\0\x01c\0\x01t\0\x01m"]);
        let offset = body.len() - 4;
        refused_connect(&body, Kind::TrailingBytes, offset, "");
    }
}

/// [5.0 MQTT-3.1.2-12] [3.1.1 MQTT-3.1.2-14]
#[test]
fn a_will_has_no_qos_3() {
    for (version, offset, statement) in
        [(V3_1, 11, ""), (V3_1_1, 9, "MQTT-3.1.2-14"), (V5_0, 9, "MQTT-3.1.2-12")]
    {
        let properties: &[u8] = if version == V5_0 { &[0] } else { &[] };
        let body = join(&[&start(version, 0x1c), b"\0\x01c", properties, b"\0\x01t\0\x01m"]);
        refused_connect(&body, Kind::WillQoS, offset, statement);
    }
}

/// [3.1.1 MQTT-3.1.2-22]
#[test]
fn before_5_a_password_needs_a_user_name() {
    for (version, offset, statement) in [(V3_1, 11, ""), (V3_1_1, 9, "MQTT-3.1.2-22")] {
        let body = join(&[&start(version, 0x40), b"\0\x01c\0\x01p"]);
        refused_connect(&body, Kind::PasswordWithoutUserName, offset, statement);
    }
}

/// What a flag announces must be there.
///
/// [5.0 MQTT-3.1.2-9] [5.0 MQTT-3.1.2-17] [5.0 MQTT-3.1.2-19] [5.0 MQTT-3.1.3-3] [3.1.1 MQTT-3.1.2-9]
/// [3.1.1 MQTT-3.1.2-19] [3.1.1 MQTT-3.1.2-21] [3.1.1 MQTT-3.1.3-3]
#[test]
fn announced_fields_are_there() {
    for version in [V3_1_1, V5_0] {
        let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
        let client_id = &b"\0\x01c"[..];
        let will = join(&[none, b"\0\x01t"]);
        let cases: [(u8, &[&[u8]]); 6] = [
            (0x00, &[]),
            (0x04, &[client_id, none]),
            (0x04, &[client_id, &will]),
            (0x80, &[client_id]),
            (0xc0, &[client_id, b"\0\x01u"]),
            (0xc4, &[client_id, &will, b"\0\x01m"]),
        ];
        for (flags, fields) in cases {
            let body = join(&[&start(version, flags), &join(fields)]);
            refused_connect(&body, Kind::Truncated, 2 + body.len(), "");
        }
    }
}

/// A packet cut anywhere is refused, or by 3.1 taken without user name and password.
#[test]
fn a_cut_connect_is_refused_where_it_ends() {
    for version in VERSIONS {
        let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
        let tail = join(&[none, b"\0\x01t\0\x02mm\0\x02uu\0\x02pp"]);
        let body = join(&[&start(version, 0xc6), b"\0\x02cc", &tail]);
        for len in 0..body.len() {
            let context = mqtt_proto::Context { version, sender: None };
            let bytes = frame(0x10, &body[..len]);
            let is_whole = version == V3_1 && (len + 8 == body.len() || len + 4 == body.len());
            match mqtt_proto::decode(&bytes, context) {
                Ok(packet) => assert!(is_whole, "{version} {len}: {packet}"),
                Err(error) => {
                    assert_eq!((error.kind, is_whole), (Kind::Truncated, false), "{version} {len}");
                    assert!(error.offset as usize <= bytes.len(), "{version} {len}");
                }
            }
        }
    }
}

/// The strings of CONNECT are checked; the will's payload and the password are not strings.
///
/// [5.0 MQTT-3.1.3-4] [5.0 MQTT-3.1.3-11] [5.0 MQTT-3.1.3-12] [5.0 MQTT-1.5.4-1] [5.0 MQTT-1.5.4-2]
/// [3.1.1 MQTT-3.1.3-4] [3.1.1 MQTT-3.1.3-10] [3.1.1 MQTT-3.1.3-11] [3.1.1 MQTT-1.5.3-1] [3.1.1 MQTT-1.5.3-2]
#[test]
fn strings_are_utf_8_without_nul() {
    for version in [V3_1_1, V5_0] {
        let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
        let statements =
            if version == V5_0 { ["MQTT-1.5.4-1", "MQTT-1.5.4-2"] } else { ["MQTT-1.5.3-1", "MQTT-1.5.3-2"] };
        let start = start(version, 0xc6);
        // Where the two letters of each string stand among client id, will topic and user name.
        let good = join(&[&start, b"\0\x02cc", none, b"\0\x02tt\0\x02\xff\0\0\x02uu\0\x02\xff\0"]);
        let client_at = start.len() + 2;
        let topic_at = client_at + 2 + none.len() + 2;
        let user_at = topic_at + 2 + 4 + 2;
        for at in [client_at, topic_at, user_at] {
            for (bad, kind, statement, bad_at) in [
                (*b"x\xff", Kind::Utf8, statements[0], 1),
                (*b"\xffx", Kind::Utf8, statements[0], 0),
                (*b"\xc0\x80", Kind::Utf8, statements[0], 0),
                (*b"x\0", Kind::NulInString, statements[1], 1),
                (*b"\0x", Kind::NulInString, statements[1], 0),
            ] {
                let mut body = good.clone();
                body[at..at + 2].copy_from_slice(&bad);
                refused_connect(&body, kind, 2 + at + bad_at, statement);
            }
        }
    }
}

/// [5.0 MQTT-4.7.0-1] [5.0 MQTT-4.7.3-1] [3.1.1 MQTT-4.7.1-1] [3.1.1 MQTT-4.7.3-1]
#[test]
fn a_will_topic_is_a_topic_name() {
    for (version, wildcard, empty) in
        [(V3_1_1, "MQTT-4.7.1-1", "MQTT-4.7.3-1"), (V5_0, "MQTT-4.7.0-1", "MQTT-4.7.3-1"), (V3_1, "", "")]
    {
        let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
        let start = join(&[&start(version, 0x06), b"\0\x01c", none]);
        for topic in [&b"\0\x01#"[..], b"\0\x03a/+", b"\0\x02a+"] {
            let body = join(&[&start, topic, b"\0\x01m"]);
            refused_connect(&body, Kind::WildcardInTopicName, 2 + start.len(), wildcard);
        }
        let body = join(&[&start, b"\0\0\0\x01m"]);
        refused_connect(&body, Kind::EmptyTopicName, 2 + start.len(), empty);
    }
}

#[test]
fn what_has_no_encoding_is_not_encoded() {
    let plain = Connect {
        version: V3_1_1,
        clean_start: true,
        keep_alive_secs: 0,
        properties: Properties::EMPTY,
        client_id: "c",
        will: None,
        user_name: None,
        password: None,
    };
    let will = Will {
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Properties::EMPTY,
        topic: TopicName::new("t").expect("a name"),
        payload: b"",
    };
    let long = "x".repeat(65_536);
    let list = [Property::ReceiveMaximum(1)];
    let alone = [Property::AuthenticationData(b"d")];
    let too_long = EncodeError::FieldTooLong { size: 65_536 };
    let needs_5 = EncodeError::NeedsVersion5(PacketKind::Connect);
    let owner = mqtt_proto::PropertyOwner::Will;
    let not_allowed = EncodeError::PropertyNotAllowed { id: PropertyId::ReceiveMaximum, owner };
    let properties = Properties::new(&list);
    let cases = [
        (Connect { client_id: &long, ..plain }, too_long),
        (Connect { user_name: Some(&long), ..plain }, too_long),
        (Connect { user_name: Some("u"), password: Some(long.as_bytes()), ..plain }, too_long),
        (Connect { will: Some(Will { payload: long.as_bytes(), ..will }), ..plain }, too_long),
        (Connect { client_id: "\0", ..plain }, EncodeError::NulInString),
        (Connect { user_name: Some("u\0"), ..plain }, EncodeError::NulInString),
        (Connect { password: Some(b""), ..plain }, EncodeError::PasswordWithoutUserName),
        (Connect { properties, ..plain }, needs_5),
        (Connect { will: Some(Will { properties, ..will }), ..plain }, needs_5),
        (Connect { version: V5_0, will: Some(Will { properties, ..will }), ..plain }, not_allowed),
        (
            Connect { will: Some(Will { topic: TopicName::ALIASED, ..will }), ..plain },
            EncodeError::EmptyTopicName,
        ),
        (
            Connect { version: V5_0, properties: Properties::new(&alone), ..plain },
            EncodeError::AuthenticationDataAlone,
        ),
    ];
    for (connect, error) in cases {
        let mut out = b"before".to_vec();
        assert_eq!(Packet::from(&connect).encoded_len(V5_0), Err(error), "{connect}");
        assert_eq!(Packet::from(&connect).encode(V5_0, &mut out), Err(error), "{connect}");
        assert_eq!(out, b"before");
    }
}
