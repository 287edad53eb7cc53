//! Kills publishers and subscribers with SIGKILL at random moments, and counts: none lost, none doubled by us.
//!
//! Each adapter runs against the embedded broker and against mosquitto. The programs keep everything in stores; the
//! publisher says which messages were stored, and each of those must be counted by the subscriber, QoS 2 exactly once.
//! A proxy in between logs what the publisher sends, so that a message that a broker has doubled is told from one that
//! we have. `cargo xtask crash` runs it for long; without arguments it is short.

mod child;
mod controller;
mod proxy;
#[allow(dead_code, reason = "the suite that it belongs to uses more of it")]
#[path = "../mosquitto/server.rs"]
mod server;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["child", role, adapter, url, store] => child::run(role, adapter, url, store),
        // What a test runner passes is of no interest.
        _ => {
            let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
            controller::run(number("CRASH_KILLS").unwrap_or(24), number("CRASH_SEED").unwrap_or(1));
        }
    }
    ExitCode::SUCCESS
}
