//! The bytes of records, and records that are damaged or missing.

use mqtt_proto::{QoS, Version::V5_0};
use mqtt_session::{RecordError, RecordErrorKind};

use super::online;
use crate::harness::{Talk, persistent};

/// The bytes of each kind of record, so that a later version can read those of this one.
#[test]
fn the_encoding_is_as_documented() {
    let (mut talk, log) = online(persistent(V5_0));
    assert_eq!(log, [b"\x01\x0ac".to_vec(), b"\x01\x09".to_vec()]);
    talk.publish("a", QoS::ExactlyOnce, "x");
    talk.take_bytes();
    let ticket = *b"\0\0\0\0\0\0\0\x02";
    let accepted_at = *b"\0\0\0\0\0\x0f\x42\x40";
    let packet = b"\x34\x07\0\x01a\0\x01\0x";
    let queued = [&b"\x01\x01"[..], &ticket, &accepted_at, b"\x05", packet].concat();
    let sent = [&b"\x01\x02"[..], &ticket, b"\0\x01"].concat();
    assert_eq!(talk.store(), [queued, sent]);
    talk.server_says("PUBREC id1 0x10");
    assert_eq!(talk.store(), [b"\x01\x03\0\x01\x10"]);
    talk.server_says("PUBCOMP id1");
    assert_eq!(talk.store(), [[&b"\x01\x04"[..], &ticket].concat()]);
    talk.server_says("PUBLISH b qos2 id7 \"y\"");
    talk.take_events();
    talk.acknowledge(0);
    assert_eq!(talk.store(), [b"\x01\x07\0\x07\0"]);
    talk.server_says("PUBREL id7");
    assert_eq!(talk.store(), [b"\x01\x08\0\x07"]);
    talk.take_bytes();
    talk.subscribe("f", QoS::AtLeastOnce);
    let ticket = *b"\0\0\0\0\0\0\0\x03";
    let wanted = [&b"\x01\x0b"[..], &ticket, b"\x05\x82\x07\0\x01\0\0\x01f\x01"].concat();
    assert_eq!(talk.store(), [wanted]);
    talk.take_bytes();
    talk.server_says("SUBACK id2 0x01");
    assert_eq!(talk.store(), [[&b"\x01\x0c"[..], &ticket, b"\x01f"].concat()]);
    talk.unsubscribe("f");
    let ticket = *b"\0\0\0\0\0\0\0\x04";
    assert_eq!(talk.store(), [[&b"\x01\x0d"[..], &ticket, b"f"].concat()]);
    talk.take_bytes();
    talk.server_says("UNSUBACK id3 0x00");
    assert_eq!(talk.store(), [[&b"\x01\x0e"[..], &ticket].concat()]);
}

fn refused(log: &[Vec<u8>]) -> RecordError {
    Talk::rebuilt(persistent(V5_0), log).map(|_| ()).expect_err("the records are bad")
}

#[test]
fn records_that_cannot_be_read_are_named() {
    let bad: [(&[u8], RecordErrorKind); 7] = [
        (b"", RecordErrorKind::Malformed),
        (b"\x02\x09", RecordErrorKind::Format(2)),
        (b"\x01\xff", RecordErrorKind::Kind(255)),
        (b"\x01\x09x", RecordErrorKind::Malformed),
        (b"\x01\x04\0\0\0\0\0\0\0\0", RecordErrorKind::Malformed),
        (b"\x01\x03\0\x01\0", RecordErrorKind::Inconsistent),
        (b"\x01\x02\0\0\0\0\0\0\0\x02\0\x01", RecordErrorKind::Inconsistent),
    ];
    for (bytes, kind) in bad {
        let log = [b"\x01\x0ac".to_vec(), bytes.to_vec()];
        assert_eq!(refused(&log), RecordError { index: 1, kind });
    }
    assert!(refused(&[b"\x02\x09".to_vec()]).to_string().starts_with("record 0: format 2"));
}

#[test]
fn changed_records_are_read_without_harm() {
    let (mut talk, mut log) = online(persistent(V5_0));
    talk.publish("a", QoS::ExactlyOnce, "x");
    talk.subscribe("f/+", QoS::AtLeastOnce);
    talk.take_bytes();
    log.extend(talk.store());
    talk.server_says("PUBREC id1");
    log.extend(talk.store());
    for (index, record) in log.iter().enumerate() {
        for at in 0..record.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = log.clone();
                changed[index][at] ^= change;
                let _ = Talk::rebuilt(persistent(V5_0), &changed);
                changed[index].truncate(at);
                let _ = Talk::rebuilt(persistent(V5_0), &changed);
            }
        }
        let mut without = log.clone();
        without.remove(index);
        let _ = Talk::rebuilt(persistent(V5_0), &without);
    }
}
