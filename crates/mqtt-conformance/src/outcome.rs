//! How a case ends: what the client did or failed to do, or that it does not offer what the case needs.

use std::fmt;

/// How one case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The client does what the case asks.
    Passed,
    /// The client breaks a numbered statement, and how.
    Failed(String),
    /// The client does not do what the standard recommends, or a program expects; no numbered statement is broken.
    NotFollowed(String),
    /// The driver says that the library cannot be asked to do it.
    NotOffered(String),
}

impl Verdict {
    /// One word for tables.
    pub const fn word(&self) -> &'static str {
        match self {
            Verdict::Passed => "pass",
            Verdict::Failed(_) => "FAIL",
            Verdict::NotFollowed(_) => "advice not followed",
            Verdict::NotOffered(_) => "not offered",
        }
    }

    /// Why it did not pass.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Passed => None,
            Verdict::Failed(why) | Verdict::NotFollowed(why) | Verdict::NotOffered(why) => Some(why),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        self.reason().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

/// Why a case stops early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The client did what it must not do, or did not do what was due.
    Broke(String),
    /// The driver answered `unsupported`.
    NotOffered(String),
}

/// What each step of a case returns.
pub(crate) type Step<T = ()> = Result<T, Stop>;

/// The case stops unless the condition holds.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Step {
    if holds { Ok(()) } else { Err(Stop::Broke(otherwise())) }
}
