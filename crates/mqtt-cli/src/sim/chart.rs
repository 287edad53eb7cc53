//! The run as a chart for people, or as JSON.

use std::io::{self, Write, stdout};
use std::time::Duration;

use serde_json::json;

use super::outage::Outage;
use super::workload::Outcome;
use crate::args::SimArgs;

/// Rows of the chart, over the time in which messages arrive.
const ROWS: u32 = 24;

/// Columns of the longest bar.
const BAR: usize = 40;

pub(crate) struct Chart<'a> {
    args: &'a SimArgs,
    seed: u64,
    outcome: &'a Outcome,
    row: Duration,
}

impl<'a> Chart<'a> {
    pub(crate) fn new(args: &'a SimArgs, seed: u64, outcome: &'a Outcome) -> Chart<'a> {
        let last = outcome.messages.iter().filter_map(|journey| journey.arrived).max().unwrap_or_default();
        let row = last.max(args.time) / ROWS;
        Chart { args, seed, outcome, row: Duration::from_secs(row.as_secs().max(1)) }
    }

    pub(crate) fn print(&self, json: bool) -> io::Result<()> {
        let mut out = stdout().lock();
        match json {
            true => writeln!(out, "{}", self.json())?,
            false => self.print_rows(&mut out)?,
        }
        out.flush()
    }

    /// Messages that were published and that arrived in each row.
    fn rows(&self) -> Vec<(usize, usize)> {
        let mut rows = Vec::new();
        let row_of = |at: Duration| (at.as_nanos() / self.row.as_nanos()) as usize;
        let mut count = |at: Duration, add: fn(&mut (usize, usize))| {
            let index = row_of(at);
            if rows.len() <= index {
                rows.resize(index + 1, (0, 0));
            }
            add(&mut rows[index]);
        };
        for journey in &self.outcome.messages {
            count(journey.published, |row| row.0 += 1);
            if let Some(arrived) = journey.arrived {
                count(arrived, |row| row.1 += 1);
            }
        }
        rows
    }

    fn print_rows(&self, out: &mut impl Write) -> io::Result<()> {
        let SimArgs { qos, rate, time, .. } = self.args;
        writeln!(
            out,
            "seed {}: QoS {qos}, {rate} messages a second for {} s, each # about {} messages that arrive\n",
            self.seed,
            time.as_secs(),
            self.per_column()
        )?;
        writeln!(out, "{:>7} {:>9} {:>7}", "time", "published", "arrive")?;
        for (index, (published, arrived)) in self.rows().into_iter().enumerate() {
            let start = self.row * index as u32;
            let bar = "#".repeat(arrived.div_ceil(self.per_column()).min(BAR));
            let text: Vec<String> = self.outages(start).map(describe).collect();
            let line =
                format!("{:>5} s {published:>9} {arrived:>7} {bar} {}", start.as_secs(), text.join("; "));
            writeln!(out, "{}", line.trim_end())?;
        }
        let outcome = self.outcome;
        let acknowledged = outcome.messages.iter().filter(|journey| journey.acknowledged).count();
        writeln!(
            out,
            "\n{} published, {acknowledged} acknowledged, {} lost, {} doubled; {} connections; the longest way took {:.1} s",
            outcome.messages.len(),
            outcome.lost(),
            outcome.doubled(),
            outcome.connections,
            outcome.longest().as_secs_f64()
        )
    }

    /// Messages that one column of a bar stands for: a row in which all outages are made up for fits.
    fn per_column(&self) -> usize {
        let most = self.rows().into_iter().map(|(_, arrived)| arrived).max().unwrap_or_default();
        most.div_ceil(BAR).max(1)
    }

    /// The outages that begin in a row.
    fn outages(&self, start: Duration) -> impl Iterator<Item = &Outage> {
        let end = start + self.row;
        self.outcome.outages.iter().filter(move |outage| outage.at >= start && outage.at < end)
    }

    fn json(&self) -> serde_json::Value {
        let outages: Vec<_> = self
            .outcome
            .outages
            .iter()
            .map(|outage| {
                json!({
                    "what": outage.kind.text(),
                    "at_secs": outage.at.as_secs_f64(),
                    "length_secs": outage.length.as_secs_f64(),
                })
            })
            .collect();
        let rows: Vec<_> = self
            .rows()
            .into_iter()
            .map(|(published, arrived)| json!({ "published": published, "arrived": arrived }))
            .collect();
        json!({
            "seed": self.seed,
            "qos": self.args.qos as u8,
            "published": self.outcome.messages.len(),
            "acknowledged": self.outcome.messages.iter().filter(|journey| journey.acknowledged).count(),
            "lost": self.outcome.lost(),
            "doubled": self.outcome.doubled(),
            "connections": self.outcome.connections,
            "longest_secs": self.outcome.longest().as_secs_f64(),
            "outages": outages,
            "row_secs": self.row.as_secs(),
            "rows": rows,
        })
    }
}

fn describe(outage: &Outage) -> String {
    match outage.length {
        Duration::ZERO => format!("! {}", outage.kind.text()),
        length => format!("! {} for {:.0} s", outage.kind.text(), length.as_secs_f64()),
    }
}
