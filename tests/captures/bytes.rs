//! A recording has the same bytes on every machine, whatever the order of its bytes and the size of its addresses: the
//! digests below are of one machine, and hold wherever this suite is run.

use mqtt_capture::Redact;
use mqtt_proto::Version;
use tests::digest::digest;

use crate::conversation::record;

#[test]
fn a_recording_has_the_same_bytes_on_every_machine() {
    let digests = [Version::V3_1, Version::V3_1_1, Version::V5_0].map(|version| {
        let log = record(version, Redact::default(), usize::MAX);
        format!("{} bytes, {}", log.len(), digest(&log))
    });
    let expected =
        ["1780 bytes, e4291df1fc4517b0", "1779 bytes, 93e493b9c1e43e1a", "2763 bytes, 719ea7d4e9ba93bc"];
    assert_eq!(
        digests, expected,
        "whoever means to change what is recorded, or what a session sends, writes the new numbers here"
    );
}
