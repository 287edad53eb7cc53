//! One message as it is kept until it has ended.

use alloc::string::String;

use bytes::Bytes;
use mqtt_parts::{Instant, TransmitBuf};
use mqtt_proto::{EncodeError, PacketId, Property, PropertyBuf, QoS, TopicName, Version};

use crate::error::{Indeterminate, RefusedReason, Rejected};
use crate::event::{Outcome, Ticket};
use crate::negotiated::Negotiated;

/// A message as it is kept.
#[derive(Debug)]
pub(crate) struct Stored {
    /// None once its end was reported.
    pub(crate) ticket: Option<Ticket>,
    /// Orders the message among all others.
    pub(crate) order: u64,
    pub(crate) topic: String,
    /// Without the Message Expiry Interval, which is written anew when it is sent.
    pub(crate) properties: PropertyBuf,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) expires_at: Option<Instant>,
    /// Size of the whole PUBLISH in bytes: neither DUP nor a lowered expiry changes it.
    pub(crate) packet_size: usize,
    /// Whether it was sent in a session that the server has lost since.
    pub(crate) was_sent: bool,
}

/// Bytes of a message that are not topic, properties or payload, counted against the bound of the queue.
pub(crate) const STORED_OVERHEAD: usize = size_of::<Stored>();

impl Stored {
    pub(crate) fn size(&self) -> usize {
        STORED_OVERHEAD + self.topic.len() + self.properties.len() + self.payload.len()
    }

    /// How it ends if it is not sent any more. What was sent before may have arrived then.
    pub(crate) fn outcome(&self, why: Rejected) -> Outcome {
        match why {
            _ if !self.was_sent => Outcome::Rejected(why),
            Rejected::TimedOut => Outcome::Indeterminate(Indeterminate::TimedOut),
            Rejected::Disconnected => Outcome::Indeterminate(Indeterminate::Disconnected),
            _ => Outcome::Indeterminate(Indeterminate::SessionLost),
        }
    }

    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Appends the message; a repetition says so. [5.0 MQTT-3.3.1-1] [3.1.1 MQTT-3.3.1-1]
    pub(crate) fn put(
        &self,
        now: Instant,
        packet_id: Option<PacketId>,
        dup: bool,
        version: Version,
        out: &mut TransmitBuf,
    ) -> Result<usize, EncodeError> {
        let remaining = self.expires_at.map(|at| Property::MessageExpiryInterval(seconds_until(at, now)));
        let topic = TopicName::new(&self.topic).expect("it was a topic name when it was accepted");
        let properties = self.properties.as_properties().with_list(remaining.as_slice());
        let (qos, retain) = (self.qos, self.retain);
        let publish = mqtt_proto::Publish { dup, qos, retain, topic, packet_id, properties, payload: &[] };
        out.put_publish(&publish, &self.payload, version)
    }

    /// Whether the server takes it, on the terms of this connection.
    pub(crate) fn check_terms(&self, terms: &Negotiated) -> Result<(), RefusedReason> {
        terms.check_publish(self.qos, self.retain)?;
        terms.check_size(self.packet_size)
    }
}

/// Whole seconds, rounded up so that a message which has not expired never says 0.
fn seconds_until(at: Instant, now: Instant) -> u32 {
    let left = at.since(now);
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
