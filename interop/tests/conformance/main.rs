//! The conformance kit with the driver of this workspace's own client, which keeps every numbered statement.
//!
//! Cases that wait for timers are left out here; `cargo xtask conformance mqtt-std` runs them, too.

use mqtt_conformance::{Command, Selection, Verdict, run};

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
