//! Strings: what is UTF-8 and what is not, byte for byte, wherever the checks look at eight bytes at once.

use mqtt_proto::{Context, DecodeErrorKind as Kind, decode};

use crate::table::{V3_1_1, V5_0, frame, join, refused};

/// Ill-formed text, and which of its bytes spoils it.
const ILL_FORMED: &[(&[u8], u32)] = &[
    (b"\x80", 0),
    (b"\xbf", 0),
    (b"\xff", 0),
    (b"\xfe", 0),
    // Longer than needed.
    (b"\xc0\x80", 0),
    (b"\xc1\xbf", 0),
    (b"\xe0\x80\x80", 0),
    (b"\xe0\x9f\xbf", 0),
    (b"\xf0\x80\x80\x80", 0),
    // Surrogates: the first, the last, and a pair of them.
    (b"\xed\xa0\x80", 0),
    (b"\xed\xbf\xbf", 0),
    (b"\xed\xa0\x81\xed\xb0\x80", 0),
    // Above U+10FFFF.
    (b"\xf4\x90\x80\x80", 0),
    (b"\xf5\x80\x80\x80", 0),
    // Cut short.
    (b"a\xc3", 1),
    (b"ab\xe2\x82", 2),
    (b"abc\xf0\x9f\x98", 3),
    (b"\xc3a", 0),
];

const WELL_FORMED: &[&str] = &[
    "",
    "a",
    "\u{7f}",
    "\u{80}",
    "\u{7ff}",
    "\u{800}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{fffd}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{10000}",
    "\u{10ffff}",
    "\u{feff}",
    "a\u{301}",
    "\u{1}\u{1f}\u{9f}",
];

/// A CONNECT with that client identifier, which starts at byte 14 or 15.
fn connect(version: mqtt_proto::Version, client_id: &[u8]) -> (Vec<u8>, u32) {
    let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
    let len = (client_id.len() as u16).to_be_bytes();
    let body = join(&[b"\0\x04MQTT", &[version.level(), 2, 0, 60], none, &len, client_id]);
    (frame(0x10, &body), 2 + 10 + none.len() as u32 + 2)
}

/// [5.0 MQTT-1.5.4-1] [3.1.1 MQTT-1.5.3-1]
#[test]
fn ill_formed_text_is_refused() {
    for (version, statement) in [(V3_1_1, "MQTT-1.5.3-1"), (V5_0, "MQTT-1.5.4-1")] {
        for (text, at) in ILL_FORMED {
            for before in ["", "x", "0123456", "01234567", "0123456789abcdef"] {
                let (bytes, start) = connect(version, &join(&[before.as_bytes(), text]));
                refused(version, &bytes, Kind::Utf8, start + before.len() as u32 + at, statement);
            }
        }
    }
}

/// [5.0 MQTT-1.5.4-3] [3.1.1 MQTT-1.5.3-3]
#[test]
fn well_formed_text_is_taken_as_it_is() {
    for version in [V3_1_1, V5_0] {
        for text in WELL_FORMED {
            let (bytes, _) = connect(version, text.as_bytes());
            let packet = decode(&bytes, Context { version, sender: None });
            let Ok(mqtt_proto::Packet::Connect(connect)) = packet else { panic!("{text:?}: {packet:?}") };
            assert_eq!(connect.client_id().as_bytes(), text.as_bytes());
        }
    }
}

/// U+0000 at every place of texts around the eight bytes that are checked at once.
///
/// [5.0 MQTT-1.5.4-2] [5.0 MQTT-4.7.3-2] [3.1.1 MQTT-1.5.3-2] [3.1.1 MQTT-4.7.3-2]
#[test]
fn nul_is_found_wherever_it_stands() {
    for (version, statement) in [(V3_1_1, "MQTT-1.5.3-2"), (V5_0, "MQTT-1.5.4-2")] {
        for len in 1..=25 {
            for at in 0..len {
                // Neighbours that borrow or carry into the byte beside them.
                for filler in [0x01, 0x7f, b'a'] {
                    let mut text = vec![filler; len];
                    text[at] = 0;
                    let (bytes, start) = connect(version, &text);
                    refused(version, &bytes, Kind::NulInString, start + at as u32, statement);
                    let publish = frame(0x30, &join(&[&[0, len as u8], &text, &[0]]));
                    refused(version, &publish, Kind::NulInString, 4 + at as u32, statement);
                }
            }
        }
    }
}

/// [5.0 MQTT-3.3.2-2] [3.1.1 MQTT-3.3.2-2]
#[test]
fn wildcards_are_found_wherever_they_stand() {
    for version in [V3_1_1, V5_0] {
        for len in 1..=25 {
            for at in 0..len {
                for (wildcard, filler) in
                    [(b'+', b'*'), (b'+', b','), (b'#', b'"'), (b'#', b'$'), (b'#', b'\x7f')]
                {
                    let mut text = vec![filler; len];
                    let good = frame(0x30, &join(&[&[0, len as u8], &text, &[0]]));
                    assert!(decode(&good, Context { version, sender: None }).is_ok());
                    text[at] = wildcard;
                    let bytes = frame(0x30, &join(&[&[0, len as u8], &text, &[0]]));
                    refused(version, &bytes, Kind::WildcardInTopicName, 2, "MQTT-3.3.2-2");
                }
            }
        }
    }
}
