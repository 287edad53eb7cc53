//! Characters that a receiver may refuse: taken by default, refused where that is asked for.

use mqtt_proto::{Context, DecodeErrorKind as Kind, PropertyOwner, decode, decode_strict};

use crate::owners::with_section;
use crate::table::{V3_1_1, V5_0, VERSIONS, frame, join};

const DISCOURAGED: [char; 13] = [
    '\u{1}',
    '\n',
    '\u{1f}',
    '\u{7f}',
    '\u{80}',
    '\u{9f}',
    '\u{fdd0}',
    '\u{fdef}',
    '\u{fffe}',
    '\u{ffff}',
    '\u{1fffe}',
    '\u{10fffe}',
    '\u{10ffff}',
];

const FINE: [char; 10] = [
    ' ',
    '~',
    '\u{a0}',
    '\u{fdcf}',
    '\u{fdf0}',
    '\u{feff}',
    '\u{fffd}',
    '\u{10000}',
    '\u{1fffd}',
    '\u{e000}',
];

fn publish(version: mqtt_proto::Version, topic: &str) -> Vec<u8> {
    let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
    frame(0x30, &join(&[&[0, topic.len() as u8], topic.as_bytes(), none, b"\x01"]))
}

#[test]
fn discouraged_characters_are_refused_by_strict_decoding_alone() {
    for version in VERSIONS {
        let context = Context { version, sender: None };
        for character in DISCOURAGED {
            let bytes = publish(version, &format!("ab{character}"));
            let packet = decode(&bytes, context).expect("lenient by default");
            assert_eq!(packet.discouraged_character(), Some(character));
            let error = decode_strict(&bytes, context).expect_err("refused");
            let found = (error.kind, error.offset, error.version, error.packet, error.statement());
            let kind = Kind::DiscouragedCharacter { character };
            assert_eq!(found, (kind, 6, version, Some(packet.kind()), None));
        }
        for character in FINE {
            let bytes = publish(version, &format!("ab{character}"));
            assert_eq!(decode_strict(&bytes, context), decode(&bytes, context));
            assert_eq!(decode(&bytes, context).expect("good").discouraged_character(), None);
        }
    }
}

/// Every string of every packet is looked at, and nothing that is no string.
#[test]
fn every_string_is_looked_at() {
    // All bytes 0x01 stand in strings, and all bytes 0x02 in what is none.
    let rows: [(&[u8], &[u8]); 4] = [
        (b"\x10\0\x04MQTT\x04\xc6\0\x3c\0\x02c!\0\x02t!\0\x01\x02\0\x02u!\0\x01\x02", b"!!!"),
        (b"\x82\0\x07\0\x02f!\x02\0\x02g!\x02", b"!!"),
        (b"\xa2\0\x07\0\x02f!\0\x02g!", b"!!"),
        (b"\x30\0\x02t!\x02", b"!"),
    ];
    let context = Context { version: V3_1_1, sender: None };
    for (row, marks) in rows {
        let good = frame(row[0], &row[1..]);
        assert!(decode_strict(&good, context).is_ok());
        let places: Vec<usize> =
            good.iter().enumerate().filter(|(_, byte)| **byte == b'!').map(|(at, _)| at).collect();
        assert_eq!(places.len(), marks.len());
        for at in places {
            let mut bad = good.clone();
            bad[at] = 1;
            let error = decode_strict(&bad, context).expect_err("refused");
            assert_eq!(error.offset as usize, at);
        }
    }
    let context = Context { version: V5_0, sender: None };
    let sections: [(PropertyOwner, &[u8]); 6] = [
        (PropertyOwner::Publish, b"\x03\0\x02c!\x08\0\x02r!\x26\0\x02k!\0\x02v!\x09\0\x01\x02"),
        (PropertyOwner::Will, b"\x03\0\x02c!\x08\0\x02r!\x26\0\x02k!\0\x02v!\x09\0\x01\x02"),
        (PropertyOwner::Connect, b"\x15\0\x02m!\x16\0\x01\x02\x26\0\x02k!\0\x02v!"),
        (PropertyOwner::Connack, b"\x12\0\x02i!\x1a\0\x02r!\x1c\0\x02s!\x1f\0\x02r!\x15\0\x02m!"),
        (PropertyOwner::Auth, b"\x15\0\x02m!\x16\0\x01\x02\x1f\0\x02r!"),
        (PropertyOwner::Disconnect, b"\x1f\0\x02r!\x1c\0\x02s!\x26\0\x02k!\0\x02v!"),
    ];
    let others = [
        PropertyOwner::Puback,
        PropertyOwner::Pubrec,
        PropertyOwner::Pubrel,
        PropertyOwner::Pubcomp,
        PropertyOwner::Suback,
        PropertyOwner::Unsuback,
        PropertyOwner::Subscribe,
        PropertyOwner::Unsubscribe,
    ];
    let user = b"\x26\0\x02k!\0\x02v!";
    for (owner, section) in sections.into_iter().chain(others.map(|owner| (owner, &user[..]))) {
        let (good, _) = with_section(owner, section);
        assert!(decode_strict(&good, context).is_ok(), "{owner}");
        for at in (0..good.len()).filter(|at| good[*at] == b'!') {
            let mut bad = good.clone();
            bad[at] = 1;
            let error = decode_strict(&bad, context).expect_err("refused");
            assert_eq!(error.offset as usize, at, "{owner}");
        }
    }
}

/// A frame that is no packet is refused for that reason first.
#[test]
fn strict_decoding_says_what_decoding_says() {
    let context = Context { version: V5_0, sender: None };
    for bytes in [&b"\x30\x04\0\x02\x01#\0"[..], b"\x30\x05\0\x02\x01#\0", b"\x00\x00"] {
        assert_eq!(decode_strict(bytes, context), decode(bytes, context));
        assert!(decode(bytes, context).is_err());
    }
}
