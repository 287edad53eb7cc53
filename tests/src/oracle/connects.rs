//! Each CONNECT of a client says what the first one said, and has the will that the program gave.

use std::collections::BTreeMap;

use mqtt_memory::Point;

use super::wire::thieves;
use crate::story::{Kind, Story, What};

/// Compares all CONNECTs of each client.
pub fn check(story: &Story) -> Vec<String> {
    let clients = story.clients_by_link();
    let thieves = thieves(story);
    let mut violations = Vec::new();
    let mut first: BTreeMap<usize, &str> = BTreeMap::new();
    for step in &story.steps {
        let What::Packet { link, point: Point::ClientOut, packet } = &step.what else { continue };
        let (Kind::Connect { has_will, fields, .. }, Some(client)) = (&packet.kind, clients.get(link)) else {
            continue;
        };
        if thieves.contains(link) {
            continue;
        }
        let options = &story.scenario.clients[*client].options;
        if *has_will != options.config.will.is_some() {
            violations.push(format!("client {client}, link {link}: CONNECT with a will: {has_will}"));
        }
        let expected = first.entry(*client).or_insert(fields);
        if *expected != fields {
            violations.push(format!("client {client}, link {link}: CONNECT {fields}, before {expected}"));
        }
    }
    violations
}
