//! One published message, stored once and shared by all sessions that get it.
//!
//! Topic and payload are slices of the bytes that came in. What goes to one session is a [`Delivery`]: the shared
//! message and what that session's subscriptions say about it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{Properties, Property, PropertyBuf, PropertyId, PropertyOwner, QoS, TopicName};

use crate::account::{Account, Charge, DELIVERY_COST};

/// A message as it was published.
#[derive(Debug)]
pub(crate) struct Message {
    /// A topic name, checked.
    topic: Bytes,
    pub(crate) payload: Bytes,
    /// What is passed on as it is; nothing that belongs to one hop.
    pub(crate) properties: PropertyBuf,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    expires_at: Option<Instant>,
    /// Client identifier of the publisher.
    pub(crate) publisher: Arc<str>,
    /// What the properties take; topic and payload count where their memory is.
    charge: Option<Charge>,
}

impl Message {
    /// A message without properties; `topic` is a topic name.
    pub(crate) fn new(publisher: Arc<str>, topic: Bytes, payload: Bytes, qos: QoS, retain: bool) -> Message {
        debug_assert!(core::str::from_utf8(&topic).is_ok_and(|topic| TopicName::new(topic).is_ok()));
        let properties = PropertyBuf::new();
        Message { topic, payload, properties, qos, retain, expires_at: None, publisher, charge: None }
    }

    /// Adds the properties that are passed on, of a PUBLISH or a will, and starts the expiry interval `now`.
    ///
    /// [5.0 MQTT-3.3.2-4] [5.0 MQTT-3.3.2-15] [5.0 MQTT-3.3.2-16] [5.0 MQTT-3.3.2-17] [5.0 MQTT-3.3.2-18]
    /// [5.0 MQTT-3.3.2-20] [5.0 MQTT-3.1.3-10]
    pub(crate) fn with_properties(mut self, now: Instant, properties: Properties<'_>) -> Message {
        if properties.is_empty() {
            return self;
        }
        let secs = properties.message_expiry_interval();
        self.expires_at = secs.map(|secs| now + Duration::from_secs(secs.into()));
        let added = self.properties.extend(PropertyOwner::Publish, properties, is_passed_on);
        debug_assert!(added.is_ok(), "properties that were decoded can be encoded");
        self
    }

    /// Lets the properties count, too.
    pub(crate) fn count(&mut self, account: &Account) {
        self.charge = (!self.properties.is_empty()).then(|| account.charge(self.properties.len()));
    }

    pub(crate) fn topic(&self) -> &Bytes {
        &self.topic
    }

    pub(crate) fn topic_name(&self) -> TopicName<'_> {
        let topic = core::str::from_utf8(&self.topic).expect("a topic is checked when it comes in");
        TopicName::new(topic).expect("a topic is checked when it comes in")
    }

    /// Bytes of topic, payload and properties: what counts against a bound.
    pub(crate) fn size(&self) -> usize {
        self.topic.len() + self.payload.len() + self.properties.len()
    }

    pub(crate) fn expires_at(&self) -> Option<Instant> {
        self.expires_at
    }

    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// The expiry interval less the time that the message has waited here, in seconds. [5.0 MQTT-3.3.2-6]
    pub(crate) fn expiry_secs(&self, now: Instant) -> Option<u32> {
        let left = self.expires_at?.since(now);
        let secs = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        Some(u32::try_from(secs).unwrap_or(u32::MAX))
    }

    /// A copy in memory of its own, which counts for itself.
    pub(crate) fn detached(&self, account: &Account) -> Message {
        Message {
            topic: Bytes::copy_from_slice(&self.topic),
            payload: account.copy(&self.payload, self.topic.len() + self.properties.len()),
            properties: self.properties.clone(),
            publisher: Arc::clone(&self.publisher),
            charge: None,
            ..*self
        }
    }
}

/// Whether a property says something about the message itself, and not about this hop.
fn is_passed_on(id: PropertyId) -> bool {
    matches!(
        id,
        PropertyId::PayloadFormatIndicator
            | PropertyId::ContentType
            | PropertyId::ResponseTopic
            | PropertyId::CorrelationData
            | PropertyId::UserProperty
    )
}

/// A message on its way to one session.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) message: Arc<Message>,
    /// The lower of published and granted QoS. [5.0 MQTT-3.8.4-8] [3.1.1 MQTT-3.8.4-6]
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Identifiers of all subscriptions that it is for. [5.0 MQTT-3.3.4-3] [5.0 MQTT-3.3.4-4]
    pub(crate) identifiers: Vec<u32>,
    /// What it takes beside the message, once it waits.
    pub(crate) charge: Option<Charge>,
}

impl Delivery {
    /// Bytes of topic, payload and properties, with the identifiers: what counts against a session's bound.
    pub(crate) fn size(&self) -> usize {
        self.message.size() + self.identifiers_size()
    }

    /// What it takes beside the message.
    pub(crate) fn cost(&self) -> usize {
        DELIVERY_COST + self.identifiers_size()
    }

    fn identifiers_size(&self) -> usize {
        size_of_val(&*self.identifiers)
    }

    /// What this hop adds to the properties of a 5.0 message, except a topic alias.
    pub(crate) fn put_hop_properties(&self, now: Instant, list: &mut Vec<Property<'static>>) {
        list.clear();
        list.extend(self.message.expiry_secs(now).map(Property::MessageExpiryInterval));
        list.extend(self.identifiers.iter().map(|id| Property::SubscriptionIdentifier(*id)));
    }
}
