//! Machine parts that both ends of an MQTT connection use.
//!
//! A client's session and a broker both need a notion of time, deadlines, packet identifiers that are in use or free,
//! topic aliases, and a buffer of bytes on their way out. Each exists once, here, and like the machines that use it knows no I/O: time
//! and randomness are values that someone hands in.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod options;
mod time;
mod deadlines;
mod rng;
mod ids;
mod transmit;
mod alias;

pub use alias::{AliasesIn, AliasesOut, Naming};
pub use deadlines::Deadlines;
pub use ids::PacketIds;
pub use rng::Rng;
pub use time::Instant;
pub use transmit::{PAYLOAD_COPY_MAX, TransmitBuf};
