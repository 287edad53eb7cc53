//! Whether a connection is under load, so that it pays to leave it alone for some microseconds.
//!
//! One turn costs as much for one message as for twenty. Under load a short delay before the next turn gathers what
//! arrives and what is published meanwhile; a request that waits for its answer gains nothing from it and loses the
//! delay. Rates do not tell the two apart, so a delay is tried after many turns in a quick succession, and goes on for
//! as long as it gathers enough. What has failed is tried less and less often, what has worked sooner again.

use std::time::Duration;

use mqtt_session::Instant;

/// What a driver knows of the traffic of its connection.
#[derive(Debug)]
pub(super) struct Load {
    /// Whether the adapter can leave a connection alone for a short time.
    is_possible: bool,
    phase: Phase,
    /// Turns in a row that moved much, or something soon after the one before.
    busy_turns: u32,
    /// Busy turns after which a delay is tried.
    trial_after: u32,
    busy_at: Instant,
    /// Delays in a row that gathered too little.
    poor_delays: u32,
    /// When the last turn ended.
    traffic: Traffic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No delays.
    Sparse,
    /// The last turn ended with a delay.
    Delayed,
    /// The turn after a delay had few messages, so that many. A server that gathers small writes has sent one of them, and
    /// sends what it has gathered since once that is acknowledged; this turn may find it.
    SecondLook { found: u64 },
}

/// What a session has sent and received since it was made, and what waits for the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traffic {
    pub(super) messages: u64,
    /// Messages, acknowledgements and the rest.
    pub(super) packets: u64,
    /// Messages whose exchange has not ended.
    pub(super) in_flight: usize,
}

/// How long a connection is left alone: a window is used up soon, and a round trip should not become much longer.
const DELAY: Duration = Duration::from_micros(50);

/// How long while nothing is acknowledged: nobody waits for an answer then, and the more come at once the better.
const DELAY_AT_QOS_0: Duration = Duration::from_micros(300);

/// Turns that are no further apart are in quick succession.
const SUCCESSION: Duration = Duration::from_micros(100);

/// Messages, both ways, that the turn after a delay must have: one that answers another has two.
const GATHERED_MIN: u64 = 3;

/// The same for that turn and the next.
const GATHERED_IN_TWO_MIN: u64 = 5;

/// Messages in flight from which a connection is under load without any trial.
const LOADED_FROM: usize = 16;

/// Delays in a row that may gather less before they end.
const POOR_DELAYS_MAX: u32 = 3;

/// Bounds for the busy turns before a trial.
const TRIAL_AFTER_MIN: u32 = 2;
const TRIAL_AFTER_FIRST: u32 = 16;
const TRIAL_AFTER_MAX: u32 = 1024;

impl Load {
    pub(super) const fn new() -> Load {
        Load {
            is_possible: false,
            phase: Phase::Sparse,
            busy_turns: 0,
            trial_after: TRIAL_AFTER_FIRST,
            busy_at: Instant::ORIGIN,
            poor_delays: 0,
            traffic: Traffic { messages: 0, packets: 0, in_flight: 0 },
        }
    }

    /// What the adapter can do.
    pub(super) fn set_coalescing(&mut self, is_possible: bool) {
        self.is_possible = is_possible;
    }

    /// How long to leave the connection alone after this turn, if at all.
    pub(super) fn delay(&mut self, now: Instant, traffic: Traffic) -> Option<Duration> {
        let before = std::mem::replace(&mut self.traffic, traffic);
        let messages = traffic.messages - before.messages;
        let packets = traffic.packets - before.packets;
        // A turn may have nothing but the later halves of exchanges at QoS 2.
        let gathered = messages.max(packets / 3);
        let is_exchanging = packets > messages;
        if !self.is_possible {
            return None;
        }
        let phase = self.phase;
        self.phase = match phase {
            _ if packets > 0 && traffic.in_flight >= LOADED_FROM => Phase::Delayed,
            Phase::Sparse if packets > 0 && self.is_trial_due(now, gathered) => Phase::Delayed,
            Phase::Sparse => Phase::Sparse,
            Phase::Delayed if gathered >= GATHERED_MIN => self.on_gathered(),
            Phase::Delayed => Phase::SecondLook { found: gathered },
            Phase::SecondLook { found } if found + gathered >= GATHERED_IN_TWO_MIN => self.on_gathered(),
            Phase::SecondLook { .. } => self.on_poor_delay(),
        };
        if packets > 0 {
            self.busy_at = now;
        }
        let delay = if phase == Phase::Sparse || is_exchanging { DELAY } else { DELAY_AT_QOS_0 };
        (self.phase == Phase::Delayed).then_some(delay)
    }

    /// Whether delays go on.
    pub(super) fn is_loaded(&self) -> bool {
        self.phase != Phase::Sparse
    }

    /// Whether the last turn ended with a delay.
    pub(super) fn is_delayed(&self) -> bool {
        self.phase == Phase::Delayed
    }

    fn is_trial_due(&mut self, now: Instant, gathered: u64) -> bool {
        let is_busy = gathered >= GATHERED_MIN || now.since(self.busy_at) <= SUCCESSION;
        self.busy_turns = if is_busy { self.busy_turns + 1 } else { 0 };
        // A trial is over at the first delay that does not pay.
        self.poor_delays = POOR_DELAYS_MAX;
        self.busy_turns >= self.trial_after
    }

    fn on_gathered(&mut self) -> Phase {
        self.poor_delays = 0;
        self.trial_after = (self.trial_after / 2).max(TRIAL_AFTER_MIN);
        Phase::Delayed
    }

    fn on_poor_delay(&mut self) -> Phase {
        self.poor_delays += 1;
        if self.poor_delays <= POOR_DELAYS_MAX {
            return Phase::Delayed;
        }
        self.busy_turns = 0;
        self.trial_after = (self.trial_after * 2).min(TRIAL_AFTER_MAX);
        Phase::Sparse
    }
}

#[cfg(test)]
mod tests;
