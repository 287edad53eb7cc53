//! The client against a real mosquitto over loopback, and against mosquitto's own clients.
//!
//! Each test starts its own mosquitto on a free port and stops it by its process. Where mosquitto is not installed
//! the tests say so and pass; under `CI=true` that is a failure.

mod server;
mod peers;
mod exchange;
mod outage;
mod refusal;
