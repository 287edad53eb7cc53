//! The same scenario through every adapter: the client says the same, packet by packet.
//!
//! Exchanges that do not depend on each other may come in either order, since program and driver are two threads; so
//! packets are compared kind by kind, and within a kind in their order.

use mqtt_smol::{Version, broker};

use crate::adapter::ALL;
use crate::scenario::SCENARIOS;
use crate::server::Mosquitto;

/// Names of clients differ, so that sessions do not meet, and nothing else may.
fn compare(server: std::net::SocketAddr, version: Version) {
    println!(
        "{} runs in {version}, of which each is captured and must replay equal",
        SCENARIOS.len() * ALL.len()
    );
    for scenario in &SCENARIOS {
        let traces = ALL.map(|adapter| {
            let mut said = scenario.play(adapter, server, version);
            for packet in &mut said {
                if packet.starts_with("CONNECT") {
                    *packet = "CONNECT".into();
                }
            }
            said.sort_by_key(|packet| packet.split(' ').next().map(str::to_owned));
            said
        });
        assert!(traces[0].len() > 3, "{}: {:?}", scenario.name, traces[0]);
        for trace in &traces[1..] {
            assert_eq!(trace, &traces[0], "{} in {version}", scenario.name);
        }
    }
}

#[test]
fn all_adapters_say_the_same_to_the_embedded_broker() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    for version in [Version::V3_1_1, Version::V5_0] {
        compare(broker.address(), version);
    }
}

#[test]
fn all_adapters_say_the_same_to_mosquitto() {
    let Some(mosquitto) = Mosquitto::start() else { return };
    for version in [Version::V3_1_1, Version::V5_0] {
        compare(([127, 0, 0, 1], mosquitto.port).into(), version);
    }
}
