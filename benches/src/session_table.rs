//! Prints what an exchange costs through the session, and whether that stays the same under load.
//!
//! Fails if a warm exchange allocates, or if an idle session takes more than 1 KiB.

use benches::contest::{FLOOR, OURS};
use benches::session::{by_in_flight, by_subscriptions, idle_bytes, session_cases};

fn main() {
    println!(
        "| exchange, 64 B | ours ns | allocations | packets alone ns | ours ÷ alone | mqtt-protocol-core ns | ours ÷ it |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut allocating = Vec::new();
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for mut case in session_cases().into_iter().filter(|case| case.name.contains(&wanted)) {
        let figures = case.measure();
        let find = |name| figures.iter().find(|figure| figure.name == name).expect("it takes part");
        let (ours, alone, peer) = (find(OURS), find(FLOOR), find("mqtt-protocol-core"));
        if ours.allocations > 0.0 {
            allocating.push(case.name.clone());
        }
        println!(
            "| {} | {:.1} | {} | {:.1} | {:.2} | {:.1} ({:.1}) | {:.2} |",
            case.name,
            ours.nanos,
            ours.allocations,
            alone.nanos,
            ours.nanos / alone.nanos,
            peer.nanos,
            peer.allocations,
            ours.nanos / peer.nanos,
        );
    }
    if !wanted.is_empty() {
        return;
    }
    for (count, nanos) in by_in_flight(&[0, 100, 1_000, 10_000, 60_000]) {
        println!("QoS 1 out with {count} others in flight: {nanos:.1} ns");
    }
    for (count, nanos) in by_subscriptions(&[1, 100, 10_000, 100_000]) {
        println!("a subscription made and dropped beside {count} others: {nanos:.0} ns");
    }
    let idle = idle_bytes();
    println!("an idle session: {idle} bytes");
    assert!(idle <= 1024, "an idle session takes at most 1 KiB");
    assert!(allocating.is_empty(), "these exchanges allocate once warm: {allocating:?}");
}
