//! Messages that nobody has claimed yet: they wait for a taker that comes later, until their grace is over.
//!
//! A persistent session has messages before the program has called `subscribe`, or after it has dropped a stream. Those
//! of a filter that this client does not know share one grace, which begins with the first of them: a program that is
//! starting gets time to subscribe, and a filter of an earlier release holds back wanted messages no longer than that.
//! Those of a dropped stream have a grace of their own, from when it was dropped.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_session::{Deadlines, Instant};

use crate::filters::Nobody;
use crate::waiting::{Part, Waiting};

#[derive(Debug)]
pub(crate) struct Unclaimed {
    grace: Duration,
    /// When the grace of unknown filters ends, once it has begun.
    unknown_until: Option<Instant>,
    /// By arrival.
    parts: BTreeMap<u64, Part>,
    deadlines: Deadlines<u64>,
}

impl Unclaimed {
    pub(crate) fn new(grace: Duration) -> Unclaimed {
        Unclaimed { grace, unknown_until: None, parts: BTreeMap::new(), deadlines: Deadlines::new() }
    }

    /// Until when a message waits that arrives now; none if it is given up at once.
    pub(crate) fn deadline(&mut self, nobody: Option<Nobody>, now: Instant) -> Option<Instant> {
        let until = match nobody {
            Some(Nobody::Unwanted) => return None,
            Some(Nobody::Since(since)) => since + self.grace,
            None => *self.unknown_until.get_or_insert(now + self.grace),
        };
        (until > now).then_some(until)
    }

    pub(crate) fn park(&mut self, sequence: u64, until: Instant, part: Part) {
        self.parts.insert(sequence, part);
        self.deadlines.set(sequence, until);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Takes out what `is_meant` claims, in the order of arrival.
    pub(crate) fn claim(&mut self, waiting: &Waiting, is_meant: impl Fn(&str) -> bool) -> Vec<Part> {
        let mut claimed = Vec::new();
        self.parts.retain(|sequence, part| {
            let is_claimed = is_meant(waiting.message(part.key).topic());
            if is_claimed {
                self.deadlines.remove(*sequence);
                claimed.push(*part);
            }
            !is_claimed
        });
        claimed
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// The next message whose grace is over.
    pub(crate) fn pop_over(&mut self, now: Instant) -> Option<Part> {
        let sequence = self.deadlines.pop_passed(now)?;
        self.parts.remove(&sequence)
    }
}
