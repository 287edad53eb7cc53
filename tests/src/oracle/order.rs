//! Messages of one topic and QoS arrive in the order in which they were published, repetitions aside.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_memory::{Point, QoS};

use crate::story::{Fact, Kind, Story, What};

/// The first arrivals at the broker and at each stream, by publisher's topic and QoS, are in the order of publishing.
pub fn check(story: &Story) -> Vec<String> {
    let mut violations = Vec::new();
    let mut sent: BTreeMap<u32, usize> = BTreeMap::new();
    let mut newest_sent: BTreeMap<(&str, QoS), u32> = BTreeMap::new();
    let mut seen: BTreeSet<(usize, u32)> = BTreeSet::new();
    let mut newest: BTreeMap<(usize, &str, QoS, QoS), u32> = BTreeMap::new();
    for step in &story.steps {
        if let What::Packet { point: Point::BrokerIn, packet, .. } = &step.what {
            let Kind::Publish { message, qos, .. } = &packet.kind else { continue };
            let Some(meant) = story.messages.get(*message as usize) else { continue };
            let times = sent.entry(*message).or_default();
            *times += 1;
            let newest = newest_sent.entry((&meant.topic, *qos)).or_insert(*message);
            if *times == 1 && *message < *newest {
                violations
                    .push(format!("message {message} reached the broker after {newest} of {}", meant.topic));
            }
            *newest = (*newest).max(*message);
            continue;
        }
        let What::Fact(client, Fact::Taken { stream, message, qos, retain, dup, .. }) = &step.what else {
            continue;
        };
        let Some(meant) = story.messages.get(*message as usize) else { continue };
        let filters = &story.scenario.clients[*client].filters;
        let is_shared = filters.iter().any(|(filter, _)| filter.starts_with("$share/"));
        // What `receive` gets comes from several subscriptions, one after the other.
        let is_mixed = *stream > usize::MAX / 2;
        if is_mixed || is_shared || *retain || meant.retain || !seen.insert((*stream, *message)) {
            continue;
        }
        let newest = newest.entry((*stream, &meant.topic, meant.qos, *qos)).or_insert(*message);
        // What is sent again may meet a subscription that was not there before.
        let is_repeated = *dup || sent.get(message).is_some_and(|times| *times > 1);
        if *message < *newest && !is_repeated {
            let text = format!("client {client} took message {message} after {newest} of {}", meant.topic);
            violations.push(text);
        }
        *newest = (*newest).max(*message);
    }
    violations
}
