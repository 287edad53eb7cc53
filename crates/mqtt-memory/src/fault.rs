//! What may go wrong, how often, and the plan of one link, drawn from the seed before its first byte.

use std::fmt;
use std::time::Duration;

use mqtt_parts::Rng;

mqtt_parts::options! {
/// How often each fault is drawn: so many links of a hundred have it.
///
/// A link is one connection of a client, so that a client that connects anew meets new faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Longest time that bytes are under way when nothing else delays them.
    pub latency_max: Duration = Duration::from_millis(5),
    /// Bytes are split and merged at any place.
    pub splits: u8 = 0,
    /// One direction stands still for a while.
    pub stalls: u8 = 0,
    /// The link breaks, at any byte of either direction or at any moment.
    pub cuts: u8 = 0,
    /// Nothing gets through any more, and neither side is notified.
    pub silences: u8 = 0,
    /// What was under way when the link broke reaches the other side later than the notification of the break.
    pub late_bytes: u8 = 0,
    /// The link takes a few bytes at a time, as if the other side read slowly.
    pub tight: u8 = 0,
    /// The dial is refused.
    pub refused: u8 = 0,
    /// The dial takes seconds.
    pub slow_dials: u8 = 0,
    /// The dial never ends.
    pub hanging_dials: u8 = 0,
    /// The broker sends messages twice.
    pub duplicates: u8 = 0,
    /// The broker answers with an error what it has accepted.
    pub wrong_codes: u8 = 0,
    /// The broker holds acknowledgements back.
    pub late_acknowledgements: u8 = 0,
    /// The broker sends answers that nobody asked for, some of which the standard forbids.
    pub unasked: u8 = 0,
}
}

impl Faults {
    /// No faults: a network that only takes its time.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// A bad network and a broker that keeps to the rules.
    pub fn network() -> Faults {
        Faults {
            latency_max: Duration::from_millis(200),
            splits: 40,
            stalls: 15,
            cuts: 45,
            silences: 12,
            late_bytes: 25,
            tight: 10,
            refused: 8,
            slow_dials: 8,
            hanging_dials: 4,
            ..Faults::none()
        }
    }

    /// A bad network, and a broker that makes mistakes which a client must survive.
    pub fn all() -> Faults {
        Faults { duplicates: 15, wrong_codes: 6, late_acknowledgements: 12, unasked: 6, ..Faults::network() }
    }
}

/// What happens to one link.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) dial: Dial,
    pub(crate) up: Direction,
    pub(crate) down: Direction,
    /// The link breaks that long after it was opened.
    pub(crate) cut_after: Option<Duration>,
    /// The link falls silent that long after it was opened.
    pub(crate) silent_after: Option<Duration>,
    /// How much later than the notification of a break the last bytes arrive.
    pub(crate) late: Duration,
    pub(crate) tamper: Tamper,
}

/// How the dial ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dial {
    Opens,
    Refused,
    OpensAfter(Duration),
    Hangs,
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub(crate) struct Direction {
    pub(crate) latency: Duration,
    /// Each piece takes up to that much longer.
    pub(crate) jitter: Duration,
    /// Bytes of one write or read.
    pub(crate) piece_max: usize,
    /// Bytes that are under way before the writer must wait.
    pub(crate) room: usize,
    /// The link breaks after so many bytes.
    pub(crate) cut_at: Option<u64>,
    /// After so many bytes nothing gets through for that long.
    pub(crate) stall: Option<(u64, Duration)>,
}

/// What the broker does wrong on one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tamper {
    /// Messages of a hundred that are sent twice.
    pub(crate) duplicate: u8,
    /// Acknowledgements of a hundred that carry an error.
    pub(crate) wrong_code: u8,
    /// Longest time that acknowledgements are held back.
    pub(crate) hold_max: Duration,
    /// Packets of a hundred behind which comes one that nobody asked for.
    pub(crate) unasked: u8,
}

impl Plan {
    pub(crate) fn draw(faults: &Faults, rng: &mut Rng) -> Plan {
        let dial = match () {
            () if hits(rng, faults.refused) => Dial::Refused,
            () if hits(rng, faults.slow_dials) => {
                Dial::OpensAfter(rng.duration_up_to(Duration::from_secs(10)))
            }
            () if hits(rng, faults.hanging_dials) => Dial::Hangs,
            () => Dial::Opens,
        };
        let is_cut = hits(rng, faults.cuts);
        let cut_kind = rng.below(4);
        let cut_at = bytes_drawn(rng);
        let direction = |rng: &mut Rng, is_cut: bool| Direction {
            latency: rng.duration_up_to(faults.latency_max),
            jitter: if hits(rng, faults.splits) { faults.latency_max } else { Duration::ZERO },
            piece_max: if hits(rng, faults.splits) { 1 + rng.below(40) as usize } else { usize::MAX },
            room: if hits(rng, faults.tight) { 1 + rng.below(64) as usize } else { ROOM },
            cut_at: is_cut.then_some(cut_at),
            stall: hits(rng, faults.stalls)
                .then(|| (bytes_drawn(rng), rng.duration_up_to(Duration::from_secs(20)))),
        };
        let (up, down) = (direction(rng, is_cut && cut_kind == 0), direction(rng, is_cut && cut_kind == 1));
        let long = Duration::from_secs(40);
        let cut_after = (is_cut && cut_kind > 1).then(|| rng.duration_up_to(long));
        let silent_after = hits(rng, faults.silences).then(|| rng.duration_up_to(long));
        let late = if hits(rng, faults.late_bytes) { Duration::from_secs(8) } else { Duration::ZERO };
        let tamper = Tamper {
            duplicate: if hits(rng, faults.duplicates) { 1 + rng.below(60) as u8 } else { 0 },
            wrong_code: if hits(rng, faults.wrong_codes) { 1 + rng.below(40) as u8 } else { 0 },
            hold_max: match hits(rng, faults.late_acknowledgements) {
                true => rng.duration_up_to(Duration::from_secs(15)),
                false => Duration::ZERO,
            },
            unasked: if faults.unasked > 0 && hits(rng, faults.unasked) {
                1 + rng.below(10) as u8
            } else {
                0
            },
        };
        Plan { dial, up, down, cut_after, silent_after, late: rng.duration_up_to(late), tamper }
    }
}

impl Plan {
    pub(crate) fn is_tight(&self) -> bool {
        self.up.room < ROOM || self.down.room < ROOM
    }
}

/// Whether something that so many of a hundred have is drawn.
pub(crate) fn hits(rng: &mut Rng, percent: u8) -> bool {
    rng.below(100) < u64::from(percent)
}

/// Small numbers as often as large ones.
fn bytes_drawn(rng: &mut Rng) -> u64 {
    let bits = 1 + rng.below(12);
    rng.below(1 << bits)
}

/// What a system keeps for one direction of a connection.
const ROOM: usize = 64 * 1024;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dial {:?}, up {}, down {}", self.dial, self.up, self.down)?;
        if let Some(after) = self.cut_after {
            write!(f, ", cut after {after:?}")?;
        }
        if let Some(after) = self.silent_after {
            write!(f, ", silent after {after:?}")?;
        }
        if !self.late.is_zero() {
            write!(f, ", late bytes {:?}", self.late)?;
        }
        if self.tamper != Tamper::default() {
            let Tamper { duplicate, wrong_code, hold_max, unasked } = self.tamper;
            write!(
                f,
                ", broker doubles {duplicate}%, errs {wrong_code}%, holds {hold_max:?}, adds {unasked}%"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}", self.latency)?;
        if self.piece_max < usize::MAX {
            write!(f, ", pieces of {}", self.piece_max)?;
        }
        if self.room < ROOM {
            write!(f, ", room for {}", self.room)?;
        }
        if let Some(at) = self.cut_at {
            write!(f, ", cut at byte {at}")?;
        }
        if let Some((at, long)) = self.stall {
            write!(f, ", stalls at byte {at} for {long:?}")?;
        }
        f.write_str("]")
    }
}
