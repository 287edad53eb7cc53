//! The link from its opening to its loss: CONNECT and CONNACK, timeouts, and what follows a lost connection.

use alloc::vec::Vec;

use mqtt_parts::Instant;
use mqtt_proto::{
    Connack, Connect, Disconnect, EncodeError, Packet, Properties, Property, ReasonCode, TopicName, Version,
};

use super::Session;
use crate::error::{ConnectRefusal, OfflineCause, PeerFault, Rejected};
use crate::event::{Event, Outcome};
use crate::keepalive::{KeepAlive, KeepAliveAction};
use crate::negotiated::Negotiated;
use crate::state::{Expired, Next, State};

impl Session {
    /// The link that [`crate::Transport::Open`] asked for is there. [5.0 MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1]
    pub fn handle_opened(&mut self, now: Instant) {
        if !self.connection.on_opened(now) {
            return;
        }
        self.is_clean_start = match self.config.version {
            Version::V5_0 if self.was_online => !self.config.is_kept(),
            Version::V5_0 | Version::V3_1_1 | Version::V3_1 => self.config.clean_session,
        };
        let mut connect = core::mem::take(&mut self.control);
        connect.clear();
        self.put_connect(self.is_clean_start, &mut connect).expect("checked when it was submitted");
        self.control = connect;
    }

    pub(super) fn put_connect(&self, clean_start: bool, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let config = &self.config;
        let mut properties = Vec::new();
        if config.version.has_properties() {
            properties.push(Property::ReceiveMaximum(config.receive_maximum.get()));
            properties.push(Property::MaximumPacketSize(config.packet_size_max.max(1)));
            if config.session_expiry_secs() > 0 {
                properties.push(Property::SessionExpiryInterval(config.session_expiry_secs()));
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
        let credentials = config.credentials.as_ref();
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
            self.lose(now, OfflineCause::Refused(refusal), None);
            return Ok(());
        }
        if connack.session_present && self.is_clean_start {
            return Err(PeerFault::SessionPresent);
        }
        self.terms = Negotiated::from_connack(&self.config, connack);
        if let Some(client_id) = &self.terms.assigned_client_id {
            self.client_id.clone_from(client_id);
        }
        self.connection.on_accepted();
        self.backoff.on_online(now);
        let (connect_sent, secs) = (self.keep_alive.last_sent(), self.terms.keep_alive_secs);
        self.keep_alive = KeepAlive::new(connect_sent, now, secs, self.config.network_timeout);
        self.was_online = true;
        self.stats.connections += 1;
        self.stats.first_connection.get_or_insert(now);
        self.stats.last_connection = Some(now);
        self.events.push_back(Event::Online { session_present: connack.session_present });
        if let Some(ticket) = self.connecting.take() {
            self.end(ticket, Outcome::Done(ReasonCode::Success));
        }
        if connack.session_present {
            self.outbox.start_replay();
        } else {
            self.on_session_lost();
        }
        Ok(())
    }

    /// [5.0 MQTT-3.2.2-5] [5.0 MQTT-3.1.2-4] [3.1.1 MQTT-3.1.2-6]
    pub(super) fn on_session_lost(&mut self) {
        self.inbox.on_session_lost();
        let ended_at = self.events.len();
        self.outbox.on_session_lost(&mut self.ids, &mut self.events);
        self.subscriptions.on_session_lost(&mut self.events);
        self.forget_deadlines(ended_at);
    }

    /// The link is gone or could not be had; late news of a link that nobody waits for are ignored.
    pub fn handle_closed(&mut self, now: Instant, cause: OfflineCause) {
        match self.connection.state() {
            State::Idle | State::Waiting { .. } => {}
            State::Closing { next, .. } => {
                self.connection.on_closed(next);
                self.end_disconnecting();
            }
            State::Dialing { .. } | State::Connecting { .. } | State::Online => self.lose(now, cause, None),
        }
    }

    /// The server broke the protocol. [5.0 MQTT-4.13.2-1] [3.1.1 MQTT-4.8.0-1]
    pub(super) fn fail(&mut self, now: Instant, fault: PeerFault) {
        self.lose(now, OfflineCause::PeerFault(fault), Some(fault.reason_code()));
    }

    /// Ends the connection, with a DISCONNECT if there is something to say and somebody to say it to.
    pub(super) fn lose(&mut self, now: Instant, cause: OfflineCause, farewell: Option<ReasonCode>) {
        let was_online = self.connection.is_online();
        // CONNECT is the first packet: while it waits to be written, nothing else may be said.
        let is_connect_out = self.control.is_empty();
        let is_connecting = matches!(self.connection.state(), State::Connecting { .. });
        let has_link = was_online || is_connecting && is_connect_out;
        if was_online {
            self.stats.disconnections += 1;
            self.stats.last_disconnection = Some(now);
        }
        self.control.clear();
        self.outbox.on_connection_lost();
        self.inbox.on_connection_lost();
        self.subscriptions.on_connection_lost(&mut self.ids);
        if !self.config.is_kept() {
            self.subscriptions.end_unsubscribes(&mut self.events);
        }
        let next = self.next_step(now, &cause);
        let retry_at = match next {
            Next::Retry { at } => Some(at),
            Next::Stop => None,
        };
        match farewell {
            Some(reason) if has_link && self.may_say(reason, was_online) => {
                self.put_control(Packet::Disconnect(Disconnect::with_reason(reason)));
                self.connection.close_after_flush(now, next);
            }
            Some(_) | None => self.connection.on_closed(next),
        }
        self.events.push_back(Event::Offline { cause, retry_at });
        if next == Next::Stop {
            self.end_all(cause);
        }
    }

    /// Before 5.0 a DISCONNECT has no reason and follows only an accepted connection.
    fn may_say(&self, reason: ReasonCode, was_online: bool) -> bool {
        self.config.version.has_properties() || reason == ReasonCode::Success && was_online
    }

    fn next_step(&mut self, now: Instant, cause: &OfflineCause) -> Next {
        let is_first = self.connecting.is_some() && !self.config.reconnect.retry_first;
        let is_drained = self.draining.is_some() && self.outbox.is_empty() && self.subscriptions.is_settled();
        if cause.is_permanent() || is_first || is_drained {
            return Next::Stop;
        }
        Next::Retry { at: self.backoff.next_attempt(now, &mut self.rng) }
    }

    /// No further attempt is made: every operation ends.
    fn end_all(&mut self, cause: OfflineCause) {
        let ended_at = self.events.len();
        if let Some(ticket) = self.connecting.take() {
            self.end(ticket, Outcome::Rejected(Rejected::Offline(cause)));
        }
        self.outbox.on_stopped(self.config.is_kept(), &mut self.ids, &mut self.events);
        self.subscriptions.on_stopped(&mut self.events);
        self.forget_deadlines(ended_at);
        self.is_stopped = true;
        self.disconnecting = self.draining.take().map(|draining| draining.ticket);
        self.end_disconnecting();
    }

    /// A disconnection has ended when the link is closed, so that its last bytes are out.
    pub(super) fn end_disconnecting(&mut self) {
        if self.connection.state() == State::Idle {
            if let Some(ticket) = self.disconnecting.take() {
                self.end(ticket, Outcome::Done(ReasonCode::Success));
            }
        }
    }

    /// Time has passed. Calling early or often changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.connection.on_timeout(now) {
            Some(Expired::Dial) => self.lose(now, OfflineCause::DialTimedOut, None),
            Some(Expired::Connack) => self.lose(now, OfflineCause::ConnackTimedOut, None),
            None => self.end_disconnecting(),
        }
        while let Some(ticket) = self.deadlines.pop_passed(now) {
            if let Some(outcome) = self.outbox.on_deadline(ticket) {
                self.end(ticket, outcome);
            }
        }
        if self.draining.is_some_and(|draining| now >= draining.deadline) {
            self.lose(now, OfflineCause::Requested, Some(ReasonCode::Success));
        }
        if self.connection.is_online() {
            self.check_keep_alive(now);
        }
    }

    fn check_keep_alive(&mut self, now: Instant) {
        match self.keep_alive.on_timeout(now) {
            KeepAliveAction::Nothing => {}
            KeepAliveAction::Ping => {
                self.stats.pings_sent += 1;
                self.put_control(Packet::Pingreq);
            }
            KeepAliveAction::GiveUp => self.lose(now, OfflineCause::PingTimedOut, None),
        }
    }
}
