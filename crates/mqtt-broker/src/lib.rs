//! A small, strict MQTT broker without I/O, for tests, demos and simulation; not for production.
//!
//! MQTT 3.1, 3.1.1 and 5.0. [`Broker`] is one machine for all connections: bytes and points in time go in, bytes go
//! out, and nothing in it knows a socket, a clock or a thread. The same inputs with the same seed give the same
//! outputs, byte for byte. A driver owns the sockets and turns like this; [`host`] is most of it for drivers that serve each
//! connection by a task:
//!
//! ```
//! use bytes::BytesMut;
//! use mqtt_broker::{Broker, Config};
//! use mqtt_parts::{Instant, TransmitBuf};
//!
//! let mut broker = Broker::new(Config::default(), 1);
//! let now = Instant::ORIGIN;
//! let id = broker.handle_opened(now);
//!
//! // What the socket gave is appended to `input`; a packet that is not whole yet stays in it.
//! let mut input = BytesMut::from(&b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03abc"[..]);
//! broker.handle_input(now, id, &mut input);
//!
//! let mut out = TransmitBuf::new();
//! while let Some(ready) = broker.poll_ready() {
//!     while broker.poll_transmit(now, ready, &mut out) {}
//!     // Write `out` to the socket of `ready`; then close that if `broker.is_closing(ready)`, soon in any case.
//! }
//! assert_eq!(out.chunks().next(), Some(&b"\x20\x02\x00\x00"[..]));
//!
//! // At the latest at this point in time the driver calls `handle_timeout`.
//! assert!(broker.poll_timeout().is_some());
//! broker.handle_closed(now, id);
//! ```

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod authentication;
mod config;
mod stats;
mod ids;
mod event;
mod account;
mod message;
mod retained;
mod subscriptions;
mod outbox;
mod will;
mod session_state;
mod fault;
mod control;
mod connection;
mod broker;
pub mod host;

pub use access::{Action, Rule, User};
pub use authentication::{Authenticator, Dialogue, Step};
pub use broker::Broker;
pub use config::Config;
pub use event::{End, Event, Origin};
pub use ids::ConnectionId;
pub use stats::Stats;
