//! Faults that are planted in a copy of the workspace, to see whether the simulation finds them: no code of the product
//! knows of them.
//!
//! A file of `tests/faults` is one fault: what it is, the file that it changes, the text there, and the text in its
//! place. Those in `store` are looked for in simulations of clients with a store. A text that is not found once is an error, so that no fault goes stale unseen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::Workspace;

/// One fault.
struct Fault {
    name: String,
    /// In one sentence.
    what: String,
    /// Below the root.
    path: String,
    old: String,
    new: String,
    /// Whether it shows only where there is a store, whose simulation is one of its own.
    needs_store: bool,
}

/// Seeds within which a fault has to be found.
const SEEDS: &str = "10000";

/// Plants one fault after the other, or only those that are named, and prints how many seeds it took to find each, and
/// whether captures of a good build replay otherwise.
pub(crate) fn run(root: &Path, wanted: &[&str]) -> Result<(), String> {
    let workspace = Workspace::read(root)?;
    let copy = root.join("target/faults/source");
    for file in &workspace.files {
        write_if_new(&copy.join(&file.path), &file.text)?;
    }
    let captures = root.join("target/faults/captures");
    let captures = captures.to_str().ok_or("the path of the workspace is not UTF-8")?;
    simulate(&copy, &["--record", captures])?;
    let mut missed = Vec::new();
    println!("{:<26} {:<10} what it is, who has seen it, and how a capture replays", "fault", "seeds");
    for fault in read(&workspace)?.iter().filter(|fault| wanted.is_empty() || wanted.contains(&&*fault.name))
    {
        let original =
            workspace.file(&fault.path).ok_or(format!("{}: no file {}", fault.name, fault.path))?;
        let planted = plant(fault, &original.text)?;
        let place = copy.join(&fault.path);
        write_if_new(&place, &planted)?;
        let store: &[&str] = if fault.needs_store { &["--store"] } else { &[] };
        let found = simulate(&copy, &[&["--seed", "1", "--count", SEEDS], store].concat());
        let replayed = simulate(&copy, &["--replay", captures]);
        write_if_new(&place, &original.text)?;
        let (seeds, seen) = found?.unwrap_or_else(|| {
            missed.push(fault.name.clone());
            ("not found".into(), String::new())
        });
        let replayed = replayed?.map(|(_, difference)| difference);
        // What needs more seeds than were captured need not be in the captures.
        let is_captured = seeds.parse().is_ok_and(|seeds: u64| seeds <= CAPTURED_SEEDS);
        if replayed.is_none() && is_captured && !fault.needs_store && fault.path.starts_with(RECORDED) {
            missed.push(format!("{} in captures", fault.name));
        }
        let replayed = replayed.unwrap_or_else(|| "equal".into());
        println!("{:<26} {seeds:<10} {}: {seen}; {replayed}", fault.name, fault.what);
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("not found: {}", missed.join(", "))) }
}

/// Seeds whose clients are captured, from 1.
const CAPTURED_SEEDS: u64 = 40;

/// Faults below this show in captures.
const RECORDED: &str = "crates/mqtt-session/";

fn read(workspace: &Workspace) -> Result<Vec<Fault>, String> {
    let files = workspace.files.iter().filter(|file| file.path.starts_with("tests/faults/"));
    let files = files.filter(|file| file.path.ends_with(".fault"));
    files.map(|file| parse(&file.path, &file.text).ok_or(format!("{} is no fault", file.path))).collect()
}

/// `what`, then `in PATH`, then the old and the new text between lines of their own.
fn parse(path: &str, text: &str) -> Option<Fault> {
    let needs_store = path.starts_with("tests/faults/store/");
    let name = path.rsplit('/').next()?.strip_suffix(".fault")?.into();
    let (what, rest) = text.split_once("\nin ")?;
    let (path, rest) = rest.split_once("\n<<<<\n")?;
    let (old, rest) = rest.split_once("\n====\n")?;
    let (new, _) = rest.split_once("\n>>>>\n")?;
    let [what, path, old, new] = [what, path, old, new].map(str::to_owned);
    Some(Fault { name, what, path, old, new, needs_store })
}

fn plant(fault: &Fault, text: &str) -> Result<String, String> {
    match text.matches(&fault.old).count() {
        1 => Ok(text.replacen(&fault.old, &fault.new, 1)),
        count => Err(format!("{}: its text stands {count} times in {}", fault.name, fault.path)),
    }
}

/// A file that has not changed is left alone, so that nothing is built for it.
fn write_if_new(path: &PathBuf, text: &str) -> Result<(), String> {
    let problem = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let folder = path.parent().expect("it lies in a folder");
    fs::create_dir_all(folder).map_err(problem)?;
    fs::write(path, text).map_err(problem)
}

/// Runs the simulation in the copy: the seed at which something was seen, and what; none if nothing was.
fn simulate(copy: &Path, words: &[&str]) -> Result<Option<(String, String)>, String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(copy).env("CARGO_TARGET_DIR", copy.join("../build"));
    command.args([
        "run",
        "--quiet",
        "--locked",
        "--profile",
        "sim",
        "--package",
        "tests",
        "--bin",
        "sim",
        "--",
    ]);
    let output = command.args(words).output().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let seen = said.lines().find_map(|line| line.strip_prefix("seed ")?.split_once(": "));
    match seen {
        Some((seed, seen)) => Ok(Some((seed.to_owned(), seen.to_owned()))),
        None => Err(format!("the copy does not run: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
