//! `mqtt check`: tries each capability of a broker, in each version of the protocol, and shows them as a table.

mod guest;
mod report;
mod probes;

use std::io::{IsTerminal, stderr};

use mqtt_smol::Version;
use smol::future::or;

use crate::args::CheckArgs;
use crate::failure::Failure;
use crate::options::prepare_many;
use crate::session::{Bounded, bounded};
use guest::House;
use probes::PROBES;
use report::{Finding, Report};

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5_0];

pub(crate) async fn run(args: CheckArgs) -> Result<(), Failure> {
    let options = prepare_many(&args.connection, "check")?;
    let shows_progress = stderr().is_terminal() && !args.connection.server.quiet;
    let house = House::new(&args, options);
    let checked = async {
        let mut report = Report::default();
        let mut refusal = None;
        for version in VERSIONS {
            match house.announced(version).await {
                Ok(announced) => report.accept(version, &announced),
                Err(failure) => {
                    report.refuse(version, &failure);
                    refusal = Some(failure);
                    continue;
                }
            }
            for probe in PROBES.iter().filter(|probe| !probe.only_5 || version == Version::V5_0) {
                if shows_progress {
                    eprint!("\rmqtt: {version} {:<40}", probe.name);
                }
                let late = async {
                    smol::Timer::after(args.timeout * 3).await;
                    Ok(Finding::No("no answer in time".into()))
                };
                let found = or((probe.run)(&house, version), late).await;
                report.add(probe.name, version, found.unwrap_or_else(|failure| Finding::from(&failure)));
            }
        }
        if shows_progress {
            eprint!("\r{:<60}\r", "");
        }
        match refusal {
            Some(failure) if report.is_empty() => Err(failure),
            _ => Ok(report),
        }
    };
    match bounded(None, checked).await? {
        Bounded::Done(report) => Ok(report?.print(args.json)?),
        Bounded::TimedOut | Bounded::Interrupted => Err(Failure::silent(Failure::INTERRUPTED)),
    }
}
