//! Small scopes, all of them: every order in which two messages, their packets and up to three cuts can meet.
//!
//! A state is what session, server and wire hold; every way to go on from it is tried once. In each state the model
//! is asked whether a promise is broken already, and where nothing more can happen, whether all are kept. How many
//! states there are is part of the test, so that a scope cannot shrink unseen. `cargo xtask explore` goes further
//! than the plain test.

mod outward;
mod inward;
mod search;

use std::env;

use mqtt_proto::{QoS, Version};

/// Cuts of the plain test, and of `cargo xtask explore`.
fn cuts_max() -> usize {
    match env::var("EXPLORE_CUTS") {
        Ok(cuts) => cuts.parse().expect("EXPLORE_CUTS is a number"),
        Err(_) => 2,
    }
}

const ALL_QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// Explores each scope and adds its states up.
fn explore(name: &str, expected: [usize; 4], mut states_of: impl FnMut(Version, [QoS; 2], usize) -> usize) {
    let cuts = cuts_max();
    let mut total = 0;
    for version in [Version::V3_1_1, Version::V5_0] {
        for first in ALL_QOS {
            for second in ALL_QOS {
                total += states_of(version, [first, second], cuts);
            }
        }
    }
    println!("{name}: {total} states with up to {cuts} cuts");
    assert_eq!(total, expected[cuts], "the scope has changed: say so here if that is meant");
}

#[test]
fn two_messages_out_meet_every_cut() {
    explore("two messages out", OUT_STATES, |version, qos, cuts| {
        let mut states = 0;
        for window in [1, 2] {
            for takes_at in [outward::Takes::AtPublish, outward::Takes::AtPubrel] {
                let scope = outward::Scope { version, qos, window, takes_at, cuts_max: cuts };
                states += search::states(|| outward::World::new(scope));
            }
        }
        states
    });
}

#[test]
fn two_messages_in_meet_every_cut() {
    explore("two messages in", IN_STATES, |version, qos, cuts| {
        let windows = if version == Version::V5_0 { &[1, 2][..] } else { &[2] };
        let scopes =
            windows.iter().map(|window| inward::Scope { version, qos, window: *window, cuts_max: cuts });
        scopes.map(|scope| search::states(|| inward::World::new(scope))).sum()
    });
}

/// States with none, one, two and three cuts.
const OUT_STATES: [usize; 4] = [1_528, 10_338, 34_648, 89_326];
const IN_STATES: [usize; 4] = [535, 3_978, 15_116, 49_911];
