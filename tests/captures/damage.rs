//! Logs that are cut off, damaged, of another format or no logs at all: an answer, and never a panic.

use mqtt_capture::{End, Redact, ReplayError, replay};
use mqtt_proto::Version;

use crate::conversation::record;

fn logs() -> [Vec<u8>; 3] {
    let open = Redact { payloads: false, secrets: false };
    [
        record(Version::V5_0, Redact::default(), 9),
        record(Version::V5_0, open, usize::MAX),
        record(Version::V3_1_1, open, usize::MAX),
    ]
}

#[test]
fn a_log_that_is_cut_off_replays_up_to_there() {
    for log in logs() {
        let whole = replay(&log).expect("it is whole");
        assert_eq!(whole.end, End::Complete);
        let mut last = 0;
        for len in 0..log.len() {
            match replay(&log[..len]) {
                Ok(replayed) => {
                    assert_eq!(replayed.end, End::CutOff, "{len} bytes");
                    assert!(replayed.entries >= last, "{len} bytes: {replayed}");
                    last = replayed.entries;
                }
                Err(ReplayError::NotACapture) => assert!(len < 8),
                Err(ReplayError::Malformed { offset }) => {
                    assert!(last == 0 && offset <= len, "the header alone must be whole: {len} bytes");
                }
                Err(error) => panic!("{len} bytes: {error}"),
            }
        }
        assert_eq!(last, whole.entries);
    }
}

#[test]
fn no_byte_that_is_changed_makes_a_panic() {
    for log in logs() {
        for at in 0..log.len() {
            let mut changed = log.clone();
            changed[at] ^= FLIPS[at % FLIPS.len()];
            // Any answer will do.
            let _ = replay(&changed);
        }
    }
}

/// A number that is one off, one that goes on, another kind of entry, and all bits at once.
const FLIPS: [u8; 5] = [0x01, 0x80, 0x10, 0xff, 0x02];

#[test]
fn no_capture_and_another_format_are_told_apart() {
    assert_eq!(replay(b"").err(), Some(ReplayError::NotACapture));
    assert_eq!(replay(b"a text that somebody sent").err(), Some(ReplayError::NotACapture));
    let [mut log, ..] = logs();
    log[7] += 1;
    assert_eq!(replay(&log).err(), Some(ReplayError::Format { version: log[7] }));
}
