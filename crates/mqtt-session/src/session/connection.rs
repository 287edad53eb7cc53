//! The link from its opening to its loss: CONNECT and CONNACK, timeouts, and what follows a lost connection.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU8;

use mqtt_parts::Instant;
use mqtt_proto::{
    Connack, Connect, Disconnect, EncodeError, PACKET_SIZE_MAX, Packet, PacketKind, Properties, Property,
    ReasonCode, TopicName, Version,
};

use super::Session;
use crate::dialogue::Turn;
use crate::error::{OfflineCause, PeerFault, Rejected};
use crate::event::{Event, Outcome, QuarantineReport, Ticket};
use crate::events::DONE;
use crate::inbox::Inbox;
use crate::liveness::LivenessAction;
use crate::negotiated::Negotiated;
use crate::outbox::Outbox;
use crate::record::Record;
use crate::state::{DisconnectReason, Due, Next, State};
use crate::subscriptions::Subscriptions;
use crate::user_properties::UserPropertyOf;

impl Session {
    pub(super) fn on_opened(&mut self, now: Instant) {
        if !self.connection.on_opened(now + self.config.network_timeout) {
            return;
        }
        self.control.clear();
        if let Some(journal) = self.events.journal_mut() {
            journal.forget_batches();
        }
        self.connect_if_ready();
    }

    /// Whether CONNECT asks for a new session.
    fn is_clean_start(&self) -> bool {
        match self.config.version {
            Version::V5_0 if self.connection.was_online() => !self.config.is_persistent(),
            Version::V5_0 | Version::V3_1_1 | Version::V3_1 => self.config.clean_session,
        }
    }

    /// Makes the CONNECT once the link is open and everything that goes into it is known.
    pub(super) fn connect_if_ready(&mut self) {
        if !self.connection.wants_connect() || self.dialogue.turn == Turn::Begin {
            return;
        }
        let mut connect = core::mem::take(&mut self.control);
        let put = self.put_connect(self.is_clean_start(), &self.dialogue.first.0, &mut connect);
        put.expect("checked when it was submitted");
        self.control = connect;
        self.connection.on_connect_encoded();
        self.events.counters.count_sent(PacketKind::Connect);
    }

    /// Opens a link, and asks whoever knows what its CONNECT needs.
    pub(super) fn dial(&mut self, now: Instant) {
        self.connection.dial(now + self.config.network_timeout, self.config.asks_credentials);
        self.ask_first_word();
        if self.config.asks_credentials {
            self.events.push(Event::CredentialsWanted { attempt: self.connection.attempt() });
        }
    }

    /// `first` is what the client says first in its authentication, if it has a method.
    pub(super) fn put_connect(
        &self,
        clean_start: bool,
        first: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let config = &self.config;
        let properties =
            if config.version.has_properties() { self.connect_properties(first) } else { Vec::new() };
        let will = config.will.as_ref().and_then(|will| {
            Some(mqtt_proto::Will {
                qos: will.qos,
                retain: will.retain,
                properties: will.properties.as_properties(),
                topic: TopicName::new(&will.topic).ok()?,
                payload: &will.payload,
            })
        });
        let credentials = match &self.credentials {
            Some(given) => given.as_ref().as_ref(),
            None => config.credentials.as_ref(),
        };
        let connect = Connect {
            version: config.version,
            clean_start,
            keep_alive_secs: config.keep_alive_secs,
            properties: Properties::new(&properties),
            client_id: &self.client_id,
            will,
            user_name: credentials.and_then(|credentials| credentials.user_name.as_deref()),
            password: credentials.and_then(|credentials| credentials.password.as_deref()),
        };
        Packet::from(&connect).encode(config.version, out).map(|_| ())
    }

    fn connect_properties<'a>(&'a self, first: &'a [u8]) -> Vec<Property<'a>> {
        let config = &self.config;
        let mut properties = alloc::vec![Property::ReceiveMaximum(config.receive_maximum.get())];
        if config.packet_size_max < PACKET_SIZE_MAX {
            properties.push(Property::MaximumPacketSize(config.packet_size_max.max(1)));
        }
        if config.topic_alias_maximum > 0 {
            properties.push(Property::TopicAliasMaximum(config.topic_alias_maximum));
        }
        if config.requested_expiry_secs() > 0 {
            properties.push(Property::SessionExpiryInterval(config.requested_expiry_secs()));
        }
        if config.asks_response_information {
            properties.push(Property::RequestResponseInformation(1));
        }
        if let Some(method) = &config.authentication_method {
            properties.push(Property::AuthenticationMethod(method));
            properties.extend((!first.is_empty()).then_some(Property::AuthenticationData(first)));
        }
        properties.extend(config.user_properties.of(UserPropertyOf::Connect));
        properties
    }

    pub(super) fn on_connack(&mut self, now: Instant, connack: &Connack<'_>) -> Result<(), PeerFault> {
        if connack.reason != ReasonCode::Success {
            let cause = OfflineCause::Refused(connack.reason);
            self.lose_or_follow(now, cause, connack.reason, connack.properties.server_reference());
            return Ok(());
        }
        if connack.session_present && self.is_clean_start() {
            return Err(PeerFault::SessionPresent);
        }
        self.check_method(&connack.properties)?;
        self.negotiated = Negotiated::new(&self.config, &connack.properties);
        if let Some(client_id) = &self.negotiated.assigned_client_id {
            self.client_id = client_id.as_str().into();
        }
        if self.config.authentication_method.is_some() {
            return self.ask_for_verdict(connack);
        }
        self.go_online(now, connack.session_present);
        Ok(())
    }

    /// The terms of the CONNACK hold from now on.
    pub(super) fn go_online(&mut self, now: Instant, session_present: bool) {
        let (was_online, was_clean_start) = (self.connection.was_online(), self.is_clean_start());
        let connecting = self.connection.on_accepted();
        self.attempts.on_online(now);
        self.liveness.on_online(now, self.negotiated.keep_alive_secs);
        self.outbox.if_used(|outbox| outbox.on_online(&self.negotiated));
        if !was_online || self.negotiated.assigned_client_id.is_some() {
            self.events.record(Record::Online { client_id: &self.client_id });
        }
        self.events.counters.count_connection(now);
        self.events.push(Event::Online { session_present });
        self.events.end_all(connecting, DONE);
        // 3.1 has no flag for it. A server with a persistent session is believed to have resumed it: otherwise it
        // would take a new QoS 2 message for the repetition of an old one with the same identifier.
        let is_unknown = self.config.version == Version::V3_1 && !was_clean_start && was_online;
        if !session_present && !is_unknown {
            return self.on_session_lost(was_online);
        }
        self.outbox.if_used(Outbox::start_repeating);
        if !session_present {
            self.subscriptions.if_used(Subscriptions::on_session_unknown);
        } else if !was_online {
            self.subscriptions.get_or_init().on_inherited();
        }
    }

    /// [5.0 MQTT-3.2.2-5] [5.0 MQTT-3.1.2-4] [3.1.1 MQTT-3.1.2-6]
    fn on_session_lost(&mut self, was_online: bool) {
        let policy = self.config.session_loss;
        self.inbox.if_used(Inbox::on_session_lost);
        self.outbox.if_used(|outbox| outbox.on_session_lost(policy, &mut self.events));
        self.subscriptions.if_used(|subscriptions| subscriptions.on_session_lost(&mut self.events));
        self.events.record(Record::SessionLost {});
        if was_online {
            self.outbox.if_used(|outbox| outbox.end_queue_with_session(policy, &mut self.events));
        }
    }

    pub(super) fn on_closed(&mut self, now: Instant, cause: OfflineCause) {
        match self.connection.state() {
            // A late report of a link that nobody waits for.
            State::Idle | State::Waiting { .. } => {}
            State::Closing { next, .. } => self.close(next),
            State::Dialing { .. } | State::Connecting { .. } | State::Verifying { .. } | State::Online => {
                self.lose(now, cause);
            }
        }
    }

    /// The link is closed, its last bytes are out, and a disconnection has ended.
    fn close(&mut self, next: Next) {
        self.connection.on_closed(next);
        self.events.end_all(self.connection.take_closed(), DONE);
    }

    /// The server broke the protocol. [5.0 MQTT-4.13.2-1] [3.1.1 MQTT-4.8.0-1]
    pub(super) fn fail(&mut self, now: Instant, fault: PeerFault) {
        self.disconnect(now, OfflineCause::PeerFault(fault), DisconnectReason::new(fault.reason_code()));
    }

    /// The server has ended the connection, and may have said where to go instead. [5.0 MQTT-3.14.4-2]
    pub(super) fn lose_or_follow(
        &mut self,
        now: Instant,
        cause: OfflineCause,
        reason: ReasonCode,
        reference: Option<&str>,
    ) {
        let is_redirected = self.attempts.redirect(reason, reference);
        self.end_connection(now, cause, None, is_redirected);
    }

    /// The connection has ended.
    pub(super) fn lose(&mut self, now: Instant, cause: OfflineCause) {
        self.end_connection(now, cause, None, false);
    }

    /// Ends the connection, with a DISCONNECT if there is somebody to say it to.
    pub(super) fn disconnect(&mut self, now: Instant, cause: OfflineCause, disconnect: DisconnectReason) {
        self.end_connection(now, cause, Some(disconnect), false);
    }

    fn end_connection(
        &mut self,
        now: Instant,
        cause: OfflineCause,
        disconnect: Option<DisconnectReason>,
        is_redirected: bool,
    ) {
        let was_online = self.connection.is_online();
        self.control.clear();
        if was_online {
            self.events.counters.disconnections += 1;
            self.events.counters.last_disconnection = now;
            self.look_for_suspects(cause);
            self.count_fault(cause);
        }
        self.end_dialogue(cause);
        self.outbox
            .if_used(|outbox| outbox.on_connection_lost(cause, self.config.queue_policy, &mut self.events));
        self.inbox.if_used(Inbox::on_connection_lost);
        if let Some(subscriptions) = self.subscriptions.get_mut() {
            subscriptions.on_connection_lost(&mut self.events);
            if !self.config.is_persistent() {
                subscriptions.end_unsubscribes(&mut self.events);
            }
        }
        let next = self.next_step(now, cause, was_online, is_redirected);
        let said = disconnect.filter(|disconnect| self.may_say(disconnect.reason));
        said.into_iter().for_each(|disconnect| self.put_disconnect(disconnect));
        let flush_until = said.map(|_| now + self.config.network_timeout);
        self.connection.on_ended(cause, next, flush_until);
        let retry_at = match next {
            Next::Retry { at } => Some(at),
            Next::Stop => None,
        };
        self.events.push(Event::Offline { cause, retry_at });
        if next == Next::Stop {
            self.end_all(cause);
        }
    }

    /// What was under way when a connection broke is suspected; what was there when one ended in good order is not.
    fn look_for_suspects(&mut self, cause: OfflineCause) {
        let Some(limit) = self.config.quarantine_after.map(NonZeroU8::get) else { return };
        let was_alone = self.outbox.outstanding() + self.subscriptions.outstanding() == 1;
        let report = |packet, failures| QuarantineReport { packet, failures, last_cause: cause, was_alone };
        if cause.is_abrupt() {
            self.outbox.if_used(|outbox| outbox.count_failure(limit, report, &mut self.events));
            self.subscriptions
                .if_used(|subscriptions| subscriptions.count_failure(limit, report, &mut self.events));
        } else {
            self.outbox.if_used(Outbox::clear_suspects);
            self.subscriptions.if_used(Subscriptions::clear_suspects);
        }
    }

    /// A fault that ends one connection after the other, such as the same message that is too large, is reported.
    fn count_fault(&mut self, cause: OfflineCause) {
        if let Some(connections) = self.events.counters.count_fault(cause) {
            self.events.push(Event::FaultRepeated { cause, connections });
        }
    }

    fn put_disconnect(&mut self, disconnect: DisconnectReason) {
        let expiry = disconnect.session_expiry_secs.map(Property::SessionExpiryInterval);
        let mut list: Vec<Property<'_>> = expiry.into_iter().collect();
        let config = Arc::clone(&self.config);
        if config.version.has_properties() {
            list.extend(config.user_properties.of(UserPropertyOf::Disconnect));
        }
        let properties = Properties::new(&list);
        self.put_control(Packet::Disconnect(Disconnect { reason: disconnect.reason, properties }));
    }

    /// CONNECT is the first packet. Before 5.0 a DISCONNECT has no reason and follows only an accepted connection.
    fn may_say(&self, reason: ReasonCode) -> bool {
        let is_plain = reason == ReasonCode::Success && self.connection.is_online();
        self.connection.is_connect_written() && (self.config.version.has_properties() || is_plain)
    }

    fn next_step(
        &mut self,
        now: Instant,
        cause: OfflineCause,
        was_online: bool,
        is_redirected: bool,
    ) -> Next {
        let is_drained = self.connection.draining().is_some() && self.is_drained();
        if is_drained || cause.is_permanent() && !is_redirected {
            return Next::Stop;
        }
        if cause == OfflineCause::MessagesLeft {
            return Next::Retry { at: now };
        }
        // The next server of the list is tried at once; a wait comes when all were tried.
        if is_redirected || !was_online && self.attempts.advance() {
            return Next::Retry { at: now };
        }
        if self.connection.connecting().is_some() && !self.config.reconnect.retry_first {
            return Next::Stop;
        }
        self.attempts.start_round(&mut self.rng);
        Next::Retry { at: self.attempts.wait(&self.config.reconnect, now, &mut self.rng) }
    }

    /// No further attempt is made: every operation ends.
    fn end_all(&mut self, cause: OfflineCause) {
        let expiry = self.connection.draining().and_then(|draining| draining.disconnect.session_expiry_secs);
        let is_persistent = expiry.map_or(self.config.is_persistent(), |secs| secs > 0);
        let connecting = self.connection.stop();
        self.events.end_all(connecting, Outcome::Rejected(Rejected::Offline(cause)));
        self.outbox.if_used(|outbox| outbox.on_stopped(is_persistent, &mut self.events));
        self.subscriptions.if_used(|subscriptions| subscriptions.on_stopped(&mut self.events));
        self.events.end_all(self.connection.take_closed(), DONE);
    }

    pub(super) fn on_timeout(&mut self, now: Instant) {
        match self.connection.due(now) {
            Some(Due::Dial) => self.dial(now),
            Some(Due::GiveUp(cause)) => self.lose(now, cause),
            Some(Due::Close(next)) => self.close(next),
            None => {}
        }
        while let Some(ticket) =
            self.events.deadlines.get_mut().and_then(|deadlines| deadlines.pop_passed(now))
        {
            self.end_late(now, ticket);
        }
        if let Some(draining) = self.connection.draining().filter(|draining| now >= draining.deadline) {
            self.disconnect(now, OfflineCause::Requested, draining.disconnect);
        }
        if self.connection.is_online() {
            match self.liveness.on_timeout(now, &self.config) {
                LivenessAction::Nothing => {}
                LivenessAction::Ping => match self.events.journal_mut() {
                    // It follows from no record, and goes out in front of what waits for one.
                    Some(journal) => journal.ping(),
                    None => self.put_control(Packet::Pingreq),
                },
                LivenessAction::GiveUp(cause) => self.lose(now, cause),
            }
        }
    }

    /// The time of an operation is over.
    fn end_late(&mut self, now: Instant, ticket: Ticket) {
        if self.dialogue.ticket == Some(ticket) {
            let disconnect = DisconnectReason::new(ReasonCode::UnspecifiedError);
            return self.disconnect(now, OfflineCause::AuthenticationTimedOut, disconnect);
        }
        self.outbox.if_used(|outbox| outbox.on_deadline(ticket, &mut self.events));
    }
}
