//! `mqtt broker`: the embedded broker on sockets of every kind, and what its clients do on standard error.

mod settings;
mod listeners;
mod text;
mod screen;
mod report;

use std::io::{self, IsTerminal, Stderr, Write};
use std::time::Duration;

use mqtt_smol::broker::Running;
use smol::future::or;
use smol::{Timer, channel};

use crate::args::BrokerArgs;
use crate::failure::Failure;
use crate::session::{Bounded, bounded};
use report::Report;
use screen::Screen;

pub(crate) async fn run(args: BrokerArgs) -> Result<(), Failure> {
    let (broker, urls) = listeners::open(&args, settings::config(&args)?)?;
    let (reporting, reported) = channel::bounded::<()>(1);
    // Signals are taken before anybody knows that it listens.
    let serve = async {
        let report = Report::new(announce(&args, &broker, &urls)?, args.quiet);
        let handle = broker.handle();
        // On a thread of its own, so that neither clients nor signals wait for who reads standard error.
        smol::unblock(move || {
            report.follow(&handle);
            drop(reporting);
        })
        .detach();
        // Nothing is ever sent: it ends with the report.
        let _ = reported.recv().await;
        Ok(())
    };
    match bounded(None, serve).await? {
        Bounded::Done(result) => result.and(Err(Failure::new(Failure::OTHER, "the broker has ended"))),
        Bounded::TimedOut | Bounded::Interrupted => {
            drop(broker);
            let late = async {
                Timer::after(LAST_LINES).await;
            };
            let last = async {
                let _ = reported.recv().await;
            };
            or(last, late).await;
            Err(Failure::silent(Failure::INTERRUPTED))
        }
    }
}

/// Says where it listens, and what it is for.
fn announce(args: &BrokerArgs, broker: &Running, urls: &[String]) -> Result<Screen<Stderr>, Failure> {
    let stderr = io::stderr();
    let mut screen = Screen::new(stderr.is_terminal(), stderr);
    if !args.quiet {
        screen.line(
            "mqtt: a broker for tests: it keeps nothing on disk and is not hardened for the open network",
        );
    }
    let address = broker.address().ip();
    if !address.is_loopback() {
        screen.line(&format!("mqtt: {address} is reachable from the network; it is for tests"));
    }
    let mut out = io::stdout().lock();
    for url in urls {
        writeln!(out, "listening on {url}")?;
    }
    out.flush()?;
    Ok(screen)
}

/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_secs(1);
