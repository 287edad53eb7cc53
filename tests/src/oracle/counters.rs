//! The counters of a client equal what went over its links and to its program.

use std::collections::BTreeMap;

use mqtt_memory::{Faults, OfflineCause, Point};

use crate::story::{Fact, Kind, Story, What};

#[derive(Default)]
struct Counts {
    online: u64,
    offline: u64,
    taken: u64,
    messages_in: u64,
    bytes_in: u64,
    packets_in: u64,
    bytes_out: u64,
    packets_out: u64,
    publishes_out: u64,
    pings_out: u64,
    has_peer_fault: bool,
}

/// Counts packets at the client's end, and what its program saw.
pub fn check(story: &Story) -> Vec<String> {
    let clients = story.clients_by_link();
    let mut counts: BTreeMap<usize, Counts> = BTreeMap::new();
    for step in &story.steps {
        match &step.what {
            What::Packet { link, point, packet } => {
                let Some(client) = clients.get(link) else { continue };
                let counts = counts.entry(*client).or_default();
                match point {
                    Point::ClientIn => {
                        counts.bytes_in += packet.size as u64;
                        counts.packets_in += 1;
                        counts.messages_in += u64::from(matches!(packet.kind, Kind::Publish { .. }));
                    }
                    Point::ClientOut => {
                        counts.bytes_out += packet.size as u64;
                        counts.packets_out += 1;
                        counts.publishes_out += u64::from(matches!(packet.kind, Kind::Publish { .. }));
                        counts.pings_out += u64::from(matches!(packet.kind, Kind::Pingreq));
                    }
                    Point::BrokerIn | Point::BrokerOut => {}
                }
            }
            What::Fact(client, Fact::Online) => counts.entry(*client).or_default().online += 1,
            What::Fact(client, Fact::Offline(cause)) => {
                let counts = counts.entry(*client).or_default();
                counts.has_peer_fault |=
                    matches!(cause, OfflineCause::PeerFault(_) | OfflineCause::AcknowledgementsStalled);
                counts.offline += u64::from(counts.offline < counts.online);
            }
            What::Fact(client, Fact::Taken { .. }) => counts.entry(*client).or_default().taken += 1,
            _ => {}
        }
    }
    let mut violations = Vec::new();
    for (client, counts) in &counts {
        // The counters are those of the last program.
        let Some(end) = story.ends.get(*client).filter(|end| end.lives == 1) else { continue };
        violations
            .extend(compare(story, counts, end).into_iter().map(|text| format!("client {client}: {text}")));
    }
    violations
}

fn compare(story: &Story, counts: &Counts, end: &crate::story::ClientEnd) -> Vec<String> {
    let stats = &end.stats;
    let mut violations = Vec::new();
    let mut equal = |name: &str, counted: u64, seen: u64| {
        if counted != seen {
            violations.push(format!("{name} counted {counted}, seen {seen}"));
        }
    };
    equal("connections", stats.connections, counts.online);
    equal("disconnections", stats.disconnections, counts.offline);
    // A thief's packets are on links of the same name.
    if story.scenario.has_thief || counts.has_peer_fault {
        return violations;
    }
    equal("messages in", stats.messages_received + stats.duplicates_dropped, counts.messages_in);
    if story.scenario.faults == Faults::none() {
        equal("bytes in", stats.bytes_received, counts.bytes_in);
        equal("packets in", stats.packets_received.total(), counts.packets_in);
        equal("bytes out", stats.bytes_sent, counts.bytes_out);
        equal("packets out", stats.packets_sent.total(), counts.packets_out);
        equal("messages out", stats.messages_sent + stats.messages_resent, counts.publishes_out);
        equal("pings out", stats.pings_sent, counts.pings_out);
    }
    let mut at_least = |name: &str, counted: u64, seen: u64| {
        if counted < seen {
            violations.push(format!("{name} counted {counted}, seen {seen}"));
        }
    };
    // What was handed to a link that broke is counted and not seen.
    at_least("bytes out", stats.bytes_sent, counts.bytes_out);
    at_least("packets out", stats.packets_sent.total(), counts.packets_out);
    at_least("messages out", stats.messages_sent + stats.messages_resent, counts.publishes_out);
    at_least("pings out", stats.pings_sent, counts.pings_out);
    violations
}
