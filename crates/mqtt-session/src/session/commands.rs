//! What the application asks for: checked at once, and taken or refused.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use mqtt_parts::Instant;
use mqtt_proto::{
    EncodeError, Filters, Packet, PacketId, PacketKind, Properties, Property, QoS, ReasonCode,
    SubscribeFilter, TopicFilter, TopicName,
};

use super::Session;
use crate::command::{Command, Disconnect, Publish, Subscribe};
use crate::config::Credentials;
use crate::error::{OfflineCause, SessionRefusal};
use crate::event::Ticket;
use crate::inbox::Inbox;
use crate::journal::Journal;
use crate::record::Record;
use crate::state::{DisconnectReason, State};
use crate::subscriptions::Naming;
use crate::user_properties::UserPropertyOf;

/// Changes of subscriptions that may wait besides one for each subscription.
const REQUESTS_SPARE: usize = 1024;

impl Session {
    /// Applies [`crate::Input::Submit`].
    #[inline]
    pub fn submit(&mut self, now: Instant, command: &Command<'_>) -> Result<Ticket, SessionRefusal> {
        let ticket = self.next_ticket();
        match command {
            Command::Connect => self.connect(now, ticket),
            Command::Publish(publish) => self.publish(now, ticket, publish),
            Command::Subscribe(subscribe) => self.subscribe(ticket, subscribe),
            Command::Unsubscribe(filter) => self.unsubscribe(ticket, *filter),
            Command::Reauthenticate => self.reauthenticate(now, ticket),
            Command::Disconnect(disconnect) => self.drain(now, ticket, *disconnect),
        }?;
        self.tickets += 1;
        Ok(ticket)
    }

    fn connect(&mut self, now: Instant, ticket: Ticket) -> Result<(), SessionRefusal> {
        if self.connection.state() != State::Idle {
            return Err(SessionRefusal::AlreadyConnected);
        }
        self.check_config()?;
        self.connection.connect(ticket);
        self.attempts.start_round(&mut self.rng);
        self.dial(now);
        Ok(())
    }

    fn check_config(&self) -> Result<(), SessionRefusal> {
        let has_no_id = self.client_id.is_empty() && !self.config.clean_session;
        if has_no_id && !self.config.version.has_properties() {
            return Err(SessionRefusal::EmptyClientId);
        }
        if self.config.authentication_method.is_some() && !self.config.version.has_properties() {
            return Err(SessionRefusal::Config(EncodeError::NeedsVersion5(PacketKind::Auth)));
        }
        if let Some(will) = &self.config.will {
            TopicName::new(&will.topic).map_err(SessionRefusal::WillTopic)?;
        }
        self.config.user_properties.check().map_err(SessionRefusal::Config)?;
        self.put_connect(true, &[], &mut Vec::new()).map_err(SessionRefusal::Config)
    }

    pub(super) fn set_credentials(&mut self, credentials: Option<Credentials>) -> Result<(), SessionRefusal> {
        let old = self.credentials.replace(Box::new(credentials));
        if let Err(error) = self.put_connect(true, &self.dialogue.first.0, &mut Vec::new()) {
            self.credentials = old;
            return Err(SessionRefusal::Config(error));
        }
        self.connection.on_credentials();
        self.connect_if_ready();
        Ok(())
    }

    #[inline]
    pub(super) fn publish(
        &mut self,
        now: Instant,
        ticket: Ticket,
        publish: &Publish<'_>,
    ) -> Result<(), SessionRefusal> {
        self.check_wanted()?;
        self.check_journal(publish)?;
        let terms = self.connection.is_online().then_some(&self.negotiated);
        let is_first = self.outbox.get_mut().is_none();
        let outbox = self.outbox.get_or_init();
        if is_first {
            outbox.on_online(&self.negotiated);
        }
        outbox.push(ticket, publish, now, &self.config, terms, &mut self.events)?;
        if let (Some(timeout), true) = (publish.timeout, publish.qos != QoS::AtMostOnce) {
            self.events.deadlines.get_or_init().set(ticket, now + timeout);
        }
        Ok(())
    }

    /// A store that takes no records is no reason to grow.
    #[inline]
    fn check_journal(&self, publish: &Publish<'_>) -> Result<(), SessionRefusal> {
        let bytes_max = self.config.queue_bytes_max;
        let waiting = self.events.journal().map_or(0, Journal::waiting);
        if waiting > 0 && waiting + publish.payload.len() > bytes_max {
            return Err(SessionRefusal::QueueBytesFull { bytes_max });
        }
        Ok(())
    }

    pub(super) fn subscribe(
        &mut self,
        ticket: Ticket,
        subscribe: &Subscribe<'_>,
    ) -> Result<(), SessionRefusal> {
        self.check_not_stopping()?;
        self.encode_subscribe(subscribe, None).map_err(SessionRefusal::Encode)?;
        let subscriptions_max = self.config.subscriptions_max;
        let is_new = self.subscriptions.status(subscribe.filter).is_none();
        if is_new && self.subscriptions.len() >= subscriptions_max {
            return Err(SessionRefusal::TooManySubscriptions { subscriptions_max });
        }
        self.check_requests()?;
        let naming = self.naming();
        self.subscriptions.get_or_init().subscribe(ticket, subscribe, naming, &mut self.events);
        if self.events.journal().is_some() {
            let identifier = self.subscriptions.identifier(subscribe.filter);
            let packet = self.encode_subscribe(subscribe, identifier).expect("checked above");
            let version = self.config.version;
            self.events.record(Record::Wanted { ticket, version, packet: &packet });
        }
        Ok(())
    }

    /// How filters get their Subscription Identifiers.
    pub(super) fn naming(&self) -> Naming {
        match (self.config.subscription_identifiers, self.config.is_persistent()) {
            (false, _) => Naming::None,
            (true, false) => Naming::Counted,
            (true, true) => Naming::ByFilter,
        }
    }

    fn encode_subscribe(
        &self,
        subscribe: &Subscribe<'_>,
        identifier: Option<u32>,
    ) -> Result<Vec<u8>, EncodeError> {
        let version = self.config.version;
        let mut properties: Vec<Property<'_>> = Vec::new();
        if version.has_properties() {
            properties.extend(identifier.map(Property::SubscriptionIdentifier));
            properties.extend(self.config.user_properties.of(UserPropertyOf::Subscribe));
        }
        let filters = [SubscribeFilter { filter: subscribe.filter, options: subscribe.options }];
        let mut bytes = Vec::new();
        let packet = Packet::Subscribe(mqtt_proto::Subscribe {
            packet_id: PacketId::MIN,
            properties: Properties::new(&properties),
            filters: Filters::new(&filters),
        });
        packet.encode(version, &mut bytes).map(|_| bytes)
    }

    fn unsubscribe(&mut self, ticket: Ticket, filter: TopicFilter<'_>) -> Result<(), SessionRefusal> {
        self.check_not_stopping()?;
        self.check_requests()?;
        self.subscriptions.get_or_init().unsubscribe(ticket, filter, &mut self.events);
        Ok(())
    }

    pub(super) fn abandon(&mut self, filter: TopicFilter<'_>) {
        if !self.connection.is_online() && !self.config.is_persistent() {
            self.subscriptions.get_or_init().forget_filter(filter, &mut self.events);
        } else if self.subscriptions.status(filter).is_some() {
            let ticket = self.next_ticket();
            self.tickets += 1;
            self.subscriptions.get_or_init().unsubscribe(ticket, filter, &mut self.events);
        }
    }

    /// Requests that wait are bounded: one for each subscription, and some that undo or repeat them.
    fn check_requests(&self) -> Result<(), SessionRefusal> {
        let requests_max = self.config.subscriptions_max.saturating_add(REQUESTS_SPARE);
        if self.subscriptions.queued() >= requests_max {
            return Err(SessionRefusal::TooManyRequests { requests_max });
        }
        Ok(())
    }

    fn drain(&mut self, now: Instant, ticket: Ticket, disconnect: Disconnect) -> Result<(), SessionRefusal> {
        self.check_wanted()?;
        let Disconnect { drain, with_will, session_expiry_secs } = disconnect;
        if (with_will || session_expiry_secs.is_some()) && !self.config.version.has_properties() {
            return Err(SessionRefusal::Encode(EncodeError::NeedsVersion5(PacketKind::Disconnect)));
        }
        if session_expiry_secs.is_some_and(|secs| secs > 0) && self.config.requested_expiry_secs() == 0 {
            return Err(SessionRefusal::SessionExpiry);
        }
        let reason = if with_will { ReasonCode::DisconnectWithWillMessage } else { ReasonCode::Success };
        self.connection.disconnect(ticket, now + drain, DisconnectReason { reason, session_expiry_secs });
        self.inbox.if_used(Inbox::start_drain);
        if !self.connection.is_online() && self.is_drained() {
            self.lose(now, OfflineCause::Requested);
        }
        Ok(())
    }

    /// Messages are taken while a connection is wanted; otherwise nobody could say when they end.
    pub(super) fn check_wanted(&self) -> Result<(), SessionRefusal> {
        if self.connection.state() == State::Idle {
            return Err(SessionRefusal::Disconnected);
        }
        self.check_not_stopping()
    }

    pub(super) fn check_not_stopping(&self) -> Result<(), SessionRefusal> {
        if self.connection.is_stopping() { Err(SessionRefusal::Disconnected) } else { Ok(()) }
    }

    pub(super) fn withdraw(&mut self, ticket: Ticket) -> Result<(), SessionRefusal> {
        let is_withdrawn =
            self.outbox.get_mut().is_some_and(|outbox| outbox.withdraw(ticket, &mut self.events));
        is_withdrawn.then_some(()).ok_or(SessionRefusal::NotWaiting)
    }

    pub(super) fn retry(&mut self, ticket: Ticket) -> Result<(), SessionRefusal> {
        let is_online = self.connection.is_online();
        let is_quarantined = self.outbox.get_mut().is_some_and(|outbox| outbox.retry(ticket, is_online))
            || self.subscriptions.get_mut().is_some_and(|subscriptions| subscriptions.retry(ticket));
        is_quarantined.then_some(()).ok_or(SessionRefusal::NotQuarantined)
    }

    pub(super) fn give_up(&mut self, ticket: Ticket) -> Result<(), SessionRefusal> {
        let events = &mut self.events;
        let is_quarantined =
            self.outbox.get_mut().is_some_and(|outbox| outbox.drop_quarantined(ticket, events))
                || self
                    .subscriptions
                    .get_mut()
                    .is_some_and(|subscriptions| subscriptions.drop_quarantined(ticket, events));
        is_quarantined.then_some(()).ok_or(SessionRefusal::NotQuarantined)
    }

    pub(super) fn set_timeout(&mut self, now: Instant, ticket: Ticket, timeout: Duration) {
        if self.outbox.awaits_acknowledgement(ticket) {
            self.events.deadlines.get_or_init().set(ticket, now + timeout);
        }
    }
}
