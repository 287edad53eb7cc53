//! What this process has used of the processors.

use std::time::{Duration, Instant};

/// Clocks of the process and of the thread that asks, at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    at: Instant,
    /// Of all threads; none where the system does not say.
    process: Option<Duration>,
    /// Of the thread that runs the clients.
    thread: Option<Duration>,
    /// How long that thread could have run and had no processor.
    waited: Duration,
}

/// The difference of two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    pub(crate) process: Option<Duration>,
    pub(crate) thread: Option<Duration>,
    pub(crate) waited: Duration,
}

impl Usage {
    pub(crate) fn now() -> Usage {
        let (process, thread) = clocks();
        Usage { at: Instant::now(), process, thread, waited: waited().unwrap_or_default() }
    }

    pub(crate) fn since(&self, earlier: &Usage) -> Spent {
        let between = |now: Option<Duration>, then: Option<Duration>| Some(now?.saturating_sub(then?));
        Spent {
            wall: self.at.saturating_duration_since(earlier.at),
            process: between(self.process, earlier.process),
            thread: between(self.thread, earlier.thread),
            waited: self.waited.saturating_sub(earlier.waited),
        }
    }
}

#[cfg(unix)]
fn clocks() -> (Option<Duration>, Option<Duration>) {
    use rustix::time::{ClockId, clock_gettime};

    let read = |clock| Duration::try_from(clock_gettime(clock)).ok();
    (read(ClockId::ProcessCPUTime), read(ClockId::ThreadCPUTime))
}

#[cfg(not(unix))]
fn clocks() -> (Option<Duration>, Option<Duration>) {
    (None, None)
}

/// The second number of Linux's schedstat; none elsewhere.
fn waited() -> Option<Duration> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}
