//! How long to wait before the next attempt: exponential, with full jitter from the seed.
//!
//! The exponent falls back to zero only after a connection that lasted, so that a server which accepts and drops
//! connections at once is not hammered.

use core::time::Duration;

use mqtt_parts::{Instant, Rng};

use crate::config::Reconnect;

/// The attempts since the last connection that lasted.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
    online_since: Option<Instant>,
}

impl Backoff {
    pub(crate) fn on_online(&mut self, now: Instant) {
        self.online_since = Some(now);
    }

    /// When the next attempt starts, after one that failed or a connection that ended.
    pub(crate) fn next_attempt(&mut self, policy: &Reconnect, now: Instant, rng: &mut Rng) -> Instant {
        if self.online_since.take().is_some_and(|since| now.since(since) >= policy.stable_after) {
            self.attempts = 0;
        }
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.attempts = self.attempts.saturating_add(1).min(EXPONENT_MAX);
        // A wait of zero stays zero when it is doubled.
        let least = LEAST_WAIT.saturating_mul(factor - 1).min(LEAST_WAIT_MAX);
        let limit = policy.after.saturating_mul(factor).max(least).min(policy.after_max);
        now + if policy.jitter { rng.duration_up_to(limit) } else { limit }
    }
}

/// Longest wait before the second attempt where the policy asks for less, and the most that it grows to.
const LEAST_WAIT: Duration = Duration::from_millis(50);
const LEAST_WAIT_MAX: Duration = Duration::from_secs(1);

/// Beyond this the factor of two has long met `after_max`.
const EXPONENT_MAX: u32 = 31;
