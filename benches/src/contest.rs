//! Contestants, interleaved rounds, medians, and the table of ratios.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// One way to do a thing. `run` does it `packets` times and says how long that took.
#[expect(missing_debug_implementations, reason = "a closure shows nothing")]
pub struct Contestant {
    /// Who.
    pub name: &'static str,
    /// How many packets one run handles.
    pub packets: usize,
    /// One run.
    pub run: Box<dyn FnMut() -> Run>,
}

/// One run of a contestant.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// How long it took.
    pub elapsed: Duration,
    /// The sum of all that was found, which is the same for all contestants of a case; 0 where nothing is compared.
    pub seen: u64,
}

thread_local! {
    /// Heap allocations within [`Run::timed`], while they are counted.
    static COUNTED: Cell<Option<u64>> = const { Cell::new(None) };
}

impl Run {
    /// Times the work, which says what it has seen; only what is allocated there is counted.
    #[inline(always)]
    pub fn timed(work: impl FnOnce() -> u64) -> Run {
        if COUNTED.get().is_none() {
            let start = Instant::now();
            let seen = work();
            return Run { elapsed: start.elapsed(), seen };
        }
        let mut seen = 0;
        let counted = allocation_counter::measure(|| seen = work());
        COUNTED.set(Some(counted.count_total));
        Run { elapsed: Duration::ZERO, seen }
    }

    /// A run whose results are not compared.
    pub const fn unchecked(elapsed: Duration) -> Run {
        Run { elapsed, seen: 0 }
    }
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
#[derive(Clone, Debug)]
pub struct Figure {
    /// Who.
    pub name: &'static str,
    /// Median time for a packet, in nanoseconds.
    pub nanos: f64,
    /// Heap allocations for a packet.
    pub allocations: f64,
    /// Time for a packet in each round, in nanoseconds.
    pub rounds: Vec<f64>,
}

/// Name of the hand-written walk.
pub const FLOOR: &str = "floor";

/// Name of this project's codec.
pub const OURS: &str = "ours";

/// Runs whose median counts.
const ROUNDS: usize = 61;

impl Contestant {
    /// Heap allocations of one run, or of the part of it that is timed by [`Run::timed`].
    pub fn allocations(&mut self) -> u64 {
        COUNTED.set(Some(u64::MAX));
        let counted = allocation_counter::measure(|| {
            (self.run)();
        });
        let within = COUNTED.take();
        within.filter(|within| *within != u64::MAX).unwrap_or(counted.count_total)
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

    /// Panics unless all contestants have found the same; each is run once for it, so that its buffers have grown.
    fn check(&mut self) {
        let mut found =
            self.contestants.iter_mut().map(|contestant| (contestant.name, (contestant.run)().seen));
        let checked: Vec<(&str, u64)> = found.by_ref().filter(|(_name, seen)| *seen != 0).collect();
        let is_same = checked.windows(2).all(|pair| pair[0].1 == pair[1].1);
        assert!(is_same, "not all find the same in {}: {checked:?}", self.name);
    }

    /// Measures all contestants in interleaved rounds.
    pub fn measure(&mut self) -> Vec<Figure> {
        let mut times = vec![Vec::with_capacity(ROUNDS); self.contestants.len()];
        self.check();
        for _ in 0..ROUNDS {
            for (contestant, times) in self.contestants.iter_mut().zip(&mut times) {
                times.push((contestant.run)().elapsed);
            }
        }
        let figures = self.contestants.iter_mut().zip(times).map(|(contestant, times)| {
            let packets = contestant.packets as f64;
            let allocations = contestant.allocations() as f64 / packets;
            let rounds: Vec<f64> = times.iter().map(|time| time.as_nanos() as f64 / packets).collect();
            let nanos = quantile(rounds.iter().copied(), 0.5);
            Figure { name: contestant.name, nanos, allocations, rounds }
        });
        figures.collect()
    }
}

impl Figure {
    /// How many times as long it takes as `other`: the median of the ratios in each round, which a machine that is
    /// slow for some rounds does not disturb.
    pub fn ratio_to(&self, other: &Figure) -> f64 {
        quantile(self.rounds.iter().zip(&other.rounds).map(|(ours, theirs)| ours / theirs), 0.5)
    }

    /// Time between the first and the third quartile of the rounds, as a part of the median: the machine's noise.
    pub fn spread(&self) -> f64 {
        let at = |part| quantile(self.rounds.iter().copied(), part);
        (at(0.75) - at(0.25)) / self.nanos
    }
}

/// The value that a part of all is below.
fn quantile(values: impl Iterator<Item = f64>, part: f64) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}
