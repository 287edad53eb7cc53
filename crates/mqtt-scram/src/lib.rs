//! SCRAM-SHA-256 (RFC 5802 and RFC 7677) as data in and data out, without I/O and without channel binding.
//!
//! The password never crosses the wire, a listener learns nothing that lets it in, and the server proves that it
//! knows the user too. Randomness is an argument, so that an exchange can be repeated in a test.
//!
//! ```
//! use mqtt_scram::{Client, Keys, Server};
//!
//! let keys = Keys::derive("pencil", b"a salt of its own", 4096)?;
//! let client = Client::new("user", "pencil")?;
//!
//! let (mut here, first) = client.begin("rOprNGfwEbeRWgbNEkqO")?;
//! let (mut there, user, challenge) = Server::begin(&first, "hvYDpWUa2RaTCAfuxFIlj", |_user| Some(keys))?;
//! let answer = here.answer(&challenge)?;
//! let proof = there.finish(&answer)?;
//! here.verify(&proof)?;
//! assert_eq!(user, "user");
//! # Ok::<(), mqtt_scram::ScramError>(())
//! ```

#![forbid(unsafe_code)]

mod limits;
mod error;
mod keys;
mod message;
mod client;
mod server;

pub use client::{Client, Exchange};
pub use error::ScramError;
pub use keys::Keys;
pub use limits::ITERATIONS_MIN;
pub use message::METHOD;
pub use server::Server;

#[cfg(test)]
mod tests;
