//! The MQTT client on `async-io`: for smol, and for every executor that runs plain futures.
//!
//! [`connect`] returns a [`Client`] that is online; the future that moves its bytes is handed to whatever spawns
//! futures in your program. [`client`] returns both without waiting.
//!
//! ```no_run
//! # smol::block_on(async {
//! let client = mqtt_smol::connect("mqtt://localhost", |drive| smol::spawn(drive).detach()).await?;
//! let mut doors = client.subscribe("home/+/door")?;
//! while let Some(message) = doors.next().await {
//!     println!("{}: {} bytes", message.topic(), message.payload().len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # });
//! ```

#![forbid(unsafe_code)]

mod runtime;
mod drive;
#[cfg(feature = "broker")]
pub mod broker;

pub use drive::{client, connect};
#[doc(inline)]
pub use mqtt_client::*;
pub use mqtt_transport as transport;
pub use mqtt_transport::Drive;

/// The examples of the project's front page, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
