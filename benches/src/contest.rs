//! Contestants, interleaved rounds, medians, and the table of ratios.

use std::time::Duration;

/// One way to do a thing. `run` does it `packets` times and says how long that took.
#[expect(missing_debug_implementations, reason = "a closure shows nothing")]
pub struct Contestant {
    /// Who.
    pub name: &'static str,
    /// How many packets one run handles.
    pub packets: usize,
    /// One run.
    pub run: Box<dyn FnMut() -> Duration>,
}

/// A thing to be done, and those who do it: the floor first if there is one, then ours, then the peers.
#[expect(missing_debug_implementations, reason = "its contestants are closures")]
pub struct Case {
    /// What.
    pub name: String,
    /// Bytes on the wire for each packet.
    pub bytes_per_packet: usize,
    /// Who takes part.
    pub contestants: Vec<Contestant>,
}

/// What one contestant came to.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Who.
    pub name: &'static str,
    /// Median time for a packet, in nanoseconds.
    pub nanos: f64,
    /// Heap allocations for a packet.
    pub allocations: f64,
}

/// Name of the hand-written walk.
pub const FLOOR: &str = "floor";

/// Name of this project's codec.
pub const OURS: &str = "ours";

/// Runs whose median counts.
const ROUNDS: usize = 61;

impl Contestant {
    /// Heap allocations of one run.
    pub fn allocations(&mut self) -> u64 {
        let counted = allocation_counter::measure(|| {
            (self.run)();
        });
        counted.count_total
    }
}

impl Case {
    /// Whether ours allocates in this case; it is run once before, so that its buffers have grown.
    pub fn ours_allocates(&mut self) -> bool {
        let ours = self.contestants.iter_mut().filter(|contestant| contestant.name == OURS);
        ours.map(|ours| {
            (ours.run)();
            ours.allocations()
        })
        .any(|allocations| allocations > 0)
    }

    /// Measures all contestants in interleaved rounds.
    pub fn measure(&mut self) -> Vec<Figure> {
        let mut times = vec![Vec::with_capacity(ROUNDS); self.contestants.len()];
        for contestant in &mut self.contestants {
            (contestant.run)();
        }
        for _ in 0..ROUNDS {
            for (contestant, times) in self.contestants.iter_mut().zip(&mut times) {
                times.push((contestant.run)());
            }
        }
        let figures = self.contestants.iter_mut().zip(times).map(|(contestant, mut times)| {
            times.sort_unstable();
            let packets = contestant.packets as f64;
            let allocations = contestant.allocations() as f64 / packets;
            let nanos = times[ROUNDS / 2].as_nanos() as f64 / packets;
            Figure { name: contestant.name, nanos, allocations }
        });
        figures.collect()
    }
}
