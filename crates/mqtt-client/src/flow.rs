//! Whether more is read from the link: what waits for the application is bounded in bytes.
//!
//! When the bound is reached, the link is left unread, so that the server has to wait. That also keeps back what it says
//! about other things, so it lasts for a while only: an application that takes nothing all that time finds messages
//! dropped. One that keeps taking never does.

use std::time::Duration;

use mqtt_session::Instant;

#[derive(Debug)]
pub(crate) struct Flow {
    bytes_max: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Unread {
        since: Instant,
    },
    /// It is read, and what finds no room is dropped.
    Overflowing,
}

/// How long the link is left unread while the application takes nothing.
const UNREAD_MAX: Duration = Duration::from_secs(10);

impl Flow {
    pub(crate) fn new(bytes_max: usize) -> Flow {
        Flow { bytes_max: bytes_max.max(1), state: State::Reading }
    }

    /// Whether the link is to be read now, with so many bytes waiting.
    pub(crate) fn wants_read(&mut self, bytes: usize, now: Instant) -> bool {
        self.state = match self.state {
            _ if bytes < self.bytes_max => State::Reading,
            State::Reading => State::Unread { since: now },
            State::Unread { since } if now >= since + UNREAD_MAX => State::Overflowing,
            state @ (State::Unread { .. } | State::Overflowing) => state,
        };
        !self.is_unread()
    }

    /// Whether the link is left unread.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self.state, State::Unread { .. })
    }

    /// Whether there is room again for an application that has taken some.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        bytes < self.bytes_max
    }

    /// Whether at most half of the room is in use.
    pub(crate) fn is_half_empty(&self, bytes: usize) -> bool {
        bytes <= self.bytes_max / 2
    }

    /// Whether a message of that size finds room. One that is larger than the bound does when nothing else waits.
    pub(crate) fn takes(&self, bytes: usize, size: usize) -> bool {
        bytes == 0 || self.state != State::Overflowing || bytes.saturating_add(size) <= self.bytes_max
    }

    /// When to look again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Unread { since } => Some(since + UNREAD_MAX),
            State::Reading | State::Overflowing => None,
        }
    }
}
