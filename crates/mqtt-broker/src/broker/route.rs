//! One message to all sessions that it is for.

use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_parts::Instant;
use mqtt_proto::{QoS, ReasonCode};

use crate::access::may_read;
use crate::broker::Broker;
use crate::ids::SessionKey;
use crate::message::{Delivery, Message};
use crate::outbox::Dropped;
use crate::retained::Full;
use crate::subscriptions::Match;

/// Whether a message has subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Someone,
    Nobody,
}

impl Broker {
    /// Keeps a retained message, and queues the message for every session with a subscription that matches.
    ///
    /// Fails, and does neither, if it is to be retained and there is no room.
    /// [5.0 MQTT-3.3.1-5] [5.0 MQTT-3.3.1-8] [5.0 MQTT-4.5.0-1] [3.1.1 MQTT-3.3.1-12] [3.1.1 MQTT-4.5.0-1]
    pub(super) fn route(&mut self, now: Instant, mut message: Message) -> Result<Reach, ReasonCode> {
        message.count(&self.account);
        if message.retain && self.config.retain_available {
            let retained = self.retained.set(now, &message, &self.config, &self.account);
            retained.map_err(|Full| ReasonCode::QuotaExceeded)?;
        }
        let message = Arc::new(message);
        let mut matches = core::mem::take(&mut self.matches);
        let sessions = &self.sessions;
        let is_online = |key| sessions.get(key).is_some_and(|session| session.connection.is_some());
        self.subscriptions.find(message.topic_name(), is_online, &mut matches);
        let is_one_delivery = |one: &Match, other: &Match| {
            one.subscription.session == other.subscription.session && !one.is_shared && !other.is_shared
        };
        let mut reach = Reach::Nobody;
        for group in matches.chunk_by(is_one_delivery) {
            if let Some((key, delivery)) = self.delivery(&message, group) {
                reach = Reach::Someone;
                self.deliver(now, key, delivery);
            }
        }
        self.matches = matches;
        Ok(reach)
    }

    /// One message for one session, whichever of its subscriptions match; a shared one brings its own copy, with its
    /// own identifier. [5.0 MQTT-3.3.4-5]
    ///
    /// [5.0 MQTT-3.3.4-2] [5.0 MQTT-3.3.4-4] [5.0 MQTT-3.3.1-12] [5.0 MQTT-3.3.1-13] [5.0 MQTT-3.8.3-3]
    /// [5.0 MQTT-4.8.2-3] [3.1.1 MQTT-3.3.5-1] [3.1.1 MQTT-3.3.1-9]
    fn delivery(&mut self, message: &Arc<Message>, group: &[Match]) -> Option<(SessionKey, Delivery)> {
        let key = group.first()?.subscription.session;
        let session = self.sessions.get(key)?;
        let is_own = session.client_id == message.publisher;
        let mut qos = None;
        let mut retain = false;
        let mut identifiers = Vec::new();
        for found in group.iter().filter(|found| !(is_own && found.subscription.options.no_local)) {
            qos = qos.max(Some(found.subscription.options.qos));
            retain |= found.subscription.options.retain_as_published;
            identifiers.extend(found.subscription.identifier);
        }
        let qos = qos?.min(message.qos);
        if !may_read(&self.config.rules, session.user_name.as_deref(), message.topic_name()) {
            self.stats.dropped_denied += 1;
            return None;
        }
        let retain = retain && message.retain;
        Some((key, Delivery { message: Arc::clone(message), qos, retain, identifiers, charge: None }))
    }

    /// Queues a message for a session; without connection only if it is to be acknowledged. [3.1.1 MQTT-3.1.2-5]
    pub(super) fn deliver(&mut self, now: Instant, key: SessionKey, mut delivery: Delivery) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let connection = session.connection;
        if connection.is_none() && delivery.qos == QoS::AtMostOnce && !self.config.queues_qos0_offline {
            self.stats.dropped_offline += 1;
            return;
        }
        let cost = delivery.cost();
        if self.account.bytes() + cost > self.config.messages_bytes_max {
            self.stats.dropped_total_full += 1;
            return;
        }
        delivery.charge = Some(self.account.charge(cost));
        match session.outbox.push(now, delivery, &self.config) {
            Ok(()) => {}
            Err(Dropped::QueueFull) => self.stats.dropped_queue_full += 1,
        }
        if let Some(id) = connection {
            self.list(id);
        }
    }
}
