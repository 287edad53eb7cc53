//! Where a client gets the time from.

use std::fmt;
use std::sync::OnceLock;
use std::time;

use mqtt_session::Instant;

/// A source of time; the virtual clock of a simulation is another one than [`SystemClock`].
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now. It never goes back.
    fn now(&self) -> Instant;
}

/// The monotonic clock of the system. Its origin is the first use of it in the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

static ORIGIN: OnceLock<time::Instant> = OnceLock::new();

impl SystemClock {
    /// The point in the system's own type, for a timer. One that the system cannot name is some decades away instead.
    pub fn to_std(at: Instant) -> time::Instant {
        let origin = *ORIGIN.get_or_init(time::Instant::now);
        let since_origin = at.since(Instant::ORIGIN);
        origin.checked_add(since_origin).unwrap_or_else(|| origin + since_origin.min(FAR))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since_origin = ORIGIN.get_or_init(time::Instant::now).elapsed();
        Instant::ORIGIN + since_origin
    }
}

/// Thirty years, which every system can count.
const FAR: time::Duration = time::Duration::from_secs(30 * 365 * 24 * 60 * 60);
