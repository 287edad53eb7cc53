//! Every client of a simulation is recorded, with whatever goes wrong for it, and replays equal.

use tests::recording::{record_simulation, replay_equal};
use tests::sim;

#[test]
fn captures_of_a_bad_network_replay_equal() {
    let (mut runs, mut bytes, mut packets) = (0, 0, 0);
    for seed in 1..=120 {
        let (digest, logs) = record_simulation(seed);
        if seed.is_multiple_of(10) {
            assert_eq!(digest, sim::run(seed, None).digest, "seed {seed}: recording changes nothing");
        }
        for (number, log) in logs.iter().enumerate() {
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
