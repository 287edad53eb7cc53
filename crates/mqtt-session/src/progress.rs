//! Whether acknowledgements make progress: a server may answer pings and yet acknowledge nothing any more.
//!
//! When nothing was acknowledged for the timeout although something waits for it, the server is asked by a ping.
//! Its answer comes after whatever it had to say about earlier packets; if that is nothing, the connection is of
//! no use.

use core::time::Duration;

use mqtt_parts::Instant;

/// The watch of one connection.
#[derive(Debug)]
pub(crate) struct Progress {
    /// When something was acknowledged, or the wait began.
    since: Instant,
    /// Whether something waits for an acknowledgement.
    is_awaited: bool,
    is_probed: bool,
}

impl Progress {
    pub(crate) const fn new() -> Progress {
        Progress { since: Instant::ORIGIN, is_awaited: false, is_probed: false }
    }

    /// Something was acknowledged, or is still being written.
    pub(crate) fn on_progress(&mut self, now: Instant) {
        self.since = now;
        self.is_probed = false;
    }

    /// Whether something waits for an acknowledgement from now on.
    pub(crate) fn set_awaited(&mut self, now: Instant, is_awaited: bool) {
        if is_awaited && !self.is_awaited {
            self.on_progress(now);
        }
        self.is_awaited = is_awaited;
    }

    /// When to look again; once the server was asked, its answer is waited for elsewhere.
    pub(crate) fn deadline(&self, timeout: Option<Duration>) -> Option<Instant> {
        let timeout = timeout?;
        (self.is_awaited && !self.is_probed).then(|| self.since + timeout)
    }

    /// Whether the server should be asked now.
    pub(crate) fn on_timeout(&mut self, now: Instant, timeout: Option<Duration>) -> bool {
        let is_due = self.deadline(timeout).is_some_and(|deadline| now >= deadline);
        self.is_probed |= is_due;
        is_due
    }

    /// The server has answered a ping; true if it has nothing else to say.
    pub(crate) fn is_stalled(&self) -> bool {
        self.is_awaited && self.is_probed
    }
}
