//! Where and when the next attempt to connect goes.
//!
//! A round tries each server of the list once, one right after the other, with redirects to where a server sends its
//! clients. Only then comes a wait: exponential, with full jitter from the seed. Its exponent falls back to zero only
//! after a connection that lasted, so that a server which accepts and drops connections at once is not hammered.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use mqtt_parts::{Instant, Rng};
use mqtt_proto::ReasonCode;

use crate::config::{Reconnect, ServerOrder, Servers};

/// The server to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// That of the list, by its number from 0.
    Listed(u16),
    /// The one that a server has named; usually `HOST` or `HOST:PORT`, several with spaces between.
    Named(&'a str),
}

/// The attempts since the last connection that lasted.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    servers: Servers,
    /// The order of this round, as numbers of the list; empty while the order is that of the list.
    round: Vec<u16>,
    /// Position in the round.
    at: u16,
    /// Redirects since the last wait.
    redirects: u8,
    /// Where the last server has sent us, and whether it takes the place of the list for good.
    redirect: Option<Box<(Box<str>, bool)>>,
    /// Waits since the last connection that lasted.
    waits: u32,
    online_since: Option<Instant>,
}

impl Attempts {
    pub(crate) fn new(servers: Servers, rng: &mut Rng) -> Attempts {
        let mut attempts = Attempts { servers, ..Attempts::default() };
        attempts.start_round(rng);
        attempts
    }

    pub(crate) fn target(&self) -> Target<'_> {
        match self.redirect.as_deref() {
            Some((reference, _)) => Target::Named(reference),
            None => Target::Listed(self.round.get(usize::from(self.at)).copied().unwrap_or(self.at)),
        }
    }

    pub(crate) fn on_online(&mut self, now: Instant) {
        self.online_since = Some(now);
    }

    /// A server sends its client elsewhere; true if it goes there at once.
    pub(crate) fn redirect(&mut self, reason: ReasonCode, reference: Option<&str>) -> bool {
        let is_moved = reason == ReasonCode::ServerMoved;
        let is_redirect = is_moved || reason == ReasonCode::UseAnotherServer;
        let is_followed = is_redirect && self.redirects < self.servers.redirects_max;
        let Some(reference) = reference.filter(|_| is_followed) else { return false };
        self.redirects += 1;
        self.redirect = Some(Box::new((reference.into(), is_moved)));
        true
    }

    /// After a failed attempt; true if the next server of the round is tried at once.
    pub(crate) fn advance(&mut self) -> bool {
        if self.redirect.take_if(|redirect| !redirect.1).is_none() && self.redirect.is_some() {
            return false;
        }
        self.at += 1;
        self.at < self.servers.count.get()
    }

    /// All were tried, or a connection has ended.
    pub(crate) fn start_round(&mut self, rng: &mut Rng) {
        self.at = 0;
        self.redirects = 0;
        self.redirect.take_if(|redirect| !redirect.1);
        if self.servers.order == ServerOrder::Shuffled {
            self.round.clear();
            self.round.extend(0..self.servers.count.get());
            for last in (1..self.round.len()).rev() {
                let other = rng.below(last as u64 + 1) as usize;
                self.round.swap(last, other);
            }
        }
    }

    /// When the next attempt starts, after one that failed or a connection that ended.
    pub(crate) fn wait(&mut self, policy: &Reconnect, now: Instant, rng: &mut Rng) -> Instant {
        if self.online_since.take().is_some_and(|since| now.since(since) >= policy.stable_after) {
            self.waits = 0;
        }
        let factor = 1u32.checked_shl(self.waits).unwrap_or(u32::MAX);
        self.waits = self.waits.saturating_add(1).min(EXPONENT_MAX);
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
