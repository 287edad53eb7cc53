//! The result for people.

use std::fmt::Write as _;

use super::{Figures, QUANTILES};
use crate::bench::histogram::bars;
use crate::bench::text::{counted, digits, grouped, time};

/// The whole table, in lines of at most 80 columns where the words of others allow it.
pub(super) fn table(figures: &Figures<'_>) -> String {
    let Figures { subject, recorder, ending, .. } = figures;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    line(&format!("mqtt bench {}:", subject.command), &subject.parameters);
    let interrupted = if ending.is_interrupted { ", interrupted" } else { "" };
    line(
        &format!("{}s", subject.one),
        &format!("{} in {:.2} s{interrupted}", grouped(recorder.done), figures.seconds),
    );
    let asked = subject.rate_asked.map(|rate| format!(", {} asked", digits(rate)));
    line("rate", &format!("{}/s{}", digits(figures.rate), asked.unwrap_or_default()));
    if recorder.bytes > 0 {
        line("payloads", &format!("{} bytes/s", digits(figures.bytes_per_second)));
    }
    if !recorder.latency_ns.is_empty() {
        line("latency", &subject.latency);
        for (name, _, quantile) in QUANTILES {
            line(&format!("  {name}"), &time(figures.latency(quantile)));
        }
    }
    if let Some(each) = figures.cpu_us_each {
        let share = figures.generating.process.unwrap_or_default().as_secs_f64()
            / figures.generating.wall.as_secs_f64().max(1e-9);
        line("CPU", &format!("{} µs per {}, {:.1} % of a core", digits(each), subject.one, 100.0 * share));
    }
    if !recorder.lag_ns.is_empty() {
        line("started", &format!("99 % at most {} late", time(figures.lag_p99)));
    }
    for (_, name, count) in &subject.counts {
        line(name, &grouped(*count));
    }
    if ending.connections_lost > 0 {
        line("lost", &counted(ending.connections_lost, "connection"));
    }
    if recorder.left_out > 0 {
        line("not started", &format!("{}: no room before the end", counted(recorder.left_out, subject.one)));
    }
    for (reason, (_, count)) in &recorder.failures {
        line("failed", &format!("{}: {reason}", counted(*count, subject.one)));
    }
    for bar in bars(&recorder.latency_ns) {
        let _ = writeln!(text, "{bar}");
    }
    for note in &subject.notes {
        let _ = writeln!(text, "note: {note}");
    }
    if let Some(limit) = &figures.generator_limit {
        let _ = writeln!(text, "the generator was the limit: {limit}");
    }
    text
}
