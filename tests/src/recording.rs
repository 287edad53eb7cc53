//! Captures of clients in memory, and the demand that each replays equal.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use mqtt_capture::{End, Replayed, replay};
use mqtt_memory::Capture;

use crate::life;
use crate::scenario::Scenario;

/// What a client's driver records, there once the driver is gone.
#[derive(Debug)]
pub struct Recording {
    log: Receiver<Vec<u8>>,
}

struct Tape {
    log: Vec<u8>,
    done: Sender<Vec<u8>>,
}

impl Recording {
    /// The option of a client, and what comes of it.
    pub fn start() -> (Capture, Recording) {
        let (done, log) = channel();
        (Capture::to(Tape { log: Vec::new(), done }), Recording { log })
    }

    /// The whole log, if the driver goes in time.
    pub fn wait(&self, patience: Duration) -> Option<Vec<u8>> {
        self.log.recv_timeout(patience).ok()
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        // A test that has failed listens no more.
        let _ = self.done.send(std::mem::take(&mut self.log));
    }
}

/// Replays a log that must be whole and must replay equal; `what` says whose it is.
pub fn replay_equal(log: &[u8], what: &str) -> Replayed {
    match replay(log) {
        Ok(replayed) => {
            assert_eq!(replayed.end, End::Complete, "{what}: {replayed}");
            replayed
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

/// Simulates one seed with all clients recorded; the digest of what happened, and the logs.
pub fn record_simulation(seed: u64) -> (u64, Vec<Vec<u8>>) {
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
    let logs = recordings.iter().map(|recording| recording.wait(Duration::ZERO));
    (digest, logs.map(|log| log.expect("the world has let its clients go")).collect())
}
