//! Which statements of the standard the project cites, in code and in tests.
//!
//! `spec/` holds the statements of both versions. A citation of a number that is not among them is an error;
//! a statement that nothing cites is only counted, since many bind the broker or nobody yet.

mod statements;

mod citations;

use std::collections::BTreeSet;
use std::path::Path;

use crate::workspace::Workspace;
use citations::{Found, Place};
use statements::{Citation, LAYERS, Statement};

/// Prints how much of each version is cited, per layer; fails if a citation names no statement.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let (coverage, problems) = read(root)?;
    print!("{}", coverage.table());
    for problem in &problems {
        println!("{problem}");
    }
    if problems.is_empty() { Ok(()) } else { Err(format!("spec found {} wrong citations", problems.len())) }
}

/// Prints the statements of `layer` that no test cites.
pub(crate) fn list_missing(root: &Path, layer: &str) -> Result<(), String> {
    if !LAYERS.contains(&layer) {
        return Err(format!("`{layer}` is none of {}", LAYERS.join(", ")));
    }
    let (coverage, _problems) = read(root)?;
    let missing = coverage.missing(layer);
    for Statement { version, id, side, text, .. } in &missing {
        println!("[{version} {id}] {side}: {text}");
    }
    println!("{} statements of {layer} are cited in no test", missing.len());
    Ok(())
}

fn read(root: &Path) -> Result<(Coverage, Vec<String>), String> {
    let workspace = Workspace::read(root)?;
    let statements = statements::read(&workspace)?;
    Ok(Coverage::new(statements, &citations::find(&workspace)))
}

/// The statements, and which of them something cites.
struct Coverage {
    statements: Vec<Statement>,
    in_code: BTreeSet<Citation>,
    in_tests: BTreeSet<Citation>,
}

impl Coverage {
    /// Sorts what was found into what counts and what must be mended.
    fn new(statements: Vec<Statement>, found: &[Found]) -> (Coverage, Vec<String>) {
        let known: BTreeSet<Citation> = statements.iter().map(Statement::citation).collect();
        let mut coverage = Coverage { statements, in_code: BTreeSet::new(), in_tests: BTreeSet::new() };
        let mut problems = Vec::new();
        for Found { text, citation, place, path, line } in found {
            let problem = match citation {
                Some(citation) if known.contains(citation) => {
                    coverage.cited_mut(*place).insert(citation.clone());
                    continue;
                }
                Some(_) => "is no statement; look it up in spec/",
                None => "is no citation; write [5.0 MQTT-x.y.z-n]",
            };
            problems.push(format!("{path}:{line}: {text} {problem}"));
        }
        (coverage, problems)
    }

    fn cited_mut(&mut self, place: Place) -> &mut BTreeSet<Citation> {
        match place {
            Place::Code => &mut self.in_code,
            Place::Test => &mut self.in_tests,
        }
    }

    fn missing(&self, layer: &str) -> Vec<&Statement> {
        let is_missing = |statement: &&Statement| {
            statement.layer == layer && !self.in_tests.contains(&statement.citation())
        };
        self.statements.iter().filter(is_missing).collect()
    }

    fn table(&self) -> String {
        let mut table = row(["version", "where", "statements", "in code", "in tests"]);
        for version in statements::versions() {
            for layer in LAYERS {
                table += &self.counts(version, layer, |statement| statement.layer == layer);
            }
            table += &self.counts(version, "all", |_statement| true);
        }
        table
    }

    fn counts(&self, version: &str, layer: &str, is_counted: impl Fn(&Statement) -> bool) -> String {
        let rows = self.statements.iter().filter(|statement| statement.version == version);
        let citations: BTreeSet<Citation> =
            rows.filter(|row| is_counted(row)).map(Statement::citation).collect();
        let cited = |place: &BTreeSet<Citation>| citations.intersection(place).count().to_string();
        let statements = citations.len().to_string();
        row([version, layer, &statements, &cited(&self.in_code), &cited(&self.in_tests)])
    }
}

fn row([version, layer, statements, in_code, in_tests]: [&str; 5]) -> String {
    format!("{version:<8} {layer:<8} {statements:>10} {in_code:>8} {in_tests:>8}\n")
}

#[cfg(test)]
mod tests;
