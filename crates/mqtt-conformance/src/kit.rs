//! Runs cases: a few at once, since most of their time is waiting, and each with a driver and a port of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mqtt_proto::Version;

use crate::case::Case;
use crate::cases;
use crate::program::{Program, StartError};
use crate::report::{CaseResult, Report};

/// Which cases are run, and how.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The versions; default: 3.1.1 and 5.0.
    pub versions: Vec<Version>,
    /// Beginnings of the identifiers of cases; default: none, which is all cases.
    pub names: Vec<String>,
    /// Whether cases that wait for timers are run; default: true.
    pub slow: bool,
    /// Cases at once; default: 4.
    pub jobs: usize,
    /// How long what is due may take; default: 6 s, since a client may wait a while before it connects again.
    pub patience: Duration,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection {
            versions: vec![Version::V3_1_1, Version::V5_0],
            names: Vec::new(),
            slow: true,
            jobs: 4,
            patience: Duration::from_secs(6),
        }
    }
}

impl Selection {
    /// What is run, in the order of the report.
    pub fn cases(&self) -> Vec<(&'static Case, Version)> {
        let is_named =
            |case: &Case| self.names.is_empty() || self.names.iter().any(|name| case.id.starts_with(name));
        let cases = cases::all().filter(|case| is_named(case) && (self.slow || !case.is_slow));
        let pairs = cases.flat_map(|case| self.versions.iter().map(move |version| (case, *version)));
        pairs.filter(|(case, version)| case.duty(*version).is_some()).collect()
    }
}

/// Runs the selected cases; `on_result` is called as each ends.
///
/// Fails if a driver cannot be started; a client that does wrong is no error.
pub fn run(
    program: &dyn Program,
    selection: &Selection,
    mut on_result: impl FnMut(&CaseResult),
) -> Result<Report, StartError> {
    let cases = selection.cases();
    let next = AtomicUsize::new(0);
    let (sender, played) = mpsc::channel();
    let mut report = Report::default();
    let mut results: Vec<Option<CaseResult>> = cases.iter().map(|_| None).collect();
    let mut problem = None;
    thread::scope(|scope| {
        for _ in 0..selection.jobs.clamp(1, cases.len().max(1)) {
            let (sender, next, cases) = (sender.clone(), &next, &cases);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((case, version)) = cases.get(index) else { return };
                    if sender.send((index, case.run(program, *version, selection.patience))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (index, outcome) in played {
            match outcome {
                Ok(played) => {
                    let (case, version) = cases[index];
                    let result =
                        CaseResult { case, version, verdict: played.verdict, transcript: played.transcript };
                    on_result(&result);
                    results[index] = Some(result);
                    (report.client, report.release) = (played.client, played.release);
                }
                Err(error) => {
                    next.store(cases.len(), Ordering::Relaxed);
                    problem = Some(error);
                }
            }
        }
    });
    report.results = results.into_iter().flatten().collect();
    problem.map_or(Ok(report), Err)
}
