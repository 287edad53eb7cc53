//! `mqtt conformance client`: checks any client program by the numbered statements of the standard.
//!
//! All that is known of the cases is in the kit; here its verdicts are printed, one line for each case.

use std::io::{Write, stdout};

use mqtt_conformance::{Command, Selection, Verdict, run as run_kit};

use crate::args::{ClientArgs, ConformanceArgs, ConformanceCommand};
use crate::failure::Failure;

pub(crate) fn run(args: &ConformanceArgs) -> Result<(), Failure> {
    match &args.command {
        ConformanceCommand::Client(args) => check_client(args),
    }
}

fn check_client(args: &ClientArgs) -> Result<(), Failure> {
    let default = Selection::default();
    let selection = Selection {
        versions: args.only.map_or(default.versions.clone(), |version| vec![version]),
        names: args.case.clone(),
        slow: !args.fast,
        jobs: args.jobs.into(),
        ..default
    };
    if selection.cases().is_empty() {
        let message = format_args!("no case is called so; see mqtt conformance client --list").to_string();
        return Err(Failure::new(Failure::USAGE, message));
    }
    let mut out = stdout();
    if args.list {
        return list(&selection, &mut out);
    }
    let (program, arguments) = args.driver.split_first().expect("clap asks for it");
    let program = Command::new(program, arguments);
    let report = run_kit(&program, &selection, |result| {
        let line = match args.verbose && result.verdict != Verdict::Passed {
            true => result.to_string(),
            false => format!("{:<6} {:<32} {}", result.version.to_string(), result.case.id, result.verdict),
        };
        // A reader that has left wants no more lines.
        let _ = writeln!(out, "{line}");
    });
    let report = report.map_err(|error| Failure::new(Failure::OTHER, error))?;
    write!(stdout(), "\n{}", report.table())?;
    if report.keeps_the_standard() {
        Ok(())
    } else {
        Err(Failure::new(
            Failure::PROTOCOL,
            format_args!("{} breaks statements of the standard", report.client),
        ))
    }
}

fn list(selection: &Selection, out: &mut impl Write) -> Result<(), Failure> {
    let mut last = "";
    for (case, _version) in selection.cases() {
        if case.id != last {
            writeln!(out, "{}\n    {}\n    {}", case.id, case.does, case.cites.join(" "))?;
        }
        last = case.id;
    }
    Ok(())
}
