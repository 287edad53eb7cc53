//! What a simulation had in it: whatever is never drawn is never proven.

use std::collections::BTreeSet;

use mqtt_memory::{
    ConnectionEvent, Indeterminate, OfflineCause, Point, PublishError, QoS, Rejected, Version,
};

use crate::scenario::Kind as TakenBy;
use crate::story::{Fact, Kind, Story, What};

/// All features, in the order in which they are told.
pub const FEATURES: [&str; 48] = [
    "3.1",
    "3.1.1",
    "5.0",
    "clean session",
    "persistent session",
    "session expiry",
    "several clients",
    "will",
    "keep alive of the server",
    "topic alias out",
    "payload above 1 KiB",
    "properties",
    "message expiry",
    "retained message",
    "timeout of a message",
    "dropped token",
    "stream",
    "guards",
    "callback",
    "callback that panics",
    "receive",
    "acknowledged on arrival",
    "late subscription",
    "reader that sleeps",
    "shared subscription",
    "unsubscribe",
    "subscription granted",
    "subscription refused",
    "program that ends",
    "client that goes away",
    "take-over",
    "bursts",
    "broker restart with sessions",
    "broker restart without sessions",
    "other terms after a restart",
    "lower QoS after a restart",
    "smaller packets after a restart",
    "message refused at once",
    "message refused by the server",
    "message that expired before it was sent",
    "message that timed out",
    "message of a lost session",
    "message repeated with DUP",
    "messages dropped for want of room",
    "messages given up",
    "link ended by a fault of the server",
    "link ended by a keep alive",
    "CONNECT refused or unanswered",
];

/// Those that this simulation had.
pub fn features(story: &Story) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut add = |is_there: bool, feature: &'static str| {
        debug_assert!(FEATURES.contains(&feature), "{feature} is listed");
        if is_there {
            found.insert(feature);
        }
    };
    let scenario = &story.scenario;
    add(scenario.clients.len() > 1, "several clients");
    for plan in &scenario.clients {
        let config = &plan.options.config;
        add(config.version == Version::V3_1, "3.1");
        add(config.version == Version::V3_1_1, "3.1.1");
        add(config.version == Version::V5_0, "5.0");
        add(config.clean_session, "clean session");
        add(!config.clean_session, "persistent session");
        add(config.session_expiry_secs.is_some(), "session expiry");
        add(config.will.is_some(), "will");
        add(plan.dies, "program that ends");
        add(plan.goes_away, "client that goes away");
        add(plan.bursts, "bursts");
        add(plan.sleeps, "reader that sleeps");
        for taker in &plan.takers {
            add(taker.kind == TakenBy::Stream, "stream");
            add(taker.kind == TakenBy::Held, "guards");
            add(taker.kind == TakenBy::Callback, "callback");
            add(taker.kind == TakenBy::Callback && taker.panics, "callback that panics");
            add(taker.kind == TakenBy::Listen, "receive");
            add(taker.on_arrival, "acknowledged on arrival");
            add(taker.is_late, "late subscription");
        }
    }
    for meant in &story.messages {
        add(meant.size > 1024, "payload above 1 KiB");
        add(meant.has_properties, "properties");
        add(meant.expiry_secs.is_some(), "message expiry");
        add(meant.retain, "retained message");
    }
    let mut terms = &scenario.broker;
    let mut open = BTreeSet::new();
    for step in &story.steps {
        match &step.what {
            What::Packet { point: Point::ClientOut, packet, .. } => match &packet.kind {
                Kind::Publish { dup, alias, .. } => {
                    add(*dup, "message repeated with DUP");
                    add(alias.is_some(), "topic alias out");
                }
                Kind::Subscribe(_, filters) => {
                    add(
                        filters.iter().any(|(filter, _)| filter.starts_with("$share")),
                        "shared subscription",
                    );
                }
                _ => {}
            },
            What::Packet { point: Point::ClientIn, packet, .. } => {
                if let Kind::Connack { keep_alive_secs, .. } = &packet.kind {
                    add(keep_alive_secs.is_some(), "keep alive of the server");
                }
            }
            What::BrokerStopped { keeps_sessions } => {
                add(*keeps_sessions, "broker restart with sessions");
                add(!keeps_sessions, "broker restart without sessions");
            }
            What::Fact(_, Fact::Terms(number)) => {
                let next = &scenario.terms[*number];
                add(true, "other terms after a restart");
                add(next.qos_max < terms.qos_max, "lower QoS after a restart");
                add(next.packet_size_max < terms.packet_size_max, "smaller packets after a restart");
                terms = next;
            }
            What::Fact(_, fact) => {
                match fact {
                    Fact::Accepted(message) => drop(open.insert(*message)),
                    Fact::Ended(message, _) => drop(open.remove(message)),
                    _ => {}
                }
                if let Some(feature) = feature_of(fact) {
                    add(true, feature);
                }
            }
            _ => {}
        }
    }
    add(!open.is_empty(), "dropped token");
    add(scenario.has_thief, "take-over");
    found
}

fn feature_of(fact: &Fact) -> Option<&'static str> {
    Some(match fact {
        Fact::NotAccepted(_) => "message refused at once",
        Fact::Ended(_, Err(error)) => match error {
            PublishError::Rejected(Rejected::ByServer(_)) => "message refused by the server",
            PublishError::Rejected(Rejected::Expired) => "message that expired before it was sent",
            PublishError::TimedOut { withdrawn: true } => "timeout of a message",
            PublishError::TimedOut { withdrawn: false } => "message that timed out",
            PublishError::Indeterminate(Indeterminate::SessionLost) => "message of a lost session",
            _ => return None,
        },
        Fact::Unsubscribed { .. } => "unsubscribe",
        Fact::Granted { outcome, .. } => match outcome {
            Ok(QoS::AtMostOnce | QoS::AtLeastOnce | QoS::ExactlyOnce) => "subscription granted",
            Err(_) => "subscription refused",
        },
        Fact::Event(ConnectionEvent::MessagesDropped { .. }) => "messages dropped for want of room",
        Fact::Event(ConnectionEvent::MessagesGivenUp { .. }) => "messages given up",
        Fact::Offline(OfflineCause::PeerFault(_)) => "link ended by a fault of the server",
        Fact::Offline(OfflineCause::PingTimedOut) => "link ended by a keep alive",
        Fact::NotConnected(_) => "CONNECT refused or unanswered",
        _ => return None,
    })
}
