//! Each limit on both of its sides.

use super::*;

fn spent(thread_ms: u64, waited_ms: u64) -> Spent {
    let millis = Duration::from_millis;
    let thread = Some(millis(thread_ms));
    Spent { wall: millis(1000), process: thread, thread, waited: millis(waited_ms) }
}

#[test]
fn a_generator_in_time_with_half_a_core_is_no_limit() {
    assert_eq!(generator_limit(Duration::from_micros(999), &spent(500, 10)), None);
    assert_eq!(generator_limit(Duration::ZERO, &spent(890, 0)), None);
    assert_eq!(generator_limit(Duration::ZERO, &Spent { thread: None, ..spent(950, 0) }), None);
}

#[test]
fn lateness_and_a_busy_thread_are_limits() {
    let late = generator_limit(Duration::from_millis(20), &spent(10, 0)).expect("it was late");
    assert!(late.contains("20.0 ms"), "{late}");
    let busy = generator_limit(Duration::ZERO, &spent(950, 0)).expect("it was busy");
    assert_eq!(busy, "its thread used 95 % of a core");
    let starved = generator_limit(Duration::ZERO, &spent(400, 550)).expect("it had no core");
    assert!(starved.contains("used 40 % of a core and waited 55 %"), "{starved}");
}
