//! A line on a terminal that says how far the run is.

use std::cell::RefCell;
use std::io::{IsTerminal, stderr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use smol::{Task, Timer};

use super::recorder::Recorder;
use super::run::{Run, clear};
use super::text::{digits, grouped, time};

/// How much is to come; what is not known is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) count: Option<u64>,
    pub(crate) duration: Option<Duration>,
    /// What is counted, such as "message".
    pub(crate) one: &'static str,
}

/// The line; it is removed with this value.
#[derive(Debug)]
pub(crate) struct Progress(Option<Task<()>>);

impl Progress {
    /// Nothing is shown where nobody sees it.
    pub(crate) fn show(run: &Rc<Run>, recorder: &Rc<RefCell<Recorder>>, goal: Goal) -> Progress {
        let is_shown = stderr().is_terminal() && !run.is_quiet;
        Progress(is_shown.then(|| run.executor.spawn(keep_showing(Rc::clone(recorder), goal))))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.0.take().is_some() {
            eprint!("{}", clear());
        }
    }
}

async fn keep_showing(recorder: Rc<RefCell<Recorder>>, goal: Goal) {
    let mut last = (Instant::now(), 0);
    loop {
        Timer::after(PAUSE).await;
        let recorder = recorder.borrow();
        let now = Instant::now();
        let rate = recorder.done.saturating_sub(last.1) as f64 / now.duration_since(last.0).as_secs_f64();
        last = (now, recorder.done);
        eprint!("{}{}", clear(), line(&recorder, goal, now, rate));
    }
}

fn line(recorder: &Recorder, goal: Goal, now: Instant, rate: f64) -> String {
    let past = now.saturating_duration_since(recorder.from);
    if past.is_zero() {
        return "warming up".into();
    }
    let by_time = goal.duration.map(|duration| past.as_secs_f64() / duration.as_secs_f64());
    let by_count = goal.count.map(|count| recorder.done as f64 / count as f64);
    let share = by_time.into_iter().chain(by_count).fold(0.0, f64::max).min(1.0);
    let filled = (share * BAR_WIDTH as f64) as usize;
    let bar = format!("{:-<BAR_WIDTH$}", "#".repeat(filled));
    let p99 = match recorder.latency_ns.is_empty() {
        true => String::new(),
        false => {
            format!(", p99 {}", time(Duration::from_nanos(recorder.latency_ns.value_at_quantile(0.99))))
        }
    };
    let done = grouped(recorder.done);
    format!("[{bar}] {:.0} s, {done} {}s, {}/s{p99}", past.as_secs_f64(), goal.one, digits(rate))
}

const PAUSE: Duration = Duration::from_millis(200);

const BAR_WIDTH: usize = 20;
