//! What is checked against each broker, and how a check that fails is judged.

mod exchange;
mod sessions;
mod properties;

use mqtt_smol::Version;

use crate::broker::{Broker, Deviation};
use crate::peer::{Outcome, Target};
use crate::report::Row;

/// One thing that client and broker do together.
pub(crate) struct Check {
    name: &'static str,
    versions: &'static [Version],
    run: fn(&Target) -> Outcome,
}

/// Checks a broker that listens on that port in each version that it has.
pub(crate) fn check_broker(broker: &Broker, port: u16, broker_version: &str) -> Vec<Row> {
    let rows = broker.versions.iter().map(|&version| {
        let target = Target { port, version, credentials: broker.credentials };
        let mut row = Row::new(broker.name, broker_version, broker.origin, version);
        for check in checks().filter(|check| check.versions.contains(&version)) {
            let is_of = |deviation: &&Deviation| {
                deviation.check == check.name && deviation.versions.contains(&version)
            };
            row.add(check.name, (check.run)(&target), broker.deviations.iter().find(is_of));
        }
        row
    });
    rows.collect()
}

fn checks() -> impl Iterator<Item = &'static Check> {
    exchange::CHECKS.iter().chain(&sessions::CHECKS).chain(&properties::CHECKS)
}

/// Messages of a check that sends many.
const MESSAGES: usize = 200;

const EVERY: &[Version] = &[Version::V3_1, Version::V3_1_1, Version::V5_0];

const ONLY_5: &[Version] = &[Version::V5_0];
