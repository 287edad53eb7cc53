//! Routes what happens to the machine that it concerns, and their answers back; decides little itself.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::{Buf, Bytes, BytesMut};
use mqtt_parts::{Instant, PacketIds, Rng, TransmitBuf};
use mqtt_proto::{
    Ack, Connack, Connect, Context, Disconnect, EncodeError, Packet, PacketKind, Properties, Property, QoS,
    ReasonCode, Sender, TopicFilter, TopicName, Version, decode, frame_len,
};

use crate::backoff::Backoff;
use crate::command::{Command, Publish, Refused, Subscribe};
use crate::config::Config;
use crate::deadlines::Deadlines;
use crate::error::{ConnectRefusal, OfflineCause, PeerFault, RefusedReason, Rejected};
use crate::event::{Event, Message, Outcome, Receipt, Ticket};
use crate::inbox::{Arrived, Inbox};
use crate::keepalive::{KeepAlive, KeepAliveAction};
use crate::negotiated::{Emit, Negotiated, publish_len};
use crate::outbox::Outbox;
use crate::state::{Connection, Expired, Next, State};
use crate::stats::Stats;
use crate::subscriptions::{SubscriptionStatus, Subscriptions};

/// A client's session.
#[derive(Debug)]
pub struct Session {
    config: Config,
    /// That of the configuration, or what the server assigned. [5.0 MQTT-3.1.3-7]
    client_id: String,
    connection: Connection,
    terms: Negotiated,
    keep_alive: KeepAlive,
    backoff: Backoff,
    rng: Rng,
    ids: PacketIds,
    outbox: Outbox,
    inbox: Inbox,
    subscriptions: Subscriptions,
    deadlines: Deadlines,
    /// Packets that wait for nothing: CONNECT, acknowledgements, PUBREL, PINGREQ, DISCONNECT.
    control: Vec<u8>,
    events: VecDeque<Event>,
    stats: Stats,
    tickets: u64,
    /// Waits for the first connection to be accepted.
    connecting: Option<Ticket>,
    draining: Option<Draining>,
    /// Waits for the link to be closed.
    disconnecting: Option<Ticket>,
    /// Whether the CONNECT on its way asks for a new session.
    is_clean_start: bool,
    /// Whether a connection was accepted before.
    was_online: bool,
}

/// A disconnection that waits for what was accepted.
#[derive(Clone, Copy, Debug)]
struct Draining {
    ticket: Ticket,
    deadline: Instant,
}

/// What the link should be. Level, not edge: ask as often as you like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// There should be no link; one that is there is dropped.
    Closed,
    /// There should be a link of this number. A higher number is a new link.
    Open {
        /// Counts dials.
        attempt: u64,
    },
    /// What is still to be written is written; when the server has closed the link, [`Session::handle_closed`]
    /// is called.
    Flush,
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// No connection is wanted.
    Idle,
    /// The next attempt starts then.
    Waiting {
        /// When.
        until: Instant,
    },
    /// The link is being opened.
    Dialing,
    /// The server's CONNACK is awaited.
    Connecting,
    /// The server has accepted.
    Online,
    /// Last bytes are being written.
    Closing,
}

/// Bytes that one call of [`Session::poll_transmit`] fills a buffer up to, give or take one packet.
const TRANSMIT_BATCH: usize = 64 * 1024;

impl Session {
    /// A session that wants no connection yet. The seed drives the waits between attempts.
    pub fn new(config: Config, seed: u64) -> Session {
        Session {
            client_id: config.client_id.clone(),
            connection: Connection::new(config.network_timeout),
            terms: Negotiated::from_config(&config),
            keep_alive: KeepAlive::new(Instant::ORIGIN, 0, config.network_timeout),
            backoff: Backoff::new(config.reconnect),
            rng: Rng::new(seed),
            ids: PacketIds::new(),
            outbox: Outbox::new(&config),
            inbox: Inbox::default(),
            subscriptions: Subscriptions::new(config.version),
            deadlines: Deadlines::default(),
            control: Vec::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
            tickets: 0,
            connecting: None,
            draining: None,
            disconnecting: None,
            is_clean_start: config.clean_session,
            was_online: false,
            config,
        }
    }

    /// Takes a command, or hands it back with the reason. An accepted command ends with [`Event::Ended`].
    #[expect(clippy::result_large_err, reason = "a refused command is handed back whole")]
    pub fn submit<'a>(&mut self, now: Instant, command: Command<'a>) -> Result<Ticket, Refused<'a>> {
        let ticket = Ticket(self.tickets + 1);
        let result = match &command {
            Command::Connect => self.submit_connect(now, ticket),
            Command::Publish(publish) => self.submit_publish(now, ticket, publish),
            Command::Subscribe(subscribe) => self.submit_subscribe(ticket, subscribe),
            Command::Unsubscribe(filter) => self.submit_unsubscribe(ticket, *filter),
            Command::Disconnect(drain) => self.submit_disconnect(now, ticket, now + *drain),
        };
        match result {
            Ok(()) => {
                self.tickets += 1;
                Ok(ticket)
            }
            Err(reason) => Err(Refused { reason, command }),
        }
    }

    fn submit_connect(&mut self, now: Instant, ticket: Ticket) -> Result<(), RefusedReason> {
        if self.connection.state() != State::Idle {
            return Err(RefusedReason::AlreadyConnected);
        }
        self.check_config()?;
        self.connecting = Some(ticket);
        self.connection.dial(now);
        Ok(())
    }

    fn check_config(&self) -> Result<(), RefusedReason> {
        let has_no_id = self.client_id.is_empty() && !self.config.clean_session;
        if has_no_id && !self.config.version.has_properties() {
            return Err(RefusedReason::EmptyClientId);
        }
        if let Some(will) = &self.config.will {
            TopicName::new(&will.topic).map_err(RefusedReason::WillTopic)?;
        }
        self.put_connect(true, &mut Vec::new()).map_err(RefusedReason::Config)
    }

    fn submit_publish(
        &mut self,
        now: Instant,
        ticket: Ticket,
        publish: &Publish<'_>,
    ) -> Result<(), RefusedReason> {
        self.check_wanted()?;
        let size = publish_len(publish, self.config.version)?;
        self.outbox.check_room(publish)?;
        if self.connection.is_online() {
            self.terms.check_publish(publish.qos, publish.retain)?;
            self.terms.check_size(size)?;
        }
        self.outbox.push(now, ticket, publish).map_err(RefusedReason::Encode)?;
        if let (Some(timeout), true) = (publish.timeout, publish.qos != QoS::AtMostOnce) {
            self.deadlines.set(ticket, now + timeout);
        }
        Ok(())
    }

    fn submit_subscribe(&mut self, ticket: Ticket, subscribe: &Subscribe<'_>) -> Result<(), RefusedReason> {
        self.check_not_closing()?;
        self.check_filter(subscribe)?;
        let subscriptions_max = self.config.subscriptions_max;
        let is_new = self.subscriptions.status(subscribe.filter).is_none();
        if is_new && self.subscriptions.len() >= subscriptions_max {
            return Err(RefusedReason::TooManySubscriptions { subscriptions_max });
        }
        self.subscriptions.subscribe(ticket, subscribe);
        Ok(())
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
        self.subscriptions.unsubscribe(ticket, filter, &mut self.events);
        Ok(())
    }

    fn submit_disconnect(
        &mut self,
        now: Instant,
        ticket: Ticket,
        deadline: Instant,
    ) -> Result<(), RefusedReason> {
        self.check_wanted()?;
        self.draining = Some(Draining { ticket, deadline });
        let has_nothing_to_wait_for = self.outbox.is_empty() && self.subscriptions.is_settled();
        if !self.connection.is_online() && has_nothing_to_wait_for {
            self.lose(now, OfflineCause::Requested, None);
        }
        Ok(())
    }

    /// Messages are taken while a connection is wanted; otherwise nobody could say when they end.
    fn check_wanted(&self) -> Result<(), RefusedReason> {
        if self.connection.state() == State::Idle {
            Err(RefusedReason::Disconnected)
        } else {
            self.check_not_closing()
        }
    }

    fn check_not_closing(&self) -> Result<(), RefusedReason> {
        match self.connection.state() {
            State::Closing { next: Next::Stop, .. } => Err(RefusedReason::Disconnected),
            _ if self.draining.is_some() => Err(RefusedReason::Disconnected),
            _ => Ok(()),
        }
    }

    /// Bounds the wait for an operation that has not ended: a message that was never sent is withdrawn then, one
    /// that was sent ends as indeterminate. Other operations are not bounded.
    pub fn set_timeout(&mut self, now: Instant, ticket: Ticket, timeout: core::time::Duration) {
        if self.outbox.contains(ticket) {
            self.deadlines.set(ticket, now + timeout);
        }
    }

    /// The application has taken the message of this receipt; its acknowledgement goes out in the order of arrival.
    ///
    /// [5.0 MQTT-4.3.2-4] [5.0 MQTT-4.5.0-2] [3.1.1 MQTT-4.3.2-2] [3.1.1 MQTT-4.5.0-2]
    pub fn acknowledge(&mut self, receipt: Receipt) {
        self.inbox.acknowledge(receipt);
        self.put_acknowledgements();
    }

    fn put_acknowledgements(&mut self) {
        while let Some((packet_id, qos)) = self.inbox.poll() {
            let ack = Ack::success(packet_id);
            self.put_control(match qos {
                QoS::ExactlyOnce => Packet::Pubrec(ack),
                QoS::AtMostOnce | QoS::AtLeastOnce => Packet::Puback(ack),
            });
        }
    }

    /// The link that [`Transport::Open`] asked for is there. [5.0 MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1]
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

    fn put_connect(&self, clean_start: bool, out: &mut Vec<u8>) -> Result<(), EncodeError> {
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

    /// Bytes came from the link. Whole packets are consumed, the beginning of another one stays in `input`.
    ///
    /// Messages share the memory of `input`; nothing is reserved for a packet that is announced.
    pub fn handle_input(&mut self, now: Instant, input: &mut BytesMut) {
        let start_len = input.len();
        while let State::Connecting { .. } | State::Online = self.connection.state() {
            let len = match frame_len(input, self.config.packet_size_max) {
                Ok(Some(len)) if len <= input.len() => len,
                Ok(_) => break,
                Err(mut error) => {
                    error.version = self.config.version;
                    self.fail(now, PeerFault::Decode(error));
                    break;
                }
            };
            if let Err(fault) = self.handle_frame(now, input, len) {
                self.fail(now, fault);
            }
        }
        let consumed = start_len - input.len();
        self.stats.bytes_received += consumed as u64;
        if !matches!(self.connection.state(), State::Connecting { .. } | State::Online) {
            input.clear();
        }
    }

    /// Decodes the first frame and takes it off the input.
    fn handle_frame(&mut self, now: Instant, input: &mut BytesMut, len: usize) -> Result<(), PeerFault> {
        let context = Context { version: self.config.version, sender: Some(Sender::Server) };
        let packet = decode(&input[..len], context).map_err(PeerFault::Decode)?;
        self.keep_alive.on_received(now);
        if let Packet::Publish(publish) = packet {
            let mut message = Message {
                frame: Bytes::new(),
                version: self.config.version,
                topic_at: topic_at(input),
                topic_len: publish.topic.as_str().len(),
                payload_at: len - publish.payload.len(),
                qos: publish.qos,
                retain: publish.retain,
                dup: publish.dup,
                receipt: None,
            };
            if !self.connection.is_online() {
                return Err(PeerFault::Unexpected(PacketKind::Publish));
            }
            match self.accept_publish(&publish)? {
                Delivery::Drop => input.advance(len),
                Delivery::Deliver(receipt) => {
                    message.frame = input.split_to(len).freeze();
                    message.receipt = receipt;
                    self.events.push_back(Event::Message(message));
                }
            }
            return Ok(());
        }
        let result = self.handle_packet(now, packet);
        input.advance(len);
        result
    }

    fn handle_packet(&mut self, now: Instant, packet: Packet<'_>) -> Result<(), PeerFault> {
        match (self.connection.is_online(), packet) {
            (false, Packet::Connack(connack)) => self.on_connack(now, &connack),
            (false, packet) => Err(PeerFault::Unexpected(packet.kind())),
            (true, Packet::Puback(ack)) => self.on_puback(&ack),
            (true, Packet::Pubrec(ack)) => self.on_pubrec(&ack),
            (true, Packet::Pubrel(ack)) => {
                self.on_pubrel(&ack);
                Ok(())
            }
            (true, Packet::Pubcomp(ack)) => {
                self.on_pubcomp(&ack);
                Ok(())
            }
            (true, Packet::Suback(suback)) => {
                let (id, codes) = (suback.packet_id, suback.codes);
                self.subscriptions.on_suback(id, codes, &mut self.ids, &mut self.events)
            }
            (true, Packet::Unsuback(unsuback)) => {
                let (id, codes) = (unsuback.packet_id, unsuback.codes);
                self.subscriptions.on_unsuback(id, codes, &mut self.ids, &mut self.events)
            }
            (true, Packet::Pingresp) => {
                self.keep_alive.on_ping_answered();
                Ok(())
            }
            (true, Packet::Disconnect(disconnect)) => {
                self.lose(now, OfflineCause::ServerDisconnected(disconnect.reason), None);
                Ok(())
            }
            (true, packet) => Err(PeerFault::Unexpected(packet.kind())),
        }
    }

    fn on_connack(&mut self, now: Instant, connack: &Connack<'_>) -> Result<(), PeerFault> {
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
        self.keep_alive = KeepAlive::new(now, self.terms.keep_alive_secs, self.config.network_timeout);
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
    fn on_session_lost(&mut self) {
        self.inbox.on_session_lost();
        let ended_at = self.events.len();
        self.outbox.on_session_lost(&mut self.ids, &mut self.events);
        self.subscriptions.on_session_lost(&mut self.events);
        self.forget_deadlines(ended_at);
    }

    /// Operations that have ended have no deadline any more.
    fn forget_deadlines(&mut self, from: usize) {
        for event in self.events.range(from..) {
            if let Event::Ended { ticket, .. } = event {
                self.deadlines.remove(*ticket);
            }
        }
    }

    /// Whether and under which receipt a message is delivered.
    fn accept_publish(&mut self, publish: &mqtt_proto::Publish<'_>) -> Result<Delivery, PeerFault> {
        if let Some(alias) = publish.properties.topic_alias() {
            return Err(PeerFault::TopicAlias(alias));
        }
        let Some(packet_id) = publish.packet_id else {
            self.stats.messages_received += 1;
            return Ok(Delivery::Deliver(None));
        };
        let arrived = self.inbox.on_publish(packet_id, publish.qos);
        let receive_maximum = match self.config.version {
            Version::V5_0 => self.config.receive_maximum.get(),
            Version::V3_1 | Version::V3_1_1 => u16::MAX,
        };
        if self.inbox.in_flight() > usize::from(receive_maximum) {
            return Err(PeerFault::ReceiveMaximumExceeded);
        }
        match arrived {
            Arrived::New(receipt) => {
                self.stats.messages_received += 1;
                Ok(Delivery::Deliver(Some(receipt)))
            }
            Arrived::Duplicate => {
                self.stats.duplicates_dropped += 1;
                self.put_acknowledgements();
                Ok(Delivery::Drop)
            }
        }
    }

    fn on_puback(&mut self, ack: &Ack<'_>) -> Result<(), PeerFault> {
        let packet_id = ack.packet_id;
        match self.outbox.on_puback(ack, &mut self.ids) {
            Some(report) => self.end_if(report),
            None => return Err(PeerFault::Unsolicited { packet: PacketKind::Puback, packet_id }),
        }
        Ok(())
    }

    /// A PUBREC for nothing that is under way is answered, so that the server can let go of it.
    ///
    /// PUBRELs go out in the order of the PUBRECs. [5.0 MQTT-4.3.3-4] [5.0 MQTT-4.6.0-4] [3.1.1 MQTT-4.6.0-4]
    fn on_pubrec(&mut self, ack: &Ack<'_>) -> Result<(), PeerFault> {
        let report = self.outbox.on_pubrec(ack, &mut self.ids);
        match report {
            Some(report) if ack.reason.is_error() => self.end_if(report),
            Some(_) => self.put_control(Packet::Pubrel(Ack::success(ack.packet_id))),
            None if ack.reason.is_error() => {}
            None => self.put_reason(Packet::Pubrel, ack, ReasonCode::PacketIdentifierNotFound),
        }
        Ok(())
    }

    /// An unknown identifier is answered too: the server then knows that the exchange is over.
    fn on_pubrel(&mut self, ack: &Ack<'_>) {
        let reason = self.inbox.on_pubrel(ack.packet_id);
        self.put_reason(Packet::Pubcomp, ack, reason);
    }

    /// A PUBCOMP for nothing that is released ends nothing; after a lost session it may still come.
    fn on_pubcomp(&mut self, ack: &Ack<'_>) {
        if let Some(report) = self.outbox.on_pubcomp(ack, &mut self.ids) {
            self.end_if(report);
        }
    }

    /// An answer with a reason, which only 5.0 can carry.
    fn put_reason(&mut self, kind: fn(Ack<'static>) -> Packet<'static>, ack: &Ack<'_>, reason: ReasonCode) {
        let reason = if self.config.version.has_properties() { reason } else { ReasonCode::Success };
        self.put_control(kind(Ack::with_reason(ack.packet_id, reason)));
    }

    fn put_control(&mut self, packet: Packet<'_>) {
        packet.encode(self.config.version, &mut self.control).expect("control packets are small and legal");
    }

    fn end_if(&mut self, report: Option<(Ticket, Outcome)>) {
        if let Some((ticket, outcome)) = report {
            self.end(ticket, outcome);
        }
    }

    fn end(&mut self, ticket: Ticket, outcome: Outcome) {
        self.deadlines.remove(ticket);
        self.events.push_back(Event::Ended { ticket, outcome });
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
    fn fail(&mut self, now: Instant, fault: PeerFault) {
        self.lose(now, OfflineCause::PeerFault(fault), Some(fault.reason_code()));
    }

    /// Ends the connection, with a DISCONNECT if there is something to say and somebody to say it to.
    fn lose(&mut self, now: Instant, cause: OfflineCause, farewell: Option<ReasonCode>) {
        let was_online = self.connection.is_online();
        let has_link = was_online || matches!(self.connection.state(), State::Connecting { .. });
        if was_online {
            self.stats.disconnections += 1;
            self.stats.last_disconnection = Some(now);
        }
        self.control.clear();
        self.outbox.on_connection_lost();
        self.inbox.on_connection_lost();
        self.subscriptions.on_connection_lost(&mut self.ids);
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
        self.outbox.on_stopped(&mut self.ids, &mut self.events);
        self.subscriptions.on_stopped(&mut self.events);
        self.forget_deadlines(ended_at);
        self.disconnecting = self.draining.take().map(|draining| draining.ticket);
        self.end_disconnecting();
    }

    /// A disconnection has ended when the link is closed, so that its last bytes are out.
    fn end_disconnecting(&mut self) {
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

    /// What the link should be.
    pub fn poll_transport(&self) -> Transport {
        match self.connection.state() {
            State::Idle | State::Waiting { .. } => Transport::Closed,
            State::Dialing { .. } | State::Connecting { .. } | State::Online => {
                Transport::Open { attempt: self.connection.attempt() }
            }
            State::Closing { .. } => Transport::Flush,
        }
    }

    /// Appends what is to be written until `out` holds about 64 KiB; false if there was nothing to append.
    ///
    /// What was appended counts as sent. On a new link the driver starts with an empty buffer.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut TransmitBuf) -> bool {
        let start_len = out.len();
        out.put_encoded(&self.control);
        self.control.clear();
        if self.connection.is_online() {
            let ended_at = self.events.len();
            let (terms, ids, events) = (&self.terms, &mut self.ids, &mut self.events);
            let mut emit = Emit { now, terms, ids, out, events, stats: &mut self.stats };
            while emit.out.len() < TRANSMIT_BATCH && self.subscriptions.poll(&mut emit) {}
            self.outbox.poll(&mut emit, TRANSMIT_BATCH);
            self.forget_deadlines(ended_at);
            self.disconnect_if_drained(now, out);
        }
        let appended = out.len() - start_len;
        if appended > 0 {
            self.stats.bytes_sent += appended as u64;
            self.keep_alive.on_sent(now);
        }
        appended > 0
    }

    /// Nothing follows a DISCONNECT. [5.0 MQTT-3.14.4-1] [5.0 MQTT-3.14.4-2] [3.1.1 MQTT-3.14.4-2]
    fn disconnect_if_drained(&mut self, now: Instant, out: &mut TransmitBuf) {
        let is_drained = self.outbox.is_empty() && self.subscriptions.is_settled();
        if self.draining.is_some() && is_drained {
            self.lose(now, OfflineCause::Requested, Some(ReasonCode::Success));
            out.put_encoded(&self.control);
            self.control.clear();
        }
    }

    /// The next thing that the application should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Session::handle_timeout`] is due at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let keep_alive = self.connection.is_online().then(|| self.keep_alive.deadline()).flatten();
        let draining = self.draining.map(|draining| draining.deadline);
        [self.connection.deadline(), keep_alive, draining, self.deadlines.next()].into_iter().flatten().min()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Where the connection stands.
    pub fn status(&self) -> Status {
        match self.connection.state() {
            State::Idle => Status::Idle,
            State::Waiting { until } => Status::Waiting { until },
            State::Dialing { .. } => Status::Dialing,
            State::Connecting { .. } => Status::Connecting,
            State::Online => Status::Online,
            State::Closing { .. } => Status::Closing,
        }
    }

    /// The terms of the last connection that was accepted.
    pub fn negotiated(&self) -> &Negotiated {
        &self.terms
    }

    /// The client identifier in use: the configured one, or what the server assigned.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Subscriptions that the server has neither granted nor refused.
    pub fn pending_subscriptions(&self) -> usize {
        self.subscriptions.pending()
    }

    /// Where a subscription stands; none if the filter is not wanted.
    pub fn subscription(&self, filter: TopicFilter<'_>) -> Option<SubscriptionStatus> {
        self.subscriptions.status(filter)
    }

    /// Bound for each step that waits for the network, as configured.
    pub fn network_timeout(&self) -> core::time::Duration {
        self.config.network_timeout
    }

    /// Messages that were accepted and never sent.
    pub fn queued_messages(&self) -> usize {
        self.outbox.queued()
    }

    /// QoS 1 and 2 messages that were sent on this connection and are not acknowledged.
    pub fn messages_in_flight(&self) -> usize {
        self.outbox.in_flight()
    }
}

/// What becomes of a message that has arrived.
enum Delivery {
    /// The application gets it; with QoS 0 there is nothing to acknowledge.
    Deliver(Option<Receipt>),
    /// The application has got it before.
    Drop,
}

/// Where the topic begins: after the fixed header and its own length.
fn topic_at(frame: &[u8]) -> usize {
    let remaining_length_len = frame.iter().skip(1).take_while(|byte| **byte >= 0x80).count() + 1;
    1 + remaining_length_len + 2
}
