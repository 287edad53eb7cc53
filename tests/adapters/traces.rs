//! The same scenario through every adapter: the client says the same, packet by packet.
//!
//! Exchanges that do not depend on each other may come in either order, since program and driver are two threads; so
//! packets are compared kind by kind, and within a kind in their order.

use mqtt_smol::{Version, broker};

use crate::adapter::ALL;
use crate::scenario::{SCENARIOS, Scenario};
use crate::server::Mosquitto;

/// What can be compared: names of clients differ, so that sessions do not meet, and nothing else may.
fn comparable(mut said: Vec<String>) -> Vec<String> {
    for packet in &mut said {
        if packet.starts_with("CONNECT") {
            *packet = "CONNECT".into();
        }
    }
    said.sort_by_key(|packet| packet.split(' ').next().map(str::to_owned));
    said
}

/// Plays a scenario through every adapter with sockets, and returns what all of them said.
fn common_trace(scenario: &Scenario, server: std::net::SocketAddr, version: Version) -> Vec<String> {
    let traces = ALL.map(|adapter| comparable(scenario.play(adapter, server, version)));
    assert!(traces[0].len() > 3, "{}: {:?}", scenario.name, traces[0]);
    for trace in &traces[1..] {
        assert_eq!(trace, &traces[0], "{} in {version}", scenario.name);
    }
    let [trace, ..] = traces;
    trace
}

#[test]
fn all_adapters_say_the_same_to_the_embedded_broker() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    for version in [Version::V3_1_1, Version::V5_0] {
        for scenario in &SCENARIOS {
            let trace = common_trace(scenario, broker.address(), version);
            let in_memory = comparable(scenario.play_in_memory(version));
            assert_eq!(in_memory, trace, "{} in {version}, in memory", scenario.name);
        }
    }
}

#[test]
fn all_adapters_say_the_same_to_mosquitto() {
    let Some(mosquitto) = Mosquitto::start() else { return };
    for version in [Version::V3_1_1, Version::V5_0] {
        for scenario in &SCENARIOS {
            common_trace(scenario, ([127, 0, 0, 1], mosquitto.port).into(), version);
        }
    }
}
