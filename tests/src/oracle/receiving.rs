//! A client acknowledges in the order of arrival, and nothing that its program has not taken, or was told of.

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
    /// Acknowledgements for which nobody has been told why.
    fn silent(&self) -> Vec<String> {
        let mut dropped = self.dropped;
        let mut silent = Vec::new();
        for (topic, untaken) in &self.untaken {
            let told = self.given_up.get(*topic).copied().unwrap_or(0);
            let rest = (untaken.len() as u64).saturating_sub(told);
            if rest > dropped {
                silent.push(format!(
                    "acknowledged messages {untaken:?} of {topic} that nobody has taken, and told of {told}"
                ));
            }
            dropped = dropped.saturating_sub(rest);
        }
        silent
    }
}

/// Follows what a client reads and its acknowledgements.
pub fn check(story: &Story) -> Vec<String> {
    let clients = story.clients_by_link();
    let mut violations = Vec::new();
    // Arrivals without acknowledgement, on each link.
    let mut open: BTreeMap<u32, VecDeque<(u16, u32, QoS)>> = BTreeMap::new();
    let mut programs: BTreeMap<usize, Program<'_>> = BTreeMap::new();
    let mut spoilt: BTreeSet<usize> = story.mistaken();
    for step in &story.steps {
        match &step.what {
            What::Fact(client, fact) => {
                let program = programs.entry(*client).or_default();
                match fact {
                    Fact::Taken { message, qos, stream, topic, .. } => {
                        program.taken.insert(*message);
                        program.waiting.retain(|(_, waiting)| waiting != message);
                        let taken = program.taken_by.entry((*stream, *message)).or_default();
                        *taken += u32::from(*qos == QoS::AtLeastOnce);
                        let arrived = program.arrived.get(message).copied().unwrap_or(0);
                        // What is acknowledged on arrival is settled before a repetition in the same read.
                        let is_early = program.on_arrival.iter().any(|filter| covers_shared(filter, topic));
                        if *taken > arrived && !is_early && !spoilt.contains(client) {
                            let text =
                                format!("took message {message} {taken} times, which waited {arrived} times");
                            violations.push(format!("client {client}, {:?}: {text}", step.at));
                        }
                    }
                    Fact::Subscribed { filter, on_arrival, .. } => {
                        program.takers.insert(filter, step.at);
                        if *on_arrival {
                            program.on_arrival.insert(filter);
                        }
                    }
                    Fact::Dropped { filter, .. } | Fact::Unsubscribed { filter } => {
                        program.takers.remove(filter.as_str());
                    }
                    Fact::Told(ConnectionEvent::MessagesGivenUp { topic, count }) => {
                        *program.given_up.entry(topic.to_string()).or_default() += count;
                        let filters = story.scenario.clients[*client].filters.iter();
                        let mut covering = filters.filter(|(filter, _)| covers_shared(filter, topic));
                        // Of several filters one may have lost its taker; of one there is no doubt.
                        if let (Some((filter, _)), None) = (covering.next(), covering.next())
                            && program.takers.get(filter.as_str()).is_some_and(|since| *since < step.at)
                        {
                            let text = format!("gave up messages of {topic}, which {filter} takes");
                            violations.push(format!("client {client}, {:?}: {text}", step.at));
                        }
                    }
                    Fact::Told(ConnectionEvent::MessagesDropped { count }) => program.dropped += count,
                    Fact::GoesOn { filter } => {
                        let text = format!("the stream of {filter} goes on although it was unsubscribed");
                        violations.push(format!("client {client}, {:?}: {text}", step.at));
                    }
                    Fact::LifeBegins => {
                        let ended = std::mem::take(program);
                        let silent = ended.silent().into_iter().filter(|_| !spoilt.contains(client));
                        violations.extend(silent.map(|text| format!("client {client}: {text}")));
                    }
                    Fact::Offline(OfflineCause::PeerFault(_) | OfflineCause::AcknowledgementsStalled) => {
                        spoilt.insert(*client);
                    }
                    _ => {}
                }
            }
            What::Packet { link, point, packet } => {
                let Some(client) = clients.get(link).filter(|client| !spoilt.contains(client)) else {
                    continue;
                };
                let queue = open.entry(*link).or_default();
                let (id, qos) = match (point, &packet.kind) {
                    (Point::ClientIn, Kind::Connack { is_success: true, session_present: false, .. }) => {
                        // What comes now comes for another session.
                        programs.entry(*client).or_default().waiting.clear();
                        continue;
                    }
                    (Point::ClientIn, Kind::Publish { id: Some(id), message, qos, .. }) => {
                        queue.push_back((*id, *message, *qos));
                        let program = programs.entry(*client).or_default();
                        if *qos == QoS::AtLeastOnce && program.waiting.insert((*id, *message)) {
                            *program.arrived.entry(*message).or_default() += 1;
                        }
                        continue;
                    }
                    (Point::ClientOut, Kind::Puback(id, _)) => (*id, QoS::AtLeastOnce),
                    (Point::ClientOut, Kind::Pubrec(id, _)) => (*id, QoS::ExactlyOnce),
                    _ => continue,
                };
                let at = step.at;
                let Some((_, message, _)) = queue.pop_front().filter(|it| (it.0, it.2) == (id, qos)) else {
                    violations.push(format!("client {client}, {at:?}: acknowledges {id} out of turn"));
                    continue;
                };
                let topic = story.messages.get(message as usize).map_or("", |meant| &meant.topic);
                let program = programs.entry(*client).or_default();
                // A repetition of what waits is acknowledged too, and is the same message.
                let is_first = match qos {
                    QoS::ExactlyOnce => !program.untaken.get(topic).is_some_and(|it| it.contains(&message)),
                    _ => program.waiting.remove(&(id, message)),
                };
                let is_early = program.on_arrival.iter().any(|filter| covers_shared(filter, topic));
                if is_first && !program.taken.contains(&message) && !is_early {
                    program.untaken.entry(topic).or_default().push(message);
                }
            }
            _ => {}
        }
    }
    for (client, program) in programs.iter().filter(|(client, _)| !spoilt.contains(client)) {
        violations.extend(program.silent().into_iter().map(|text| format!("client {client}: {text}")));
    }
    violations
}

/// The same as [`covers`], for shared subscriptions too.
fn covers_shared(filter: &str, topic: &str) -> bool {
    match filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')) {
        Some((_, filter)) => covers(filter, topic),
        None => covers(filter, topic),
    }
}
