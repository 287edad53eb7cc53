//! Every operation that was accepted ends exactly once, and a subscription is granted only by a SUBACK.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_memory::{Point, QoS};

use crate::story::{Fact, Kind, Story, What};

/// No token resolves twice; that each resolves is for [`super::settled`], since some are dropped.
pub fn check(story: &Story) -> Vec<String> {
    let mut violations = Vec::new();
    let mut accepted: BTreeMap<u32, usize> = BTreeMap::new();
    for step in &story.steps {
        match &step.what {
            What::Fact(_, Fact::Accepted(message)) => drop(accepted.insert(*message, 0)),
            What::Fact(_, Fact::Ended(message, outcome)) => match accepted.get_mut(message) {
                Some(0) => drop(accepted.insert(*message, 1)),
                Some(_) => violations.push(format!("message {message} ended again: {outcome:?}")),
                None => violations.push(format!("message {message} ended and was not accepted")),
            },
            _ => {}
        }
    }
    check_granted(story, &mut violations);
    violations
}

/// What SUBACKs have said to each client, and which filters are still on their way.
fn check_granted(story: &Story, violations: &mut Vec<String>) {
    let clients = story.clients_by_link();
    let mut requested: BTreeMap<(u32, u16), &[(String, QoS)]> = BTreeMap::new();
    let mut granted: BTreeSet<(usize, &str, u8)> = BTreeSet::new();
    for step in &story.steps {
        match &step.what {
            What::Packet { link, point: Point::ClientOut, packet } => {
                if let Kind::Subscribe(id, filters) = &packet.kind {
                    requested.insert((*link, *id), filters);
                }
            }
            What::Packet { link, point: Point::ClientIn, packet } => {
                let Kind::Suback(id, codes) = &packet.kind else { continue };
                let Some(filters) = requested.remove(&(*link, *id)) else { continue };
                let Some(client) = clients.get(link) else { continue };
                let answers = filters.iter().zip(codes).filter(|(_, code)| !code.is_error());
                granted.extend(answers.map(|((filter, _), code)| (*client, filter.as_str(), code.byte())));
            }
            What::Fact(client, Fact::Granted { filter, outcome: Ok(qos) })
                if !granted.contains(&(*client, filter, *qos as u8)) =>
            {
                let text = format!("client {client} was told QoS {qos} for {filter}, and no SUBACK says so");
                violations.push(text);
            }
            _ => {}
        }
    }
}
