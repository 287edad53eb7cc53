//! Aedes, from npm: a small broker in JavaScript.

use std::path::Path;
use std::process::Command;

use mqtt_smol::Version;

use crate::broker::{Broker, Deviation, Running, Shows};
use crate::fetch;
use crate::process::{Process, free_port, run, write};

pub(super) const BROKER: Broker = Broker {
    name: "aedes",
    origin: "npm",
    versions: &[Version::V3_1, Version::V3_1_1],
    credentials: None,
    start,
    deviations: &DEVIATIONS,
};

const DEVIATIONS: [Deviation; 3] = [
    Deviation {
        check: "cuts, QoS 2",
        versions: &[Version::V3_1_1],
        says: "the server lost the session",
        reason: "it says Session Present only to clients that have subscriptions",
        shows: Shows::Always,
    },
    Deviation {
        check: "cuts, QoS 2",
        versions: &[Version::V3_1],
        says: "acknowledged messages did not come",
        reason: FROM_ANY_IDENTIFIER,
        shows: Shows::Sometimes,
    },
    Deviation {
        check: "cuts, QoS 1",
        versions: &[Version::V3_1, Version::V3_1_1],
        says: "acknowledged messages did not come",
        reason: FROM_ANY_IDENTIFIER,
        shows: Shows::Sometimes,
    },
];

/// Once in some fifty runs one that is drawn is near to those of the connection before.
const FROM_ANY_IDENTIFIER: &str =
    "it draws the first packet identifier of each connection and may use one that is not yet free";

fn start(folder: &Path) -> Result<Running, String> {
    let packages = fetch::npm()?;
    let port = free_port()?;
    let script = packages.join("aedes.mjs");
    write(&script, SCRIPT)?;
    let mut process =
        Process::start("aedes", Command::new("node").arg(script).arg(port.to_string()), folder)?;
    process.wait_for_port(port)?;
    Ok(Running { port, version: package_version(&packages, "aedes")?, processes: vec![process] })
}

/// The version of a package that lies in that folder.
pub(crate) fn package_version(packages: &Path, name: &str) -> Result<String, String> {
    let ask = format!("require('./node_modules/{name}/package.json').version");
    Ok(run(Command::new("node").current_dir(packages).args(["-p", &ask]))?.trim().to_owned())
}

const SCRIPT: &str = include_str!("../../scripts/aedes.mjs");
