//! The exhaustive small scopes with one cut more than the plain test has.

use std::path::Path;
use std::process::Command;

/// Cuts of a run that takes seconds, not minutes.
const CUTS: &str = "3";

/// Explores and prints how many states there are.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args(["test", "--quiet", "--locked", "--release", "--package", "tests"]);
    command.args(["--test", "explore", "--", "--nocapture"]).env("EXPLORE_CUTS", CUTS);
    let status = command.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the exploration ended with {status}")) }
}
