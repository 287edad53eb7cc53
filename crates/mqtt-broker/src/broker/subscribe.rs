//! SUBSCRIBE and UNSUBSCRIBE: filter by filter, with one answer for all.

use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_parts::Instant;
use mqtt_proto::{
    PropertyId, QoS, ReasonCode, RetainHandling, Subscribe, SubscribeFilter, TopicFilter, Unsubscribe,
};

use crate::access::{may_read, may_subscribe};
use crate::broker::Broker;
use crate::control::Control;
use crate::event::Event;
use crate::fault::Fault;
use crate::ids::{ConnectionId, SessionKey};
use crate::message::Delivery;
use crate::session_state::Session;
use crate::subscriptions::{Subscription, cost};

impl Broker {
    /// The packet identifier is that of the request. [5.0 MQTT-2.2.1-6] [3.1.1 MQTT-2.3.1-7]
    ///
    /// [5.0 MQTT-3.8.4-1] [5.0 MQTT-3.8.4-2] [5.0 MQTT-3.8.4-5] [5.0 MQTT-3.8.4-6] [5.0 MQTT-3.9.3-1]
    /// [3.1.1 MQTT-3.8.4-1] [3.1.1 MQTT-3.8.4-2] [3.1.1 MQTT-3.8.4-4] [3.1.1 MQTT-3.8.4-5] [3.1.1 MQTT-3.9.3-1]
    pub(super) fn on_subscribe(
        &mut self,
        now: Instant,
        id: ConnectionId,
        subscribe: &Subscribe<'_>,
    ) -> Result<(), Fault> {
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let Some(key) = connection.session() else { return Ok(()) };
        let is_v5 = connection.limits.version.has_properties();
        if is_v5 {
            self.check_available(subscribe)?;
        }
        let identifier = subscribe.properties.subscription_identifiers().next();
        let mut codes = Vec::new();
        for item in subscribe.filters.iter() {
            codes.push(match self.check_filter(key, item.filter, is_v5) {
                Ok(()) => self.subscribe(now, key, &item, identifier),
                Err(reason) => reason,
            });
        }
        if self.events.is_on() {
            self.record_subscriptions(id, key, subscribe, &codes);
        }
        self.queue(id, Control::Suback { packet_id: subscribe.packet_id, codes });
        Ok(())
    }

    fn record_subscriptions(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        subscribe: &Subscribe<'_>,
        codes: &[ReasonCode],
    ) {
        let from = self.origin(id);
        let Some(session) = self.sessions.get(key) else { return };
        for (item, reason) in subscribe.filters.iter().zip(codes) {
            self.events.record(|| Event::Subscribed {
                from,
                client_id: Arc::clone(&session.client_id),
                filter: item.filter.as_str().into(),
                reason: *reason,
            });
        }
    }

    /// In 5.0 it is an error to ask for what CONNACK said is not available.
    fn check_available(&self, subscribe: &Subscribe<'_>) -> Result<(), Fault> {
        let has_identifier = subscribe.properties.contains(PropertyId::SubscriptionIdentifier);
        if has_identifier && !self.config.identifiers_available {
            return Err(Fault::new(ReasonCode::SubscriptionIdentifiersNotSupported, ""));
        }
        for item in subscribe.filters.iter() {
            if item.filter.is_shared() && !self.config.shared_available {
                return Err(Fault::new(ReasonCode::SharedSubscriptionsNotSupported, ""));
            }
            if item.filter.has_wildcard() && !self.config.wildcard_available {
                return Err(Fault::new(ReasonCode::WildcardSubscriptionsNotSupported, ""));
            }
        }
        Ok(())
    }

    /// Whether one filter is granted. [3.1.1 MQTT-3.8.3-2]
    fn check_filter(&self, key: SessionKey, filter: TopicFilter<'_>, is_v5: bool) -> Result<(), ReasonCode> {
        let Some(session) = self.sessions.get(key) else { return Err(ReasonCode::UnspecifiedError) };
        let is_shared_available = self.config.shared_available && (is_v5 || self.config.shared_in_v3);
        if filter.is_shared() && !is_shared_available {
            return Err(ReasonCode::SharedSubscriptionsNotSupported);
        }
        if filter.has_wildcard() && !self.config.wildcard_available {
            return Err(ReasonCode::WildcardSubscriptionsNotSupported);
        }
        // Before 5.0 a filter may begin with `$share/` and have another form; it could not match anything.
        let is_well_formed = TopicFilter::new(filter.as_str()).is_ok();
        if !is_well_formed || filter.levels().split('/').count() > self.config.filter_levels_max {
            return Err(ReasonCode::TopicFilterInvalid);
        }
        if !may_subscribe(&self.config.rules, session.user_name.as_deref(), filter) {
            return Err(ReasonCode::NotAuthorized);
        }
        let is_new = !session.filters.contains(filter.as_str());
        let has_room = session.filters.len() < self.config.subscriptions_max
            && self.subscriptions.size() + cost(filter) <= self.config.subscriptions_bytes_max;
        if is_new && !has_room {
            return Err(ReasonCode::QuotaExceeded);
        }
        Ok(())
    }

    /// Adds or replaces a subscription, and queues the retained messages that it asks for.
    ///
    /// [5.0 MQTT-3.2.2-10] [5.0 MQTT-3.8.4-3] [5.0 MQTT-3.8.4-4] [5.0 MQTT-3.8.4-7] [5.0 MQTT-3.3.1-9]
    /// [5.0 MQTT-3.3.1-10] [5.0 MQTT-3.3.1-11] [3.1.1 MQTT-3.3.1-6] [3.1.1 MQTT-3.8.4-3]
    fn subscribe(
        &mut self,
        now: Instant,
        key: SessionKey,
        item: &SubscribeFilter<'_>,
        identifier: Option<u32>,
    ) -> ReasonCode {
        let SubscribeFilter { filter, mut options } = *item;
        options.qos = options.qos.min(self.config.qos_max);
        let subscription = Subscription { session: key, options, identifier };
        let is_new = self.subscriptions.insert(filter, subscription);
        if let Some(session) = self.sessions.get_mut(key).filter(|_| is_new) {
            session.filters.insert(filter.as_str().into());
        }
        let wants_retained = match options.retain_handling {
            RetainHandling::OnSubscribe => true,
            RetainHandling::OnNewSubscription => is_new,
            RetainHandling::Never => false,
        };
        if wants_retained && !filter.is_shared() {
            self.deliver_retained(now, filter, &subscription);
        }
        match options.qos {
            QoS::AtMostOnce => ReasonCode::Success,
            QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
            QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
        }
    }

    /// [3.1.1 MQTT-3.3.1-8]
    fn deliver_retained(&mut self, now: Instant, filter: TopicFilter<'_>, subscription: &Subscription) {
        for message in self.retained.matching(now, filter) {
            let Some(session) = self.sessions.get(subscription.session) else { return };
            let is_own = subscription.options.no_local && session.client_id == message.publisher;
            let rules = &self.config.rules;
            if is_own || !may_read(rules, session.user_name.as_deref(), message.topic_name()) {
                continue;
            }
            let delivery = Delivery {
                qos: message.qos.min(subscription.options.qos),
                retain: true,
                identifiers: subscription.identifier.into_iter().collect(),
                message: Arc::clone(&message),
                charge: None,
            };
            self.deliver(now, subscription.session, delivery);
        }
    }

    /// Nothing more is queued for these filters; what is queued or begun still goes its way.
    ///
    /// [5.0 MQTT-3.10.4-2] [5.0 MQTT-3.10.4-3] [3.1.1 MQTT-3.10.4-2] [3.1.1 MQTT-3.10.4-3]
    /// [5.0 MQTT-3.10.4-4] [5.0 MQTT-3.10.4-5] [5.0 MQTT-3.10.4-6] [5.0 MQTT-3.11.3-1] [3.1.1 MQTT-3.10.4-4]
    /// [3.1.1 MQTT-3.10.4-5] [3.1.1 MQTT-3.10.4-6]
    pub(super) fn on_unsubscribe(
        &mut self,
        id: ConnectionId,
        unsubscribe: &Unsubscribe<'_>,
    ) -> Result<(), Fault> {
        let key = self.session_of(id);
        let Some(key) = key else { return Ok(()) };
        let Some(session) = self.sessions.get_mut(key) else { return Ok(()) };
        let mut codes = Vec::new();
        for filter in unsubscribe.filters.iter() {
            let is_removed = forget(session, filter) && self.subscriptions.remove(filter, key);
            codes.push(if is_removed { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted });
        }
        self.queue(id, Control::Unsuback { packet_id: unsubscribe.packet_id, codes });
        Ok(())
    }
}

/// Filters compare character by character. [5.0 MQTT-3.10.4-1] [3.1.1 MQTT-3.10.4-1]
fn forget(session: &mut Session, filter: TopicFilter<'_>) -> bool {
    session.filters.remove(filter.as_str())
}
