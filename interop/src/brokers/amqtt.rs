//! Amqtt, from PyPI: a broker in Python.

use std::path::Path;
use std::process::Command;

use mqtt_smol::Version;

use crate::broker::{Broker, Deviation, Running, Shows};
use crate::fetch;
use crate::process::{Process, free_port, run, write};

pub(super) const BROKER: Broker = Broker {
    name: "amqtt",
    origin: "PyPI",
    versions: &[Version::V3_1_1],
    credentials: None,
    start,
    deviations: &DEVIATIONS,
};

const DEVIATIONS: [Deviation; 9] = [
    Deviation {
        check: "lower QoS",
        versions: &[Version::V3_1_1],
        says: "QoS 0 for a grant of 1 came as QoS 1",
        reason: "it raises messages to the granted QoS",
        shows: Shows::Always,
    },
    Deviation {
        check: "retained",
        versions: &[Version::V3_1_1],
        says: "came where",
        reason: "it sends retained messages more than once, and to others than new subscribers",
        shows: Shows::Always,
    },
    Deviation {
        check: "retained, wildcard",
        versions: &[Version::V3_1_1],
        says: "came where",
        reason: "it sends retained messages more than once, and to others than new subscribers",
        shows: Shows::Always,
    },
    Deviation {
        check: "no will",
        versions: &[Version::V3_1_1],
        says: "it should not come",
        reason: "it takes a DISCONNECT for an outage if the socket closes right behind it",
        shows: Shows::Sometimes,
    },
    Deviation {
        check: "persistent QoS 1",
        versions: &[Version::V3_1_1],
        says: "no message came",
        reason: "it drops what is published while a subscriber is away",
        shows: Shows::Always,
    },
    Deviation {
        check: "persistent QoS 2",
        versions: &[Version::V3_1_1],
        says: "no message came",
        reason: "it drops what is published while a subscriber is away",
        shows: Shows::Always,
    },
    Deviation {
        check: "ended session",
        versions: &[Version::V3_1_1],
        says: "a session is there that was ended",
        reason: "it keeps a session that a clean one has ended",
        shows: Shows::Always,
    },
    Deviation {
        check: "cuts, QoS 1",
        versions: &[Version::V3_1_1],
        says: "did not come",
        reason: "it loses what is under way when a connection ends",
        shows: Shows::Always,
    },
    Deviation {
        check: "cuts, QoS 2",
        versions: &[Version::V3_1_1],
        says: "PUBCOMP is awaited",
        reason: "it never answers a PUBREL of an earlier connection",
        shows: Shows::Always,
    },
];

fn start(folder: &Path) -> Result<Running, String> {
    let programs = fetch::python()?;
    let port = free_port()?;
    let config = folder.join("amqtt.yaml");
    write(
        &config,
        &format!(
            "listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{port}\n\
             plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin:\n    allow_anonymous: true\n"
        ),
    )?;
    let mut process =
        Process::start("amqtt", Command::new(programs.join("amqtt")).arg("-c").arg(config), folder)?;
    process.wait_for_port(port)?;
    Ok(Running { port, version: package_version(&programs, "amqtt")?, processes: vec![process] })
}

/// The version of a package of that environment.
pub(crate) fn package_version(programs: &Path, name: &str) -> Result<String, String> {
    let ask = format!("import importlib.metadata as m; print(m.version('{name}'))");
    Ok(run(Command::new(programs.join("python")).args(["-c", &ask]))?.trim().to_owned())
}
