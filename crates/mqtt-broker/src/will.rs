//! A will: the message that a client leaves with the broker for the case that its connection fails.

use alloc::sync::Arc;
use core::time::Duration;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{Properties, PropertyBuf, PropertyOwner, QoS, Will as WillPacket};

use crate::account::Account;
use crate::message::Message;

/// A will, in memory of its own.
#[derive(Debug)]
pub(crate) struct Will {
    topic: Bytes,
    payload: Bytes,
    properties: PropertyBuf,
    qos: QoS,
    retain: bool,
    /// From the end of the connection until the will is published.
    pub(crate) delay: Duration,
}

impl Will {
    /// Keeps what CONNECT says. [5.0 MQTT-3.1.2-7]
    pub(crate) fn new(will: &WillPacket<'_>, account: &Account) -> Will {
        let mut properties = PropertyBuf::new();
        let added = properties.extend(PropertyOwner::Will, will.properties, |_| true);
        debug_assert!(added.is_ok(), "properties that were decoded can be encoded");
        Will {
            topic: Bytes::copy_from_slice(will.topic.as_str().as_bytes()),
            payload: account.copy(will.payload, will.topic.as_str().len() + properties.len()),
            properties,
            qos: will.qos,
            retain: will.retain,
            delay: Duration::from_secs(will.properties.will_delay_interval().unwrap_or(0).into()),
        }
    }

    /// The message; its expiry interval starts `now`.
    ///
    /// [5.0 MQTT-3.1.2-14] [5.0 MQTT-3.1.2-15] [3.1.1 MQTT-3.1.2-16] [3.1.1 MQTT-3.1.2-17]
    pub(crate) fn into_message(self, now: Instant, publisher: Arc<str>) -> Message {
        let properties: Properties<'_> = self.properties.as_properties();
        Message::new(publisher, self.topic, self.payload, self.qos, self.retain)
            .with_properties(now, properties)
    }
}
