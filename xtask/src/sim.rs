//! Simulations of the whole system; what the words mean is for the program that runs them.

use std::path::Path;
use std::process::Command;

/// Simulates; the words are those behind `cargo xtask sim`.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args(["run", "--quiet", "--locked", "--profile", "sim"]);
    command.args(["--package", "tests", "--bin", "sim", "--"]).args(words);
    let status = command.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the simulation ended with {status}")) }
}
