//! What a source file must open with, and what it must not hold.

use super::crates::PURE_CRATES;
use super::finding::Finding;
use crate::source::{lines_with, tokens, without_tests};
use crate::workspace::{TextFile, Workspace};

/// Every file says first what it is for.
pub(super) fn check_first_lines(workspace: &Workspace) -> Vec<Finding> {
    let silent = workspace.rust_files().filter(|file| !file.text.starts_with("//!"));
    let finding = |file: &TextFile| {
        Finding::new(&file.path, 1, "does not open with `//!`", "say in a line what the file is for")
    };
    silent.map(finding).collect()
}

/// Every crate root forbids unsafe code, and the crates without I/O do without std.
pub(super) fn check_crate_roots(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in workspace.rust_files() {
        let Some((package, inner)) = package_and_inner(file) else { continue };
        let is_library = inner == "src/lib.rs";
        if is_library || inner == "src/main.rs" {
            findings.extend(missing(file, "#![forbid(unsafe_code)]"));
        }
        if is_library && PURE_CRATES.contains(&package) {
            findings.extend(missing(file, "#![no_std]"));
        }
    }
    findings
}

/// The crates without I/O take time, randomness and bytes as arguments, and iterate in one order.
pub(super) fn check_pure_crates(workspace: &Workspace) -> Vec<Finding> {
    let pure = workspace.rust_files().filter(|file| !file.is_test() && is_pure_source(file));
    pure.flat_map(|file| found(file, &IMPURE, Scope::WithoutTests)).collect()
}

/// A test that is ignored proves nothing.
pub(super) fn check_tests_run(workspace: &Workspace) -> Vec<Finding> {
    workspace.rust_files().flat_map(|file| found(file, &IGNORED, Scope::Whole)).collect()
}

/// No path through the code ends in a promise.
pub(super) fn check_no_stubs(workspace: &Workspace) -> Vec<Finding> {
    workspace.rust_files().flat_map(|file| found(file, &STUBS, Scope::Whole)).collect()
}

/// The crate below `crates/` that a file belongs to, and its path in there.
fn package_and_inner(file: &TextFile) -> Option<(&str, &str)> {
    file.path.strip_prefix("crates/")?.split_once('/')
}

fn is_pure_source(file: &TextFile) -> bool {
    let place = package_and_inner(file);
    place.is_some_and(|(package, inner)| PURE_CRATES.contains(&package) && inner.starts_with("src/"))
}

fn missing(file: &TextFile, attribute: &str) -> Option<Finding> {
    let is_there = !lines_with(&tokens(&file.text), attribute).is_empty();
    let what = || format!("the crate root lacks `{attribute}`");
    (!is_there).then(|| Finding::new(&file.path, 1, what(), "write it below the crate's documentation"))
}

#[derive(PartialEq, Eq)]
enum Scope {
    Whole,
    WithoutTests,
}

/// What the patterns, each with its way to mend, find in a file.
fn found(file: &TextFile, patterns: &[(&str, &str)], scope: Scope) -> Vec<Finding> {
    let mut tokens = tokens(&file.text);
    if scope == Scope::WithoutTests {
        tokens = without_tests(&tokens);
    }
    let mut findings = Vec::new();
    for &(pattern, mend) in patterns {
        let lines = lines_with(&tokens, pattern);
        let what = format!("holds `{pattern}`");
        findings.extend(lines.iter().map(|&line| Finding::new(&file.path, line, what.as_str(), mend)));
    }
    findings
}

const IMPURE: [(&str, &str); 9] = [
    ("std::", "take it from `core` or `alloc`, or have the adapter pass it in"),
    ("extern crate std", "take what it needs from `core` or `alloc`"),
    ("HashMap", "use an ordered map or a vector: iteration order is part of behaviour"),
    ("HashSet", "use an ordered set or a vector: iteration order is part of behaviour"),
    ("SystemTime", "take the time as an argument"),
    ("println!", "report it as an event"),
    ("print!", "report it as an event"),
    ("eprintln!", "report it as an event"),
    ("eprint!", "report it as an event"),
];

const IGNORED: [(&str, &str); 1] = [("#[ignore", "make it fast and sure enough to run, or delete it")];

const STUBS: [(&str, &str); 2] = [
    ("todo!", "write the code, or leave the item out"),
    ("unimplemented!", "write the code, or leave the item out"),
];
