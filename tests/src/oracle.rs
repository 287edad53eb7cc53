//! Checkers of a story, one promise each. A checker knows the standard and the options, and nothing of the code.

pub mod delivery;
pub mod order;
pub mod tickets;
pub mod connects;
pub mod wire;
pub mod receiving;
pub mod keep_alive;
pub mod memory;
pub mod counters;
pub mod settled;

use crate::story::Story;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which checker saw it.
    pub oracle: &'static str,
    /// What it saw.
    pub text: String,
}

/// A checker.
type Check = fn(&Story) -> Vec<String>;

/// All checkers by name.
pub const ORACLES: [(&str, Check); 10] = [
    ("delivery", delivery::check),
    ("order", order::check),
    ("tickets", tickets::check),
    ("connects", connects::check),
    ("wire", wire::check),
    ("receiving", receiving::check),
    ("keep alive", keep_alive::check),
    ("memory", memory::check),
    ("counters", counters::check),
    ("settled", settled::check),
];

/// What all checkers have to say about a story.
pub fn check_all(story: &Story) -> Vec<Violation> {
    let violations = ORACLES
        .iter()
        .flat_map(|(oracle, check)| check(story).into_iter().map(|text| Violation { oracle, text }));
    violations.collect()
}
