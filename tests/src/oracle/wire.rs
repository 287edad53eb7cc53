//! What a client writes is legal: windows, packet identifiers, DUP, PUBREL, aliases, sizes, and what each CONNACK allows.
//!
//! It follows the client's end of each link, across links for as long as the session lives.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_memory::{OfflineCause, Point, QoS, ReasonCode, Side};

use crate::story::{Fact, Kind, Seen, Story, What};

/// What a session has under way, by packet identifier.
#[derive(Default)]
struct Session {
    publishes: BTreeMap<u16, Exchange>,
    /// SUBSCRIBE and UNSUBSCRIBE of this link.
    requests: BTreeSet<u16>,
    /// Links on which the server accepted.
    links: usize,
    /// The server broke the rules, so that what was read last may not have counted.
    is_spoilt: bool,
}

struct Exchange {
    message: u32,
    qos: QoS,
    is_released: bool,
    /// The link that it was sent on last.
    link: u32,
}

/// One link at the client's end.
#[derive(Default)]
struct Line {
    is_connected: bool,
    is_online: bool,
    is_disconnected: bool,
    receive_maximum: u16,
    packet_size_max: u32,
    alias_max: u16,
    qos_max: u8,
    may_retain: bool,
    aliases: BTreeSet<u16>,
    /// PUBLISH of this link without their last answer.
    window: BTreeSet<u16>,
    /// PUBRECs of this link that are not answered yet, in order.
    releases: Vec<u16>,
}

/// Follows every packet that a client writes or reads.
pub fn check(story: &Story) -> Vec<String> {
    let clients = story.clients_by_link();
    let mut sessions: BTreeMap<usize, Session> = BTreeMap::new();
    let mut lines: BTreeMap<u32, Line> = BTreeMap::new();
    let mut violations = Vec::new();
    let thieves = thieves(story);
    for step in &story.steps {
        match &step.what {
            What::Fact(
                client,
                Fact::Offline(OfflineCause::PeerFault(_) | OfflineCause::AcknowledgementsStalled),
            ) => {
                sessions.entry(*client).or_default().is_spoilt = true;
            }
            // The program after it knows nothing of what was under way, and publishes nothing before that has ended.
            What::Fact(client, Fact::LifeBegins) => drop(sessions.remove(client)),
            What::Closed { link, side: Side::Client } => {
                lines.remove(link);
            }
            What::Packet { link, point, packet } if !thieves.contains(link) => {
                let Some(client) = clients.get(link) else { continue };
                let session = sessions.entry(*client).or_default();
                let line = lines.entry(*link).or_default();
                let outcome = match point {
                    Point::ClientOut => on_out(session, line, *link, packet),
                    Point::ClientIn => {
                        on_in(session, line, packet);
                        Ok(())
                    }
                    Point::BrokerIn | Point::BrokerOut => Ok(()),
                };
                let window_max = story.scenario.clients[*client].options.config.in_flight_max;
                let window_max = window_max.map_or(u16::MAX, std::num::NonZeroU16::get);
                let allowed = usize::from(line.receive_maximum.min(window_max));
                let outcome = match outcome {
                    Ok(()) if line.is_online && line.window.len() > allowed => {
                        Err(format!("{} messages under way, {allowed} allowed", line.window.len()))
                    }
                    outcome => outcome,
                };
                if let (Err(text), false) = (outcome, session.is_spoilt) {
                    violations.push(format!("client {client}, link {link}, {:?}: {text}", step.at));
                }
            }
            _ => {}
        }
    }
    violations
}

/// Links of clients that take a session over: they have a clean start and the default keep alive.
pub(super) fn thieves(story: &Story) -> BTreeSet<u32> {
    let connects = story.steps.iter().filter_map(|step| match &step.what {
        What::Packet {
            link,
            point: Point::ClientOut,
            packet: Seen { kind: Kind::Connect { is_clean: true, keep_alive_secs: 60, .. }, .. },
        } => Some(*link),
        _ => None,
    });
    connects.collect()
}

fn on_in(session: &mut Session, line: &mut Line, packet: &Seen) {
    match &packet.kind {
        Kind::Connack {
            is_success: true,
            session_present,
            receive_maximum,
            packet_size_max,
            alias_max,
            qos_max,
            may_retain,
            ..
        } => {
            line.is_online = true;
            session.links += 1;
            line.receive_maximum = *receive_maximum;
            line.packet_size_max = *packet_size_max;
            line.alias_max = *alias_max;
            (line.qos_max, line.may_retain) = (*qos_max, *may_retain);
            session.requests.clear();
            if !session_present {
                session.publishes.clear();
            }
        }
        Kind::Puback(id, _) | Kind::Pubcomp(id) => {
            session.publishes.remove(id);
            line.window.remove(id);
        }
        Kind::Pubrec(id, reason) if reason.is_error() => {
            session.publishes.remove(id);
            line.window.remove(id);
        }
        Kind::Pubrec(id, _) => {
            if let Some(exchange) = session.publishes.get_mut(id) {
                exchange.is_released = true;
            }
            line.releases.push(*id);
        }
        Kind::Suback(id, _) | Kind::Unsuback(id) => drop(session.requests.remove(id)),
        _ => {}
    }
}

fn on_out(session: &mut Session, line: &mut Line, link: u32, packet: &Seen) -> Result<(), String> {
    if line.is_disconnected {
        return Err("a packet after DISCONNECT".into());
    }
    if line.is_online && packet.size as u64 > u64::from(line.packet_size_max) {
        return Err(format!("{} bytes, {} allowed", packet.size, line.packet_size_max));
    }
    let is_connect = matches!(packet.kind, Kind::Connect { .. });
    if is_connect == line.is_connected {
        return Err("CONNECT is not the first packet, or not the only one".into());
    }
    line.is_connected = true;
    match &packet.kind {
        Kind::Publish { id, qos, dup, retain, message, topic, alias } => {
            if *qos as u8 > line.qos_max || *retain && !line.may_retain {
                return Err(format!("QoS {qos}, retain {retain}, which this CONNACK rules out"));
            }
            check_alias(line, topic, *alias)?;
            match id {
                None if *dup => Err("DUP with QoS 0".into()),
                None => Ok(()),
                Some(id) => on_publish(session, line, link, *id, *qos, *dup, *message),
            }
        }
        Kind::Pubrel(id, reason) => {
            if let Some(place) = line.releases.iter().position(|due| due == id) {
                if place > 0 {
                    return Err(format!("PUBREL {id} overtakes that of {}", line.releases[0]));
                }
                line.releases.remove(0);
            }
            let is_released = session.publishes.get(id).is_some_and(|exchange| exchange.is_released);
            if !is_released && *reason == ReasonCode::Success && packet.version.has_properties() {
                return Err(format!("PUBREL {id} without PUBREC"));
            }
            Ok(())
        }
        Kind::Subscribe(id, _) | Kind::Unsubscribe(id, _) => {
            if session.publishes.contains_key(id) || !session.requests.insert(*id) {
                return Err(format!("packet identifier {id} is in use"));
            }
            Ok(())
        }
        Kind::Disconnect(_) => {
            line.is_disconnected = true;
            Ok(())
        }
        Kind::Broken => Err("a packet that cannot be read".into()),
        _ => Ok(()),
    }
}

fn check_alias(line: &mut Line, topic: &str, alias: Option<u16>) -> Result<(), String> {
    match alias {
        None if topic.is_empty() => Err("neither topic nor alias".into()),
        None => Ok(()),
        Some(alias) if alias == 0 || alias > line.alias_max => Err(format!("topic alias {alias}")),
        Some(alias) if topic.is_empty() && !line.aliases.contains(&alias) => {
            Err(format!("topic alias {alias} stands for nothing on this connection"))
        }
        Some(alias) => {
            line.aliases.insert(alias);
            Ok(())
        }
    }
}

fn on_publish(
    session: &mut Session,
    line: &mut Line,
    link: u32,
    id: u16,
    qos: QoS,
    dup: bool,
    message: u32,
) -> Result<(), String> {
    line.window.insert(id);
    let exchange = Exchange { message, qos, is_released: false, link };
    let known = session.publishes.insert(id, exchange);
    match known {
        _ if session.requests.contains(&id) => Err(format!("packet identifier {id} is that of a request")),
        // A packet may have been cut on its way into the last link, and then nobody has seen it.
        None if dup && session.links < 2 => Err(format!("DUP for packet identifier {id} on the first link")),
        None => Ok(()),
        Some(_) if !dup => Err(format!("packet identifier {id} is in use")),
        Some(known) if known.is_released => Err(format!("PUBLISH {id} is repeated after its PUBREC")),
        Some(known) if known.link == link => Err(format!("PUBLISH {id} is repeated without need")),
        Some(known) if known.message != message || known.qos != qos => {
            Err(format!("PUBLISH {id} is repeated with another message"))
        }
        Some(_) => Ok(()),
    }
}
