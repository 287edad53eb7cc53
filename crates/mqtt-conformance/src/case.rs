//! A case: what is done with a client, and the statements that it must keep.

use std::fmt;
use std::time::Duration;

use mqtt_proto::Version;

use crate::outcome::{Step, Stop, Verdict};
use crate::program::{Program, StartError};
use crate::stage::Stage;

/// One thing that a client owes, and how the kit finds out.
#[derive(Clone, Copy)]
pub struct Case {
    /// Names it, as `group/name`.
    pub id: &'static str,
    /// What is done, and what is due.
    pub does: &'static str,
    /// The statements, as `[5.0 MQTT-4.4.0-1]`. Text of the standard without a number, as `5.0 section 3.1.2.10`, is
    /// advice.
    pub cites: &'static [&'static str],
    /// Whether it waits for timers, and takes more than two seconds.
    pub is_slow: bool,
    pub(crate) play: fn(&mut Stage) -> Step,
}

/// How binding a case is in a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// A numbered statement asks for it.
    Statement,
    /// The standard recommends it, or a program cannot do without it.
    Advice,
}

impl Case {
    /// What it cites of a version.
    pub fn cited(&self, version: Version) -> impl Iterator<Item = &'static str> + use<> {
        let cites: &'static [&'static str] = self.cites;
        cites.iter().copied().filter(move |cite| is_of(cite, version))
    }

    /// How binding it is; none if the version does not have it.
    pub fn duty(&self, version: Version) -> Option<Duty> {
        let is_numbered = self.cited(version).any(|cite| cite.starts_with('['));
        let is_cited = self.cited(version).next().is_some();
        is_cited.then_some(if is_numbered { Duty::Statement } else { Duty::Advice })
    }

    /// Plays it with a driver of its own; returns what the driver said of itself, too.
    pub(crate) fn run(
        &self,
        program: &dyn Program,
        version: Version,
        patience: Duration,
    ) -> Result<Played, StartError> {
        let mut stage = Stage::open(program, version, patience)?;
        let client = stage.ready.get("client").unwrap_or("unknown").to_owned();
        let release = stage.ready.get("release").unwrap_or_default().to_owned();
        let outcome = (self.play)(&mut stage);
        let has_ended = stage.has_ended();
        let (words, transcript) = stage.close();
        let verdict = match outcome {
            Ok(()) => Verdict::Passed,
            Err(Stop::NotOffered(why)) => Verdict::NotOffered(why),
            Err(Stop::Broke(why)) => {
                // What a driver says when the kit ends it is no reason.
                let why =
                    if has_ended && !words.is_empty() { format!("{why}; it said: {words}") } else { why };
                match self.duty(version) {
                    Some(Duty::Statement) => Verdict::Failed(why),
                    Some(Duty::Advice) | None => Verdict::NotFollowed(why),
                }
            }
        };
        Ok(Played { client, release, verdict, transcript })
    }
}

/// What came of a case.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) client: String,
    pub(crate) release: String,
    pub(crate) verdict: Verdict,
    /// The last things that happened.
    pub(crate) transcript: Vec<String>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("id", &self.id).field("cites", &self.cites).finish_non_exhaustive()
    }
}

fn is_of(cite: &str, version: Version) -> bool {
    let cite = cite.trim_start_matches('[');
    cite.split(' ').next().is_some_and(|name| name == version.to_string())
}
