//! Figures over time, for the plot: as many intervals as memory should hold, each wide enough for the whole run.

use std::time::Duration;

use hdrhistogram::Histogram;

/// What happened in one interval.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    /// Latency of what was due in it, in microseconds.
    pub(crate) latency_us: Histogram<u32>,
    /// What ended in it.
    pub(crate) ended: u64,
}

/// All intervals of a run. When there are too many, each two neighbours become one.
#[derive(Debug)]
pub(crate) struct Intervals {
    width: Duration,
    list: Vec<Interval>,
}

impl Intervals {
    pub(crate) fn new(width: Duration) -> Intervals {
        Intervals { width, list: Vec::new() }
    }

    pub(crate) fn width(&self) -> Duration {
        self.width
    }

    pub(crate) fn list(&self) -> &[Interval] {
        &self.list
    }

    /// Something that was due at one time and ended at another; both count from the beginning of the measurement.
    pub(crate) fn record(&mut self, due: Duration, ended: Duration, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        // It grows as far as it has to, so that it cannot fail.
        let _ = self.at(due).latency_us.record(micros.min(LATENCY_US_MAX));
        self.count(ended);
    }

    /// Something of which only the end is known.
    pub(crate) fn count(&mut self, ended: Duration) {
        self.at(ended).ended += 1;
    }

    fn at(&mut self, time: Duration) -> &mut Interval {
        while time.as_nanos() / self.width.as_nanos() >= INTERVALS_MAX {
            self.merge();
        }
        let place = (time.as_nanos() / self.width.as_nanos()) as usize;
        if place >= self.list.len() {
            self.list.resize_with(place + 1, Interval::new);
        }
        &mut self.list[place]
    }

    fn merge(&mut self) {
        self.width *= 2;
        let old = std::mem::take(&mut self.list);
        let mut old = old.into_iter();
        while let Some(mut interval) = old.next() {
            if let Some(next) = old.next() {
                interval.ended += next.ended;
                // It grows where the other is larger.
                let _ = interval.latency_us.add(&next.latency_us);
            }
            self.list.push(interval);
        }
    }
}

impl Interval {
    fn new() -> Interval {
        let latency_us = Histogram::new(2).expect("two digits are within what a histogram has");
        Interval { latency_us, ended: 0 }
    }
}

/// Intervals of a run, some 10 KB each.
const INTERVALS_MAX: u128 = 1000;

/// The longest latency that is told from longer ones: an hour.
const LATENCY_US_MAX: u64 = 3_600_000_000;

#[cfg(test)]
mod tests;
