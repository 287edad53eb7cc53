//! The results as the page of the docs shows them: counts, cases that somebody does not pass, and reasons.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use mqtt_conformance::{Case, Report, Verdict, Version, cases};

use crate::process::{run, write as write_file};

const START: &str = "<!-- results, written by `cargo xtask conformance --write` -->";
const END: &str = "<!-- end of results -->";

/// Puts the results into the page, between its two marks.
pub(super) fn write(reports: &[Report]) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let problem = |error| format!("{} cannot be read: {error}", path.display());
    let page = fs::read_to_string(&path).map_err(problem)?;
    let parts = page.split_once(START).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        return Err(format!("{} lacks the lines `{START}` and `{END}`", path.display()));
    };
    let date = run(std::process::Command::new("date").args(["--utc", "+%Y-%m-%d"]))?;
    let text = results(reports, date.trim());
    write_file(&path, &format!("{before}{START}\n\n{text}\n{END}{after}"))?;
    println!("written to {}", path.display());
    Ok(())
}

fn results(reports: &[Report], date: &str) -> String {
    let mut text = format!("Run on {date} with `cargo xtask conformance --write`.\n\n");
    text += "| client | version | passed | failed | advice not followed | not offered |\n|---|---|---|---|---|---|\n";
    for report in reports {
        for version in report.versions() {
            let counts = report.counts(version);
            let _ = writeln!(
                text,
                "| {} {} | {version} | {} | {} | {} | {} |",
                report.client,
                report.release,
                counts.passed,
                counts.failed,
                counts.not_followed,
                counts.not_offered
            );
        }
    }
    text += "\n### Cases that not every client passes\n\n";
    text += "`+` passed, `F` failed, `a` advice not followed, `n` not offered, `.` not in this version; 3.1.1 before 5.0.\n\n";
    let names: Vec<&str> = reports.iter().map(|report| report.client.as_str()).collect();
    let _ = writeln!(text, "| case | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for case in cases() {
        let marks: Vec<String> = reports.iter().map(|report| marks(report, case)).collect();
        if marks.iter().any(|marks| marks.contains(['F', 'a', 'n'])) {
            let _ = writeln!(text, "| {} | {} |", case.id, marks.join(" | "));
        }
    }
    text += "\n### What failed\n";
    for report in reports.iter().filter(|report| !report.keeps_the_standard()) {
        let _ = writeln!(text, "\n**{} {}**\n", report.client, report.release);
        for result in &report.results {
            if let Verdict::Failed(why) = &result.verdict {
                let cites: Vec<&str> =
                    result.case.cited(result.version).filter(|cite| cite.starts_with('[')).collect();
                let why = why.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*");
                let _ = writeln!(text, "- `{}` {}: {why}", result.case.id, cites.join(" "));
            }
        }
    }
    text
}

fn marks(report: &Report, case: &Case) -> String {
    let mark = |version: Version| {
        let result =
            report.results.iter().find(|result| result.case.id == case.id && result.version == version);
        result.map_or('.', |result| match result.verdict {
            Verdict::Passed => '+',
            Verdict::Failed(_) => 'F',
            Verdict::NotFollowed(_) => 'a',
            Verdict::NotOffered(_) => 'n',
        })
    };
    format!("`{}{}`", mark(Version::V3_1_1), mark(Version::V5_0))
}
