//! The client against other brokers, and other clients against ours; what the words mean is for the program that does it.

use std::path::Path;
use std::process::Command;

/// Runs it; the words are those behind `cargo xtask interop`.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args(["run", "--quiet", "--locked", "--release", "--package", "interop", "--"]);
    let status = command.args(words).status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("interop ended with {status}")) }
}
