//! The tasks that wait for the ends of operations.
//!
//! An entry exists from the submission until its token has seen the end or was dropped. An operation whose token
//! is gone still goes on to its end; nobody is notified.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::task::Waker;

use mqtt_session::{Outcome, Ticket};

/// The operations that somebody holds a token for.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    entries: HashMap<Ticket, Waiter, BuildHasherDefault<NumberHasher>>,
}

/// Spreads small numbers: nobody gains anything by picking them to collide.
#[derive(Debug, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

#[derive(Debug)]
enum Waiter {
    /// Not ended; the waker is that of the last poll.
    Open(Option<Waker>),
    Ended(Outcome),
}

impl Waiters {
    pub(crate) fn register(&mut self, ticket: Ticket) {
        self.entries.insert(ticket, Waiter::Open(None));
    }

    /// The end of an operation; the waker is to be woken once no lock is held.
    pub(crate) fn on_ended(&mut self, ticket: Ticket, outcome: Outcome) -> Option<Waker> {
        let entry = self.entries.get_mut(&ticket)?;
        match std::mem::replace(entry, Waiter::Ended(outcome)) {
            Waiter::Open(waker) => waker,
            Waiter::Ended(before) => {
                // With a store it may become known later. In a panic the driver is dropped wherever it stood.
                let is_known_later = matches!(before, Outcome::Indeterminate(_)) || std::thread::panicking();
                debug_assert!(
                    is_known_later,
                    "ticket {} has ended before: {before}, now {outcome}",
                    ticket.get()
                );
                None
            }
        }
    }

    /// Whether somebody holds a token for it.
    pub(crate) fn is_awaited(&self, ticket: Ticket) -> bool {
        self.entries.contains_key(&ticket)
    }

    /// How an operation has ended.
    pub(crate) fn outcome(&self, ticket: Ticket) -> Option<Outcome> {
        match self.entries.get(&ticket) {
            Some(Waiter::Ended(outcome)) => Some(*outcome),
            Some(Waiter::Open(_)) | None => None,
        }
    }

    /// The waker of the task that waits for the end of an operation.
    pub(crate) fn waker(&mut self, ticket: Ticket) -> Option<&mut Option<Waker>> {
        match self.entries.get_mut(&ticket) {
            Some(Waiter::Open(waker)) => Some(waker),
            Some(Waiter::Ended(_)) | None => None,
        }
    }

    /// Nobody waits any more; the waker is to be dropped once no lock is held.
    pub(crate) fn forget(&mut self, ticket: Ticket) -> Option<Waker> {
        match self.entries.remove(&ticket) {
            Some(Waiter::Open(waker)) => waker,
            Some(Waiter::Ended(_)) | None => None,
        }
    }

    /// All who wait; each finds out for itself what has changed.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        let mut open: Vec<(Ticket, Waker)> = self
            .entries
            .iter_mut()
            .filter_map(|(ticket, entry)| match entry {
                Waiter::Open(waker) => Some((*ticket, waker.take()?)),
                Waiter::Ended(_) => None,
            })
            .collect();
        // In the order of submission: a hash map has another order in each run.
        open.sort_unstable_by_key(|(ticket, _)| *ticket);
        open.into_iter().map(|(_, waker)| waker).collect()
    }
}
