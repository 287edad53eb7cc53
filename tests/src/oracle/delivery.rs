//! QoS 0 arrives at most once, QoS 1 at least once, QoS 2 exactly once while the session lasts; what was
//! acknowledged is at the broker, what was rejected is not.
//!
//! A model of the broker follows the packets at its end of the links: sessions, subscriptions, and the QoS 2
//! identifiers that it knows. From that follows what each stream of a program must take in the end.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_memory::{ConnectionEvent, Lost, Point, PublishError, QoS, Rejected, TopicFilter, TopicName};

use crate::story::{Fact, Kind, RECEIVE, Story, What};

/// The broker as its packets show it.
#[derive(Default)]
struct Model {
    sessions: BTreeMap<usize, Session>,
    /// The stream for which a filter of a SUBSCRIBE was sent.
    requested: BTreeMap<(u32, u16, String), usize>,
    /// Links that take bytes slowly: what leaves there may be older than what the program wants by now.
    tight: BTreeSet<u32>,
    /// Streams of the programs, by client and filter.
    streams: BTreeMap<(usize, String), usize>,
    /// Times that the broker has taken each message for a new one.
    routed: BTreeMap<u32, usize>,
    /// What streams are yet to take; a stream that is dropped takes nothing more.
    owed: BTreeSet<(usize, usize, u32)>,
    /// What clients are yet to take, by whatever takes it, in whichever program of theirs.
    owed_to_client: BTreeSet<(usize, u32)>,
    /// Messages that were given up with an event, by topic, and dropped with one.
    given_up: BTreeMap<(usize, String), u64>,
    dropped: BTreeMap<usize, u64>,
    /// What streams have taken.
    taken: BTreeMap<(usize, u32, QoS), usize>,
    /// Accepted connections of each client.
    connections: BTreeMap<usize, usize>,
    /// Clients whose messages a broker has denied although it took them.
    deceived: BTreeSet<usize>,
    /// See [`Story::mistaken`].
    mistaken: BTreeSet<usize>,
    /// The highest QoS that the broker takes now.
    qos_max: QoS,
    violations: Vec<String>,
}

#[derive(Default)]
struct Session {
    /// Filter to granted QoS and the stream behind it.
    filters: BTreeMap<String, (QoS, Option<usize>)>,
    /// QoS 2 identifiers between PUBLISH and PUBREL.
    known: BTreeSet<u16>,
}

/// Runs the model over the story.
pub fn check(story: &Story) -> Vec<String> {
    let clients = story.clients_by_link();
    let mut model =
        Model { mistaken: story.mistaken(), qos_max: story.scenario.broker.qos_max, ..Model::default() };
    for (index, step) in story.steps.iter().enumerate() {
        match &step.what {
            What::Packet { link, point, packet } => {
                let Some(&client) = clients.get(link) else { continue };
                let next = story.steps.get(index + 1).map(|step| &step.what);
                let is_refused = matches!(next, Some(What::Refused { link: refused }) if refused == link);
                if !(is_refused && matches!(packet.kind, Kind::Publish { .. })) {
                    model.on_packet(story, client, *link, *point, &packet.kind);
                }
            }
            What::Dialled { link, is_tight: true, .. } => drop(model.tight.insert(*link)),
            What::BrokerStopped { keeps_sessions: false } => {
                model.sessions.clear();
                model.owed.clear();
                model.owed_to_client.clear();
            }
            What::Fault { link: Some(link), text } if text.contains("denies") => {
                model.deceived.extend(clients.get(link));
            }
            What::Fact(client, fact) => model.on_fact(story, *client, fact),
            _ => {}
        }
    }
    model.finish(story)
}

impl Model {
    fn on_packet(&mut self, story: &Story, client: usize, link: u32, point: Point, kind: &Kind) {
        match (point, kind) {
            (Point::ClientOut, Kind::Subscribe(id, filters)) if !self.tight.contains(&link) => {
                for (filter, _) in filters {
                    if let Some(stream) = self.streams.get(&(client, filter.clone())) {
                        self.requested.insert((link, *id, filter.clone()), *stream);
                    }
                }
            }
            (Point::BrokerIn, Kind::Subscribe(id, filters)) => {
                let session = self.sessions.entry(client).or_default();
                for (filter, qos) in filters {
                    let stream = self.requested.get(&(link, *id, filter.clone())).copied();
                    let qos = (*qos).min(self.qos_max);
                    session.filters.insert(filter.clone(), (qos, stream));
                }
            }
            (Point::BrokerIn, Kind::Unsubscribe(_, filters)) => {
                let session = self.sessions.entry(client).or_default();
                for filter in filters {
                    session.filters.remove(filter);
                }
            }
            (Point::BrokerIn, Kind::Publish { id, qos, message, .. }) => {
                let session = self.sessions.entry(client).or_default();
                let is_new = *qos != QoS::ExactlyOnce || id.is_some_and(|id| session.known.insert(id));
                if is_new && (*message as usize) < story.messages.len() {
                    self.route(story, *message);
                }
            }
            (Point::BrokerIn, Kind::Pubrel(id, _)) => {
                self.sessions.entry(client).or_default().known.remove(id);
            }
            (Point::BrokerOut, Kind::Connack { is_success: true, session_present, .. }) => {
                *self.connections.entry(client).or_default() += 1;
                if !session_present {
                    self.sessions.remove(&client);
                    self.owed.retain(|(owner, ..)| *owner != client);
                    self.owed_to_client.retain(|(owner, _)| *owner != client);
                }
            }
            _ => {}
        }
    }

    fn route(&mut self, story: &Story, message: u32) {
        *self.routed.entry(message).or_default() += 1;
        let meant = &story.messages[message as usize];
        for (client, session) in &self.sessions {
            let matching = session.filters.iter().filter(|(filter, _)| covers(filter, &meant.topic));
            let matching: Vec<_> = matching.collect();
            let granted = matching.iter().map(|(_, (qos, _))| *qos).max();
            let config = &story.scenario.clients[*client].options.config;
            // A 5.0 server silently drops what is larger than the client takes.
            let fits = meant.size + PUBLISH_SIZE_MAX <= config.packet_size_max as usize;
            // What expires may do so anywhere on its way, and then nobody is owed it.
            let lasts = meant.expiry_secs.is_none();
            if fits && lasts && granted.is_some_and(|granted| granted.min(meant.qos) > QoS::AtMostOnce) {
                self.owed_to_client.insert((*client, message));
                for (filter, (_, stream)) in matching {
                    // A stream that was dropped meanwhile takes nothing more.
                    let alive = self.streams.get(&(*client, filter.clone()));
                    if let Some(stream) = stream.filter(|stream| alive == Some(stream)) {
                        self.owed.insert((*client, stream, message));
                    }
                }
            }
        }
    }

    fn on_fact(&mut self, story: &Story, client: usize, fact: &Fact) {
        match fact {
            Fact::Terms(terms) => self.qos_max = story.scenario.terms[*terms].qos_max,
            Fact::LifeBegins => {
                self.streams.retain(|(owner, _), _| *owner != client);
                // A program without a store does not know what the one before has taken.
                self.taken.retain(|(stream, ..), _| *stream != RECEIVE - client);
                self.owed.retain(|(owner, ..)| *owner != client);
            }
            Fact::Event(ConnectionEvent::MessagesGivenUp { topic, count }) => {
                *self.given_up.entry((client, topic.to_string())).or_default() += count;
            }
            Fact::Event(ConnectionEvent::MessagesDropped { count }) => {
                *self.dropped.entry(client).or_default() += count;
            }
            Fact::Subscribed { stream, filter, .. } => {
                self.streams.insert((client, filter.clone()), *stream);
            }
            Fact::Dropped { stream, filter } => {
                self.streams.remove(&(client, filter.clone()));
                self.owed.retain(|(_, owner, _)| owner != stream);
            }
            Fact::Taken { stream, message, qos, topic, is_intact, .. } => {
                let Some(meant) = story.messages.get(*message as usize) else {
                    return self.violations.push(format!("client {client} took what nobody has published"));
                };
                if meant.topic != *topic {
                    let text = format!("message {message} for {} came to {topic}", meant.topic);
                    self.violations.push(text);
                }
                if !is_intact {
                    self.violations
                        .push(format!("message {message} came to client {client} with other content"));
                }
                self.owed.remove(&(client, *stream, *message));
                self.owed_to_client.remove(&(client, *message));
                let taken = self.taken.entry((*stream, *message, *qos)).or_default();
                *taken += 1;
                let routed = self.routed.get(message).copied().unwrap_or(0);
                if *qos != QoS::AtLeastOnce && !meant.retain && *taken > routed * copies(story, client) {
                    let text = format!(
                        "client {client} took message {message} with QoS {qos} {taken} times, sent {routed} times"
                    );
                    self.violations.push(text);
                }
            }
            Fact::Ended(message, Ok(_)) => {
                let meant = &story.messages[*message as usize];
                if meant.qos > QoS::AtMostOnce
                    && !self.routed.contains_key(message)
                    && !self.mistaken.contains(&client)
                {
                    self.violations.push(format!("message {message} is acknowledged and not at the broker"));
                }
            }
            _ => {}
        }
    }

    fn finish(mut self, story: &Story) -> Vec<String> {
        self.check_rejected(story);
        self.check_routed(story);
        self.check_owed(story);
        self.violations
    }

    /// What was rejected for certain is not at the broker.
    fn check_rejected(&mut self, story: &Story) {
        for step in &story.steps {
            let What::Fact(client, fact) = &step.what else { continue };
            let message = match fact {
                Fact::NotAccepted(message) => message,
                Fact::Ended(message, Err(error)) => match error {
                    PublishError::Rejected(Rejected::ByServer(_)) if self.deceived.contains(client) => {
                        continue;
                    }
                    PublishError::Rejected(_)
                    | PublishError::NotAccepted(_)
                    | PublishError::TimedOut { withdrawn: true } => message,
                    _ => continue,
                },
                _ => continue,
            };
            if self.routed.contains_key(message) {
                self.violations.push(format!("message {message} is rejected and at the broker: {fact:?}"));
            }
        }
    }

    /// No message reached the broker more often than its QoS allows.
    fn check_routed(&mut self, story: &Story) {
        for (message, routed) in &self.routed {
            let meant = &story.messages[*message as usize];
            let loss = story.scenario.clients[meant.client].options.config.session_loss;
            let connections = self.connections.get(&meant.client).copied().unwrap_or(0);
            let most = match meant.qos {
                QoS::AtMostOnce => 1,
                QoS::ExactlyOnce if loss.exactly_once == Lost::End => 1,
                QoS::AtLeastOnce | QoS::ExactlyOnce => connections,
            };
            if *routed > most && !self.mistaken.contains(&meant.client) {
                let qos = meant.qos;
                self.violations
                    .push(format!("message {message} with QoS {qos} reached the broker {routed} times"));
            }
        }
    }

    /// Everything that streams and clients had to take was taken, or its loss was an event.
    fn check_owed(&mut self, story: &Story) {
        for (client, stream, message) in &self.owed {
            // What was dropped for want of room, with an event, is looked at below.
            if self.mistaken.contains(client) || self.dropped.contains_key(client) {
                continue;
            }
            let text = format!("stream {stream} of client {client} never took message {message}");
            self.violations.push(text);
        }
        for (client, message) in &self.owed_to_client {
            let plan = &story.scenario.clients[*client];
            // What is acknowledged on arrival is lost with the program that has not taken it: its own choice.
            let is_chosen = plan.dies && plan.takers.iter().any(|taker| taker.on_arrival);
            if self.mistaken.contains(client) || is_chosen {
                continue;
            }
            let topic = story.messages[*message as usize].topic.clone();
            let reported = self.given_up.get_mut(&(*client, topic)).filter(|count| **count > 0);
            let reported = reported.or_else(|| self.dropped.get_mut(client).filter(|count| **count > 0));
            match reported {
                Some(count) => *count -= 1,
                None => self
                    .violations
                    .push(format!("client {client} never took message {message}, and no event reports it")),
            }
        }
    }
}

/// What a PUBLISH of the simulation has at the most beside its payload.
const PUBLISH_SIZE_MAX: usize = 130;

/// How many copies of one message a session may get: shared subscriptions bring their own.
fn copies(story: &Story, client: usize) -> usize {
    let filters = &story.scenario.clients[client].filters;
    1 + filters.iter().filter(|(filter, _)| filter.starts_with("$share/")).count()
}

/// Whether a filter brings a message to every session that has it.
pub(super) fn covers(filter: &str, topic: &str) -> bool {
    let (Ok(filter), Ok(topic)) = (TopicFilter::new(filter), TopicName::new(topic)) else { return false };
    !filter.is_shared() && filter.matches(topic)
}
