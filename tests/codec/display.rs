//! One line for each packet, with what a reader wants to know and no secret.

use mqtt_proto::{Context, Version, decode};

use crate::table::{V3_1, V3_1_1, V5_0, frame};

#[track_caller]
fn shows(version: Version, first: u8, body: &[u8], line: &str) {
    let bytes = frame(first, body);
    let packet = decode(&bytes, Context { version, sender: None }).expect("a good packet");
    assert_eq!(packet.to_string(), line);
}

#[test]
fn packets_of_5_show_their_properties() {
    shows(
        V5_0,
        0x10,
        b"\0\x04MQTT\x05\xee\0\x3c\x08\x21\0\x0a\x11\0\0\0\x07\0\x02me\x05\x18\0\0\0\x05\0\x01w\0\x02by\0\x01u\0\x06secret",
        "CONNECT 5.0 client \"me\", clean start, keep alive 60 s, user \"u\", password ***, will \"w\" QoS 1 retain, \
         2 bytes \"by\" {Will Delay Interval 5 s} {Receive Maximum 10, Session Expiry Interval 7 s}",
    );
    shows(V5_0, 0x20, b"\x01\0\x02\x24\x01", "CONNACK success (0x00), session present {Maximum QoS 1}");
    shows(
        V5_0,
        0x3b,
        b"\0\x03a/b\0\x07\x18\x26\0\x01k\0\x03v\n\"\x03\0\x04text\x09\0\x02\xff\0\x23\0\x01ok",
        "PUBLISH 7 \"a/b\" QoS 1 dup retain, 2 bytes \"ok\" {User Property \"k\"=\"v\\n\\\"\", Content Type \"text\", \
         Correlation Data 2 bytes ff00, Topic Alias 1}",
    );
    shows(V5_0, 0x40, b"\0\x07\x10", "PUBACK 7 no matching subscribers (0x10)");
    shows(V5_0, 0x50, b"\0\x07\x97\x04\x1f\0\x01r", "PUBREC 7 quota exceeded (0x97) {Reason String \"r\"}");
    shows(V5_0, 0x62, b"\0\x07", "PUBREL 7 success (0x00)");
    shows(V5_0, 0x70, b"\0\x07\x92", "PUBCOMP 7 packet identifier not found (0x92)");
    shows(
        V5_0,
        0x82,
        b"\0\x07\x02\x0b\x05\0\x01f\x2e\0\x01g\x11",
        "SUBSCRIBE 7 \"f\" QoS 2 no local retain as published no retained messages, \"g\" QoS 1 retained messages if new \
         {Subscription Identifier 5}",
    );
    shows(V5_0, 0x90, b"\0\x07\0\x01\x87", "SUBACK 7 granted QoS 1 (0x01), not authorized (0x87)");
    shows(V5_0, 0xa2, b"\0\x07\0\0\x01f\0\x02+/", "UNSUBSCRIBE 7 \"f\", \"+/\"");
    shows(V5_0, 0xb0, b"\0\x07\0\x11", "UNSUBACK 7 no subscription existed (0x11)");
    shows(V5_0, 0xe0, b"\x8b", "DISCONNECT server shutting down (0x8b)");
    shows(
        V5_0,
        0xf0,
        b"\x18\x0d\x15\0\x01m\x16\0\x06secret",
        "AUTH continue authentication (0x18) {Authentication Method \"m\", Authentication Data ***}",
    );
}

#[test]
fn packets_of_3_are_short() {
    let line = "CONNECT 3.1 client \"c\", clean start, keep alive 60 s";
    shows(V3_1, 0x10, b"\0\x06MQIsdp\x03\x02\0\x3c\0\x01c", line);
    let line = "CONNECT 3.1.1 client \"\", keep alive 0 s, user \"\"";
    shows(V3_1_1, 0x10, b"\0\x04MQTT\x04\x80\0\0\0\0\0\0", line);
    shows(V3_1_1, 0x20, b"\0\x05", "CONNACK not authorized (0x87)");
    shows(V3_1_1, 0xb0, b"\0\x07", "UNSUBACK 7");
    shows(V3_1_1, 0xc0, b"", "PINGREQ");
    shows(V3_1_1, 0xd0, b"", "PINGRESP");
    shows(V3_1_1, 0xe0, b"", "DISCONNECT success (0x00)");
}

/// Up to 32 bytes, as text if they are text; a character split by the cut does not count against it.
#[test]
fn payloads_are_cut() {
    let rows: [(&[u8], &str); 8] = [
        (b"", "0 bytes"),
        (b"x", "1 byte \"x\""),
        (b"\x00", "1 byte 00"),
        (b"caf\xc3\xa9\t", "6 bytes \"café\\t\""),
        (b"caf\xc3", "4 bytes 636166c3"),
        (b"0123456789abcdef0123456789abcdef", "32 bytes \"0123456789abcdef0123456789abcdef\""),
        (b"0123456789abcdef0123456789abcdefg", "33 bytes \"0123456789abcdef0123456789abcdef\"…"),
        (b"0123456789abcdef0123456789abcde\xc3\xa9", "33 bytes \"0123456789abcdef0123456789abcde\"…"),
    ];
    for (payload, shown) in rows {
        let body = [b"\0\x01t", payload].concat();
        shows(V3_1_1, 0x30, &body, &format!("PUBLISH \"t\" QoS 0, {shown}"));
    }
}

#[test]
fn long_text_is_cut() {
    let topic = "é".repeat(200);
    let body = [&400_u16.to_be_bytes(), topic.as_bytes()].concat();
    shows(V3_1_1, 0x30, &body, &format!("PUBLISH \"{}\"… QoS 0, 0 bytes", "é".repeat(96)));
}

/// Neither the line nor the debug form holds the password.
#[test]
fn a_password_never_shows() {
    let bytes = frame(0x10, b"\0\x04MQTT\x04\xc2\0\0\0\0\0\x01u\0\x06secret");
    let packet = decode(&bytes, Context { version: V3_1_1, sender: None }).expect("a good packet");
    for text in [packet.to_string(), format!("{packet:?}"), format!("{packet:#?}")] {
        assert!(text.contains("***") && !text.contains("secret") && !text.contains("736563726574"), "{text}");
    }
}

#[test]
fn authentication_data_never_shows() {
    let bytes = frame(0xf0, b"\x18\x12\x15\0\x05SCRAM\x16\0\x07secret7");
    let packet = decode(&bytes, Context { version: V5_0, sender: None }).expect("a good packet");
    let mqtt_proto::Packet::Auth(auth) = packet else { panic!("{packet:?}") };
    let hidden = format!("{:?}", b"secret7");
    let bare = hidden.trim_matches(['[', ']']);
    for text in
        [format!("{packet:?}"), format!("{:?}", auth.properties), format!("{:?}", auth.properties.iter())]
    {
        assert!(text.contains("AuthenticationData(7 bytes)"), "{text}");
        assert!(!text.contains("secret7") && !text.contains(bare), "{text}");
    }
    let mut kept = mqtt_proto::PropertyBuf::new();
    kept.extend(mqtt_proto::PropertyOwner::Auth, auth.properties, |_| true).expect("legal there");
    let text = format!("{kept:?}");
    assert!(text.contains("AuthenticationData(7 bytes)") && !text.contains(bare), "{text}");
}
