//! Captures of a good build, replayed by builds with a fault: each fault is found, at the call where it first shows.
//!
//! A process of its own, since a fault is planted in all sessions of a process.

#[cfg(feature = "planted")]
#[test]
fn a_build_with_a_fault_differs_where_the_fault_first_shows() {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use mqtt_capture::{ReplayError, replay};
    use mqtt_session::{Planted, plant};
    use tests::recording::record_simulation;

    let logs: Vec<Vec<u8>> = (1..=SEEDS).flat_map(|seed| record_simulation(seed).1).collect();
    // An assertion of the session is a finding like any other.
    std::panic::set_hook(Box::new(|_panic| {}));
    let mut missed = Vec::new();
    for fault in Planted::ALL {
        plant(Some(fault));
        let found = logs.iter().find_map(|log| {
            match catch_unwind(AssertUnwindSafe(|| replay(log))) {
                Ok(Ok(_)) => None,
                Ok(Err(ReplayError::Differs(difference))) => Some(*difference),
                Ok(Err(error)) => panic!("{fault:?}: {error}"),
                // It has no words, and is found all the same.
                Err(_) => None,
            }
        });
        plant(None);
        match found {
            Some(found) => {
                println!("{fault:?}: {} → {} instead of {}", found.call, found.found, found.expected);
            }
            None => missed.push(fault),
        }
    }
    drop(std::panic::take_hook());
    assert!(missed.is_empty(), "{missed:?}");
    for log in &logs {
        replay(log).expect("the faults are gone");
    }
}

/// Simulations whose clients are recorded.
#[cfg(feature = "planted")]
const SEEDS: u64 = 40;
