//! Kills programs that keep a store, many times, and counts what was lost or doubled: see `tests/crash`.

use std::path::Path;
use std::process::Command;

/// Kills of a run, unless the caller says otherwise.
const KILLS: u64 = 1_000;

pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
    let (kills, seed) = match words {
        [] => (KILLS, 1),
        [kills] => (number(kills)?, 1),
        [kills, seed] => (number(kills)?, number(seed)?),
        _ => return Err("use `cargo xtask crash [KILLS [SEED]]`".into()),
    };
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args([
        "test",
        "--release",
        "--package",
        "tests",
        "--test",
        "crash",
        "--locked",
    ]);
    command.env("CRASH_KILLS", kills.to_string()).env("CRASH_SEED", seed.to_string());
    let status = command.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the run of {kills} kills from seed {seed} ended with {status}"))
    }
}
