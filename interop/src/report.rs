//! What came of the checks: a line for each that is not as it should be, and one table at the end.

use std::fmt::Display;

use crate::broker::{Deviation, Shows};
use crate::peer::Outcome;

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    program_version: String,
    origin: String,
    protocol_version: String,
    passed: usize,
    total: usize,
    notes: Vec<String>,
    /// What makes the run fail.
    pub(crate) faults: Vec<String>,
}

impl Row {
    pub(crate) fn new(
        name: &str,
        program_version: &str,
        origin: &str,
        protocol_version: impl Display,
    ) -> Row {
        Row {
            name: name.to_owned(),
            program_version: program_version.to_owned(),
            origin: origin.to_owned(),
            protocol_version: protocol_version.to_string(),
            passed: 0,
            total: 0,
            notes: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Counts a check, and judges it by what is known of the broker.
    pub(crate) fn add(&mut self, check: &str, outcome: Outcome, known: Option<&Deviation>) {
        self.total += 1;
        let place = format!("{} {}, {check}", self.name, self.protocol_version);
        match (outcome, known) {
            (Ok(()), None | Some(Deviation { shows: Shows::Sometimes, .. })) => self.passed += 1,
            (Err(problem), Some(known)) if problem.contains(known.says) => {
                println!("known: {place}: {} ({problem})", known.reason);
                self.notes.push(format!("{check}: {}", known.reason));
            }
            (Err(problem), _) => self.fault(format!("{place}: {problem}")),
            (Ok(()), Some(known)) => self.fault(format!(
                "{place}: it passes, although it is known that {}; take it from the table of deviations",
                known.reason
            )),
        }
    }

    fn fault(&mut self, text: String) {
        println!("FAILED: {text}");
        self.faults.push(text);
    }
}

/// The table, as Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from("| program | its version | from | MQTT | passed | notes |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for row in rows {
        let Row { name, program_version, origin, protocol_version, passed, total, notes, .. } = row;
        let mut notes = notes.join("; ");
        if !row.faults.is_empty() {
            notes = format!("{} FAILED; {notes}", row.faults.len());
        }
        text.push_str(&format!(
            "| {name} | {program_version} | {origin} | {protocol_version} | {passed}/{total} | {notes} |\n"
        ));
    }
    text
}
