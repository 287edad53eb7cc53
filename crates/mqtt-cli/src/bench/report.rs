//! The result: a table for people, a JSON object for programs, and the files that were asked for.

mod table;
mod json;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::Value;

use super::histogram;
use super::plot::{self, Labels};
use super::recorder::Recorder;
use super::text::counted;
use super::usage::Spent;
use super::verdict::generator_limit;
use crate::args::ReportArgs;
use crate::failure::Failure;

/// What was measured, in words.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The name of the subcommand.
    pub(crate) command: &'static str,
    /// What is counted, such as "message".
    pub(crate) one: &'static str,
    /// Clients, QoS, sizes and the like in one line.
    pub(crate) parameters: String,
    /// From when to when latency is.
    pub(crate) latency: String,
    pub(crate) rate_asked: Option<f64>,
    /// The parameters for programs.
    pub(crate) settings: Vec<(&'static str, Value)>,
    /// Further counts: their names for programs and for people.
    pub(crate) counts: Vec<(&'static str, &'static str, u64)>,
    /// What has to be known to read the figures.
    pub(crate) notes: Vec<String>,
}

/// How the run went, beside what the recorder has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) connections_lost: u64,
    pub(crate) is_interrupted: bool,
}

/// Everything that a report says.
#[derive(Debug)]
struct Figures<'a> {
    subject: &'a Subject,
    recorder: &'a Recorder,
    ending: Ending,
    seconds: f64,
    rate: f64,
    bytes_per_second: f64,
    /// Until the last message was started.
    generating: Spent,
    cpu_us_each: Option<f64>,
    lag_p99: Duration,
    generator_limit: Option<String>,
}

impl<'a> Figures<'a> {
    fn new(subject: &'a Subject, recorder: &'a Recorder, ending: Ending) -> Figures<'a> {
        let until_last = recorder.last_end.map(|end| end.saturating_duration_since(recorder.from));
        let planned = recorder.planned.filter(|_| !ending.is_interrupted);
        let seconds = until_last.into_iter().chain(planned).max().unwrap_or_default().as_secs_f64();
        let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let [begin, generated, end] = recorder.usage;
        let spent = |until: Option<super::usage::Usage>| {
            begin.zip(until).map(|(begin, until)| until.since(&begin)).unwrap_or_default()
        };
        let generating = spent(generated);
        let cpu_us_each = match (spent(end).process, recorder.done) {
            (Some(cpu), done @ 1..) => Some(cpu.as_secs_f64() * 1e6 / done as f64),
            _ => None,
        };
        let lag_p99 = at(&recorder.lag_ns, 0.99);
        Figures {
            subject,
            recorder,
            ending,
            seconds,
            rate: per_second(recorder.done),
            bytes_per_second: per_second(recorder.bytes),
            generating,
            cpu_us_each,
            lag_p99,
            generator_limit: generator_limit(lag_p99, &generating),
        }
    }

    fn latency(&self, quantile: f64) -> Duration {
        at(&self.recorder.latency_ns, quantile)
    }

    fn title(&self) -> String {
        format!("mqtt bench {}: {}", self.subject.command, self.subject.parameters)
    }
}

fn at(histogram: &Histogram<u64>, quantile: f64) -> Duration {
    Duration::from_nanos(histogram.value_at_quantile(quantile).min(histogram.max()))
}

/// The percentiles that are given out: their names for people and for programs.
const QUANTILES: [(&str, &str, f64); 5] = [
    ("p50", "latency_us_p50", 0.5),
    ("p90", "latency_us_p90", 0.9),
    ("p99", "latency_us_p99", 0.99),
    ("p99.9", "latency_us_p99_9", 0.999),
    ("max", "latency_us_max", 1.0),
];

/// Prints the result and writes the files. Fails with the code of the most frequent failure, or if it was interrupted.
pub(crate) fn give_out(
    args: &ReportArgs,
    subject: &Subject,
    recorder: &Recorder,
    ending: Ending,
) -> Result<(), Failure> {
    let figures = Figures::new(subject, recorder, ending);
    let printed = match args.json {
        true => json::object(&figures).to_string(),
        false => table::table(&figures),
    };
    let mut stdout = io::stdout().lock();
    let shown = writeln!(stdout, "{}", printed.trim_end()).and_then(|()| stdout.flush());
    // The files are written also where nobody reads the table.
    if let Some(path) = &args.hgrm {
        write(path, &histogram::hgrm(&recorder.latency_ns))?;
    }
    if let Some(path) = &args.plot {
        let what = format!("{}s", subject.one);
        let labels = Labels { title: &figures.title(), latency: &subject.latency, what: &what };
        write(path, &plot::svg(&labels, &recorder.intervals))?;
    }
    shown?;
    outcome(subject, recorder, ending)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed =
        |error| Failure::new(Failure::OTHER, format_args!("cannot write {}: {error}", path.display()));
    fs::write(path, text).map_err(failed)
}

fn outcome(subject: &Subject, recorder: &Recorder, ending: Ending) -> Result<(), Failure> {
    if ending.is_interrupted {
        return Err(Failure::silent(Failure::INTERRUPTED));
    }
    match recorder.failures.iter().max_by_key(|(_, (_, count))| *count) {
        None => Ok(()),
        Some((reason, (code, _))) => {
            let failed = counted(recorder.failed(), subject.one);
            Err(Failure::new(*code, format_args!("{failed} failed: {reason}")))
        }
    }
}
