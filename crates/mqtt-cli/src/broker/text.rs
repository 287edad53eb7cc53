//! Events as lines for people: one line each, and nothing from the network reaches a terminal as it came.

use std::fmt::Write;
use std::time::SystemTime;

use mqtt_smol::broker::{End, Event, Origin};

/// The line for an event; none for what is not worth one.
pub(crate) fn line(event: &Event, at: SystemTime) -> Option<String> {
    let mut line = time_of_day(at);
    // Writing to a string does not fail.
    let _ = match event {
        Event::Accepted {
            from,
            client_id,
            user_name,
            version,
            keep_alive_secs,
            clean_start,
            session_present,
        } => {
            let user = user(user_name.as_deref());
            let start = match (clean_start, session_present) {
                (true, _) => ", clean start",
                (false, true) => ", session present",
                (false, false) => ", new session",
            };
            let (address, client_id) = (address(*from), quoted(client_id));
            write!(
                line,
                " {address} accepted {client_id} MQTT {version}{user} keep alive {keep_alive_secs} s{start}"
            )
        }
        Event::Refused { from, client_id, user_name, version, reason, text } => {
            let client_id = client_id.as_deref().map_or("unknown".into(), quoted);
            let (address, user) = (address(*from), user(user_name.as_deref()));
            let text = behind_colon(text);
            write!(line, " {address} refused {client_id} MQTT {version}{user}: {reason}{text}")
        }
        Event::Ended { from, client_id, end } => {
            let client_id = client_id.as_deref().map_or("before CONNECT".into(), quoted);
            write!(line, " {} ended {client_id}: {}", address(*from), why(end))
        }
        Event::Subscribed { from, client_id, filter, reason } if reason.is_error() => {
            let (address, client_id) = (address(*from), quoted(client_id));
            write!(line, " {address} refused {client_id} the subscription {}: {reason}", quoted(filter))
        }
        Event::Missed { count } => write!(line, " {count} events are left out: they came too fast"),
        _ => return None,
    };
    Some(line)
}

fn why(end: &End) -> String {
    match end {
        End::Disconnected { reason } => format!("the client disconnected: {reason}"),
        End::NetworkClosed { error: None } => "the network connection was closed".into(),
        End::NetworkClosed { error: Some(error) } => format!("the connection failed: {}", printable(error)),
        End::ConnectTimeout => "no CONNECT came in time".into(),
        End::KeepAliveTimeout => "keep alive timeout".into(),
        End::TakenOver => "taken over by a new connection of the client".into(),
        End::Fault { reason, text } => format!("protocol error: {reason}{}", behind_colon(text)),
        End::ServerDisconnected { reason } => format!("the broker disconnected: {reason}"),
        End::ShutDown => "the broker shut down".into(),
        End::TooManyConnections => "too many connections".into(),
        other => format!("{other:?}"),
    }
}

fn address(from: Origin) -> String {
    from.address.map_or_else(|| "unknown".into(), |address| address.to_string())
}

fn user(name: Option<&str>) -> String {
    name.map(|name| format!(" user {}", quoted(name))).unwrap_or_default()
}

fn behind_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {}", printable(text)) }
}

/// A text of the network in quotes, so that it is seen where it ends.
fn quoted(text: &str) -> String {
    let escaped = |text: &str| text.chars().flat_map(char::escape_debug).collect::<String>();
    match text.char_indices().nth(SHOWN_MAX) {
        None => format!("\"{}\"", escaped(text)),
        Some((cut, _)) => format!("\"{}\"...", escaped(&text[..cut])),
    }
}

/// A text that may quote the network, on one line; quotes stay as they are.
fn printable(text: &str) -> String {
    let escaped = |character: char| match character {
        '"' | '\'' | '\\' => character.to_string(),
        other => other.escape_debug().to_string(),
    };
    text.chars().take(TEXT_MAX).map(escaped).collect()
}

/// Hours, minutes and seconds in UTC: the standard library knows no other time of day.
fn time_of_day(at: SystemTime) -> String {
    let secs = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() % 86_400);
    format!("{:02}:{:02}:{:02}Z", secs / 3600, secs / 60 % 60, secs % 60)
}

/// Characters of an identifier, a name or a filter that are shown.
const SHOWN_MAX: usize = 64;

/// Characters of an explanation that are shown.
const TEXT_MAX: usize = 300;

#[cfg(test)]
mod tests;
