//! What no text of the project may hold, be it code, a table or a script.

use super::finding::Finding;
use crate::workspace::Workspace;

/// No file names a folder of the machine that it was written on.
pub(super) fn check_machine_paths(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &workspace.files {
        for (line_index, line) in file.text.lines().enumerate() {
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| holds_absolute(line, folder)) {
                let what = format!("names `{folder}`, a folder of one machine");
                findings.push(Finding::new(&file.path, line_index + 1, what, MEND));
            }
        }
    }
    findings
}

/// Whether `folder` stands in `line` as the start of a path, and not within one: `my/home/lamp` is a topic.
fn holds_absolute(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _folder)| !line[..at].ends_with(is_in_path))
}

fn is_in_path(character: char) -> bool {
    character.is_alphanumeric() || "_-.+~})".contains(character)
}

/// Written in two halves, so that this file does not break its own rule.
const MACHINE_FOLDERS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

const MEND: &str = "write a path below the root of the project";
