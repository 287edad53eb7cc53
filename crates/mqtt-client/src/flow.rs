//! Whether more is read from the link: what waits for the application is bounded in bytes.
//!
//! When the bound is reached, the link is left unread, so that the server has to wait. That also keeps back what it says
//! about other things, so it lasts for a while only: for as long as the application goes on taking messages, but at most
//! a minute. After that messages are dropped.

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
    /// It is left unread; when the application has last taken something, and how many bytes waited then.
    Unread {
        since: Instant,
        taken_at: Instant,
        bytes: usize,
    },
    /// It is read, and what finds no room is dropped.
    Overflowing,
}

/// When a link is read again that was left unread.
fn end(since: Instant, taken_at: Instant) -> Instant {
    (taken_at + IDLE_MAX).min(since + UNREAD_MAX)
}

/// How long the link is left unread while the application takes nothing.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// How long the link is left unread while it takes some, but not enough.
const UNREAD_MAX: Duration = Duration::from_secs(60);

impl Flow {
    pub(crate) fn new(bytes_max: usize) -> Flow {
        Flow { bytes_max: bytes_max.max(1), state: State::Reading }
    }

    /// Whether the link is to be read now, with so many bytes waiting.
    pub(crate) fn wants_read(&mut self, bytes: usize, now: Instant) -> bool {
        self.state = match self.state {
            _ if bytes < self.bytes_max => State::Reading,
            State::Reading => State::Unread { since: now, taken_at: now, bytes },
            State::Unread { since, taken_at, bytes: before } => {
                let taken_at = if bytes < before { now } else { taken_at };
                match now >= end(since, taken_at) {
                    true => State::Overflowing,
                    false => State::Unread { since, taken_at, bytes },
                }
            }
            State::Overflowing => State::Overflowing,
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

    /// There is no link any more that could be left unread.
    pub(crate) fn on_connection_lost(&mut self) {
        if self.is_unread() {
            self.state = State::Reading;
        }
    }

    /// When to look again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Unread { since, taken_at, .. } => Some(end(since, taken_at)),
            State::Reading | State::Overflowing => None,
        }
    }
}
