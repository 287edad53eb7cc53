//! Paho for Python and MQTT.js: each runs a script that prints a line for each check.
//!
//! A script must not have the name of the package that it imports: Python would import the script.

use std::process::Command;

use mqtt_smol::Version;

use super::Client;
use crate::brokers::{aedes, amqtt};
use crate::fetch;
use crate::process::{run, write};
use crate::report::Row;

pub(super) const PAHO: Client = Client {
    name: "paho-mqtt",
    origin: "PyPI",
    fetch: || amqtt::package_version(&fetch::python()?, "paho-mqtt"),
    check: |port, version, row| {
        let script = fetch::home().join("python").join("paho_checks.py");
        write(&script, include_str!("../../scripts/paho_checks.py"))?;
        play(Command::new(fetch::python()?.join("python")).arg(script), port, version, row)
    },
};

pub(super) const MQTT_JS: Client = Client {
    name: "MQTT.js",
    origin: "npm",
    fetch: || aedes::package_version(&fetch::npm()?, "mqtt"),
    check: |port, version, row| {
        let script = fetch::npm()?.join("mqttjs_checks.mjs");
        write(&script, include_str!("../../scripts/mqttjs_checks.mjs"))?;
        play(Command::new("node").arg(script), port, version, row)
    },
};

/// Runs a script and counts its checks; one that ends early has failed.
fn play(command: &mut Command, port: u16, version: Version, row: &mut Row) -> Result<(), String> {
    let said = run(command.args([port.to_string(), version.to_string()]))?;
    let mut has_ended = false;
    for line in said.lines() {
        if let Some(name) = line.strip_prefix("ok ") {
            row.add(name, Ok(()), None);
        } else if let Some(failure) = line.strip_prefix("failed ") {
            let (name, why) = failure.split_once(": ").unwrap_or((failure, ""));
            row.add(name, Err(why.to_owned()), None);
        }
        has_ended |= line == "end";
    }
    if has_ended { Ok(()) } else { Err(format!("the script ended early; it said:\n{said}")) }
}
