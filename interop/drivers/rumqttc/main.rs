//! The driver of the conformance kit for rumqttc, whose two versions of the protocol have a client each.
//!
//! The event loop runs on a thread, and is polled again after each error, as its documentation says.

#![forbid(unsafe_code)]

mod book;
mod v4;
mod v5;

use std::io::{self, BufRead};
use std::panic::{AssertUnwindSafe, catch_unwind};

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
        // Options that the library does not take are panics there.
        let outcome = catch_unwind(AssertUnwindSafe(|| act(&mut peer, &text)));
        match outcome {
            Ok(Ok(())) => say(&Line::new("ok")),
            Ok(Err(Refusal::Error(why))) => say(&Line::new("error").with("why", why)),
            Ok(Err(Refusal::Unsupported(why))) => say(&Line::new("unsupported").with("why", why)),
            Err(_panic) => say(&Line::new("error").with("why", "the library panics")),
        }
    }
}

fn act(peer: &mut Option<Box<dyn Peer>>, text: &str) -> Result<(), Refusal> {
    let line = Line::parse(text).map_err(|error| Refusal::Error(error.to_string()))?;
    if line.name == "connect" {
        *peer =
            Some(if line.get("version") == Some("5.0") { v5::connect(&line) } else { v4::connect(&line) });
        return Ok(());
    }
    peer.as_mut().ok_or_else(|| Refusal::Error("connect first".into()))?.obey(&line)
}
