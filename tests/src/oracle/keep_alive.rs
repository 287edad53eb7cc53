//! A client is never silent for longer than the keep alive, and notices when the server is.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_memory::{Instant, Point, Side};

use crate::story::{Kind, Story, What};

/// One link at the client's end.
struct Line {
    keep_alive: Duration,
    is_tight: bool,
    is_online: bool,
    sent_at: Instant,
    received_at: Instant,
}

/// Looks at the silence before each packet and before the end.
pub fn check(story: &Story) -> Vec<String> {
    let clients = story.clients_by_link();
    let mut lines: BTreeMap<u32, Line> = BTreeMap::new();
    let mut violations = Vec::new();
    for step in &story.steps {
        let at = step.at;
        match &step.what {
            What::Dialled { link, is_tight, .. } => {
                let keep_alive = Duration::ZERO;
                let line =
                    Line { keep_alive, is_tight: *is_tight, is_online: false, sent_at: at, received_at: at };
                lines.insert(*link, line);
            }
            What::Packet { link, point: Point::ClientOut, packet } => {
                let Some(line) = lines.get_mut(link) else { continue };
                if let Kind::Connect { keep_alive_secs, .. } = packet.kind {
                    line.keep_alive = Duration::from_secs(u64::from(keep_alive_secs));
                }
                violations.extend(silence(line, *link, at));
                line.sent_at = at;
                // After it there is nothing to say.
                line.is_online &= !matches!(packet.kind, Kind::Disconnect(_));
            }
            What::Packet { link, point: Point::ClientIn, packet } => {
                let Some(line) = lines.get_mut(link) else { continue };
                if let Kind::Connack { is_success: true, keep_alive_secs, .. } = packet.kind {
                    // Before CONNACK nothing may be said; a server that takes its time for it does not count it.
                    line.sent_at = at;
                    line.is_online = true;
                    if let Some(secs) = keep_alive_secs {
                        line.keep_alive = Duration::from_secs(u64::from(secs));
                    }
                }
                line.received_at = at;
            }
            What::Closed { link, side: Side::Client } => {
                let Some(line) = lines.remove(link) else { continue };
                violations.extend(silence(&line, *link, at));
                let Some(client) = clients.get(link) else { continue };
                let options = &story.scenario.clients[*client].options;
                let network_timeout = options.config.network_timeout;
                // A ping, its answer, and a packet that came in part.
                let mut patience = (line.keep_alive + network_timeout) * 2 + SLACK;
                // A link may be left unread for a minute while a small bound is reached; no answer is seen meanwhile.
                if options.incoming_bytes_max < SMALL_BOUND {
                    patience += Duration::from_secs(60);
                }
                let deaf = at.since(line.received_at);
                if line.is_online && !line.is_tight && !line.keep_alive.is_zero() && deaf > patience {
                    violations
                        .push(format!("client {client}, link {link}: deaf for {deaf:?} and still there"));
                }
            }
            _ => {}
        }
    }
    violations
}

fn silence(line: &Line, link: u32, at: Instant) -> Option<String> {
    let silence = at.since(line.sent_at);
    let is_late = silence > line.keep_alive;
    let counts = line.is_online && !line.is_tight && !line.keep_alive.is_zero();
    (counts && is_late).then(|| format!("link {link}, {at:?}: silent for {silence:?}"))
}

/// For what virtual time rounds.
const SMALL_BOUND: usize = 64 * 1024;

const SLACK: Duration = Duration::from_secs(1);
