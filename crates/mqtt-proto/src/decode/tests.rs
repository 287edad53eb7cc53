//! The short way for what is usual takes nothing that the long way would not take, and makes the same of it.

use super::*;
use std::vec::Vec;

/// Packets that take the short way, and some that hardly miss it.
const FRAMES: [&[u8]; 12] = [
    b"\x32\x0b\0\x03a/b\0\x07pay\0",
    b"\x3a\x8b\0\0\x03a/b\0\x07pay\0",
    b"\x30\x05\0\x03a/b",
    b"\x30\x06\0\x03a/b\0",
    b"\x31\x0e\0\x03a/b\x07\x23\0\x01\x03\0\x01t!",
    b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c",
    b"\x10\x1e\0\x04MQTT\x04\xee\0\x3c\0\x01c\0\x03w/t\0\x02xy\0\x01u\0\x01s",
    b"\x10\x26\0\x04MQTT\x05\xee\0\x3c\x03\x21\0\x01\0\x01c\x02\x01\x01\0\x03w/t\0\x02xy\0\x01u\0\x01s",
    b"\x40\x02\x12\x34",
    b"\x62\x03\x12\x34\0",
    b"\xd0\0",
    b"\xc0\0",
];

const SENDERS: [Option<Sender>; 3] = [None, Some(Sender::Client), Some(Sender::Server)];

fn assert_same(frame: &[u8]) {
    for version in [Version::V3_1, Version::V3_1_1, Version::V5_0] {
        for sender in SENDERS {
            let context = Context { version, sender };
            assert_eq!(decode(frame, context), decode_rare(frame, context), "{frame:02x?} {context:?}");
        }
    }
}

#[test]
fn both_ways_agree_on_every_byte() {
    for frame in FRAMES {
        let mut changed = Vec::from(frame);
        for index in 0..frame.len() {
            for byte in 0..=u8::MAX {
                changed[index] = byte;
                assert_same(&changed);
            }
            changed[index] = frame[index];
            assert_same(&frame[..index]);
        }
    }
}

#[test]
fn one_step_is_as_good_as_two() {
    let max = 12;
    for frame in FRAMES {
        for behind in [&b""[..], b"\xd0\0", b"\xff"] {
            let mut stream = Vec::from(frame);
            stream.extend_from_slice(behind);
            for len in 0..stream.len() {
                let context = Context { version: Version::V5_0, sender: None };
                let mut rest = &stream[..len];
                let next = decode_next(&mut rest, max, context);
                let two_steps = frame_len(&stream[..len], max).map(|size| size.filter(|size| *size <= len));
                let expected = match two_steps {
                    Ok(Some(size)) => decode(&stream[..size], context).map(Some),
                    Ok(None) => Ok(None),
                    Err(error) => Err(error),
                };
                assert_eq!(next, expected, "{stream:02x?}");
                let taken = if matches!(next, Ok(Some(_))) { two_steps.ok().flatten() } else { Some(0) };
                assert_eq!(taken, Some(len - rest.len()));
            }
        }
    }
}
