//! What one source file declares and names: its `mod` lines in order, and every path into its own crate.
//!
//! Paths that start with `crate`, `self` or `super` are followed through `use` groups and modules written
//! inline, and told as seen from the crate root. Whether they may be named is for [`super::modules`] to
//! judge.

use crate::source::{Token, is_name, text_at};

/// The names that lead from the crate root to a module or an item; empty for the root itself.
pub(super) type Path<'a> = Vec<&'a str>;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names<'a> {
    /// Modules in the order of their `mod` lines: the module that declares, and the name that it gives.
    pub(super) declared: Vec<(Path<'a>, &'a str)>,
    pub(super) used: Vec<Use<'a>>,
}

/// A path that a file names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Use<'a> {
    /// The module that names it.
    pub(super) from: Path<'a>,
    /// What it names, which need not be a module.
    pub(super) target: Path<'a>,
    pub(super) line: usize,
}

/// Reads the tokens of the file that holds the module `home`.
pub(super) fn read<'a>(home: &[&'a str], tokens: &[Token<'a>]) -> Names<'a> {
    let mut names = Names::default();
    let mut module = home.to_vec();
    // How deep the module was at each brace that is still open.
    let mut depths = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "mod" if matches!(text_at(tokens, at + 2), ";" | "{") => {
                names.declared.push((module.clone(), text_at(tokens, at + 1)));
            }
            "{" => {
                depths.push(module.len());
                if at >= 2 && tokens[at - 2].text == "mod" {
                    module.push(tokens[at - 1].text);
                }
            }
            "}" => module.truncate(depths.pop().unwrap_or(home.len())),
            "crate" | "self" | "super" if starts_path(tokens, at) => {
                let mut targets = Vec::new();
                collect_paths(tokens, at, &[], &mut targets);
                let targets = targets.into_iter().filter_map(|path| from_root(&module, &path));
                names.used.extend(targets.map(|target| Use {
                    from: module.clone(),
                    target,
                    line: token.line,
                }));
            }
            _ => {}
        }
    }
    names
}

fn starts_path(tokens: &[Token<'_>], at: usize) -> bool {
    let is_inside_path = at > 0 && tokens[at - 1].text == "::";
    text_at(tokens, at + 1) == "::" && !is_inside_path
}

/// Adds every path of the tree that starts at `at`, each behind `prefix`; returns where the tree ends.
fn collect_paths<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    prefix: &[&'a str],
    paths: &mut Vec<Path<'a>>,
) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match text_at(tokens, at) {
            "{" => return collect_group(tokens, at + 1, &path, paths),
            name if is_name(name) || name == "*" => path.push(name),
            _ => break,
        }
        at += 1;
        if text_at(tokens, at) != "::" {
            break;
        }
        at += 1;
    }
    paths.push(path);
    if text_at(tokens, at) == "as" { at + 2 } else { at }
}

/// Adds the paths of a group from behind its `{`; returns where it ends, behind its `}`.
fn collect_group<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    prefix: &[&'a str],
    paths: &mut Vec<Path<'a>>,
) -> usize {
    while at < tokens.len() && tokens[at].text != "}" {
        // What is no tree, such as the comma between two, is stepped over: the loop always moves on.
        let is_tree = is_name(tokens[at].text) || matches!(tokens[at].text, "{" | "*");
        at = if is_tree { collect_paths(tokens, at, prefix, paths) } else { at + 1 };
    }
    at + 1
}

/// The path from the crate root; `None` if it leads out of the crate or stops at something unknown.
fn from_root<'a>(module: &[&'a str], path: &[&'a str]) -> Option<Path<'a>> {
    let mut target = module.to_vec();
    for name in path {
        match *name {
            "crate" => target.clear(),
            "super" => {
                target.pop()?;
            }
            "self" => {}
            name => target.push(name),
        }
    }
    let is_only_start = path.len() == 1;
    (!is_only_start).then_some(target)
}
