//! CONNECT as it should be, in all three versions.

use mqtt_proto::{Connect, DecodeErrorKind, Packet, Properties, Property, QoS, TopicName, Version, Will};

use crate::table::{V3_1, V3_1_1, V5_0, VERSIONS, both_ways, frame, join, reads_as, refused, writes_as};

/// A CONNECT that says nothing but its client identifier.
fn plain(version: Version, client_id: &str) -> Connect<'_> {
    Connect {
        version,
        clean_start: true,
        keep_alive_secs: 60,
        properties: Properties::EMPTY,
        client_id,
        will: None,
        user_name: None,
        password: None,
    }
}

fn will(properties: Properties<'static>) -> Will<'static> {
    let topic = TopicName::new("w/t").expect("a name");
    Will { qos: QoS::ExactlyOnce, retain: true, properties, topic, payload: b"\x00\xff" }
}

/// A CONNECT says its own version, whatever the connection was thought to be.
#[track_caller]
fn both_ways_anywhere(bytes: &[u8], connect: Connect<'_>) {
    for version in VERSIONS {
        both_ways(version, bytes, Packet::from(&connect));
    }
}

#[test]
fn a_name_and_a_level_tell_the_version() {
    both_ways_anywhere(b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01c", plain(V3_1, "c"));
    both_ways_anywhere(b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c", plain(V3_1_1, "c"));
    both_ways_anywhere(b"\x10\x0e\0\x04MQTT\x05\x02\0\x3c\0\0\x01c", plain(V5_0, "c"));
}

#[test]
fn a_client_id_may_be_empty() {
    both_ways_anywhere(b"\x10\x0e\0\x06MQIsdp\x03\x02\0\x3c\0\0", plain(V3_1, ""));
    both_ways_anywhere(b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0", plain(V3_1_1, ""));
    both_ways_anywhere(b"\x10\x0d\0\x04MQTT\x05\x02\0\x3c\0\0\0", plain(V5_0, ""));
}

/// Client identifier, will, user name, password: each where it belongs.
///
/// [5.0 MQTT-3.1.3-1] [5.0 MQTT-3.1.3-3] [5.0 MQTT-3.1.2-9] [5.0 MQTT-3.1.2-17] [5.0 MQTT-3.1.2-19]
/// [3.1.1 MQTT-3.1.3-1] [3.1.1 MQTT-3.1.3-3] [3.1.1 MQTT-3.1.2-9] [3.1.1 MQTT-3.1.2-19] [3.1.1 MQTT-3.1.2-21]
#[test]
fn fields_stand_in_their_order() {
    let connect = Connect {
        clean_start: false,
        keep_alive_secs: 0x0102,
        will: Some(will(Properties::EMPTY)),
        user_name: Some("user"),
        password: Some(b"\xffpw"),
        ..plain(V3_1_1, "client")
    };
    let behind_client_id = b"\0\x03w/t\0\x02\x00\xff\0\x04user\0\x03\xffpw";
    let body = join(&[b"\0\x04MQTT\x04\xf4\x01\x02\0\x06client", behind_client_id]);
    both_ways_anywhere(&frame(0x10, &body), connect);
    let body = join(&[b"\0\x06MQIsdp\x03\xf4\x01\x02\0\x06client", behind_client_id]);
    both_ways_anywhere(&frame(0x10, &body), Connect { version: V3_1, ..connect });

    let properties = [Property::SessionExpiryInterval(7), Property::ReceiveMaximum(9)];
    let will_properties = [Property::WillDelayInterval(5), Property::ContentType("t")];
    let connect = Connect {
        version: V5_0,
        properties: Properties::new(&properties),
        will: Some(Will { properties: Properties::new(&will_properties), ..will(Properties::EMPTY) }),
        ..connect
    };
    let body = join(&[
        b"\0\x04MQTT\x05\xf4\x01\x02\x08\x11\0\0\0\x07\x21\0\x09\0\x06client",
        b"\x09\x18\0\0\0\x05\x03\0\x01t",
        behind_client_id,
    ]);
    both_ways_anywhere(&frame(0x10, &body), connect);
}

/// Every combination of flags has exactly the fields that it announces.
///
/// [5.0 MQTT-3.1.2-16] [5.0 MQTT-3.1.2-17] [5.0 MQTT-3.1.2-18] [5.0 MQTT-3.1.2-19] [5.0 MQTT-3.1.2-9]
/// [5.0 MQTT-2.2.2-1] [3.1.1 MQTT-3.1.2-18] [3.1.1 MQTT-3.1.2-19] [3.1.1 MQTT-3.1.2-20] [3.1.1 MQTT-3.1.2-21]
/// [3.1.1 MQTT-3.1.2-9] [3.1.1 MQTT-3.1.2-11]
#[test]
fn flags_announce_the_fields() {
    for version in [V3_1_1, V5_0] {
        let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
        for choice in 0..48_u8 {
            let (qos_bits, has_user, has_password) = (choice / 4 % 4, choice & 1 != 0, choice & 2 != 0);
            let (has_will, is_clean) = (qos_bits < 3, choice < 16);
            if has_password && !has_user && version == V3_1_1 {
                continue;
            }
            let qos = QoS::from_bits(qos_bits).unwrap_or_default();
            let retain = choice >= 32;
            let connect = Connect {
                clean_start: is_clean,
                will: has_will.then(|| Will { qos, retain, ..will(Properties::EMPTY) }),
                user_name: has_user.then_some("u"),
                password: has_password.then_some(b"p"),
                ..plain(version, "c")
            };
            let will_flags = if has_will { 0x04 | qos_bits << 3 | u8::from(retain) << 5 } else { 0 };
            let flags =
                u8::from(has_user) << 7 | u8::from(has_password) << 6 | u8::from(is_clean) << 1 | will_flags;
            let mut body = join(&[b"\0\x04MQTT", &[version.level(), flags, 0, 60], none, b"\0\x01c"]);
            if has_will {
                body.extend(join(&[none, b"\0\x03w/t\0\x02\x00\xff"]));
            }
            body.extend_from_slice(if has_user { b"\0\x01u" } else { b"" });
            body.extend_from_slice(if has_password { b"\0\x01p" } else { b"" });
            both_ways_anywhere(&frame(0x10, &body), connect);
            // One field more is one that no flag announces.
            let at = body.len() as u32 + 2;
            body.extend_from_slice(b"\0\x01x");
            refused(version, &frame(0x10, &body), DecodeErrorKind::TrailingBytes, at, "");
        }
    }
}

/// 5.0 lets a password stand alone.
#[test]
fn a_password_needs_no_user_name_in_5() {
    let connect = Connect { password: Some(b"p"), ..plain(V5_0, "c") };
    both_ways_anywhere(b"\x10\x11\0\x04MQTT\x05\x42\0\x3c\0\0\x01c\0\x01p", connect);
}

/// In 3.1 the length of the packet wins over the flags of user name and password.
#[test]
fn flagged_names_may_be_missing_in_3_1() {
    let bytes = b"\x10\x0f\0\x06MQIsdp\x03\xc2\0\x3c\0\x01c";
    reads_as(V3_1, bytes, Packet::from(&plain(V3_1, "c")));
    let bytes = b"\x10\x0f\0\x06MQIsdp\x03\x82\0\x3c\0\x01c";
    reads_as(V3_1, bytes, Packet::from(&plain(V3_1, "c")));
    let connect = Connect { user_name: Some("u"), ..plain(V3_1, "c") };
    let bytes = b"\x10\x12\0\x06MQIsdp\x03\xc2\0\x3c\0\x01c\0\x01u";
    reads_as(V3_1, bytes, Packet::from(&connect));
    writes_as(V3_1, Packet::from(&connect), b"\x10\x12\0\x06MQIsdp\x03\x82\0\x3c\0\x01c\0\x01u");
}

/// 3.1 leaves bit 0 unused, and disregards the flags of a will that is not there.
#[test]
fn unused_flags_of_3_1_are_disregarded() {
    for flags in [0x03, 0x0a, 0x12, 0x1a, 0x22, 0x3b] {
        let bytes = join(&[b"\x10\x0f\0\x06MQIsdp\x03", &[flags], b"\0\x3c\0\x01c"]);
        reads_as(V3_1, &bytes, Packet::from(&plain(V3_1, "c")));
    }
}

/// U+FEFF is a character like any other.
///
/// [5.0 MQTT-1.5.4-3] [3.1.1 MQTT-1.5.3-3]
#[test]
fn a_byte_order_mark_is_kept() {
    both_ways_anywhere(b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04\xef\xbb\xbfc", plain(V3_1_1, "\u{feff}c"));
    both_ways_anywhere(b"\x10\x11\0\x04MQTT\x05\x02\0\x3c\0\0\x04\xef\xbb\xbfc", plain(V5_0, "\u{feff}c"));
}
