//! `mqtt conformance`: what it lists, and drivers that are none. The kit's own tests run its cases.

use crate::process::{failure, run};

#[test]
fn cases_are_listed_with_their_statements() {
    let output = run(&["conformance", "client", "--list", "--case", "session/qos1-resent"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(failure(&output), (Some(0), String::new()));
    assert!(text.starts_with("session/qos1-resent\n") && text.contains("[5.0 MQTT-3.3.1-1]"), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn a_case_that_does_not_exist_is_refused() {
    let (code, said) = failure(&run(&["conformance", "client", "--case", "nothing/", "--", "driver"]));
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn a_driver_that_does_not_start_is_named() {
    let (code, said) = failure(&run(&["conformance", "client", "--", "no-such-driver"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no-such-driver") && said.contains("ready"), "{said}");
}
