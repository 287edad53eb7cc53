//! `mqtt sim`: a publisher and a subscriber go through rehearsed outages, in virtual time, and a chart shows what
//! becomes of the messages.
//!
//! Client, session and broker are those that every other command uses; only the network and the clock are simulated. The
//! same seed gives the same run.

mod outage;
mod workload;
mod chart;

use crate::args::SimArgs;
use crate::failure::Failure;
use chart::Chart;
use workload::Run;

pub(crate) fn run(args: &SimArgs) -> Result<(), Failure> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(1..1_000_000_000));
    let started = std::time::Instant::now();
    let outcome = Run::new(args, seed).finish();
    let outcome = outcome.map_err(|why| Failure::new(Failure::OTHER, format_args!("seed {seed}: {why}")))?;
    let chart = Chart::new(args, seed, &outcome);
    chart.print(args.json)?;
    if !args.json {
        eprintln!("mqtt: simulated in {:.2} s", started.elapsed().as_secs_f64());
    }
    match outcome.broken_promise(args.qos) {
        None => Ok(()),
        Some(why) => Err(Failure::new(Failure::OTHER, format_args!("seed {seed}: {why}"))),
    }
}
