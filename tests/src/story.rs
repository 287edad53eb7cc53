//! What happened in a simulation, as the oracles read it: packets at both ends of each link, and what the programs
//! saw, in one order.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_memory::{
    ConnectError, ConnectionEvent, Event, Instant, OfflineCause, Point, PublishError, QoS, ReasonCode,
    Record, Side, Stats, Version,
};
use mqtt_proto::{Context, Packet, Sender, decode};

use crate::scenario::Scenario;

/// One simulation, told to its end.
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

/// The number of the stream that stands for `receive`: this less the number of the client.
pub const REST: usize = usize::MAX;

/// A message that a program meant to publish.
#[derive(Clone, Debug)]
pub struct Meant {
    /// Which client.
    pub client: usize,
    /// Where to.
    pub topic: String,
    /// Bytes of its payload.
    pub size: usize,
    /// How often it may arrive.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
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
    /// A filter is unsubscribed.
    Unsubscribed {
        /// The filter.
        filter: String,
    },
    /// A program begins; what took messages in the one before is gone.
    LifeBegins,
    /// An event about messages.
    Told(ConnectionEvent),
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

/// A packet, with what the oracles want to know of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Of the whole packet.
    pub size: usize,
    /// Its version.
    pub version: Version,
    /// What it is.
    pub kind: Kind,
}

/// The packets, by kind.
#[derive(Clone, Debug)]
pub enum Kind {
    /// CONNECT.
    Connect {
        /// Clean Start.
        is_clean: bool,
        /// Keep alive that the client announces, in seconds.
        keep_alive_secs: u16,
        /// Receive Maximum of the client.
        receive_maximum: u16,
        /// Largest packet that the client takes.
        packet_size_max: u32,
        /// Topic Alias Maximum of the client.
        alias_max: u16,
    },
    /// CONNACK.
    Connack {
        /// Whether it accepts.
        is_success: bool,
        /// Session Present.
        session_present: bool,
        /// Receive Maximum of the server.
        receive_maximum: u16,
        /// Largest packet that the server takes.
        packet_size_max: u32,
        /// Topic Alias Maximum of the server.
        alias_max: u16,
        /// Keep alive that the server demands.
        keep_alive_secs: Option<u16>,
    },
    /// PUBLISH.
    Publish {
        /// Identifier, if it has one.
        id: Option<u16>,
        /// QoS.
        qos: QoS,
        /// DUP.
        dup: bool,
        /// RETAIN.
        retain: bool,
        /// Which of the messages it is.
        message: u32,
        /// The topic as it is written.
        topic: String,
        /// The topic alias.
        alias: Option<u16>,
    },
    /// PUBACK.
    Puback(u16, ReasonCode),
    /// PUBREC.
    Pubrec(u16, ReasonCode),
    /// PUBREL.
    Pubrel(u16, ReasonCode),
    /// PUBCOMP.
    Pubcomp(u16),
    /// SUBSCRIBE.
    Subscribe(u16, Vec<(String, QoS)>),
    /// SUBACK.
    Suback(u16, Vec<ReasonCode>),
    /// UNSUBSCRIBE.
    Unsubscribe(u16, Vec<String>),
    /// UNSUBACK.
    Unsuback(u16),
    /// PINGREQ.
    Pingreq,
    /// PINGRESP.
    Pingresp,
    /// DISCONNECT.
    Disconnect(ReasonCode),
    /// AUTH.
    Auth,
    /// What cannot be read.
    Broken,
}

impl Seen {
    fn new(frame: &[u8], version: Version, sender: Sender) -> Seen {
        let packet = decode(frame, Context { version, sender: Some(sender) });
        let kind = packet.map_or(Kind::Broken, |packet| kind_of(&packet));
        Seen { size: frame.len(), version, kind }
    }
}

fn kind_of(packet: &Packet<'_>) -> Kind {
    match packet {
        Packet::Connect(connect) => Kind::Connect {
            is_clean: connect.clean_start,
            keep_alive_secs: connect.keep_alive_secs,
            receive_maximum: connect.properties.receive_maximum().unwrap_or(u16::MAX),
            packet_size_max: connect.properties.maximum_packet_size().unwrap_or(u32::MAX),
            alias_max: connect.properties.topic_alias_maximum().unwrap_or(0),
        },
        Packet::Connack(connack) => Kind::Connack {
            is_success: connack.reason == ReasonCode::Success,
            session_present: connack.session_present,
            receive_maximum: connack.properties.receive_maximum().unwrap_or(u16::MAX),
            packet_size_max: connack.properties.maximum_packet_size().unwrap_or(u32::MAX),
            alias_max: connack.properties.topic_alias_maximum().unwrap_or(0),
            keep_alive_secs: connack.properties.server_keep_alive(),
        },
        Packet::Publish(publish) => Kind::Publish {
            id: publish.packet_id.map(mqtt_proto::PacketId::get),
            qos: publish.qos,
            dup: publish.dup,
            retain: publish.retain,
            message: message_number(publish.payload),
            topic: publish.topic.as_str().into(),
            alias: publish.properties.topic_alias(),
        },
        Packet::Puback(ack) => Kind::Puback(ack.packet_id.get(), ack.reason),
        Packet::Pubrec(ack) => Kind::Pubrec(ack.packet_id.get(), ack.reason),
        Packet::Pubrel(ack) => Kind::Pubrel(ack.packet_id.get(), ack.reason),
        Packet::Pubcomp(ack) => Kind::Pubcomp(ack.packet_id.get()),
        Packet::Subscribe(subscribe) => Kind::Subscribe(
            subscribe.packet_id.get(),
            subscribe
                .filters
                .iter()
                .map(|item| (item.filter.as_str().to_owned(), item.options.qos))
                .collect(),
        ),
        Packet::Suback(suback) => Kind::Suback(suback.packet_id.get(), suback.codes.iter().collect()),
        Packet::Unsubscribe(unsubscribe) => Kind::Unsubscribe(
            unsubscribe.packet_id.get(),
            unsubscribe.filters.iter().map(|filter| filter.as_str().to_owned()).collect(),
        ),
        Packet::Unsuback(unsuback) => Kind::Unsuback(unsuback.packet_id.get()),
        Packet::Pingreq => Kind::Pingreq,
        Packet::Pingresp => Kind::Pingresp,
        Packet::Disconnect(disconnect) => Kind::Disconnect(disconnect.reason),
        Packet::Auth(_) => Kind::Auth,
    }
}

/// The payload of a message: its number, and as many bytes more as it is to have.
pub fn payload(message: u32, size: usize) -> Vec<u8> {
    let mut payload = message.to_be_bytes().to_vec();
    payload.resize(size.max(4), b'.');
    payload
}

/// Which message it is; `u32::MAX` is none.
pub fn message_number(payload: &[u8]) -> u32 {
    payload.first_chunk().map_or(u32::MAX, |bytes| u32::from_be_bytes(*bytes))
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
