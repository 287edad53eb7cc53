//! The driver of the conformance kit for rumqttc, whose two versions of the protocol have a client each.
//!
//! The event loop runs on a thread, and is polled again after each error, as its documentation says.

#![forbid(unsafe_code)]

mod book;
mod v4;
mod v5;

use std::io::{self, BufRead};

use mqtt_conformance::Line;

use book::say;

/// Why a command is not carried out.
enum Refusal {
    Error(String),
    Unsupported(&'static str),
}

/// A client of either version.
trait Peer {
    fn obey(&mut self, line: &Line) -> Result<(), Refusal>;
}

fn main() {
    say(&Line::new("ready").with("client", "rumqttc").with("release", "0.25.1"));
    let mut peer: Option<Box<dyn Peer>> = None;
    for text in io::stdin().lock().lines() {
        let Ok(text) = text else { break };
        match act(&mut peer, &text) {
            Ok(()) => say(&Line::new("ok")),
            Err(Refusal::Error(why)) => say(&Line::new("error").with("why", why)),
            Err(Refusal::Unsupported(why)) => say(&Line::new("unsupported").with("why", why)),
        }
    }
}

fn act(peer: &mut Option<Box<dyn Peer>>, text: &str) -> Result<(), Refusal> {
    let line = Line::parse(text).map_err(|error| Refusal::Error(error.to_string()))?;
    if line.name == "connect" {
        let is_5 = line.get("version") == Some("5.0");
        if !is_5 && line.get("client_id") == Some("") && !line.is_set("clean") {
            // So a program that asks for it is refused, if not politely.
            return Err(Refusal::Error(
                "the library panics without an identifier for a persistent session".into(),
            ));
        }
        *peer = Some(if is_5 { v5::connect(&line) } else { v4::connect(&line) });
        return Ok(());
    }
    peer.as_mut().ok_or_else(|| Refusal::Error("connect first".into()))?.obey(&line)
}
