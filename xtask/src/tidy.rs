//! What no compiler checks here: who may know whom, and what no file may hold.
//!
//! Each rule is a function from the files of the workspace to findings. All rules run before anything is
//! printed, so that one run shows everything there is to mend.

mod finding;

mod manifest;

mod crates;

mod names;

mod modules;

mod sources;

mod texts;

use std::path::Path;

use crate::workspace::Workspace;
use finding::Finding;

/// Checks every rule, prints what it finds and fails if there was anything.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let workspace = Workspace::read(root)?;
    let findings = check(&workspace);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files, nothing to mend", workspace.files.len());
            Ok(())
        }
        count => Err(format!("tidy found {count} places to mend")),
    }
}

fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(workspace)).collect();
    findings.sort();
    findings.dedup();
    findings
}

type Rule = fn(&Workspace) -> Vec<Finding>;

const RULES: [Rule; 8] = [
    crates::check_layers,
    modules::check_order,
    sources::check_first_lines,
    sources::check_crate_roots,
    sources::check_pure_crates,
    sources::check_tests_run,
    sources::check_no_stubs,
    texts::check_machine_paths,
];

#[cfg(test)]
mod tests;
