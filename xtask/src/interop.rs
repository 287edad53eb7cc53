//! The client against other brokers, and other clients against ours; what the words mean is for the program that does it.

use std::path::Path;
use std::process::Command;

/// Runs the conformance kit; the words are those behind `cargo xtask conformance`.
pub(crate) fn run_conformance(root: &Path, words: &[&str]) -> Result<(), String> {
    // The drivers are programs of the same package.
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(root).args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "interop",
        "--bins",
    ]);
    let status = build.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !status.success() {
        return Err(format!("the build of interop ended with {status}"));
    }
    run(root, &[&["--conformance"], words].concat())
}

/// Runs it; the words are those behind `cargo xtask interop`.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args([
        "run",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "interop",
        "--bin",
        "interop",
        "--",
    ]);
    let status = command.args(words).status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("interop ended with {status}")) }
}
