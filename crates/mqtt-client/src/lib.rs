//! One MQTT client handle and one driver turn, for every runtime.
//!
//! A [`Client`] is what an application holds; a [`Driver`](adapter::Driver) is what an adapter runs. Both share one
//! session behind one short lock: publishing hands the message to the session and wakes the driver only if it sleeps.
//! No code of the application runs, is woken or is dropped while a lock is held. This crate opens no socket and starts
//! no task: an adapter such as `mqtt-smol` dials, waits and wakes, by what [`adapter`] has.

#![forbid(unsafe_code)]

mod clock;
mod server;
mod link;
mod durability;
mod error;
mod socket;
mod route;
mod authentication;
#[cfg(feature = "capture")]
mod capture;
#[cfg(feature = "scram")]
mod scram;
mod options;
mod blocking;
mod payload;
mod machine;
mod durable;
mod wakers;
mod waiters;
mod connection_events;
#[cfg(feature = "tracing")]
mod log;
mod explanation;
mod filters;
mod request;
mod requests;
mod waiting;
mod unclaimed;
mod flow;
mod routes;
mod state;
mod shared;
mod next;
mod publication;
mod token;
mod held;
mod subscription;
mod events;
mod driver;
mod client;
pub mod adapter;

pub use authentication::{Authenticator, Dialogue, DialogueError};
#[cfg(feature = "capture")]
pub use capture::Capture;
pub use client::Client;
pub use connection_events::ConnectionEvent;
pub use durability::{Ended, KeyError, StoreFailure};
pub use error::{
    ConnectError, ConnectErrorKind, DisconnectError, OptionsError, PublishError, SubscribeError, TimedOut,
    ValueError,
};
pub use events::Events;
pub use explanation::{OldestUnacknowledged, StreamExplanation};
pub use filters::Acknowledge;
pub use held::Held;
#[cfg(feature = "scram")]
pub use mqtt_scram::ScramError;
pub use options::{IntoOptions, Options};
pub use publication::Publication;
pub use request::{Publish, Subscribe};
#[cfg(feature = "scram")]
pub use scram::Scram;
pub use server::{Scheme, Server};
pub use socket::SocketOptions;
pub use subscription::Subscription;
pub use token::{
    ConnectToken, DisconnectToken, PublishToken, ReauthenticateToken, RequestToken, SubscribeToken,
    UnsubscribeToken,
};

pub use bytes::Bytes;
#[doc(inline)]
pub use mqtt_proto::{
    Properties, Property, PropertyBuf, PropertyOwner, QoS, ReasonCode, RetainHandling, TopicError,
    TopicFilter, TopicName, Version,
};
#[doc(inline)]
pub use mqtt_session::{
    Config, Credentials, Disconnect, Explanation, Indeterminate, Instant, Latency, Lost, Message,
    OfflineCause, PacketCounts, PeerFault, QuarantineReport, QueuePolicy, Reconnect, Rejected, ServerOrder,
    Servers, SessionLoss, SessionRefusal, Stats, Status, SubscriptionStatus, Ticket, UserProperties,
    UserPropertyOf, Waits, Will,
};
#[doc(inline)]
pub use mqtt_store::{MemoryStore, Store, StoreError, StoreErrorKind, StoreHandle};
