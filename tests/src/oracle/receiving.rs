//! A client acknowledges in the order of arrival, and not before its program has taken the message.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt_memory::{OfflineCause, Point, QoS};

use super::delivery::covers;
use crate::story::{Fact, Kind, Story, What};

/// Follows what a client reads and its acknowledgements.
pub fn check(story: &Story) -> Vec<String> {
    let clients = story.clients_by_link();
    let mut violations = Vec::new();
    // Arrivals without acknowledgement, on each link.
    let mut open: BTreeMap<u32, VecDeque<(u16, u32, QoS)>> = BTreeMap::new();
    let mut taken: BTreeSet<(usize, u32)> = BTreeSet::new();
    // Filters of subscriptions that were dropped with what they held.
    let mut dropped: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    let mut spoilt: BTreeSet<usize> = story.mistaken();
    for step in &story.steps {
        match &step.what {
            What::Fact(client, Fact::Taken { message, .. }) => drop(taken.insert((*client, *message))),
            What::Fact(client, Fact::Dropped { filter, .. }) => {
                dropped.entry(*client).or_default().push(filter);
            }
            What::Fact(
                client,
                Fact::Offline(OfflineCause::PeerFault(_) | OfflineCause::AcknowledgementsStalled),
            ) => drop(spoilt.insert(*client)),
            What::Packet { link, point, packet } => {
                let Some(client) = clients.get(link).filter(|client| !spoilt.contains(client)) else {
                    continue;
                };
                let queue = open.entry(*link).or_default();
                let (id, qos) = match (point, &packet.kind) {
                    (Point::ClientIn, Kind::Publish { id: Some(id), message, qos, .. }) => {
                        queue.push_back((*id, *message, *qos));
                        continue;
                    }
                    (Point::ClientOut, Kind::Puback(id, _)) => (*id, QoS::AtLeastOnce),
                    (Point::ClientOut, Kind::Pubrec(id, _)) => (*id, QoS::ExactlyOnce),
                    _ => continue,
                };
                let at = step.at;
                let Some((expected, message, _)) = queue.pop_front().filter(|it| (it.0, it.2) == (id, qos))
                else {
                    violations.push(format!("client {client}, {at:?}: acknowledges {id} out of turn"));
                    continue;
                };
                let topic = story.messages.get(message as usize).map_or("", |meant| &meant.topic);
                let dropped = dropped.get(client).map_or(&[][..], Vec::as_slice);
                let is_excused = dropped.iter().any(|filter| covers(filter, topic));
                if !taken.contains(&(*client, message))
                    && !is_excused
                    && !dropped.iter().any(|it| it.starts_with('$'))
                {
                    let text = format!("acknowledges {expected}, message {message}, which nobody has taken");
                    violations.push(format!("client {client}, {at:?}: {text}"));
                }
            }
            _ => {}
        }
    }
    violations
}
