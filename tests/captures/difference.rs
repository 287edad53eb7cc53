//! A build that answers otherwise is found out at the call where it first does.

use mqtt_capture::{Difference, Redact, Replay, ReplayError, Step, replay};
use mqtt_proto::Version;

use crate::conversation::{SEED, record};

fn log() -> Vec<u8> {
    record(Version::V5_0, Redact::default(), usize::MAX)
}

fn steps(log: &[u8]) -> Vec<Step> {
    let mut replay = Replay::new(log).expect("it is whole");
    std::iter::from_fn(|| replay.step().expect("it replays equal")).collect()
}

fn difference(log: &[u8]) -> Difference {
    match replay(log) {
        Err(ReplayError::Differs(difference)) => *difference,
        other => panic!("a difference was expected: {other:?}"),
    }
}

#[test]
fn an_answer_that_was_another_is_found_where_it_stands() {
    let log = log();
    let messages: Vec<Step> =
        steps(&log).into_iter().filter(|step| step.to_string().contains("→ a message")).collect();
    assert_eq!(messages.len(), 3);
    for step in messages {
        let mut changed = log.clone();
        // Behind the first byte and the tag stands the digest.
        changed[step.offset + 4] ^= 1;
        let difference = difference(&changed);
        assert_eq!((difference.entry, difference.offset, difference.at), (step.entry, step.offset, step.at));
        assert_eq!(difference.call, "is there an event?");
        assert!(difference.expected.starts_with("a message, digest "), "{difference}");
        assert!(difference.found.contains("Message {") && difference.found.contains("in/x"), "{difference}");
        assert!(difference.before.len() > 5, "{difference}");
    }
}

#[test]
fn another_seed_differs_where_chance_first_decides() {
    let mut log = log();
    assert_eq!(u64::from(log[10]), SEED);
    log[10] += 1;
    let difference = difference(&log);
    // The wait after the first outage is drawn.
    assert!(difference.call.starts_with("the link is closed"), "{difference}");
    assert_ne!(difference.expected, difference.found);
    assert!(difference.found.contains("and a call at"), "{difference}");
}

#[test]
fn another_configuration_differs_at_the_first_packet() {
    let mut log = record(Version::V3_1_1, Redact::default(), usize::MAX);
    let keep_alive = log.iter().position(|byte| *byte == 60).expect("it is in the header");
    log[keep_alive] = 50;
    let difference = difference(&log);
    assert!(difference.found.contains("CONNECT"), "{difference}");
}

#[test]
fn every_step_says_what_happens() {
    let log = log();
    let text: Vec<String> = steps(&log).iter().map(ToString::to_string).collect();
    for expected in
        ["connect → ticket", "refused, ", "CONNECT", "the link is closed: the connection was lost"]
    {
        assert!(text.iter().any(|line| line.contains(expected)), "{expected} in {text:#?}");
    }
}
