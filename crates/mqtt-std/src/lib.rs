//! The MQTT client on threads of the standard library: blocking methods, and no async runtime.
//!
//! [`connect`] returns a [`Client`] that is online; threads of this crate, one for each core at the most, move the
//! bytes of all clients. A connection has one descriptor and no thread, also while it is dialled; only the names of hosts
//! are looked up on threads of their own, eight at the most. What is awaited elsewhere is waited for here: `wait`,
//! `wait_for`, `wait_next`, `wait_next_for`, `wait_all`, `wait_run`.
//!
//! ```no_run
//! use std::time::Duration;
//! use mqtt_std::{Publish, QoS};
//!
//! let client = mqtt_std::connect("mqtt://localhost")?;
//! let mut doors = client.subscribe("home/+/door")?;
//! client.publish(Publish::new("home/hall/door", "open").qos(QoS::AtLeastOnce))?.wait()?;
//! while let Ok(Some(message)) = doors.wait_next_for(Duration::from_secs(5)) {
//!     println!("{}: {} bytes", message.topic(), message.payload().len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod socket;
mod runtime;
mod worker;
mod drive;
mod this_thread;

pub use drive::{client, connect};
#[doc(inline)]
pub use mqtt_client::*;
pub use mqtt_transport as transport;
pub use this_thread::{Clients, ThisThread};
