//! What was found, as a table for people or as JSON.

use std::io::{self, Write, stdout};

use mqtt_smol::{PropertyBuf, Version};
use serde_json::{Map, Value};

use super::VERSIONS;
use crate::failure::Failure;
use crate::output::printable;

/// Whether a capability is there.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    Yes,
    /// Not as the standard has it, and how.
    No(String),
}

impl From<&Failure> for Finding {
    fn from(failure: &Failure) -> Finding {
        Finding::No(failure.message.clone().unwrap_or_default())
    }
}

/// All findings, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// What the server says of itself in 5.0.
    announced: Vec<String>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    findings: [Option<Finding>; VERSIONS.len()],
}

const CONNECT: &str = "connects";

impl Report {
    /// Whether the server takes no version at all.
    pub(crate) fn is_empty(&self) -> bool {
        let connect = self.rows.iter().find(|row| row.name == CONNECT);
        connect.is_none_or(|row| !row.findings.iter().flatten().any(|found| matches!(found, Finding::Yes)))
    }

    pub(crate) fn accept(&mut self, version: Version, announced: &PropertyBuf) {
        self.add(CONNECT, version, Finding::Yes);
        if version == Version::V5_0 {
            self.announced = announced.as_properties().iter().map(|property| property.to_string()).collect();
        }
    }

    pub(crate) fn refuse(&mut self, version: Version, failure: &Failure) {
        self.add(CONNECT, version, failure.into());
    }

    pub(crate) fn add(&mut self, name: &'static str, version: Version, finding: Finding) {
        let column = VERSIONS.iter().position(|other| *other == version).unwrap_or_default();
        let index = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            self.rows.push(Row { name, findings: Default::default() });
            self.rows.len() - 1
        });
        self.rows[index].findings[column] = Some(finding);
    }

    pub(crate) fn print(&self, json: bool) -> io::Result<()> {
        let mut out = stdout().lock();
        match json {
            true => writeln!(out, "{}", self.json())?,
            false => self.print_table(&mut out)?,
        }
        out.flush()
    }

    fn print_table(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{:<26}{:>6}{:>7}{:>6}", "", "3.1", "3.1.1", "5.0")?;
        let mut notes = Vec::new();
        for row in &self.rows {
            write!(out, "{:<26}", row.name)?;
            for ((finding, width), version) in row.findings.iter().zip([6, 7, 6]).zip(VERSIONS) {
                let word = match finding {
                    None => "-",
                    Some(Finding::Yes) => "yes",
                    Some(Finding::No(why)) => {
                        notes.push(format!("{} in {version}: {}", row.name, printable(why.as_bytes())));
                        "no"
                    }
                };
                write!(out, "{word:>width$}")?;
            }
            writeln!(out)?;
        }
        if !self.announced.is_empty() {
            writeln!(out, "\nThe server announces (5.0):")?;
        }
        for line in &self.announced {
            writeln!(out, "  {}", printable(line.as_bytes()))?;
        }
        if !notes.is_empty() {
            writeln!(out, "\nNotes:")?;
        }
        notes.iter().try_for_each(|note| writeln!(out, "  {note}"))
    }

    fn json(&self) -> Value {
        let mut capabilities = Map::new();
        for row in &self.rows {
            let mut versions = Map::new();
            for (finding, version) in row.findings.iter().zip(VERSIONS) {
                let value = match finding {
                    None => continue,
                    Some(Finding::Yes) => Value::Bool(true),
                    Some(Finding::No(why)) => Value::String(why.clone()),
                };
                versions.insert(version.to_string(), value);
            }
            capabilities.insert(row.name.into(), Value::Object(versions));
        }
        serde_json::json!({ "capabilities": capabilities, "announced": self.announced })
    }
}
