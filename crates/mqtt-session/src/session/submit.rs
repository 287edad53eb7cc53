//! Commands of the application: checked at once, and taken or handed back.

use alloc::boxed::Box;
use alloc::vec::Vec;

use mqtt_parts::Instant;
use mqtt_proto::{
    EncodeError, Packet, PacketKind, Properties, Property, QoS, ReasonCode, TopicFilter, TopicName,
};

use super::{Draining, Farewell, Session};
use crate::command::{Command, Disconnect, Publish, Refused, Subscribe};
use crate::config::Credentials;
use crate::error::{OfflineCause, RefusedReason};
use crate::event::Ticket;
use crate::journal::Journal;
use crate::record::Record;
use crate::state::{Next, State};
use crate::subscriptions::Naming;

/// Changes of subscriptions that may wait besides one for each subscription.
const REQUESTS_SPARE: usize = 1024;

impl Session {
    /// Takes a command, or hands it back with the reason. An accepted command ends with [`crate::Event::Ended`].
    #[inline]
    #[expect(clippy::result_large_err, reason = "a refused command is handed back whole")]
    pub fn submit<'a>(&mut self, now: Instant, command: Command<'a>) -> Result<Ticket, Refused<'a>> {
        self.submit_ref(now, &command).map_err(|reason| Refused { reason, command })
    }

    /// The same for a command that stays the caller's, who decides where its payload is dropped.
    #[inline]
    pub fn submit_ref(&mut self, now: Instant, command: &Command<'_>) -> Result<Ticket, RefusedReason> {
        let ticket = Ticket::after(self.tickets);
        match command {
            Command::Connect => self.submit_connect(now, ticket),
            Command::Publish(publish) => self.submit_publish(now, ticket, publish),
            Command::Request(publish) => self.submit_request(now, ticket, publish).inspect(|()| {
                if let Some(timeout) = publish.timeout {
                    self.events.set_deadline(ticket, now + timeout);
                }
            }),
            Command::Subscribe(subscribe) => self.submit_subscribe(ticket, subscribe),
            Command::Unsubscribe(filter) => self.submit_unsubscribe(ticket, *filter),
            Command::Reauthenticate => self.submit_reauthenticate(now, ticket),
            Command::Disconnect(disconnect) => self.submit_disconnect(now, ticket, *disconnect),
        }?;
        self.tickets += 1;
        Ok(ticket)
    }

    fn submit_connect(&mut self, now: Instant, ticket: Ticket) -> Result<(), RefusedReason> {
        if self.connection.state() != State::Idle {
            return Err(RefusedReason::AlreadyConnected);
        }
        self.check_config()?;
        self.connecting = Some(ticket);
        self.is_stopped = false;
        self.choice.start_round(&mut self.rng);
        self.connection.dial(now + self.config.network_timeout);
        self.prepare_connect();
        Ok(())
    }

    fn check_config(&self) -> Result<(), RefusedReason> {
        let has_no_id = self.client_id.is_empty() && !self.config.clean_session;
        if has_no_id && !self.config.version.has_properties() {
            return Err(RefusedReason::EmptyClientId);
        }
        if self.config.authentication_method.is_some() && !self.config.version.has_properties() {
            return Err(RefusedReason::Config(EncodeError::NeedsVersion5(PacketKind::Auth)));
        }
        if let Some(will) = &self.config.will {
            TopicName::new(&will.topic).map_err(RefusedReason::WillTopic)?;
        }
        self.put_connect(true, &[], &mut Vec::new()).map_err(RefusedReason::Config)
    }

    /// User name and password of this attempt, if it asked for them, and of all that follow.
    ///
    /// Fails if they have no encoding; then nothing has changed.
    pub fn set_credentials(&mut self, credentials: Option<Credentials>) -> Result<(), RefusedReason> {
        let old = self.credentials.replace(Box::new(credentials));
        if let Err(error) = self.put_connect(true, self.dialogue.first(), &mut Vec::new()) {
            self.credentials = old;
            return Err(RefusedReason::Config(error));
        }
        self.wants_credentials = false;
        self.connect_if_ready();
        Ok(())
    }

    #[inline]
    pub(super) fn submit_publish(
        &mut self,
        now: Instant,
        ticket: Ticket,
        publish: &Publish<'_>,
    ) -> Result<(), RefusedReason> {
        self.check_wanted()?;
        self.check_journal(publish)?;
        let terms = self.connection.is_online().then_some(&self.terms);
        let is_first = self.outbox.used().is_none();
        let outbox = self.outbox.make();
        if is_first {
            outbox.on_online(&self.terms);
        }
        outbox.push(ticket, publish, now, &self.config, terms, &mut self.events)?;
        if let (Some(timeout), true) = (publish.timeout, publish.qos != QoS::AtMostOnce) {
            self.events.set_deadline(ticket, now + timeout);
        }
        Ok(())
    }

    pub(super) fn submit_subscribe(
        &mut self,
        ticket: Ticket,
        subscribe: &Subscribe<'_>,
    ) -> Result<(), RefusedReason> {
        self.check_not_closing()?;
        self.check_filter(subscribe)?;
        let subscriptions_max = self.config.subscriptions_max;
        let is_new = self.subscriptions.status(subscribe.filter).is_none();
        if is_new && self.subscriptions.len() >= subscriptions_max {
            return Err(RefusedReason::TooManySubscriptions { subscriptions_max });
        }
        self.check_requests()?;
        let naming = self.naming();
        self.subscriptions.make().subscribe(ticket, subscribe, naming, &mut self.events);
        self.record_wanted(ticket, subscribe);
        Ok(())
    }

    /// How filters get their Subscription Identifiers.
    pub(super) fn naming(&self) -> Naming {
        match (self.config.subscription_identifiers, self.config.is_kept()) {
            (false, _) => Naming::None,
            (true, false) => Naming::Counted,
            (true, true) => Naming::ByFilter,
        }
    }

    /// A store that takes no records is no reason to grow.
    #[inline]
    fn check_journal(&self, publish: &Publish<'_>) -> Result<(), RefusedReason> {
        let bytes_max = self.config.queue_bytes_max;
        let waiting = self.events.journal().map_or(0, Journal::waiting);
        if waiting > 0 && waiting + publish.payload.len() > bytes_max {
            return Err(RefusedReason::QueueBytesFull { bytes_max });
        }
        Ok(())
    }

    fn record_wanted(&mut self, ticket: Ticket, subscribe: &Subscribe<'_>) {
        if self.events.journal().is_none() {
            return;
        }
        let identifier =
            self.subscriptions.identifier(subscribe.filter).map(Property::SubscriptionIdentifier);
        let identifier = identifier.filter(|_| self.config.version.has_properties());
        let filters = [mqtt_proto::SubscribeFilter { filter: subscribe.filter, options: subscribe.options }];
        let packet = Packet::Subscribe(mqtt_proto::Subscribe {
            packet_id: mqtt_proto::PacketId::MIN,
            properties: Properties::new(identifier.as_slice()),
            filters: mqtt_proto::Filters::new(&filters),
        });
        let mut bytes = Vec::new();
        let version = self.config.version;
        packet.encode(version, &mut bytes).expect("checked when it was accepted");
        self.events.record(Record::Wanted { ticket, version, packet: &bytes });
    }

    fn check_filter(&self, subscribe: &Subscribe<'_>) -> Result<(), RefusedReason> {
        let filters = [mqtt_proto::SubscribeFilter { filter: subscribe.filter, options: subscribe.options }];
        let packet = Packet::Subscribe(mqtt_proto::Subscribe {
            packet_id: mqtt_proto::PacketId::MIN,
            properties: Properties::EMPTY,
            filters: mqtt_proto::Filters::new(&filters),
        });
        packet.encoded_len(self.config.version).map(|_| ()).map_err(RefusedReason::Encode)
    }

    fn submit_unsubscribe(&mut self, ticket: Ticket, filter: TopicFilter<'_>) -> Result<(), RefusedReason> {
        self.check_not_closing()?;
        self.check_requests()?;
        self.subscriptions.make().unsubscribe(ticket, filter, &mut self.events);
        Ok(())
    }

    /// Drops the subscription to a filter that nobody wants any more, connected or not; nobody waits for the answer.
    /// Where the server has no session, nothing need be sent.
    pub fn abandon_subscription(&mut self, filter: TopicFilter<'_>) {
        if !self.connection.is_online() && !self.config.is_kept() {
            self.subscriptions.make().forget_filter(filter, &mut self.events);
        } else if self.subscriptions.status(filter).is_some() {
            let ticket = Ticket::after(self.tickets);
            self.tickets += 1;
            self.subscriptions.make().unsubscribe(ticket, filter, &mut self.events);
        }
    }

    /// Requests that wait are bounded: one for each subscription, and some that undo or repeat them.
    fn check_requests(&self) -> Result<(), RefusedReason> {
        let requests_max = self.config.subscriptions_max.saturating_add(REQUESTS_SPARE);
        if self.subscriptions.queued() >= requests_max {
            return Err(RefusedReason::TooManyRequests { requests_max });
        }
        Ok(())
    }

    fn submit_disconnect(
        &mut self,
        now: Instant,
        ticket: Ticket,
        disconnect: Disconnect,
    ) -> Result<(), RefusedReason> {
        self.check_wanted()?;
        let Disconnect { drain, with_will, session_expiry_secs } = disconnect;
        if (with_will || session_expiry_secs.is_some()) && !self.config.version.has_properties() {
            let needs_5 = EncodeError::NeedsVersion5(PacketKind::Disconnect);
            return Err(RefusedReason::Encode(needs_5));
        }
        if session_expiry_secs.is_some_and(|secs| secs > 0) && self.config.session_expiry_secs() == 0 {
            return Err(RefusedReason::SessionExpiry);
        }
        let reason = if with_will { ReasonCode::DisconnectWithWillMessage } else { ReasonCode::Success };
        let farewell = Farewell { reason, session_expiry_secs };
        self.draining = Some(Box::new(Draining { ticket, deadline: now + drain, farewell }));
        if let Some(inbox) = self.inbox.used() {
            inbox.start_drain();
        }
        if !self.connection.is_online() && self.is_drained() {
            self.lose(now, OfflineCause::Requested, None);
        }
        Ok(())
    }

    /// Messages are taken while a connection is wanted; otherwise nobody could say when they end.
    pub(super) fn check_wanted(&self) -> Result<(), RefusedReason> {
        if self.connection.state() == State::Idle {
            Err(RefusedReason::Disconnected)
        } else {
            self.check_not_closing()
        }
    }

    pub(super) fn check_not_closing(&self) -> Result<(), RefusedReason> {
        match self.connection.state() {
            State::Closing { next: Next::Stop, .. } => Err(RefusedReason::Disconnected),
            _ if self.draining.is_some() || self.is_stopped => Err(RefusedReason::Disconnected),
            _ => Ok(()),
        }
    }

    /// An operation that was set aside ([`crate::Event::SetAside`]) goes out again, free of suspicion; false if it was not set
    /// aside.
    pub fn retry(&mut self, ticket: Ticket) -> bool {
        let is_online = self.connection.is_online();
        let ticket = self.events.open_requests().message_of(ticket);
        self.outbox.used().is_some_and(|outbox| outbox.retry(ticket, is_online))
            || self.subscriptions.used().is_some_and(|subscriptions| subscriptions.retry(ticket))
    }

    /// An operation that was set aside is dropped: it ends as [`crate::Indeterminate::GivenUp`], and the filter of a
    /// subscription is not wanted any more. False if it was not set aside.
    pub fn give_up(&mut self, ticket: Ticket) -> bool {
        let events = &mut self.events;
        let ticket = events.open_requests().message_of(ticket);
        self.outbox.used().is_some_and(|outbox| outbox.give_up(ticket, &mut self.ids, events))
            || self.subscriptions.used().is_some_and(|subscriptions| subscriptions.give_up(ticket, events))
    }

    /// Bounds the wait for an operation that has not ended: a message that was never sent is withdrawn then, one
    /// that was sent ends as indeterminate. Other operations are not bounded.
    pub fn set_timeout(&mut self, now: Instant, ticket: Ticket, timeout: core::time::Duration) {
        if self.outbox.awaits_acknowledgement(ticket) || self.events.open_requests().is_open(ticket) {
            self.events.set_deadline(ticket, now + timeout);
        }
    }
}
