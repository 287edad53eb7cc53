//! The scoreboard: one line for each case, reasons of what did not pass, and counts.

use std::fmt::{self, Write};

use mqtt_proto::Version;

use crate::case::{Case, Duty};
use crate::outcome::Verdict;

/// How one case ended in one version.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// The case.
    pub case: &'static Case,
    /// In which version.
    pub version: Version,
    /// How it ended.
    pub verdict: Verdict,
    /// What happened last, a line each, if it did not pass.
    pub transcript: Vec<String>,
}

/// What one driver did in all cases.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Name of the library, as its driver says.
    pub client: String,
    /// Its release.
    pub release: String,
    /// In the order of the cases, and of the versions within each.
    pub results: Vec<CaseResult>,
}

/// How many cases ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: usize,
    /// Broke a numbered statement.
    pub failed: usize,
    /// Did not follow advice.
    pub not_followed: usize,
    /// Does not offer what the case needs.
    pub not_offered: usize,
}

impl Report {
    /// How the cases of a version ended.
    pub fn counts(&self, version: Version) -> Counts {
        let mut counts = Counts::default();
        for result in self.results.iter().filter(|result| result.version == version) {
            *match result.verdict {
                Verdict::Passed => &mut counts.passed,
                Verdict::Failed(_) => &mut counts.failed,
                Verdict::NotFollowed(_) => &mut counts.not_followed,
                Verdict::NotOffered(_) => &mut counts.not_offered,
            } += 1;
        }
        counts
    }

    /// Whether no numbered statement is broken.
    pub fn keeps_the_standard(&self) -> bool {
        self.results.iter().all(|result| !matches!(result.verdict, Verdict::Failed(_)))
    }

    /// The versions in which cases were run.
    pub fn versions(&self) -> Vec<Version> {
        let all = [Version::V3_1_1, Version::V5_0];
        all.into_iter()
            .filter(|version| self.results.iter().any(|result| result.version == *version))
            .collect()
    }

    /// The scoreboard as text.
    pub fn table(&self) -> String {
        let mut text = format!("{} {}\n", self.client, self.release);
        for version in self.versions() {
            let counts = self.counts(version);
            let _ = writeln!(text, "{version:>6}: {counts}");
        }
        text
    }
}

impl fmt::Display for CaseResult {
    /// The verdict on one line, and what happened below it if the case did not pass.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CaseResult { case, version, verdict, transcript } = self;
        let version = version.to_string();
        write!(f, "{version:<6} {:<32} {verdict}", case.id)?;
        if matches!(verdict, Verdict::Failed(_) | Verdict::NotFollowed(_)) {
            let cites: Vec<&str> = case.cited(self.version).collect();
            write!(f, "\n       {} {}", case.does, cites.join(" "))?;
            transcript.iter().try_for_each(|line| write!(f, "\n         {line}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { passed, failed, not_followed, not_offered } = self;
        write!(
            f,
            "{passed} passed, {failed} failed, {not_followed} not following advice, {not_offered} not offered"
        )
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Duty::Statement => "statement",
            Duty::Advice => "advice",
        })
    }
}
