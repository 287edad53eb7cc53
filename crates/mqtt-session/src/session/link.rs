//! The link from its opening to its loss: CONNECT and CONNACK, timeouts, and what follows a lost connection.

use alloc::vec::Vec;
use core::num::NonZeroU8;

use mqtt_parts::Instant;
use mqtt_proto::{
    Connack, Connect, Disconnect, EncodeError, PACKET_SIZE_MAX, Packet, PacketKind, Properties, Property,
    ReasonCode, TopicName, Version,
};

use super::{Farewell, Session};
use crate::dialogue::Turn;
use crate::error::{ConnectRefusal, OfflineCause, PeerFault, Rejected};
use crate::event::{Event, Outcome};
use crate::keepalive::{KeepAlive, KeepAliveAction};
use crate::negotiated::Negotiated;
use crate::planted::{self, Planted};
use crate::progress::Progress;
use crate::record::Record;
use crate::state::{Expired, Next, State};

impl Session {
    /// The link that [`crate::Transport::Open`] asked for is there. [5.0 MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1]
    pub fn handle_opened(&mut self, now: Instant) {
        if !self.connection.on_opened(now + self.config.network_timeout) {
            return;
        }
        self.is_clean_start = match self.config.version {
            Version::V5_0 if self.was_online => !self.config.is_kept(),
            Version::V5_0 | Version::V3_1_1 | Version::V3_1 => self.config.clean_session,
        };
        self.control.clear();
        if let Some(journal) = self.events.journal_mut() {
            journal.forget_batches();
        }
        self.is_connect_made = false;
        self.connect_if_ready();
    }

    /// Makes the CONNECT once the link is open and everything that goes into it is known.
    pub(super) fn connect_if_ready(&mut self) {
        let is_due = matches!(self.connection.state(), State::Connecting { .. }) && !self.is_connect_made;
        if !is_due || self.wants_credentials || self.dialogue.turn() == Turn::Begin {
            return;
        }
        let mut connect = core::mem::take(&mut self.control);
        let put = self.put_connect(self.is_clean_start, self.dialogue.first(), &mut connect);
        put.expect("checked when it was submitted");
        self.control = connect;
        self.is_connect_made = true;
        self.counters.count_sent(PacketKind::Connect);
    }

    /// A link is being opened: whoever knows what its CONNECT needs is asked for it.
    pub(super) fn prepare_connect(&mut self) {
        self.ask_first_word();
        self.wants_credentials = self.config.asks_credentials;
        if self.wants_credentials {
            let attempt = self.connection.attempt();
            self.events.push(Event::CredentialsWanted { attempt });
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
        let mut properties = Vec::new();
        if config.version.has_properties() {
            properties.push(Property::ReceiveMaximum(config.receive_maximum.get()));
            if config.packet_size_max < PACKET_SIZE_MAX {
                properties.push(Property::MaximumPacketSize(config.packet_size_max.max(1)));
            }
            if config.topic_alias_maximum > 0 {
                properties.push(Property::TopicAliasMaximum(config.topic_alias_maximum));
            }
            if config.session_expiry_secs() > 0 {
                properties.push(Property::SessionExpiryInterval(config.session_expiry_secs()));
            }
            if config.asks_response_information {
                properties.push(Property::RequestResponseInformation(1));
            }
            if let Some(method) = &config.authentication_method {
                properties.push(Property::AuthenticationMethod(method));
                properties.extend((!first.is_empty()).then_some(Property::AuthenticationData(first)));
            }
        }
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
        Packet::Connect(connect).encode(config.version, out).map(|_| ())
    }

    pub(super) fn on_connack(&mut self, now: Instant, connack: &Connack<'_>) -> Result<(), PeerFault> {
        if connack.reason != ReasonCode::Success {
            let refusal = ConnectRefusal { reason: connack.reason };
            self.lose_or_follow(now, OfflineCause::Refused(refusal), connack.properties.server_reference());
            return Ok(());
        }
        if connack.session_present && self.is_clean_start {
            return Err(PeerFault::SessionPresent);
        }
        self.check_method(&connack.properties)?;
        self.terms = Negotiated::from_connack(&self.config, connack);
        if let Some(client_id) = &self.terms.assigned_client_id {
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
        self.connection.on_accepted();
        self.backoff.on_online(now);
        let (connect_sent, secs) = (self.keep_alive.last_sent(), self.terms.keep_alive_secs);
        self.keep_alive = KeepAlive::new(connect_sent, now, secs);
        self.progress = Progress::new();
        if let Some(outbox) = self.outbox.used() {
            outbox.on_online(&self.terms);
        }
        let was_online = core::mem::replace(&mut self.was_online, true);
        if !was_online || self.terms.assigned_client_id.is_some() {
            self.events.record(Record::Online { client_id: &self.client_id });
        }
        if self.counters.connections == 0 {
            self.counters.first_connection = now;
        }
        self.counters.connections += 1;
        self.counters.last_connection = now;
        self.events.push(Event::Online { session_present });
        if let Some(ticket) = self.connecting.take() {
            self.events.end(ticket, Outcome::Done(ReasonCode::Success));
        }
        // 3.1 has no flag for it. A server that was told to keep the session is believed to have done so: otherwise it
        // would take a new QoS 2 message for the repetition of an old one with the same identifier.
        let is_unknown = self.config.version == Version::V3_1 && !self.is_clean_start && was_online;
        if session_present || planted::is(Planted::BelieveSessionPresent) && was_online {
            if !was_online {
                self.subscriptions.make().on_heirloom();
            }
            if let Some(outbox) = self.outbox.used() {
                outbox.start_replay();
            }
        } else if is_unknown {
            if let Some(subscriptions) = self.subscriptions.used() {
                subscriptions.on_session_unknown();
            }
            if let Some(outbox) = self.outbox.used() {
                outbox.start_replay();
            }
        } else {
            self.on_session_lost();
            if let Some(outbox) = self.outbox.used().filter(|_| was_online) {
                outbox.end_queue_with_session(self.config.session_loss, &mut self.events);
            }
        }
    }

    /// [5.0 MQTT-3.2.2-5] [5.0 MQTT-3.1.2-4] [3.1.1 MQTT-3.1.2-6]
    pub(super) fn on_session_lost(&mut self) {
        if let Some(inbox) = self.inbox.used() {
            inbox.on_session_lost();
        }
        if let Some(outbox) = self.outbox.used() {
            outbox.on_session_lost(self.config.session_loss, &mut self.ids, &mut self.events);
        }
        if let Some(subscriptions) = self.subscriptions.used() {
            subscriptions.on_session_lost(&mut self.events);
        }
        self.events.record(Record::SessionLost);
    }

    /// The link is gone or could not be had; late news of a link that nobody waits for are ignored.
    pub fn handle_closed(&mut self, now: Instant, cause: OfflineCause) {
        match self.connection.state() {
            State::Idle | State::Waiting { .. } => {}
            State::Closing { next, .. } => {
                self.connection.on_closed(next);
                self.end_disconnecting();
            }
            State::Dialing { .. } | State::Connecting { .. } | State::Verifying { .. } | State::Online => {
                self.lose(now, cause, None);
            }
        }
    }

    /// The server broke the protocol. [5.0 MQTT-4.13.2-1] [3.1.1 MQTT-4.8.0-1]
    pub(super) fn fail(&mut self, now: Instant, fault: PeerFault) {
        let farewell = Farewell { reason: fault.reason_code(), session_expiry_secs: None };
        self.lose(now, OfflineCause::PeerFault(fault), Some(farewell));
    }

    /// The server has ended the connection, and may have said where to go instead. [5.0 MQTT-3.14.4-2]
    pub(super) fn lose_or_follow(&mut self, now: Instant, cause: OfflineCause, reference: Option<&str>) {
        let reason = match cause {
            OfflineCause::Refused(refusal) => refusal.reason,
            OfflineCause::ServerDisconnected(reason) => reason,
            _ => ReasonCode::Success,
        };
        let is_redirect = matches!(reason, ReasonCode::UseAnotherServer | ReasonCode::ServerMoved);
        self.is_redirected = is_redirect && self.choice.redirect(reason, reference);
        self.lose(now, cause, None);
        self.is_redirected = false;
    }

    /// Ends the connection, with a DISCONNECT if there is something to say and somebody to say it to.
    pub(super) fn lose(&mut self, now: Instant, cause: OfflineCause, farewell: Option<Farewell>) {
        let was_online = self.connection.is_online();
        // CONNECT is the first packet: while it waits to be written, nothing else may be said.
        let is_connect_out = self.control.is_empty() && self.is_connect_made;
        let is_connecting =
            matches!(self.connection.state(), State::Connecting { .. } | State::Verifying { .. });
        let has_link = was_online || is_connecting && is_connect_out;
        if was_online {
            self.counters.disconnections += 1;
            self.counters.last_disconnection = now;
        }
        self.control.clear();
        if was_online {
            self.judge(cause);
            self.count_fault(cause);
        }
        self.aliases_in.clear();
        self.end_dialogue(cause);
        if let Some(outbox) = self.outbox.used() {
            outbox.on_connection_lost(cause, self.config.queue_policy, &mut self.events);
        }
        if let Some(inbox) = self.inbox.used() {
            inbox.on_connection_lost();
        }
        if let Some(subscriptions) = self.subscriptions.used() {
            subscriptions.on_connection_lost(&mut self.ids);
            if !self.config.is_kept() {
                subscriptions.end_unsubscribes(&mut self.events);
            }
        }
        let next = self.next_step(now, &cause, was_online);
        let retry_at = match next {
            Next::Retry { at } => Some(at),
            Next::Stop => None,
        };
        match farewell {
            Some(farewell) if has_link && self.may_say(farewell.reason, was_online) => {
                self.put_disconnect(farewell);
                self.connection.close_after_flush(now + self.config.network_timeout, next);
            }
            Some(_) | None => self.connection.on_closed(next),
        }
        self.last_cause = Some(cause);
        self.events.push(Event::Offline { cause, retry_at });
        if next == Next::Stop {
            self.end_all(cause);
        }
    }

    /// What was under way when a connection broke is suspected; what was there when one ended in good order is not.
    fn judge(&mut self, cause: OfflineCause) {
        let Some(limit) = self.config.poison_after.map(NonZeroU8::get) else { return };
        let was_alone = self.outbox.outstanding() + self.subscriptions.outstanding() == 1;
        if let Some(outbox) = self.outbox.used() {
            match cause.is_abrupt() {
                true => outbox.strike(limit, cause, was_alone, &mut self.events),
                false => outbox.acquit(),
            }
        }
        if let Some(subscriptions) = self.subscriptions.used() {
            match cause.is_abrupt() {
                true => subscriptions.strike(limit, cause, was_alone, &mut self.events),
                false => subscriptions.acquit(),
            }
        }
    }

    /// A fault that ends one connection after the other, such as the same message that is too large, is told.
    fn count_fault(&mut self, cause: OfflineCause) {
        let OfflineCause::PeerFault(_) = cause else {
            if let Some(trouble) = self.trouble.used() {
                trouble.fault = None;
            }
            return;
        };
        let trouble = self.trouble.make();
        if trouble.fault != Some(cause) {
            (trouble.fault, trouble.fault_connections, trouble.fault_told_at) =
                (Some(cause), 0, FAULTS_TOLD_FROM);
        }
        trouble.fault_connections += 1;
        if trouble.fault_connections == trouble.fault_told_at {
            let connections = trouble.fault_connections;
            trouble.fault_told_at = trouble.fault_told_at.saturating_mul(2);
            self.events.push(Event::FaultRepeated { cause, connections });
        }
    }

    fn put_disconnect(&mut self, farewell: Farewell) {
        let expiry = farewell.session_expiry_secs.map(Property::SessionExpiryInterval);
        let properties = Properties::new(expiry.as_slice());
        self.put_control(Packet::Disconnect(Disconnect { reason: farewell.reason, properties }));
    }

    /// Before 5.0 a DISCONNECT has no reason and follows only an accepted connection.
    fn may_say(&self, reason: ReasonCode, was_online: bool) -> bool {
        self.config.version.has_properties() || reason == ReasonCode::Success && was_online
    }

    fn next_step(&mut self, now: Instant, cause: &OfflineCause, was_online: bool) -> Next {
        let is_drained = self.draining.is_some() && self.is_drained();
        if is_drained || cause.is_permanent() && !self.is_redirected {
            return Next::Stop;
        }
        if *cause == OfflineCause::MessagesLeft {
            return Next::Retry { at: now };
        }
        // The next server of the list is tried at once; a wait comes when all were tried.
        if self.is_redirected || !was_online && self.choice.advance() {
            return Next::Retry { at: now };
        }
        if self.connecting.is_some() && !self.config.reconnect.retry_first {
            return Next::Stop;
        }
        self.choice.start_round(&mut self.rng);
        Next::Retry { at: self.backoff.next_attempt(&self.config.reconnect, now, &mut self.rng) }
    }

    /// No further attempt is made: every operation ends.
    fn end_all(&mut self, cause: OfflineCause) {
        if let Some(ticket) = self.connecting.take() {
            self.events.end(ticket, Outcome::Rejected(Rejected::Offline(cause)));
        }
        let expiry = self.draining.as_ref().and_then(|draining| draining.farewell.session_expiry_secs);
        let is_kept = expiry.map_or(self.config.is_kept(), |secs| secs > 0);
        if let Some(outbox) = self.outbox.used() {
            outbox.on_stopped(is_kept, &mut self.ids, &mut self.events);
        }
        if let Some(subscriptions) = self.subscriptions.used() {
            subscriptions.on_stopped(&mut self.events);
        }
        self.end_requests();
        self.is_stopped = true;
        self.disconnecting = self.draining.take().map(|draining| draining.ticket);
        self.end_disconnecting();
    }

    /// A disconnection has ended when the link is closed, so that its last bytes are out.
    pub(super) fn end_disconnecting(&mut self) {
        if self.connection.state() == State::Idle {
            if let Some(ticket) = self.disconnecting.take() {
                self.events.end(ticket, Outcome::Done(ReasonCode::Success));
            }
        }
    }

    /// Time has passed. Calling early or often changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let attempt = self.connection.attempt();
        match self.connection.on_timeout(now, self.config.network_timeout) {
            Some(Expired::Dial) => self.lose(now, OfflineCause::DialTimedOut, None),
            Some(Expired::Connack) => self.lose(now, OfflineCause::ConnackTimedOut, None),
            None => self.end_disconnecting(),
        }
        if self.connection.attempt() != attempt {
            self.prepare_connect();
        }
        while let Some(ticket) = self.events.pop_passed(now) {
            if self.end_late_request(ticket) {
                continue;
            }
            if self.dialogue.is_of(ticket) {
                let farewell = Farewell { reason: ReasonCode::UnspecifiedError, session_expiry_secs: None };
                self.lose(now, OfflineCause::AuthenticationTimedOut, Some(farewell));
            } else if let Some(outcome) =
                self.outbox.used().and_then(|outbox| outbox.on_deadline(ticket, &mut self.events))
            {
                self.events.end(ticket, outcome);
            }
        }
        let draining = self.draining.as_ref().filter(|draining| now >= draining.deadline);
        if let Some(farewell) = draining.map(|draining| draining.farewell) {
            self.lose(now, OfflineCause::Requested, Some(farewell));
        }
        if self.connection.is_online() {
            self.check_keep_alive(now);
        }
    }

    fn check_keep_alive(&mut self, now: Instant) {
        if self.keep_alive.is_dripping(now, self.config.network_timeout) {
            return self.lose(now, OfflineCause::PacketTimedOut, None);
        }
        match self.keep_alive.on_timeout(now, self.config.network_timeout) {
            KeepAliveAction::Nothing => {}
            KeepAliveAction::Ping if planted::is(Planted::NoPing) => {}
            KeepAliveAction::Ping => self.put_ping(),
            KeepAliveAction::GiveUp if planted::is(Planted::IgnorePingTimeout) => {
                self.keep_alive.on_ping_answered(now);
            }
            KeepAliveAction::GiveUp => return self.lose(now, OfflineCause::PingTimedOut, None),
        }
        if self.progress.on_timeout(now, self.config.acknowledgement_timeout) && self.keep_alive.probe(now) {
            self.put_ping();
        }
    }

    fn put_ping(&mut self) {
        self.put_control(Packet::Pingreq);
    }

    /// The link has taken bytes and more wait for it: what waits behind them has not left yet, so that no answer to
    /// it is missed.
    pub fn handle_written(&mut self, now: Instant) {
        self.keep_alive.on_written(now);
        self.progress.on_progress(now);
    }

    /// The link is left unread, because the application has no room for more messages: what the server has said
    /// meanwhile is not seen, so that no answer is missed. Pings of our own go on.
    pub fn handle_unread(&mut self, now: Instant) {
        self.keep_alive.on_unread(now);
        self.progress.on_progress(now);
    }
}

/// Connections with the same fault in a row from which on it is told.
const FAULTS_TOLD_FROM: u32 = 3;
