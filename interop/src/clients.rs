//! Clients that others wrote, against the embedded broker.

mod scripts;
mod tools;

use mqtt_smol::Version;
use mqtt_smol::broker;

use crate::report::Row;

/// A client that is checked against the embedded broker.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    origin: &'static str,
    /// Fetches it and says its version.
    fetch: fn() -> Result<String, String>,
    /// Runs the checks against the broker at that port.
    check: fn(u16, Version, &mut Row) -> Result<(), String>,
}

/// All of them, in the order in which they are checked.
pub(crate) const CLIENTS: [Client; 3] = [scripts::PAHO, scripts::MQTT_JS, tools::MOSQUITTO];

impl Client {
    /// Checks it in each version of the protocol, each against a broker of its own.
    pub(crate) fn check(&self) -> Result<Vec<Row>, String> {
        let program_version = (self.fetch)()?;
        let mut rows = Vec::new();
        for version in [Version::V3_1, Version::V3_1_1, Version::V5_0] {
            let broker = broker::start("127.0.0.1:0");
            let broker = broker.map_err(|error| format!("the embedded broker does not start: {error}"))?;
            let mut row = Row::new(self.name, &program_version, self.origin, version);
            (self.check)(broker.address().port(), version, &mut row)?;
            rows.push(row);
        }
        Ok(rows)
    }
}
