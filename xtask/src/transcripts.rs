//! The transcripts in the guide to the command, written anew; the test that compares them does it.

use std::path::Path;
use std::process::Command;

/// Runs each command of the guide and writes what it prints.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args(["test", "--quiet", "--locked", "--package", "mqtt-cli"]);
    command.args(["--test", "command", "transcripts"]).env("MQTT_TRANSCRIPTS", "write");
    let status = command.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the transcripts ended with {status}")) }
}
