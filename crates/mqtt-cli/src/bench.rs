//! `mqtt bench`: loads a broker on a schedule that does not wait for it, and says what became of it.

mod text;
mod payload;
mod sequence;
mod schedule;
mod usage;
mod verdict;
mod intervals;
mod histogram;
mod plot;
mod recorder;
mod report;
mod limits;
mod asked;
mod run;
mod progress;
mod fleet;
mod load;
mod publish;
mod roundtrip;
mod subscribe;
mod connect;

use crate::args::{BenchArgs, BenchCommand};
use crate::failure::Failure;

/// Runs apart from the runtime of other commands: clients and timers share one reactor on this thread, so that no message
/// waits for another thread to wake it, and the processor time of the thread is that of all the work.
pub(crate) fn run(args: BenchArgs) -> Result<(), Failure> {
    smol::block_on(async {
        match args.command {
            BenchCommand::Conn(args) => connect::run(&args).await,
            BenchCommand::Pub(args) => publish::run(&args).await,
            BenchCommand::Sub(args) => subscribe::run(&args).await,
            BenchCommand::Rtt(args) => roundtrip::run(&args).await,
        }
    })
}
