//! `mqtt replay`: steps through a capture, and says where this build first differs from the one that was recorded.

use std::fs;
use std::io::{BufRead, Write, stdin, stdout};

use mqtt_capture::{Replay, ReplayError};

use crate::args::ReplayArgs;
use crate::failure::Failure;

pub(crate) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let name = args.file.display();
    let log = fs::read(&args.file)
        .map_err(|error| Failure::new(Failure::OTHER, format_args!("cannot read {name}: {error}")))?;
    let failed = |error: ReplayError| Failure::new(Failure::OTHER, format_args!("{name}: {error}"));
    let mut replay = Replay::new(&log).map_err(failed)?;
    let mut out = stdout().lock();
    while let Some(step) = replay.step().map_err(failed)? {
        if (args.verbose || args.step) && !step.is_idle {
            writeln!(out, "{step}")?;
            out.flush()?;
            if args.step && stdin().lock().read_line(&mut String::new())? == 0 {
                return Ok(());
            }
        }
    }
    writeln!(out, "{}", replay.replayed())?;
    Ok(())
}
