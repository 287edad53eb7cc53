//! However the bytes of the server are cut into pieces, a log replays equal.

use mqtt_capture::Redact;
use mqtt_proto::Version;
use tests::recording::replay_equal;

use crate::conversation::record;

#[test]
fn a_conversation_in_pieces_of_every_size_replays_equal() {
    for version in [Version::V3_1_1, Version::V5_0] {
        let whole = replay_equal(&record(version, Redact::default(), usize::MAX), "in one piece");
        assert!(whole.packets_in > 10 && whole.packets_out > 10 && whole.events > 10, "{whole}");
        for piece in 1..60 {
            let replayed = replay_equal(&record(version, Redact::default(), piece), "in pieces");
            let counts = |replayed: mqtt_capture::Replayed| {
                (replayed.packets_in, replayed.packets_out, replayed.bytes_in, replayed.events)
            };
            assert_eq!(counts(replayed), counts(whole), "pieces of {piece} bytes");
        }
    }
}
