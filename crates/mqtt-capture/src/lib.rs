//! Records everything that goes into a session, and replays it bit for bit.
//!
//! A session decides from its inputs alone: bytes, times, commands, a seed, a configuration. A [`Recorder`] makes the
//! calls in its user's place and appends each to a compact log, together with a digest of what the session
//! answered. [`replay`] makes the same calls on a fresh session and says where this build first differs from the one
//! that was recorded: what happened at a customer's becomes a test.
//!
//! ```
//! use bytes::BytesMut;
//! use mqtt_capture::{Redact, Recorder, replay};
//! use mqtt_session::{Command, Config, Input, Instant, Session, TransmitBuf};
//!
//! let config = Config::new("door-7");
//! let mut recorder = Recorder::new(&config, 42, Redact::default());
//! let mut session = Session::new(config, 42);
//! let now = Instant::from_millis(5);
//! recorder.apply(&mut session, now, Input::Submit(&Command::Connect))?;
//! recorder.apply(&mut session, now, Input::Opened)?;
//! let mut out = TransmitBuf::new();
//! recorder.poll_transmit(&mut session, now, &mut out);
//! recorder.apply(&mut session, now, Input::Bytes(&mut BytesMut::from(&b"\x20\x03\x00\x00\x00"[..])))?;
//! while recorder.poll_event(&mut session).is_some() {}
//! recorder.finish(&session);
//!
//! let log = recorder.take();
//! let replayed = replay(&log)?;
//! assert_eq!((replayed.packets_out, replayed.packets_in, replayed.events), (1, 1, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A log holds the header (format, what is masked, seed, client identifier, the whole configuration) and one entry
//! for each call. Sessions that were rebuilt from a journal begin with more than a configuration and are not recorded.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod masked;
mod digest;
mod redact;
mod error;
mod header;
mod entry;
mod command;
mod words;
mod receipts;
mod stream;
mod recorder;
mod replay;

pub use error::{Difference, ReplayError};
pub use recorder::Recorder;
pub use redact::Redact;
pub use replay::{End, Replay, Replayed, Step, replay};
