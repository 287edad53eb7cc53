//! What this program knows of each broker: where it comes from, how it is started, and where it leaves the standard.

use std::path::Path;

use mqtt_smol::Version;

use crate::process::Process;

/// A broker that the client is checked against.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) name: &'static str,
    /// The registry that it comes from.
    pub(crate) origin: &'static str,
    /// The versions of the protocol that it speaks.
    pub(crate) versions: &'static [Version],
    /// User name and password, if it lets nobody in without.
    pub(crate) credentials: Option<(&'static str, &'static str)>,
    /// Fetches what is missing and starts it; the folder is empty and its own.
    pub(crate) start: fn(&Path) -> Result<Running, String>,
    pub(crate) deviations: &'static [Deviation],
}

/// A broker that takes connections; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) port: u16,
    /// The broker's own version.
    pub(crate) version: String,
    /// The last one was started last and is stopped first.
    pub(crate) processes: Vec<Process>,
}

impl Drop for Running {
    fn drop(&mut self) {
        while let Some(process) = self.processes.pop() {
            drop(process);
        }
    }
}

/// A check that fails for a reason which is the broker's own.
///
/// A check that fails otherwise, or no longer, makes the run fail, so that the table stays true.
#[derive(Debug)]
pub(crate) struct Deviation {
    /// The name of the check.
    pub(crate) check: &'static str,
    /// The versions that are concerned.
    pub(crate) versions: &'static [Version],
    /// Words of the failure, so that another failure of the same check is not taken for this one.
    pub(crate) says: &'static str,
    /// What the broker does.
    pub(crate) reason: &'static str,
    pub(crate) shows: Shows,
}

/// Whether a deviation shows in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    Always,
    /// It depends on timing within the broker.
    Sometimes,
}
