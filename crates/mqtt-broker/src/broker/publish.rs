//! PUBLISH from a client: checked, published once, acknowledged.
//!
//! A message of QoS 2 is published when its PUBLISH comes, and its identifier is kept until PUBREL, so that a
//! repetition is known as such.

use alloc::sync::Arc;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{Context, Packet, PacketId, Publish, QoS, ReasonCode, TopicName, decode};

use crate::access::may_write;
use crate::broker::Broker;
use crate::broker::connect::is_reserved;
use crate::broker::route::Reach;
use crate::control::{AckKind, Control};
use crate::fault::Fault;
use crate::ids::{ConnectionId, SessionKey};
use crate::message::Message;

impl Broker {
    /// Takes a frame whose first byte says PUBLISH.
    pub(super) fn on_publish(
        &mut self,
        now: Instant,
        id: ConnectionId,
        key: SessionKey,
        frame: &Bytes,
        context: Context,
    ) -> Result<(), Fault> {
        let Packet::Publish(publish) = decode(frame, context)? else { return Ok(()) };
        self.check_publish(&publish)?;
        let topic = self.resolve_topic(id, frame, &publish)?;
        let is_repeated = match publish.packet_id {
            Some(packet_id) => self.note_received(id, key, publish.qos, packet_id)?,
            None => false,
        };
        let outcome = if is_repeated {
            Ok(Reach::Someone)
        } else {
            self.stats.messages_in += 1;
            self.accept_message(now, key, topic, frame, &publish)
        };
        if let Some(packet_id) = publish.packet_id {
            self.acknowledge(id, key, publish.qos, packet_id, outcome);
        }
        Ok(())
    }

    /// What was announced as not available is an error.
    fn check_publish(&self, publish: &Publish<'_>) -> Result<(), Fault> {
        if publish.qos > self.config.qos_max {
            return Err(Fault::new(ReasonCode::QoSNotSupported, "a QoS above the Maximum QoS"));
        }
        if publish.retain && !self.config.retain_available {
            return Err(Fault::new(ReasonCode::RetainNotSupported, "RETAIN is not available"));
        }
        Ok(())
    }

    /// The topic's name, in the frame or behind its alias. [5.0 MQTT-3.3.2-12]
    fn resolve_topic(
        &mut self,
        id: ConnectionId,
        frame: &Bytes,
        publish: &Publish<'_>,
    ) -> Result<Bytes, Fault> {
        let name = frame.slice_ref(publish.topic.as_str().as_bytes());
        let Some(alias) = publish.properties.topic_alias() else { return Ok(name) };
        if alias > self.config.topic_alias_max {
            return Err(Fault::new(
                ReasonCode::TopicAliasInvalid,
                "a topic alias above the Topic Alias Maximum",
            ));
        }
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(name) };
        if !name.is_empty() {
            connection.aliases_in.set(alias, &name, |name| self.account.copy(name, 0));
            return Ok(name);
        }
        let unknown = || Fault::new(ReasonCode::ProtocolError, "a topic alias that stands for nothing yet");
        connection.aliases_in.get(alias).cloned().ok_or_else(unknown)
    }

    /// Counts a message that is to be acknowledged; true if it was published already.
    ///
    /// [5.0 MQTT-4.3.3-10] [3.1.1 MQTT-4.3.3-2]
    fn note_received(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        qos: QoS,
        packet_id: PacketId,
    ) -> Result<bool, Fault> {
        let Some(session) = self.sessions.get_mut(key) else { return Ok(false) };
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(false) };
        let seen_by = session.received.get_mut(&packet_id).filter(|_| qos == QoS::ExactlyOnce);
        let is_repeated = seen_by.is_some();
        let is_counted = match seen_by {
            Some(seen_by) => core::mem::replace(seen_by, id) == id,
            None => false,
        };
        if !is_counted {
            let has_maximum = connection.limits.version.has_properties();
            if has_maximum && connection.unacknowledged >= self.config.receive_max.into() {
                let text = "more unacknowledged messages than the Receive Maximum";
                return Err(Fault::new(ReasonCode::ReceiveMaximumExceeded, text));
            }
            connection.unacknowledged = connection.unacknowledged.saturating_add(1);
        }
        Ok(is_repeated)
    }

    /// Publishes a message, unless it is denied. [3.1.1 MQTT-3.3.5-2]
    fn accept_message(
        &mut self,
        now: Instant,
        key: SessionKey,
        topic: Bytes,
        frame: &Bytes,
        publish: &Publish<'_>,
    ) -> Result<Reach, ReasonCode> {
        let Some(session) = self.sessions.get(key) else { return Ok(Reach::Nobody) };
        let (publisher, payload) = (Arc::clone(&session.client_id), frame.slice_ref(publish.payload));
        let message = Message::new(publisher, topic, payload, publish.qos, publish.retain)
            .with_properties(now, publish.properties);
        if !self.may_publish(session.user_name.as_deref(), message.topic_name()) {
            self.stats.dropped_denied += 1;
            return Err(ReasonCode::NotAuthorized);
        }
        self.route(now, message)
    }

    fn may_publish(&self, user: Option<&str>, topic: TopicName<'_>) -> bool {
        !is_reserved(topic.as_str()) && may_write(&self.config.rules, user, topic)
    }

    /// PUBACK or PUBREC; a PUBREC with an error ends the exchange. [5.0 MQTT-4.3.3-8] [5.0 MQTT-4.3.3-9]
    fn acknowledge(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        qos: QoS,
        packet_id: PacketId,
        outcome: Result<Reach, ReasonCode>,
    ) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let (reason, text) = match outcome {
            Ok(Reach::Someone) => (ReasonCode::Success, ""),
            Ok(Reach::Nobody) => (ReasonCode::NoMatchingSubscribers, ""),
            Err(ReasonCode::QuotaExceeded) => (ReasonCode::QuotaExceeded, "no room for a retained message"),
            Err(reason) => (reason, "the topic is denied"),
        };
        // Versions before 5.0 have no reason codes here, so that for them the exchange goes on.
        let version = self.connections.get(&id).map(|connection| connection.limits.version);
        let is_over = reason.is_error() && version.is_some_and(mqtt_proto::Version::has_properties);
        let kind = match qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => AckKind::Puback,
            QoS::ExactlyOnce => AckKind::Pubrec,
        };
        if kind == AckKind::Pubrec && !is_over {
            session.received.insert(packet_id, id);
        }
        let ends_message = kind == AckKind::Puback || is_over;
        self.queue(id, Control::Ack { kind, packet_id, reason, text, ends_message });
    }
}
