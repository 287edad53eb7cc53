//! The list of steps, and what a run of it reports.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::{STEPS, Step, Work, run_one, run_step, table};

#[test]
fn every_step_has_its_own_name() {
    let names: BTreeSet<&str> = STEPS.iter().map(|step| step.name).collect();
    assert_eq!(names.len(), STEPS.len());
}

#[test]
fn commands_that_read_the_lock_file_never_change_it() {
    for step in &STEPS {
        let Work::Cargo(commands) = step.work else { continue };
        for command in commands.iter().filter(|command| !command.starts_with("fmt")) {
            assert!(command.contains("--locked"), "{command}");
        }
    }
}

#[test]
fn a_failure_says_how_to_repeat_it() {
    let step = Step { name: "broken", work: Work::Task(|_root| Err("it rained".to_owned())) };
    let problem = run_step(Path::new("."), &step).expect_err("the task fails");
    assert_eq!(problem, "it rained\nstep `broken` failed; rerun it alone: cargo xtask ci broken");
}

#[test]
fn an_unknown_step_lists_the_known_ones() {
    let problem = run_one(Path::new("."), "lint").expect_err("no step has this name");
    assert!(problem.contains("clippy, no-std"), "{problem}");
}

#[test]
fn the_table_ends_with_the_sum() {
    let times = [("one", Duration::from_millis(1500)), ("two", Duration::from_millis(500))];
    assert_eq!(table(&times), "\none          1.5 s\ntwo          0.5 s\nall          2.0 s\n");
}
