//! Every client of a simulation is recorded, with whatever goes wrong for it, and replays equal.

use std::time::Duration;

use tests::recording::{Recording, replay_equal};
use tests::scenario::Scenario;
use tests::{life, sim};

/// Simulates one seed with all clients recorded; their logs.
fn record(seed: u64) -> Vec<Vec<u8>> {
    let mut scenario = Scenario::draw(seed, None);
    let mut recordings = Vec::new();
    for plan in &mut scenario.clients {
        let (mut capture, recording) = Recording::start();
        if seed.is_multiple_of(2) {
            capture = capture.with_payloads().with_secrets();
        }
        plan.options = plan.options.clone().capture(capture);
        recordings.push(recording);
    }
    let world = life::world(seed, &scenario);
    drop(life::live(&world, scenario, false));
    let digest = world.digest();
    drop(world);
    if seed.is_multiple_of(10) {
        assert_eq!(digest, sim::run(seed, None).digest, "seed {seed}: recording changes nothing");
    }
    let logs = recordings.iter().map(|recording| recording.wait(Duration::from_secs(1)));
    logs.map(|log| log.expect("the world has let its clients go")).collect()
}

#[test]
fn captures_of_a_bad_network_replay_equal() {
    let (mut runs, mut bytes, mut packets) = (0, 0, 0);
    for seed in 1..=120 {
        for (number, log) in record(seed).iter().enumerate() {
            let replayed = replay_equal(log, &format!("seed {seed}, client {number}"));
            runs += 1;
            bytes += log.len();
            packets += replayed.packets_in + replayed.packets_out;
        }
    }
    println!(
        "{runs} captured runs replay equal; {packets} packets, {:.1} bytes each",
        bytes as f64 / packets as f64
    );
}
