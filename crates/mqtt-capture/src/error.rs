//! Why a log does not replay, and where the first difference is.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use mqtt_session::Instant;
use thiserror::Error;

/// Why a log did not replay to its end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It does not begin like a capture.
    #[error("this is not a capture of a session")]
    NotACapture,
    /// It was written in a format that this build does not know.
    #[error("the capture has format {version}, which this build does not read; record it again")]
    Format {
        /// The number of its format.
        version: u8,
    },
    /// It has bytes that no recorder writes: it was changed or damaged.
    #[error("the capture is damaged at byte {offset}: no recorder writes that")]
    Malformed {
        /// Where, in bytes from its beginning.
        offset: usize,
    },
    /// This build answers otherwise than the one that was recorded.
    #[error("{0}")]
    Differs(Box<Difference>),
}

/// Where two builds first differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of the entry, from 0.
    pub entry: u64,
    /// Where the entry begins, in bytes from the beginning of the log.
    pub offset: usize,
    /// The time of the call, by the clock of the recording.
    pub at: Instant,
    /// The call, in words.
    pub call: String,
    /// What the build that was recorded answered, in words.
    pub expected: String,
    /// What this build answers, in words.
    pub found: String,
    /// The last calls and answers in front of it, oldest first.
    pub before: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { entry, offset, at, call, expected, found, before } = self;
        writeln!(f, "this build differs first in entry {entry} (byte {offset}), at {at:?}: {call}")?;
        writeln!(f, "  recorded: {expected}")?;
        write!(f, "  this build: {found}")?;
        if !before.is_empty() {
            write!(f, "\n  before it:")?;
        }
        before.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}
