//! The conformance kit itself: our client keeps every numbered statement, and each case fails for a client that does
//! wrong.
//!
//! Cases that wait for timers are left out of the first test; `cargo xtask conformance mqtt-std` runs them, too.

mod faults;
mod proxy;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mqtt_conformance::{Command, Selection, Verdict, Version, cases, run};

use faults::{ROWS, Row};
use proxy::Faulty;

#[test]
fn our_client_keeps_the_standard() {
    let program = Command::new(env!("CARGO_BIN_EXE_driver-mqtt-std"), Vec::<String>::new());
    let selection = Selection { slow: false, jobs: 8, ..Selection::default() };
    let report = run(&program, &selection, |result| {
        if result.verdict != Verdict::Passed {
            println!("{result}");
        }
    });
    let report = report.expect("the driver starts");
    print!("{}", report.table());
    let not_passed = report.results.iter().filter(|result| result.verdict != Verdict::Passed);
    let not_passed: Vec<&str> = not_passed.map(|result| result.case.id).collect();
    // A server that sends too much is not left unless `strict_receive_maximum` says so: mosquitto does it all the time.
    assert_eq!(not_passed, ["in/receive-maximum"]);
}

/// Without it, a case that fails for a fault might fail for any client.
#[test]
fn a_client_without_a_fault_passes_behind_the_proxy() {
    let selection = Selection { slow: false, jobs: 8, ..Selection::default() };
    let report = run(&Faulty(proxy::GOOD), &selection, |_result| {}).expect("the driver starts");
    let not_passed = report.results.iter().filter(|result| result.verdict != Verdict::Passed);
    let not_passed: Vec<String> = not_passed.map(ToString::to_string).collect();
    assert!(not_passed.len() <= 1, "{not_passed:#?}");
}

#[test]
fn each_case_fails_for_a_client_that_does_wrong() {
    let mut jobs = Vec::new();
    let mut without = Vec::new();
    for (case, version) in cases().flat_map(|case| [(case, Version::V3_1_1), (case, Version::V5_0)]) {
        if case.duty(version).is_none() {
            continue;
        }
        let before = jobs.len();
        let rows = ROWS.iter().filter(|row| row.fails.iter().any(|name| is_meant(name, case.id)));
        jobs.extend(rows.map(|row| (row, case.id, version, case.is_slow)));
        if jobs.len() == before {
            without.push((case.id, version));
        }
    }
    assert!(without.is_empty(), "no fault is known that these cases find: {without:?}");
    // Those that wait for timers go first, so that they wait beside the others.
    jobs.sort_by_key(|(_row, _case, _version, is_slow)| !is_slow);
    let next = AtomicUsize::new(0);
    let (sender, found) = mpsc::channel();
    let wrong: Vec<String> = thread::scope(|scope| {
        for _ in 0..JOBS {
            let (sender, next, jobs) = (sender.clone(), &next, &jobs);
            scope.spawn(move || {
                while let Some((row, case, version, _is_slow)) =
                    jobs.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    sender.send(passes_despite(row, case, *version)).expect("the test waits for it");
                }
            });
        }
        drop(sender);
        found.iter().flatten().collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A `*` at the end of a name stands for anything.
fn is_meant(name: &str, case: &str) -> bool {
    name.strip_suffix('*').map_or(name == case, |start| case.starts_with(start))
}

/// What is wrong with the verdict on a client that has the fault.
fn passes_despite(row: &Row, case: &str, version: Version) -> Option<String> {
    let selection = Selection {
        versions: vec![version],
        names: vec![case.to_owned()],
        jobs: 1,
        patience: Duration::from_millis(1_200),
        ..Selection::default()
    };
    let report = run(&Faulty(row.fault), &selection, |_result| {}).expect("the driver starts");
    let result = report.results.iter().find(|result| result.case.id == case).expect("it was selected");
    match &result.verdict {
        Verdict::Failed(_) | Verdict::NotFollowed(_) => None,
        Verdict::Passed | Verdict::NotOffered(_) => Some(format!("a client that {}: {result}", row.name)),
    }
}

/// Most of a case is waiting.
const JOBS: usize = 24;
