//! What happened: every packet at both ends of its link, every fault, every remark, in order.
//!
//! Records are kept as they came and put into words only when somebody asks; a digest covers them all.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use mqtt_client::{Instant, Version};
use mqtt_proto::{Context, Sender, decode};

use crate::fault::Plan;

/// Something that happened, and when.
#[derive(Clone, Debug)]
pub struct Record {
    /// The virtual time.
    pub at: Instant,
    /// What it was.
    pub event: Event,
}

/// What can happen in a world.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client dials; the link has this number from now on.
    Dialled {
        /// Counts links of all clients.
        link: u32,
        /// The client's name.
        name: String,
        /// What will happen to the link, in words.
        plan: PlanText,
    },
    /// A whole packet passed one end of a link.
    Packet {
        /// Which link.
        link: u32,
        /// Which end, and in which direction.
        point: Point,
        /// As CONNECT said.
        version: Version,
        /// The packet's bytes.
        frame: Bytes,
    },
    /// The broker took a packet and ended the connection for it.
    Refused {
        /// Which link.
        link: u32,
    },
    /// One side has let go of a link.
    Closed {
        /// Which link.
        link: u32,
        /// Which side.
        side: Side,
    },
    /// A fault struck.
    Fault {
        /// Which link, if it was one.
        link: Option<u32>,
        /// What happened.
        text: &'static str,
    },
    /// The broker has ended without a DISCONNECT.
    BrokerStopped {
        /// Whether it keeps its sessions.
        keeps_sessions: bool,
    },
    /// A remark of the program.
    Note(String),
}

/// The faults that were drawn for a link.
#[derive(Clone, Debug)]
pub struct PlanText(pub(crate) Box<Plan>);

impl PlanText {
    /// Whether the link takes only a few bytes at a time.
    pub fn is_tight(&self) -> bool {
        self.0.is_tight()
    }
}

impl fmt::Display for PlanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The two ends of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client's.
    Client,
    /// The broker's.
    Broker,
}

/// Where a packet was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The client has handed its last byte to the link.
    ClientOut,
    /// The broker takes it.
    BrokerIn,
    /// The broker means to send it.
    BrokerOut,
    /// The client has read its last byte.
    ClientIn,
}

impl Record {
    /// The same numbers give the same digest on every machine.
    fn digest(&self, digest: &mut Digest) {
        digest.number(self.at.as_micros());
        match &self.event {
            Event::Dialled { link, name, .. } => {
                digest.number(1);
                digest.number(u64::from(*link));
                digest.bytes(name.as_bytes());
            }
            Event::Packet { link, point, frame, .. } => {
                digest.number(2 + ((*point as u64) << 8));
                digest.number(u64::from(*link));
                digest.bytes(frame);
            }
            Event::Refused { link } => digest.number(3 + (u64::from(*link) << 8)),
            Event::Closed { link, side } => {
                digest.number(4 + (u64::from(*link) << 8) + ((*side as u64) << 40));
            }
            Event::Fault { link, text } => {
                digest.number(5 + (link.map_or(0, u64::from) << 8));
                digest.bytes(text.as_bytes());
            }
            Event::BrokerStopped { keeps_sessions } => digest.number(6 + (u64::from(*keeps_sessions) << 8)),
            Event::Note(text) => {
                digest.number(7);
                digest.bytes(text.as_bytes());
            }
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ", self.at)?;
        match &self.event {
            Event::Dialled { link, name, plan } => write!(f, "#{link} {name} dials: {plan}"),
            Event::Packet { link, point, version, frame } => {
                let (arrow, sender) = match point {
                    Point::ClientOut => ("client >", Sender::Client),
                    Point::BrokerIn => ("> broker", Sender::Client),
                    Point::BrokerOut => ("broker <", Sender::Server),
                    Point::ClientIn => ("< client", Sender::Server),
                };
                match decode(frame, Context { version: *version, sender: Some(sender) }) {
                    Ok(packet) => write!(f, "#{link} {arrow} {packet}"),
                    Err(error) => write!(f, "#{link} {arrow} {} bytes: {error}", frame.len()),
                }
            }
            Event::Refused { link } => write!(f, "#{link} ended by the broker"),
            Event::Closed { link, side } => write!(f, "#{link} closed by the {side:?}"),
            Event::Fault { link: Some(link), text } => write!(f, "#{link} {text}"),
            Event::Fault { link: None, text } => write!(f, "{text}"),
            Event::BrokerStopped { keeps_sessions: true } => write!(f, "the broker stops, sessions are kept"),
            Event::BrokerStopped { keeps_sessions: false } => {
                write!(f, "the broker stops, sessions are lost")
            }
            Event::Note(text) => f.write_str(text),
        }
    }
}

/// The records of a world, the newest ones if there are too many.
#[derive(Debug)]
pub(crate) struct Trace {
    records: VecDeque<Record>,
    records_max: usize,
    count: u64,
    digest: Digest,
}

impl Trace {
    pub(crate) fn new(records_max: usize) -> Trace {
        Trace { records: VecDeque::new(), records_max, count: 0, digest: Digest::default() }
    }

    pub(crate) fn push(&mut self, at: Instant, event: Event) {
        let record = Record { at, event };
        record.digest(&mut self.digest);
        self.count += 1;
        if self.records_max == 0 {
            return;
        }
        if self.records.len() == self.records_max {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub(crate) fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.0
    }

    /// The newest records in words, one a line.
    pub(crate) fn tail(&self, lines: usize) -> String {
        let skipped = self.records.len().saturating_sub(lines);
        self.records.iter().skip(skipped).map(|record| format!("{record}\n")).collect()
    }
}

/// FNV-1a, 64 bits: not for secrets.
#[derive(Debug)]
struct Digest(u64);

impl Default for Digest {
    fn default() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }
}
