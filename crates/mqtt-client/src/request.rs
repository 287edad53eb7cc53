//! What a call publishes or subscribes to: values with defaults, built up in place.

use std::time::Duration;

use bytes::Bytes;
use mqtt_proto::{Properties, QoS, RetainHandling, SubscribeOptions};

use crate::filters::Acknowledge;

/// A message to be published. Default: QoS 0, not retained, without properties and timeout.
///
/// ```
/// use std::time::Duration;
/// use mqtt_client::{Publish, QoS};
///
/// let message = Publish::new("home/door", "open").qos(QoS::AtLeastOnce).timeout(Duration::from_secs(5));
/// # let _ = message;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a message is sent by Client::publish"]
pub struct Publish<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) properties: Properties<'a>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) key: Option<&'a str>,
}

impl<'a> Publish<'a> {
    /// A message for that topic. The payload is moved or reference-counted, not copied.
    pub fn new(topic: &'a str, payload: impl Into<Bytes>) -> Publish<'a> {
        Publish {
            topic,
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::EMPTY,
            timeout: None,
            key: None,
        }
    }

    /// Delivery guarantee: at most once, at least once or exactly once.
    pub fn qos(mut self, qos: QoS) -> Publish<'a> {
        self.qos = qos;
        self
    }

    /// Whether the server retains it for later subscribers.
    pub fn retain(mut self, retain: bool) -> Publish<'a> {
        self.retain = retain;
        self
    }

    /// 5.0: properties.
    pub fn properties(mut self, properties: Properties<'a>) -> Publish<'a> {
        self.properties = properties;
        self
    }

    /// A name by which [`crate::Client::publication`] finds the message again, also after a restart. It needs a store and
    /// QoS 1 or 2, and stays in use until [`crate::Client::forget`].
    pub fn key(mut self, key: &'a str) -> Publish<'a> {
        self.key = Some(key);
        self
    }

    /// Bound for the acknowledgement with QoS 1 and 2, counted from the call; QoS 0 ignores it.
    pub fn timeout(mut self, timeout: Duration) -> Publish<'a> {
        self.timeout = Some(timeout);
        self
    }
}

/// A subscription. Default: QoS 1, the standard's options, and each message is acknowledged when it is taken.
#[derive(Clone, Copy, Debug)]
#[must_use = "a subscription is made by Client::subscribe"]
pub struct Subscribe<'a> {
    pub(crate) filter: &'a str,
    pub(crate) options: SubscribeOptions,
    pub(crate) acknowledge: Acknowledge,
}

impl<'a> Subscribe<'a> {
    /// A subscription to that filter.
    pub const fn new(filter: &'a str) -> Subscribe<'a> {
        let options = SubscribeOptions::with_qos(QoS::AtLeastOnce);
        Subscribe { filter, options, acknowledge: Acknowledge::WhenTaken }
    }

    /// Highest QoS at which messages come.
    pub const fn qos(mut self, qos: QoS) -> Subscribe<'a> {
        self.options.qos = qos;
        self
    }

    /// When messages of QoS 1 and 2 are acknowledged. Default: [`Acknowledge::WhenTaken`].
    pub const fn acknowledge(mut self, acknowledge: Acknowledge) -> Subscribe<'a> {
        self.acknowledge = acknowledge;
        self
    }

    /// 5.0: no messages that this client published itself.
    pub const fn no_local(mut self, no_local: bool) -> Subscribe<'a> {
        self.options.no_local = no_local;
        self
    }

    /// 5.0: RETAIN as the publisher set it, instead of only on retained messages.
    pub const fn retain_as_published(mut self, retain_as_published: bool) -> Subscribe<'a> {
        self.options.retain_as_published = retain_as_published;
        self
    }

    /// 5.0: whether the server sends retained messages.
    pub const fn retain_handling(mut self, retain_handling: RetainHandling) -> Subscribe<'a> {
        self.options.retain_handling = retain_handling;
        self
    }
}

impl<'a> From<&'a str> for Subscribe<'a> {
    fn from(filter: &'a str) -> Subscribe<'a> {
        Subscribe::new(filter)
    }
}
