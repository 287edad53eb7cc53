//! Timeouts of single operations, for those that have one.

use alloc::collections::{BTreeMap, BTreeSet};

use mqtt_parts::Instant;

use crate::event::Ticket;
use crate::lazy::unused;

/// Which operations end at the latest when.
#[derive(Debug)]
pub(crate) struct Deadlines {
    by_time: BTreeSet<(Instant, Ticket)>,
    by_ticket: BTreeMap<Ticket, Instant>,
}

unused!(Deadlines, Deadlines::new());

impl Deadlines {
    const fn new() -> Deadlines {
        Deadlines { by_time: BTreeSet::new(), by_ticket: BTreeMap::new() }
    }

    /// Sets or replaces a deadline.
    pub(crate) fn set(&mut self, ticket: Ticket, at: Instant) {
        self.remove(ticket);
        self.by_time.insert((at, ticket));
        self.by_ticket.insert(ticket, at);
    }

    #[inline]
    pub(crate) fn remove(&mut self, ticket: Ticket) {
        if self.by_ticket.is_empty() {
            return;
        }
        if let Some(at) = self.by_ticket.remove(&ticket) {
            self.by_time.remove(&(at, ticket));
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The next operation whose deadline has passed; its deadline is removed.
    pub(crate) fn pop_passed(&mut self, now: Instant) -> Option<Ticket> {
        let &(at, ticket) = self.by_time.first()?;
        if at > now {
            return None;
        }
        self.remove(ticket);
        Some(ticket)
    }
}
