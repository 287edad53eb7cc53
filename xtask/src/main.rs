//! The tasks of this workspace: `cargo xtask help` lists them.
//!
//! It depends on nothing, so a fresh clone has it built in a second. The modules stand lowest first, as in
//! every crate here: the files of the workspace, their tokens, the checks over them, and `ci`, which runs
//! all.

#![forbid(unsafe_code)]

mod workspace;

mod source;

mod tidy;

mod spec;

mod no_std;

mod bench;

mod explore;

mod transcripts;

mod command;

mod crash;
mod planted;
mod sim;

mod interop;

mod ci;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(workspace::root(), &words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(root: &Path, words: &[&str]) -> Result<(), String> {
    match words {
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        ["ci"] => ci::run_all(root),
        ["ci", step] => ci::run_one(root, step),
        ["tidy"] => tidy::run(root),
        ["spec"] => spec::run(root),
        ["spec", "--missing", place] => spec::list_missing(root, place),
        ["no-std"] => no_std::run(root),
        ["bench"] => bench::run(root, "codec-table", None),
        ["bench", "--session"] => bench::run(root, "session-table", None),
        ["bench", "--session", wanted] => bench::run(root, "session-table", Some(wanted)),
        ["bench", "--growth"] => bench::run(root, "growth-table", None),
        ["bench", "--growth", wanted] => bench::run(root, "growth-table", Some(wanted)),
        ["bench", "--e2e"] => bench::run(root, "e2e-table", None),
        ["bench", "--e2e", wanted] => bench::run(root, "e2e-table", Some(wanted)),
        ["bench", "--pipe"] => bench::run(root, "pipe-table", None),
        ["bench", "--store"] => bench::run(root, "store-table", None),
        ["bench", "--store", messages] => bench::run(root, "store-table", Some(messages)),
        ["bench", "--command"] => command::run(root),
        ["bench", "--idle"] => bench::run(root, "idle-table", None),
        ["bench", wanted] => bench::run(root, "codec-table", Some(wanted)),
        ["explore"] => explore::run(root),
        ["transcripts"] => transcripts::run(root),
        ["sim", "--planted", wanted @ ..] => planted::run(root, wanted),
        ["sim", words @ ..] => sim::run(root, words),
        ["crash", words @ ..] => crash::run(root, words),
        ["interop", words @ ..] => interop::run(root, words),
        ["conformance", words @ ..] => interop::run_conformance(root, words),
        _ => Err(format!("`{}` is no task; `cargo xtask help` lists them", words.join(" "))),
    }
}

const USAGE: &str = "\
Tasks of this workspace:

  cargo xtask ci                    every check, in order; stops at the first that fails
  cargo xtask ci STEP               one of them; a wrong name lists the right ones
  cargo xtask tidy                  layering of crates and modules, and what no file may hold
  cargo xtask spec                  which statements of the standard are cited in code and in tests
  cargo xtask spec --missing WHERE  those that no test cites; WHERE is codec, session, broker or adapter
  cargo xtask no-std                the crates without I/O link without std
  cargo xtask bench [CASE]          the codec beside the floor and its peers, as one table of ratios
  cargo xtask bench --session       what exchanges cost through the session
  cargo xtask bench --growth        what clients, streams and messages cost when there are ever more of them
  cargo xtask bench --e2e           what a message costs through a whole client, against mosquitto
  cargo xtask bench --pipe          what a message costs through a whole client, over a pipe in memory
  cargo xtask bench --store         what a store costs; with a number of messages, a plot of its file and the memory
  cargo xtask bench --command       size, start and lines of the mqtt command, beside mosquitto_pub
  cargo xtask bench --idle          memory of idle connections, and 10,000 live ones in one process
  cargo xtask explore               every order of two messages and three cuts, against a model
  cargo xtask sim --seed N          one simulation of the whole system; --trace shows all of it
  cargo xtask sim --count K         so many, with fresh seeds; also --minutes M, --clients C
  cargo xtask sim --features        how many seeds have each feature in them; --count K; fails if none has one
  cargo xtask sim --planted [NAME]  faults planted in a copy, and how many seeds it takes to find each
  cargo xtask sim --fleet           100,000 sessions through an outage of the broker, as a histogram
  cargo xtask crash [KILLS [SEED]]  kills programs that keep a store, by default 1,000 times: none lost, none doubled
  cargo xtask interop [NAME]...     brokers and clients of others, as a table; without names all of them
  cargo xtask interop --cluster     three RabbitMQ nodes, killed in turn: is what was acknowledged delivered?
  cargo xtask conformance [NAME]... clients of others and ours, by numbered statement; --case GROUP, --verbose
  cargo xtask conformance --write   the same, and its tables into docs/conformance.md
  cargo xtask transcripts           writes what the command prints into docs/command.md; CI compares it
  cargo xtask help                  this text
";
