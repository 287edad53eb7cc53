//! Every bracket in the sources that cites the standard, and whether a test or other code holds it.
//!
//! Most stand in comments, so this reads plain lines and no tokens. The crates and the tests count; benches
//! and this package serve no statement.

use super::statements::Citation;
use crate::workspace::{TextFile, Workspace};

/// A bracket that looks like a citation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) text: String,
    /// `None` if it is not written as a citation is.
    pub(super) citation: Option<Citation>,
    pub(super) place: Place,
    pub(super) path: String,
    /// Counted from one.
    pub(super) line: usize,
}

/// What a citation claims: that code fulfils the statement, or that a test would catch its loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Code,
    Test,
}

pub(super) fn find(workspace: &Workspace) -> Vec<Found> {
    let counted = |file: &&TextFile| file.path.starts_with("crates/") || file.path.starts_with("tests/");
    workspace.rust_files().filter(counted).flat_map(find_in_file).collect()
}

fn find_in_file(file: &TextFile) -> Vec<Found> {
    let mut place = if file.is_test() { Place::Test } else { Place::Code };
    let mut found = Vec::new();
    let mut lines = file.text.lines().enumerate().peekable();
    while let Some((line_index, line)) = lines.next() {
        let next = lines.peek().map_or("", |(_index, next)| *next);
        if opens_tests(line, next) {
            place = Place::Test;
        }
        for bracket in brackets(line).filter(|bracket| looks_like_citation(bracket)) {
            let (text, citation) = (format!("[{bracket}]"), parse(bracket));
            found.push(Found { text, citation, place, path: file.path.clone(), line: line_index + 1 });
        }
    }
    found
}

/// Whether tests follow to the end of the file; `mod tests;` only says that they have a file of their own.
fn opens_tests(line: &str, next: &str) -> bool {
    line.trim() == "#[cfg(test)]" && !next.trim_end().ends_with(';')
}

/// What stands in the innermost brackets of a line.
fn brackets(line: &str) -> impl Iterator<Item = &str> {
    line.split('[').skip(1).filter_map(|behind| behind.split_once(']')).map(|(bracket, _behind)| bracket)
}

/// Neither `[5.0 MQTT-x.y.z-n]`, which explains the form, nor an index with a string in it.
fn looks_like_citation(bracket: &str) -> bool {
    let numbers = bracket.match_indices(ID_START).map(|(at, start)| &bracket[at + start.len()..]);
    let is_numbered =
        numbers.into_iter().any(|number| number.starts_with(|first: char| first.is_ascii_digit()));
    is_numbered && !bracket.contains('"')
}

fn parse(bracket: &str) -> Option<Citation> {
    let (version, id) = bracket.split_once(' ')?;
    let number = id.strip_prefix(ID_START)?;
    let is_number = number.chars().all(|character| character.is_ascii_digit() || ".-".contains(character));
    let [version, id] = [version, id].map(str::to_owned);
    is_number.then_some(Citation { version, id })
}

const ID_START: &str = "MQTT-";
