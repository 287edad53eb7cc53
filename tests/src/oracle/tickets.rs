//! Every operation that was accepted ends exactly once.

use std::collections::BTreeMap;

use crate::story::{Fact, Story, What};

/// No token resolves twice; that each resolves is for [`super::settled`], since some are dropped.
pub fn check(story: &Story) -> Vec<String> {
    let mut violations = Vec::new();
    let mut accepted: BTreeMap<u32, usize> = BTreeMap::new();
    for step in &story.steps {
        match &step.what {
            What::Fact(_, Fact::Accepted(message)) => drop(accepted.insert(*message, 0)),
            What::Fact(_, Fact::Ended(message, outcome)) => match accepted.get_mut(message) {
                Some(0) => drop(accepted.insert(*message, 1)),
                Some(_) => violations.push(format!("message {message} ended again: {outcome:?}")),
                None => violations.push(format!("message {message} ended and was not accepted")),
            },
            _ => {}
        }
    }
    violations
}
