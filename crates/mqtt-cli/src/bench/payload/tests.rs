//! Stamps are read as they were written, and nothing else is taken for one.

use super::*;

#[test]
fn a_stamp_is_read_as_it_was_written() {
    let stamp = Stamp { run: 7, client: 1 << 20, sequence: u64::MAX - 3, due_ns: 1_700_000_000_123_456_789 };
    let mut payload = filler(40);
    let rest = payload[Stamp::SIZE..].to_vec();
    stamp.write(&mut payload);
    assert_eq!(Stamp::read(&payload), Some(stamp));
    assert_eq!(payload[Stamp::SIZE..], rest);
    assert_eq!(Stamp::read(&payload[..Stamp::SIZE]), Some(stamp));
    assert_eq!(Stamp::read(&payload[..Stamp::SIZE - 1]), None);
    assert_eq!(Stamp::read(&filler(64)), None);
}

#[test]
fn the_age_of_a_stamp_from_the_future_is_nothing() {
    let stamp = |due_ns| Stamp { run: 0, client: 0, sequence: 0, due_ns };
    assert_eq!(stamp(u64::MAX).age(), Duration::ZERO);
    assert!(stamp(unix_ns(SystemTime::now()) - 1_000_000).age() >= Duration::from_millis(1));
}

#[test]
fn a_topic_has_the_numbers_of_client_and_message() {
    assert_eq!(topic("a/%c/%n", 3, Some(12)), "a/3/12");
    assert_eq!(topic("a/%c/#", 3, None), "a/3/#");
}
