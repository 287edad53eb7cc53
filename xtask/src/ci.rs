//! Every check that a commit must pass, in one order: cheap ones first, so that a slip shows soon.
//!
//! CI and people run the same list. A step is a few cargo commands or a task of this package; the list stands
//! at the end of this file. The first failure stops the run and says how to repeat that step alone.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{no_std, spec, tidy};

/// One check, with the name that `cargo xtask ci NAME` knows it by.
struct Step {
    name: &'static str,
    work: Work,
}

enum Work {
    /// Cargo commands, without the word `cargo`; no word in them holds a space.
    Cargo(&'static [&'static str]),
    /// A task of this package.
    Task(fn(&Path) -> Result<(), String>),
}

pub(crate) fn run_all(root: &Path) -> Result<(), String> {
    let mut times = Vec::new();
    let mut outcome = Ok(());
    for step in &STEPS {
        let start = Instant::now();
        outcome = run_step(root, step);
        times.push((step.name, start.elapsed()));
        if outcome.is_err() {
            break;
        }
    }
    print!("{}", table(&times));
    outcome
}

pub(crate) fn run_one(root: &Path, name: &str) -> Result<(), String> {
    match STEPS.iter().find(|step| step.name == name) {
        Some(step) => run_step(root, step),
        None => {
            let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            Err(format!("`{name}` is no step; the steps are {}", names.join(", ")))
        }
    }
}

fn run_step(root: &Path, step: &Step) -> Result<(), String> {
    let name = step.name;
    println!("\n== {name} ==");
    let outcome = match step.work {
        Work::Cargo(commands) => commands.iter().try_for_each(|command| run_cargo(root, command)),
        Work::Task(task) => task(root),
    };
    outcome
        .map_err(|problem| format!("{problem}\nstep `{name}` failed; rerun it alone: cargo xtask ci {name}"))
}

fn run_cargo(root: &Path, command: &str) -> Result<(), String> {
    println!("cargo {command}");
    let status = Command::new(env!("CARGO"))
        .args(command.split(' '))
        // Only `cargo doc` and the examples in documentation read it.
        .env("RUSTDOCFLAGS", "--deny warnings")
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`cargo {command}` ended with {status}")) }
}

fn table(times: &[(&str, Duration)]) -> String {
    let total: Duration = times.iter().map(|(_name, time)| *time).sum();
    let rows = times.iter().copied().chain([("all", total)]);
    let text: String =
        rows.map(|(name, time)| format!("{name:<8} {:>7.1} s\n", time.as_secs_f64())).collect();
    format!("\n{text}")
}

const STEPS: [Step; 9] = [
    Step {
        name: "fmt",
        work: Work::Cargo(&[
            "fmt --all --check",
            // A workspace of its own, which the first command does not reach.
            "fmt --manifest-path tests/no_std/Cargo.toml --check",
        ]),
    },
    Step { name: "tidy", work: Work::Task(tidy::run) },
    Step { name: "spec", work: Work::Task(spec::run) },
    Step {
        name: "clippy",
        work: Work::Cargo(&["clippy --workspace --all-targets --all-features --locked -- --deny warnings"]),
    },
    Step { name: "no-std", work: Work::Task(no_std::run) },
    Step { name: "doc", work: Work::Cargo(&["doc --workspace --all-features --no-deps --locked"]) },
    Step { name: "test", work: Work::Cargo(&["test --workspace --all-features --locked"]) },
    Step { name: "bench", work: Work::Cargo(&["test --package benches --benches --locked"]) },
    Step {
        name: "example",
        work: Work::Cargo(&[
            "run --quiet --locked --example quickstart",
            "run --quiet --locked --example outage",
            "run --quiet --locked --example counter",
        ]),
    },
];

#[cfg(test)]
mod tests;
