//! A client acknowledges in the order of arrival, and nothing that its program has neither taken nor got an event for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt_memory::{ConnectionEvent, Instant, OfflineCause, Point, QoS};

use super::delivery::covers;
use crate::story::{Fact, Kind, Story, What};

/// What one program has seen.
#[derive(Default)]
struct Program<'a> {
    taken: BTreeSet<u32>,
    /// Filters whose messages are acknowledged when they arrive.
    on_arrival: BTreeSet<&'a str>,
    /// Acknowledgements of messages that were not taken, by topic.
    untaken: BTreeMap<&'a str, Vec<u32>>,
    /// Messages that were given up with an event, by topic.
    given_up: BTreeMap<String, u64>,
    /// Messages that were dropped with an event.
    dropped: u64,
    /// Since when somebody takes the messages of a filter.
    takers: BTreeMap<&'a str, Instant>,
    /// Exchanges of QoS 1 whose message was neither taken nor acknowledged, by identifier.
    waiting: BTreeSet<(u16, u32)>,
    /// How often a message of QoS 1 may be taken by one stream: once for each arrival of which nothing waits.
    arrived: BTreeMap<u32, u32>,
    taken_by: BTreeMap<(usize, u32), u32>,
}

impl Program<'_> {
    /// How many times a stream has taken a message of QoS 1 by now, and how many times it has arrived.
    fn on_taken(&mut self, message: u32, qos: QoS, stream: usize) -> (u32, u32) {
        self.taken.insert(message);
        self.waiting.retain(|(_, waiting)| *waiting != message);
        let taken = self.taken_by.entry((stream, message)).or_default();
        *taken += u32::from(qos == QoS::AtLeastOnce);
        (*taken, self.arrived.get(&message).copied().unwrap_or(0))
    }

    /// Whether messages of a topic are acknowledged when they arrive.
    fn is_early(&self, topic: &str) -> bool {
        self.on_arrival.iter().any(|filter| covers_shared(filter, topic))
    }

    /// Acknowledgements that no event explains.
    fn silent(&self) -> Vec<String> {
        let mut dropped = self.dropped;
        let mut silent = Vec::new();
        for (topic, untaken) in &self.untaken {
            let reported = self.given_up.get(*topic).copied().unwrap_or(0);
            let rest = (untaken.len() as u64).saturating_sub(reported);
            if rest > dropped {
                silent.push(format!(
                    "acknowledged messages {untaken:?} of {topic} that nobody has taken, and reported {reported}"
                ));
            }
            dropped = dropped.saturating_sub(rest);
        }
        silent
    }
}

/// Follows what a client reads and its acknowledgements.
pub fn check(story: &Story) -> Vec<String> {
    let mut receiving = Receiving {
        story,
        clients: story.clients_by_link(),
        open: BTreeMap::new(),
        programs: BTreeMap::new(),
        spoilt: story.mistaken(),
        violations: Vec::new(),
    };
    for step in &story.steps {
        match &step.what {
            What::Fact(client, fact) => receiving.on_fact(*client, step.at, fact),
            What::Packet { link, point, packet } => {
                let client = receiving.clients.get(link).copied();
                if let Some(client) = client.filter(|client| !receiving.spoilt.contains(client)) {
                    receiving.on_packet(client, *link, *point, &packet.kind, step.at);
                }
            }
            _ => {}
        }
    }
    let Receiving { programs, spoilt, mut violations, .. } = receiving;
    for (client, program) in programs.iter().filter(|(client, _)| !spoilt.contains(client)) {
        violations.extend(program.silent().into_iter().map(|text| format!("client {client}: {text}")));
    }
    violations
}

/// All programs, and the links to them.
struct Receiving<'a> {
    story: &'a Story,
    clients: BTreeMap<u32, usize>,
    /// Arrivals without acknowledgement, on each link.
    open: BTreeMap<u32, VecDeque<(u16, u32, QoS)>>,
    programs: BTreeMap<usize, Program<'a>>,
    /// Clients of which nothing more can be said.
    spoilt: BTreeSet<usize>,
    violations: Vec<String>,
}

impl<'a> Receiving<'a> {
    fn violation(&mut self, client: usize, at: Instant, text: &str) {
        self.violations.push(format!("client {client}, {at:?}: {text}"));
    }

    fn on_fact(&mut self, client: usize, at: Instant, fact: &'a Fact) {
        let program = self.programs.entry(client).or_default();
        match fact {
            Fact::Taken { message, qos, stream, topic, .. } => {
                let (taken, arrived) = program.on_taken(*message, *qos, *stream);
                // What is acknowledged on arrival is settled before a repetition in the same read.
                if taken > arrived && !program.is_early(topic) && !self.spoilt.contains(&client) {
                    let text = format!("took message {message} {taken} times, which waited {arrived} times");
                    self.violation(client, at, &text);
                }
            }
            Fact::Subscribed { filter, on_arrival, .. } => {
                program.takers.insert(filter, at);
                if *on_arrival {
                    program.on_arrival.insert(filter);
                }
            }
            Fact::Dropped { filter, .. } | Fact::Unsubscribed { filter } => {
                program.takers.remove(filter.as_str());
            }
            Fact::Event(ConnectionEvent::MessagesGivenUp { topic, count }) => {
                *program.given_up.entry(topic.to_string()).or_default() += count;
                let filters = self.story.scenario.clients[client].filters.iter();
                let mut covering = filters.filter(|(filter, _)| covers_shared(filter, topic));
                // Of several filters one may have lost its taker; of one there is no doubt.
                if let (Some((filter, _)), None) = (covering.next(), covering.next())
                    && program.takers.get(filter.as_str()).is_some_and(|since| *since < at)
                {
                    self.violation(client, at, &format!("gave up messages of {topic}, which {filter} takes"));
                }
            }
            Fact::Event(ConnectionEvent::MessagesDropped { count }) => program.dropped += count,
            Fact::GoesOn { filter } => {
                let text = format!("the stream of {filter} goes on although it was unsubscribed");
                self.violation(client, at, &text);
            }
            Fact::LifeBegins => {
                let ended = std::mem::take(program);
                if !self.spoilt.contains(&client) {
                    let silent = ended.silent().into_iter();
                    self.violations.extend(silent.map(|text| format!("client {client}: {text}")));
                }
            }
            Fact::Offline(OfflineCause::PeerFault(_) | OfflineCause::AcknowledgementsStalled) => {
                self.spoilt.insert(client);
            }
            _ => {}
        }
    }

    fn on_packet(&mut self, client: usize, link: u32, point: Point, kind: &Kind, at: Instant) {
        let program = self.programs.entry(client).or_default();
        match (point, kind) {
            (Point::ClientIn, Kind::Connack { is_success: true, session_present: false, .. }) => {
                // What comes now comes for another session.
                program.waiting.clear();
            }
            (Point::ClientIn, Kind::Publish { id: Some(id), message, qos, .. }) => {
                self.open.entry(link).or_default().push_back((*id, *message, *qos));
                if *qos == QoS::AtLeastOnce && program.waiting.insert((*id, *message)) {
                    *program.arrived.entry(*message).or_default() += 1;
                }
            }
            (Point::ClientOut, Kind::Puback(id, _)) => {
                self.on_acknowledged(client, link, *id, QoS::AtLeastOnce, at);
            }
            (Point::ClientOut, Kind::Pubrec(id, _)) => {
                self.on_acknowledged(client, link, *id, QoS::ExactlyOnce, at);
            }
            _ => {}
        }
    }

    fn on_acknowledged(&mut self, client: usize, link: u32, id: u16, qos: QoS, at: Instant) {
        let oldest = self.open.entry(link).or_default().pop_front();
        let Some((_, message, _)) = oldest.filter(|it| (it.0, it.2) == (id, qos)) else {
            return self.violation(client, at, &format!("acknowledges {id} out of turn"));
        };
        let topic = self.story.messages.get(message as usize).map_or("", |meant| &meant.topic);
        let program = self.programs.entry(client).or_default();
        // A repetition of what waits is acknowledged too, and is the same message.
        let is_first = match qos {
            QoS::ExactlyOnce => !program.untaken.get(topic).is_some_and(|it| it.contains(&message)),
            _ => program.waiting.remove(&(id, message)),
        };
        if is_first && !program.taken.contains(&message) && !program.is_early(topic) {
            program.untaken.entry(topic).or_default().push(message);
        }
    }
}

/// [`covers`], for shared subscriptions too.
fn covers_shared(filter: &str, topic: &str) -> bool {
    match filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')) {
        Some((_, filter)) => covers(filter, topic),
        None => covers(filter, topic),
    }
}
