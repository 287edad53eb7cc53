//! Measurements that print one table; `cargo bench` has the same cases under criterion.

use std::path::Path;
use std::process::Command;

/// Prints the table of that name; `wanted` chooses the cases whose name holds it.
pub(crate) fn run(root: &Path, table: &str, wanted: Option<&str>) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args(["run", "--quiet", "--locked", "--profile", "bench"]);
    command.args(["--package", "benches", "--bin", table, "--"]).args(wanted);
    let status = command.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the measurement ended with {status}")) }
}
