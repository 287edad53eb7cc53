//! Mosquitto, from Debian's packages: the broker that most people have.

use std::path::Path;
use std::process::{Command, Stdio};

use mqtt_smol::Version;

use crate::broker::{Broker, Running};
use crate::fetch;
use crate::process::{Process, free_port, write};

pub(super) const BROKER: Broker = Broker {
    name: "mosquitto",
    origin: "Debian",
    versions: &[Version::V3_1, Version::V3_1_1, Version::V5_0],
    credentials: None,
    start,
    deviations: &[],
};

fn start(folder: &Path) -> Result<Running, String> {
    fetch::debian("mosquitto", PROGRAM)?;
    let port = free_port()?;
    let config = folder.join("mosquitto.conf");
    write(&config, &format!("listener {port} 127.0.0.1\nallow_anonymous true\n"))?;
    let mut process = Process::start("mosquitto", Command::new(PROGRAM).arg("-c").arg(config), folder)?;
    process.wait_for_port(port)?;
    Ok(Running { port, version: version()?, processes: vec![process] })
}

/// Its help, which it ends with a failure, says the version first.
fn version() -> Result<String, String> {
    let output = Command::new(PROGRAM).arg("-h").stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("mosquitto cannot be started: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(said.split_whitespace().nth(2).unwrap_or("?").to_owned())
}

const PROGRAM: &str = "/usr/sbin/mosquitto";
