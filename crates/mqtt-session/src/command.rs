//! What an application asks of its session.

use core::time::Duration;

use bytes::Bytes;
use mqtt_proto::{Properties, QoS, SubscribeOptions, TopicFilter, TopicName};

/// A request to the session. Topics and properties are borrowed: what has to stay is copied into memory that the
/// session uses again and again. A payload is reference-counted, not copied.
#[derive(Clone, Debug)]
pub enum Command<'a> {
    /// Be connected, and stay so until a disconnection. Ends when the first connection is accepted or given up.
    Connect,
    /// Publish a message.
    Publish(Publish<'a>),
    /// Subscribe to a filter. Ends with the granted QoS as its reason code.
    Subscribe(Subscribe<'a>),
    /// Drop the subscription to a filter.
    Unsubscribe(TopicFilter<'a>),
    /// 5.0: Authenticate once more, while online. Ends when both sides are satisfied.
    Reauthenticate,
    /// Let what was accepted end, then disconnect.
    Disconnect(Disconnect),
}

mqtt_parts::options! {
/// How to disconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// How long what was accepted may take to end; what has not ended by then ends with the connection.
    pub drain: Duration,
    /// 5.0: whether the server publishes the will all the same.
    pub with_will: bool,
    /// 5.0: how long the server keeps the session from now on, in seconds, instead of what CONNECT said.
    ///
    /// A session that was to end with its connection cannot become persistent.
    pub session_expiry_secs: Option<u32>,
}
}

impl Disconnect {
    /// Without the will, and with the session expiry that CONNECT gave.
    pub const fn within(drain: Duration) -> Disconnect {
        Disconnect { drain, with_will: false, session_expiry_secs: None }
    }
}

/// A message to be published.
#[derive(Clone, Debug)]
pub struct Publish<'a> {
    /// The topic it goes to.
    pub topic: TopicName<'a>,
    /// The payload.
    pub payload: Bytes,
    /// Delivery guarantee.
    pub qos: QoS,
    /// Whether the server retains it for later subscribers.
    pub retain: bool,
    /// 5.0: its properties. A Message Expiry Interval counts from the submission.
    pub properties: Properties<'a>,
    /// Bound for the acknowledgement with QoS 1 and 2; QoS 0 ignores it.
    pub timeout: Option<Duration>,
}

impl<'a> Publish<'a> {
    /// A message with QoS 0 that is not retained.
    pub fn new(topic: TopicName<'a>, payload: impl Into<Bytes>) -> Publish<'a> {
        Publish {
            topic,
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::EMPTY,
            timeout: None,
        }
    }
}

/// A subscription.
#[derive(Clone, Copy, Debug)]
pub struct Subscribe<'a> {
    /// Which messages.
    pub filter: TopicFilter<'a>,
    /// How they are wanted.
    pub options: SubscribeOptions,
}
