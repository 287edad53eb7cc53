//! When each message is due: on an absolute schedule, which does not wait for the server, or as soon as there is room.
//!
//! Message `k` of an open loop is due `k / rate` seconds after the start, whatever became of those before it, and goes to
//! client `k mod clients`. A message that starts late keeps its due time, so that a stall of the server is seen in the
//! latency of every message that was due in it, and not only in the few that were under way.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Messages per second of all clients; none is as many as go.
    pub(crate) rate: Option<f64>,
    pub(crate) clients: u64,
    pub(crate) warm_up: Duration,
    /// Messages after the warm-up.
    pub(crate) count: Option<u64>,
    /// From the end of the warm-up.
    pub(crate) duration: Option<Duration>,
}

/// The plan from a point in time on.
#[derive(Debug)]
pub(crate) struct Schedule {
    plan: Plan,
    start: Instant,
    /// The first message of an open loop that counts.
    first_counted: u64,
    /// Messages that count and were handed out, in a closed loop.
    handed_out: Cell<u64>,
}

/// One message that is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Instant,
    /// Whether it is part of the measurement, and not of the warm-up.
    pub(crate) is_counted: bool,
}

impl Schedule {
    pub(crate) fn new(plan: Plan, start: Instant) -> Schedule {
        let first_counted = plan.rate.map_or(0, |rate| (plan.warm_up.as_secs_f64() * rate).ceil() as u64);
        Schedule { plan, start, first_counted, handed_out: Cell::new(0) }
    }

    pub(crate) fn plan(&self) -> Plan {
        self.plan
    }

    /// When the measurement begins.
    pub(crate) fn measured_from(&self) -> Instant {
        self.start + self.plan.warm_up
    }

    /// From when on nothing more is started.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.plan.duration.map(|duration| self.measured_from() + duration)
    }

    pub(crate) fn is_open_loop(&self) -> bool {
        self.plan.rate.is_some()
    }

    /// How long the messages that count are due after one another; none in a closed loop, where nobody knows.
    pub(crate) fn planned(&self) -> Option<Duration> {
        let rate = self.plan.rate?;
        let by_count = self.plan.count.map(|count| seconds(count as f64 / rate));
        by_count.into_iter().chain(self.plan.duration).min()
    }

    /// The time of message `index` of an open loop.
    fn due(&self, index: u64, rate: f64) -> Instant {
        self.start + seconds(index as f64 / rate)
    }
}

/// At most a thousand years, which no clock comes near.
fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.min(32e9))
}

/// One client's way through the schedule.
#[derive(Debug)]
pub(crate) struct Course<'a> {
    schedule: &'a Schedule,
    /// The next message of this client, in an open loop.
    index: u64,
}

impl<'a> Course<'a> {
    pub(crate) fn new(schedule: &'a Schedule, client: u64) -> Course<'a> {
        Course { schedule, index: client }
    }

    /// The next message, which may be due already; none if no further one is to be started.
    pub(crate) fn peek(&self, now: Instant) -> Option<Due> {
        let Schedule { plan, first_counted, .. } = self.schedule;
        if self.schedule.end().is_some_and(|end| now >= end) {
            return None;
        }
        let Some(rate) = plan.rate else {
            let is_counted = now >= self.schedule.measured_from();
            let is_over = plan.count.is_some_and(|count| self.schedule.handed_out.get() >= count);
            return (!is_over).then_some(Due { at: now, is_counted });
        };
        if plan.count.is_some_and(|count| self.index >= first_counted.saturating_add(count)) {
            return None;
        }
        let at = self.schedule.due(self.index, rate);
        match self.schedule.end() {
            Some(end) if at >= end => None,
            _ => Some(Due { at, is_counted: self.index >= *first_counted }),
        }
    }

    /// The message that [`Course::peek`] has returned is started.
    pub(crate) fn advance(&mut self, due: &Due) {
        self.index += self.schedule.plan.clients;
        if due.is_counted && !self.schedule.is_open_loop() {
            self.schedule.handed_out.set(self.schedule.handed_out.get() + 1);
        }
    }

    /// Messages that count, were due before `until`, and were not started.
    pub(crate) fn left_out(&self, until: Instant) -> u64 {
        let Schedule { plan, first_counted, start, .. } = self.schedule;
        let Some(rate) = plan.rate else { return 0 };
        let until = self.schedule.end().map_or(until, |end| until.min(end));
        let mut end = (until.saturating_duration_since(*start).as_secs_f64() * rate).ceil() as u64;
        if let Some(count) = plan.count {
            end = end.min(first_counted.saturating_add(count));
        }
        // The first of this client's that counts.
        let skipped = first_counted.saturating_sub(self.index).div_ceil(plan.clients);
        let first = self.index + skipped * plan.clients;
        end.saturating_sub(first).div_ceil(plan.clients)
    }
}

#[cfg(test)]
mod tests;
