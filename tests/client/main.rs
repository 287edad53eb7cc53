//! The client on smol, over real loopback sockets: against the embedded broker, and against servers that misbehave.

mod arrival;
mod harness;
mod lifecycle;
mod messages;
mod held;
mod authentication;
mod requests;
mod servers;
mod outcomes;
mod bad_server;
