//! Notices when one message holds back the acknowledgements of others for long.
//!
//! A reader that is slow but takes one message after the other is no stall.

use std::time::Duration;

use mqtt_session::Instant;

#[derive(Debug, Default)]
pub(super) struct Stall {
    /// The message that holds others back, and since when it is the oldest.
    oldest: Option<(u64, Instant)>,
    is_notified: bool,
}

/// How long one message may hold back the others before an event says so.
const STALLED_AFTER: Duration = Duration::from_secs(5);

impl Stall {
    /// Whether the application should be notified now; `oldest` is the message that holds others back, if one does.
    ///
    /// One event is enough until nothing is held back any more.
    pub(super) fn is_due(&mut self, oldest: Option<u64>, now: Instant) -> bool {
        match (oldest, self.oldest) {
            (None, _) => *self = Stall::default(),
            (Some(oldest), Some((sequence, since))) if oldest == sequence => {
                return !self.is_notified && now >= since + STALLED_AFTER;
            }
            (Some(oldest), _) => self.oldest = Some((oldest, now)),
        }
        false
    }

    pub(super) fn on_notified(&mut self) {
        self.is_notified = true;
    }

    /// When [`Stall::is_due`] is to be asked at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.oldest.filter(|_| !self.is_notified).map(|(_, since)| since + STALLED_AFTER)
    }
}
