//! Deadlines of connections and sessions, at most one for each, earliest first.
//!
//! A connection's deadline may be too early, since packets that come in only push it back when it is reached; its
//! owner then sets the next one.

use alloc::collections::BTreeSet;

use mqtt_parts::Instant;

use crate::ids::{ConnectionId, SessionKey};

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// CONNECT or the next packet is due.
    Connection(ConnectionId),
    /// The counters are published.
    Sys,
    /// A will is due, or the session's end.
    Session(SessionKey),
}

/// All deadlines.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Instant, Timer)>);

impl Timers {
    pub(crate) fn first(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Replaces the deadline that its owner remembers in `kept`.
    pub(crate) fn set(&mut self, kept: &mut Option<Instant>, timer: Timer, at: Option<Instant>) {
        if let Some(old) = kept.take() {
            self.0.remove(&(old, timer));
        }
        if let Some(at) = at {
            self.0.insert((at, timer));
        }
        *kept = at;
    }

    /// Takes the earliest deadline that is reached; its owner must forget it.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.first()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }
}
