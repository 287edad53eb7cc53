//! Modules stand lowest first, and each names only those declared above it.
//!
//! The order is that of the `mod` lines: in the crate root for the modules of a crate, in the file of a
//! module for those within it. Where two modules part, the one that names must stand below the one that is
//! named. Tests may name anything: they are above all.

use std::collections::BTreeMap;

use super::crates::package_folder;
use super::finding::Finding;
use super::names::{self, Names, Path, Use};
use crate::source::{tokens, without_tests};
use crate::workspace::{TextFile, Workspace};

/// Every module of every crate names only modules above it, and no item through the crate root.
pub(super) fn check_order(workspace: &Workspace) -> Vec<Finding> {
    let folders = workspace.files.iter().filter_map(|file| package_folder(&file.path));
    let ordered =
        folders.filter(|folder| folder.starts_with("crates/") || matches!(*folder, "interop" | "xtask"));
    ordered.flat_map(|folder| check_package(workspace, folder)).collect()
}

fn check_package(workspace: &Workspace, folder: &str) -> Vec<Finding> {
    let mut files = Vec::new();
    for file in workspace.rust_files().filter(|file| !file.is_test()) {
        if let Some(home) = module_of(file, folder) {
            files.push((file, names::read(&home, &without_tests(&tokens(&file.text)))));
        }
    }
    let children = children_in_order(files.iter().map(|(_file, names)| names));
    let mut findings = Vec::new();
    for (file, names) in &files {
        let wrong = names.used.iter().filter_map(|named| judge(&children, named).map(|fault| (named, fault)));
        findings.extend(wrong.map(|(named, fault)| fault.finding(&file.path, named)));
    }
    findings
}

/// The module that a file holds; `None` if it is no part of the crate, or of a program beside it.
fn module_of<'a>(file: &'a TextFile, folder: &str) -> Option<Path<'a>> {
    let inner = file.path.strip_prefix(folder)?.strip_prefix("/src/")?.strip_suffix(".rs")?;
    let mut module: Path<'_> = inner.split('/').collect();
    match *module.as_slice() {
        ["bin", ..] => return None,
        ["lib" | "main"] | [.., "mod"] => {
            module.pop();
        }
        _ => {}
    }
    Some(module)
}

/// The modules that each module declares, lowest first.
type Children<'a> = BTreeMap<Path<'a>, Vec<&'a str>>;

fn children_in_order<'n, 'a: 'n>(files: impl Iterator<Item = &'n Names<'a>>) -> Children<'a> {
    let mut children = Children::new();
    for (parent, name) in files.flat_map(|names| &names.declared) {
        children.entry(parent.clone()).or_default().push(*name);
    }
    children
}

enum Fault {
    /// The named module is declared below the one that names it.
    Upward { depth: usize },
    /// The path ends at the crate root, which hides the module that is meant.
    ThroughRoot,
}

fn judge(children: &Children<'_>, named: &Use<'_>) -> Option<Fault> {
    let depth = named.from.iter().zip(&named.target).take_while(|(from, target)| from == target).count();
    // A module may name what lies within it, and whatever it is itself.
    let own = named.from.get(depth)?;
    let siblings = children.get(&named.from[..depth])?;
    let place = |name: &str| siblings.iter().position(|sibling| *sibling == name);
    // Declared for tests alone, if at all.
    let own_place = place(own)?;
    match named.target.get(depth).copied().map(place) {
        Some(Some(target_place)) => (target_place > own_place).then_some(Fault::Upward { depth }),
        Some(None) | None => (depth == 0).then_some(Fault::ThroughRoot),
    }
}

impl Fault {
    fn finding(&self, path: &str, named: &Use<'_>) -> Finding {
        let from = named.from.join("::");
        match self {
            Fault::Upward { depth } => {
                let target = named.target[..=*depth].join("::");
                Finding::new(
                    path,
                    named.line,
                    format!("`{from}` names `{target}`, which is declared below it"),
                    "move what both need to a module above, or declare the two in the other order",
                )
            }
            Fault::ThroughRoot => Finding::new(
                path,
                named.line,
                format!("`{from}` names `crate::{}` through the crate root", named.target.join("::")),
                "name the module that defines it",
            ),
        }
    }
}
