//! What a run notes of each message or connection, in memory that does not grow with their number.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::intervals::Intervals;
use super::usage::Usage;
use crate::failure::Failure;

/// The notes of a run; only what counts and not the warm-up, apart from failures.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// When the measurement begins.
    pub(crate) from: Instant,
    /// How long all that counts is due one after the other, whenever it ends; none where nobody knows.
    pub(crate) planned: Option<Duration>,
    /// From the time at which each was due to its end, in nanoseconds.
    pub(crate) latency_ns: Histogram<u64>,
    /// How late each was started for which there was room, in nanoseconds.
    pub(crate) lag_ns: Histogram<u64>,
    pub(crate) intervals: Intervals,
    pub(crate) started: u64,
    /// Those that ended well.
    pub(crate) done: u64,
    /// Their payloads.
    pub(crate) bytes: u64,
    /// Those that were due and found no room before the end.
    pub(crate) left_out: u64,
    /// By reason, with the exit code.
    pub(crate) failures: BTreeMap<String, (u8, u64)>,
    pub(crate) last_end: Option<Instant>,
    /// What the process had used at `from`, when the last message had been started, and when all had ended.
    pub(crate) usage: [Option<Usage>; 3],
}

impl Recorder {
    pub(crate) fn new(from: Instant) -> Recorder {
        let histogram =
            || Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("the bounds are within what it has");
        Recorder {
            from,
            planned: None,
            latency_ns: histogram(),
            lag_ns: histogram(),
            intervals: Intervals::new(INTERVAL),
            started: 0,
            done: 0,
            bytes: 0,
            left_out: 0,
            failures: BTreeMap::new(),
            last_end: None,
            usage: [None; 3],
        }
    }

    /// One was started that late, although there was room for it; none where no time was set.
    pub(crate) fn start(&mut self, lag: Option<Duration>) {
        self.started += 1;
        if let Some(lag) = lag {
            self.lag_ns.saturating_record(nanos(lag));
        }
    }

    /// One ended well.
    pub(crate) fn end(&mut self, due: Instant, now: Instant, bytes: usize) {
        let latency = now.saturating_duration_since(due);
        self.latency_ns.saturating_record(nanos(latency));
        let ended = now.saturating_duration_since(self.from);
        self.intervals.record(due.saturating_duration_since(self.from), ended, latency);
        self.note_end(now, bytes);
    }

    /// One arrived, and nobody knows when it was due.
    pub(crate) fn arrive(&mut self, now: Instant, bytes: usize) {
        self.intervals.count(now.saturating_duration_since(self.from));
        self.note_end(now, bytes);
    }

    fn note_end(&mut self, now: Instant, bytes: usize) {
        self.done += 1;
        self.bytes += bytes as u64;
        self.last_end = Some(now);
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.fail_many(failure, 1);
    }

    pub(crate) fn fail_many(&mut self, failure: Failure, count: u64) {
        let mut reason = failure.message.unwrap_or_else(|| "unknown".into());
        if self.failures.len() >= REASONS_MAX && !self.failures.contains_key(&reason) {
            reason = "other reasons".into();
        }
        self.failures.entry(reason).or_insert((failure.code, 0)).1 += count;
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().map(|(_, count)| count).sum()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).clamp(1, LATENCY_NS_MAX)
}

/// The longest latency that is told from longer ones: an hour.
const LATENCY_NS_MAX: u64 = 3_600_000_000_000;

/// The width of the first intervals.
const INTERVAL: Duration = Duration::from_millis(100);

/// Reasons that are told apart.
const REASONS_MAX: usize = 50;
