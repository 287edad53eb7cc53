//! Intervals are bounded in number and lose nothing.

use super::*;

#[test]
fn neighbours_are_merged_and_nothing_is_lost() {
    let mut intervals = Intervals::new(Duration::from_millis(100));
    for second in 0..10_000 {
        let time = Duration::from_secs(second);
        intervals.record(time, time + Duration::from_millis(500), Duration::from_millis(second));
    }
    assert!(intervals.list().len() <= INTERVALS_MAX as usize, "{}", intervals.list().len());
    assert_eq!(intervals.width(), Duration::from_millis(100 * 128));
    assert_eq!(intervals.list().iter().map(|interval| interval.ended).sum::<u64>(), 10_000);
    assert_eq!(intervals.list().iter().map(|interval| interval.latency_us.len()).sum::<u64>(), 10_000);
    let last = intervals.list().last().expect("there are some");
    assert!(last.latency_us.max() >= 9_990_000 && last.latency_us.min() >= 9_900_000);
}

#[test]
fn latency_belongs_to_when_it_was_due_and_the_rate_to_when_it_ended() {
    let mut intervals = Intervals::new(Duration::from_secs(1));
    intervals.record(Duration::ZERO, Duration::from_secs(2), Duration::from_secs(2));
    let list: Vec<_> =
        intervals.list().iter().map(|interval| (interval.latency_us.len(), interval.ended)).collect();
    assert_eq!(list, [(1, 0), (0, 0), (0, 1)]);
}
