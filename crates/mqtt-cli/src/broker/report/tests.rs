//! The words of the summaries.

use super::*;

#[test]
fn the_live_summary_counts_messages_by_the_second() {
    let before = Stats { messages_in: 10, messages_out: 20, ..Stats::default() };
    let stats = Stats {
        sessions_online: 3,
        subscriptions: 4,
        retained: 5,
        queued_bytes: 600,
        messages_in: 30,
        messages_out: 1020,
        ..Stats::default()
    };
    let expected = "3 connections, 10/s in, 500/s out, 4 subscriptions, 5 retained, 600 bytes queued";
    assert_eq!(live(&before, &stats, Duration::from_secs(2)), expected);
}
