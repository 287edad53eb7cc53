//! The virtual clock: it stands still while anything can run, and jumps to the next moment that matters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mqtt_client::Instant;
use mqtt_client::adapter::Clock;

/// The time of one world, in microseconds since its beginning. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Jumps ahead; time never goes back.
    pub(crate) fn advance_to(&self, at: Instant) {
        self.0.fetch_max(at.as_micros(), Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.load(Ordering::Relaxed))
    }
}
