//! The whole state machine of an MQTT client, without I/O.
//!
//! A [`Session`] decides; it moves no byte and watches no clock. A driver reports what happened and does what it
//! asks for:
//!
//! - in: [`Session::apply`] takes one [`Input`] after the other: what the application wants, and what happened outside.
//! - out: [`Session::poll_transport`] (what the link should be), [`Session::poll_transmit`] (bytes to write),
//!   [`Session::poll_event`] (what the application should know), [`Session::poll_timeout`] (when to come again).
//!
//! The same inputs give the same outputs: time is an argument, randomness comes from a seed.
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use mqtt_session::{Command, Config, Event, Input, Instant, Outcome, Publish, Session, Transport, TransmitBuf};
//! use mqtt_proto::{QoS, ReasonCode, TopicName};
//!
//! let mut session = Session::new(Config::new("door-7"), 42);
//! let mut now = Instant::ORIGIN;
//! session.submit(now, &Command::Connect)?;
//! let publish = Publish { qos: QoS::AtLeastOnce, ..Publish::new(TopicName::new("home/door")?, "open") };
//! let ticket = session.submit(now, &Command::Publish(publish))?;
//!
//! // One turn of a driver: dial when asked, then write what there is.
//! assert!(matches!(session.poll_transport(), Transport::Open { .. }));
//! session.apply(now, Input::Opened)?;
//! let mut out = TransmitBuf::new();
//! session.poll_transmit(now, &mut out);
//! assert_eq!(out.chunks().next().map(|connect| connect[0]), Some(0x10));
//! out.clear();
//!
//! // The server accepts, the message goes out, the server acknowledges it.
//! now = Instant::from_millis(10);
//! session.apply(now, Input::Bytes(&mut BytesMut::from(&b"\x20\x03\x00\x00\x00"[..])))?;
//! session.poll_transmit(now, &mut out);
//! session.apply(now, Input::Bytes(&mut BytesMut::from(&b"\x40\x02\x00\x01"[..])))?;
//! assert!(matches!(session.poll_event(), Some(Event::Online { .. })));
//! assert!(matches!(session.poll_event(), Some(Event::Ended { .. })));
//! let done = Event::Ended { ticket, outcome: Outcome::Done(ReasonCode::Success) };
//! assert_eq!(session.poll_event(), Some(done));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod lazy;
mod user_properties;
mod config;
mod error;
mod command;
mod authentication;
mod event;
mod dialogue;
mod stats;
mod liveness;
mod attempts;
mod state;
mod explain;
mod record;
mod journal;
mod input;
mod events;
mod audit;
mod negotiated;
mod frame;
mod outbox;
mod inbox;
mod subscriptions;
mod session;

pub use attempts::Target;
pub use authentication::{AuthAnswer, AuthStage, AuthStep};
pub use command::{Command, Disconnect, Publish, Subscribe};
pub use config::{
    Config, Credentials, Lost, QueuePolicy, Reconnect, ServerOrder, Servers, SessionLoss, Will,
};
pub use error::{Indeterminate, OfflineCause, PeerFault, Rejected, SessionRefusal};
pub use event::{Event, Message, Outcome, QuarantineReport, Receipt, Ticket};
pub use explain::{Explanation, Waits};
pub use input::Input;
pub use journal::Mark;
#[doc(hidden)]
pub use mqtt_parts::{Deadlines, options};
pub use mqtt_parts::{Instant, PAYLOAD_COPY_MAX, TransmitBuf};
pub use negotiated::Negotiated;
pub use record::{NoteKey, PublishBytes, Record, RecordError, RecordErrorKind};
pub use session::{Session, Transport};
pub use state::Status;
pub use stats::{Latency, PacketCounts, Stats};
pub use subscriptions::SubscriptionStatus;
pub use user_properties::{UserProperties, UserPropertyOf};
