//! The command as a user runs it: against the embedded broker, and against mosquitto and its clients.

mod process;
mod embedded;
mod interop;
mod stores;
mod settings;
mod publishing;
mod subscribing;
mod terminal;
mod broker;
mod proxy;
mod secure;
mod asking;
mod mosquitto_options;
mod help;
mod transcripts;
mod readme;
mod refusals;
mod bench;
#[cfg(feature = "conformance")]
mod conformance;
#[allow(dead_code, reason = "the suite that it belongs to uses more of it")]
#[path = "../../../../tests/mosquitto/server.rs"]
mod server;
#[allow(dead_code, reason = "the suite that it belongs to uses more of it")]
#[path = "../../../../tests/adapters/certificates.rs"]
mod certificates;
