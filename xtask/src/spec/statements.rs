//! The numbered statements of the standard, as the tables in `spec/` restate them.

use std::collections::BTreeSet;

use crate::workspace::Workspace;

/// What code writes to name a statement: the version and the number in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Citation {
    pub(super) version: String,
    pub(super) id: String,
}

/// One row of a table.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) version: &'static str,
    pub(super) id: String,
    pub(super) side: String,
    pub(super) text: String,
    /// The lowest layer that can prove it, one of [`LAYERS`].
    pub(super) layer: String,
}

impl Statement {
    pub(super) fn citation(&self) -> Citation {
        Citation { version: self.version.to_owned(), id: self.id.clone() }
    }
}

/// Where a statement can be tested, lowest first.
pub(super) const LAYERS: [&str; 4] = ["codec", "session", "broker", "adapter"];

/// The versions that number their statements; 3.1 does not.
pub(super) fn versions() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|(version, _path)| *version)
}

pub(super) fn read(workspace: &Workspace) -> Result<Vec<Statement>, String> {
    let mut statements = Vec::new();
    for (version, path) in TABLES {
        let table = workspace.file(path).ok_or_else(|| format!("{path} is missing"))?;
        for (line_index, row) in table.text.lines().enumerate().skip(HEADER_LINES) {
            let statement = parse_row(version, row);
            statements.push(statement.map_err(|problem| format!("{path}:{}: {problem}", line_index + 1))?);
        }
    }
    refuse_duplicates(&statements)?;
    Ok(statements)
}

fn parse_row(version: &'static str, row: &str) -> Result<Statement, String> {
    let columns: Vec<&str> = row.split('\t').collect();
    let [id, side, _packet, text, layer] = *columns.as_slice() else {
        return Err(format!("{} columns instead of 5", columns.len()));
    };
    if !LAYERS.contains(&layer) {
        return Err(format!("`{layer}` is none of {}", LAYERS.join(", ")));
    }
    let [id, side, text, layer] = [id, side, text, layer].map(str::to_owned);
    Ok(Statement { version, id, side, text, layer })
}

fn refuse_duplicates(statements: &[Statement]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match statements.iter().find(|statement| !seen.insert(statement.citation())) {
        Some(Statement { version, id, .. }) => Err(format!("two rows for {id} of version {version}")),
        None => Ok(()),
    }
}

const TABLES: [(&str, &str); 2] =
    [("5.0", "spec/mqtt5-statements.tsv"), ("3.1.1", "spec/mqtt311-statements.tsv")];

const HEADER_LINES: usize = 1;
