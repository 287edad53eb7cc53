//! What happened in a simulation, as the oracles read it: packets at both ends of each link, and what the programs
//! saw, in one order.

mod packets;

use std::collections::{BTreeMap, BTreeSet};

use mqtt_memory::{
    ConnectError, ConnectionEvent, Event, Instant, OfflineCause, Point, PublishError, QoS, ReasonCode,
    Record, Side, Stats, SubscribeError,
};
use mqtt_proto::Sender;

pub use packets::{Kind, Seen, message_number, payload};

use crate::scenario::Scenario;

/// One simulation from its beginning to its end.
#[derive(Debug)]
pub struct Story {
    /// What was drawn.
    pub scenario: Scenario,
    /// Everything that happened, in order.
    pub steps: Vec<Step>,
    /// All messages that programs meant to publish; numbers are positions.
    pub messages: Vec<Meant>,
    /// The clients at the end.
    pub ends: Vec<ClientEnd>,
    /// When the faults ended.
    pub healed_at: Instant,
    /// What was not settled in time, in words.
    pub unsettled: Vec<String>,
}

/// Stands for `receive` among the numbers of streams: this less the number of the client.
pub const RECEIVE: usize = usize::MAX;

/// A message that a program meant to publish.
#[derive(Clone, Debug)]
pub struct Meant {
    /// Which client.
    pub client: usize,
    /// Where to.
    pub topic: String,
    /// Bytes of its payload.
    pub size: usize,
    /// Delivery guarantee.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
    /// Whether it has properties, which only 5.0 has.
    pub has_properties: bool,
    /// Seconds after which the broker need not deliver it.
    pub expiry_secs: Option<u32>,
}

/// What is known of a client at the end.
#[derive(Clone, Debug)]
pub struct ClientEnd {
    /// Its counters.
    pub stats: Stats,
    /// Programs that had its session one after the other; the counters are those of the last.
    pub lives: u32,
    /// The most messages that were ever seen to wait to be sent.
    pub queued_most: usize,
    /// Where what the session counts differed from what it held: identifiers that leak, bytes counted twice.
    pub disagreements: BTreeSet<String>,
    /// The most bytes of messages that were ever seen to wait to be taken.
    pub waiting_most: usize,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// A link is dialled for the client of that name.
    Dialled {
        /// The link.
        link: u32,
        /// The client identifier.
        name: String,
        /// Whether the link takes bytes slowly.
        is_tight: bool,
    },
    /// A packet passed an end of a link.
    Packet {
        /// The link.
        link: u32,
        /// Where.
        point: Point,
        /// What it holds.
        packet: Seen,
    },
    /// The broker ended the connection for the packet before.
    Refused {
        /// The link.
        link: u32,
    },
    /// One side has let go of the link.
    Closed {
        /// The link.
        link: u32,
        /// Which side.
        side: Side,
    },
    /// A fault struck.
    Fault {
        /// The link, if it was one.
        link: Option<u32>,
        /// What happened.
        text: &'static str,
    },
    /// The broker stopped.
    BrokerStopped {
        /// Whether it knows its sessions again.
        keeps_sessions: bool,
    },
    /// A program did or saw something.
    Fact(usize, Fact),
}

/// What the program of a client did or saw.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A message was accepted for publishing.
    Accepted(u32),
    /// A message was refused at once.
    NotAccepted(u32),
    /// The token of a message resolved.
    Ended(u32, Result<ReasonCode, PublishError>),
    /// A stream took a message; `u32::MAX` is none of ours.
    Taken {
        /// Which stream.
        stream: usize,
        /// Which message.
        message: u32,
        /// With which QoS it came.
        qos: QoS,
        /// Whether it was a retained one.
        retain: bool,
        /// Whether it may have come before.
        dup: bool,
        /// To which topic it came.
        topic: String,
        /// Whether its payload and properties are those that were published.
        is_intact: bool,
    },
    /// A stream begins; its number counts up over all clients.
    Subscribed {
        /// Which stream.
        stream: usize,
        /// The filter.
        filter: String,
        /// Whether messages are acknowledged when they arrive.
        on_arrival: bool,
    },
    /// The broker is given other settings, by their position in [`Scenario::terms`].
    Terms(usize),
    /// The token of a subscription resolved.
    Granted {
        /// The filter.
        filter: String,
        /// What it said.
        outcome: Result<QoS, SubscribeError>,
    },
    /// A filter is unsubscribed.
    Unsubscribed {
        /// The filter.
        filter: String,
    },
    /// A program begins; what took messages in the one before is gone.
    LifeBegins,
    /// An event about messages.
    Event(ConnectionEvent),
    /// A stream had not ended ten seconds after its filter was unsubscribed.
    GoesOn {
        /// Its filter.
        filter: String,
    },
    /// A stream is dropped.
    Dropped {
        /// Which stream.
        stream: usize,
        /// The filter.
        filter: String,
    },
    /// The connection is there.
    Online,
    /// The connection is gone.
    Offline(OfflineCause),
    /// Connecting ended in failure.
    NotConnected(ConnectError),
}

/// Puts records and facts into one order; a fact knows how many records were before it.
pub fn merge<'a>(
    records: impl Iterator<Item = &'a Record>,
    facts: Vec<(u64, Instant, usize, Fact)>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut facts = facts.into_iter().peekable();
    for (position, record) in records.enumerate() {
        while let Some((_, at, client, fact)) = facts.next_if(|(before, ..)| *before <= position as u64) {
            steps.push(Step { at, what: What::Fact(client, fact) });
        }
        if let Some(what) = what_of(record) {
            steps.push(Step { at: record.at, what });
        }
    }
    steps.extend(facts.map(|(_, at, client, fact)| Step { at, what: What::Fact(client, fact) }));
    steps
}

/// Leaves out what a client reads from a link that it has given up: it only waits for the end there.
pub fn without_unread(names: &[String], steps: Vec<Step>) -> Vec<Step> {
    let mut owners: BTreeMap<u32, (usize, Instant)> = BTreeMap::new();
    let mut given_up: BTreeSet<u32> = BTreeSet::new();
    let keeps = steps.into_iter().filter(|step| {
        match &step.what {
            What::Dialled { link, name, .. } => {
                if let Some(client) = names.iter().position(|known| known == name) {
                    owners.insert(*link, (client, step.at));
                }
            }
            What::Packet { link, point: Point::ClientOut, packet } => {
                if matches!(packet.kind, Kind::Disconnect(_)) {
                    given_up.insert(*link);
                }
            }
            What::Packet { link, point: Point::ClientIn, packet } => {
                let is_read = !given_up.contains(link);
                if matches!(packet.kind, Kind::Disconnect(_)) {
                    given_up.insert(*link);
                }
                return is_read;
            }
            // All of its links until now, also one whose CONNECT is not written yet; but not one that was dialled at
            // this moment to take the place of another.
            What::Fact(client, Fact::Offline(_)) => {
                let old = owners.values().filter(|(owner, at)| owner == client && *at < step.at).count();
                owners.retain(|link, (owner, at)| {
                    let is_kept = owner != client || old > 0 && *at == step.at;
                    if !is_kept {
                        given_up.insert(*link);
                    }
                    is_kept
                });
            }
            _ => {}
        }
        true
    });
    keeps.collect()
}

fn what_of(record: &Record) -> Option<What> {
    Some(match &record.event {
        Event::Dialled { link, name, plan } => {
            What::Dialled { link: *link, name: name.clone(), is_tight: plan.is_tight() }
        }
        Event::Packet { link, point, version, frame } => {
            let sender = match point {
                Point::ClientOut | Point::BrokerIn => Sender::Client,
                Point::BrokerOut | Point::ClientIn => Sender::Server,
            };
            What::Packet { link: *link, point: *point, packet: Seen::new(frame, *version, sender) }
        }
        Event::Refused { link } => What::Refused { link: *link },
        Event::Closed { link, side } => What::Closed { link: *link, side: *side },
        Event::Fault { link, text } => What::Fault { link: *link, text },
        Event::BrokerStopped { keeps_sessions } => What::BrokerStopped { keeps_sessions: *keeps_sessions },
        _ => return None,
    })
}

impl Story {
    /// The client of a name.
    pub fn client(&self, name: &str) -> Option<usize> {
        self.scenario.clients.iter().position(|plan| plan.name == name)
    }

    /// The client of each link.
    pub fn clients_by_link(&self) -> BTreeMap<u32, usize> {
        let dialled = self.steps.iter().filter_map(|step| match &step.what {
            What::Dialled { link, name, .. } => Some((*link, self.client(name)?)),
            _ => None,
        });
        dialled.collect()
    }

    /// Clients whose session was lost without their knowing.
    ///
    /// The CONNACK that said so was lost itself, and the next one says that there is a session. No client can tell
    /// this from the session that it knows, so that what was under way then may be lost or doubled.
    pub fn mistaken(&self) -> BTreeSet<usize> {
        let clients = self.clients_by_link();
        let mut mistaken = BTreeSet::new();
        // Clients that have yet to read that there is no session.
        let mut unread = BTreeSet::new();
        for step in &self.steps {
            let What::Packet { link, point, packet } = &step.what else { continue };
            let (Some(client), Kind::Connack { is_success: true, session_present, .. }) =
                (clients.get(link), &packet.kind)
            else {
                continue;
            };
            match (point, session_present) {
                (Point::BrokerOut, false) => drop(unread.insert(*client)),
                (Point::ClientIn, false) => drop(unread.remove(client)),
                (Point::ClientIn, true) if unread.remove(client) => drop(mistaken.insert(*client)),
                _ => {}
            }
        }
        mistaken
    }
}
