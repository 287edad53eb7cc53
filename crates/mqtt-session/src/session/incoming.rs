//! Bytes from the server: packets are taken off the input one by one and routed to the machine they concern.

use alloc::sync::Arc;

use bytes::{Buf, BytesMut};
use mqtt_parts::Instant;
use mqtt_proto::{
    Ack, Connack, Context, EncodeError, Packet, PacketKind, Properties, QoS, ReasonCode, Sender, Version,
    decode, frame_len,
};

use super::Session;
use crate::error::{OfflineCause, PeerFault, SessionRefusal};
use crate::event::{AliasedTopic, Event, Message, Receipt};
use crate::frame::topic_at;
use crate::inbox::{Arrived, Inbox};
use crate::record::Record;
use crate::state::{DisconnectReason, State};

impl Session {
    /// [5.0 MQTT-4.3.2-4] [5.0 MQTT-4.5.0-2] [3.1.1 MQTT-4.3.2-2] [3.1.1 MQTT-4.5.0-2]
    #[inline]
    pub(super) fn acknowledge(&mut self, receipt: Receipt, reason: ReasonCode) -> Result<(), SessionRefusal> {
        self.check_acknowledgement(receipt, reason)?;
        if self.inbox.get_or_init().acknowledge(receipt, reason) {
            self.events.record(Record::Taken { packet_id: receipt.packet_id, reason });
        }
        self.put_acknowledgements();
        Ok(())
    }

    /// Whether that reason can be said in the acknowledgement of this message.
    #[inline]
    pub fn check_acknowledgement(&self, receipt: Receipt, reason: ReasonCode) -> Result<(), SessionRefusal> {
        if reason == ReasonCode::Success {
            return Ok(());
        }
        let kind = if receipt.qos == QoS::ExactlyOnce { PacketKind::Pubrec } else { PacketKind::Puback };
        if !reason.is_legal_in(kind) {
            return Err(SessionRefusal::AcknowledgementReason(reason));
        }
        if !self.config.version.has_properties() {
            return Err(SessionRefusal::Encode(EncodeError::NeedsVersion5(kind)));
        }
        Ok(())
    }

    /// Whether no acknowledgement can go out on this connection, because the oldest message was left.
    pub fn is_stuck(&self) -> bool {
        self.inbox.is_stuck()
    }

    pub(super) fn fetch_left(&mut self, now: Instant) {
        if self.connection.is_online() && self.inbox.is_stuck() && self.control.is_empty() {
            self.disconnect(now, OfflineCause::MessagesLeft, DisconnectReason::SUCCESS);
        }
    }

    /// Whether an acknowledgement of this receipt still goes out: its message arrived on this connection, and was not
    /// acknowledged.
    pub fn is_current(&self, receipt: Receipt) -> bool {
        self.inbox.is_current(&receipt)
    }

    /// QoS 1 and 2 messages that arrived on this connection and whose acknowledgement did not go out.
    pub fn messages_unacknowledged(&self) -> usize {
        self.inbox.arrivals()
    }

    /// How many messages a server sends before it waits for an acknowledgement. Before 5.0 it cannot say so; 20 is
    /// what mosquitto does.
    pub fn messages_unacknowledged_max(&self) -> usize {
        match self.config.version {
            Version::V5_0 => usize::from(self.config.receive_maximum.get()),
            Version::V3_1 | Version::V3_1_1 => WINDOW_V3,
        }
    }

    fn put_acknowledgements(&mut self) {
        while let Some((packet_id, qos, reason)) = self.inbox.get_mut().and_then(Inbox::poll) {
            if qos == QoS::ExactlyOnce && reason.is_error() {
                self.events.record(Record::Completed { packet_id });
            }
            let ack = Ack::with_reason(packet_id, reason);
            self.put_control(match qos {
                QoS::ExactlyOnce => Packet::Pubrec(ack),
                QoS::AtMostOnce | QoS::AtLeastOnce => Packet::Puback(ack),
            });
        }
    }

    pub(super) fn on_bytes(&mut self, now: Instant, input: &mut BytesMut) {
        let start_len = input.len();
        self.liveness.on_received(now);
        // How much of the input was read and is not yet taken off: that is done once for many packets.
        let mut read = 0;
        while self.connection.is_reading() {
            let rest = &input[read..];
            let len = match frame_len(rest, self.config.packet_size_max) {
                Ok(Some(len)) if len <= rest.len() => len,
                Ok(_) => break,
                Err(mut error) => {
                    error.version = self.config.version;
                    self.fail(now, PeerFault::Decode(error));
                    break;
                }
            };
            if let Err(fault) = self.handle_frame(now, input, &mut read, len) {
                self.fail(now, fault);
            }
        }
        input.advance(read);
        let consumed = start_len - input.len();
        self.events.counters.bytes_received += consumed as u64;
        self.liveness.on_unfinished(now, input.len(), consumed > 0);
        if !self.connection.is_reading() && !matches!(self.connection.state(), State::Verifying { .. }) {
            input.clear();
        }
    }

    /// Decodes the frame that begins at `read` and has `len` bytes. A message takes its bytes off the input.
    fn handle_frame(
        &mut self,
        now: Instant,
        input: &mut BytesMut,
        read: &mut usize,
        len: usize,
    ) -> Result<(), PeerFault> {
        let frame = &input[*read..*read + len];
        let context = Context { version: self.config.version, sender: Some(Sender::Server) };
        // A packet is large, and none is moved on its way to where it is handled.
        let publish = match decode(frame, context) {
            Ok(Packet::Publish(publish)) => publish,
            Ok(packet) => {
                *read += len;
                return self.handle_packet(now, &packet);
            }
            Err(error) => {
                let refusal = self.refusal_in_older_words(frame).ok_or(PeerFault::Decode(error))?;
                *read += len;
                return self.handle_packet(now, &Packet::Connack(refusal));
            }
        };
        self.events.counters.count_received(PacketKind::Publish);
        if !self.connection.is_online() {
            return Err(PeerFault::Unexpected(PacketKind::Publish));
        }
        let aliased = self.resolve_alias(&publish)?;
        let topic_len = publish.topic.as_bytes().len() as u16;
        let payload_at = (len - publish.payload.len()) as u32;
        let topic_at = topic_at(frame) as u8;
        let (qos, retain, dup) = (publish.qos, publish.retain, publish.dup);
        match self.accept_publish(&publish)? {
            Delivery::Drop => *read += len,
            Delivery::Deliver(receipt) => {
                if *read > 0 {
                    input.advance(*read);
                    *read = 0;
                }
                let frame = input.split_to(len).freeze();
                let version = self.config.version;
                self.events.push(Event::Message(Message {
                    frame,
                    aliased,
                    version,
                    topic_at,
                    topic_len,
                    payload_at,
                    qos,
                    retain,
                    dup,
                    receipt,
                }));
            }
        }
        Ok(())
    }

    /// The topic that an alias stands for, if nothing else names it; an alias beside a name is set.
    ///
    /// [5.0 MQTT-3.3.2-7] [5.0 MQTT-3.3.2-10] [5.0 MQTT-3.3.2-11]
    #[inline]
    fn resolve_alias(
        &mut self,
        publish: &mqtt_proto::Publish<'_>,
    ) -> Result<Option<AliasedTopic>, PeerFault> {
        if publish.properties.is_empty() {
            return Ok(None);
        }
        let Some(alias) = publish.properties.topic_alias() else { return Ok(None) };
        if alias > self.config.topic_alias_maximum {
            return Err(PeerFault::TopicAlias(alias));
        }
        let aliases = &mut self.inbox.get_or_init().aliases;
        if publish.topic.is_aliased() {
            return aliases.get(alias).cloned().map(Some).ok_or(PeerFault::TopicAlias(alias));
        }
        aliases.set(alias, publish.topic.as_bytes(), |topic| AliasedTopic(Arc::new(topic.into())));
        Ok(None)
    }

    /// A server that knows no 5.0 refuses in the words of 3.1.1.
    fn refusal_in_older_words(&self, frame: &[u8]) -> Option<Connack<'static>> {
        if self.connection.is_online() || !self.config.version.has_properties() {
            return None;
        }
        let context = Context { version: Version::V3_1_1, sender: Some(Sender::Server) };
        match decode(frame, context) {
            Ok(Packet::Connack(Connack { reason, .. })) if reason.is_error() => {
                Some(Connack { session_present: false, reason, properties: Properties::EMPTY })
            }
            _ => None,
        }
    }

    /// Everything but messages.
    fn handle_packet(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), PeerFault> {
        self.events.counters.count_received(packet.kind());
        match (self.connection.is_online(), packet) {
            (false, Packet::Connack(connack)) => return self.on_connack(now, connack),
            (_, Packet::Auth(auth)) => return self.on_auth(auth),
            (false, packet) => return Err(PeerFault::Unexpected(packet.kind())),
            (true, Packet::Puback(ack)) => {
                let is_ours = self.outbox.get_or_init().on_puback(now, ack, &mut self.events);
                self.on_answer(now, is_ours);
            }
            (true, Packet::Pubrec(ack)) => self.on_pubrec(now, ack),
            (true, Packet::Pubrel(ack)) => return self.on_pubrel(ack),
            (true, Packet::Pubcomp(ack)) => {
                let is_ours = self.outbox.get_or_init().on_pubcomp(now, ack, &mut self.events);
                self.on_answer(now, is_ours);
            }
            (true, Packet::Suback(suback)) => {
                let is_ours = self.subscriptions.get_or_init().on_suback(suback, &mut self.events)?;
                self.on_answer(now, is_ours);
            }
            (true, Packet::Unsuback(unsuback)) => {
                let (subscriptions, version) = (self.subscriptions.get_or_init(), self.config.version);
                let is_ours = subscriptions.on_unsuback(unsuback, version, &mut self.events)?;
                self.on_answer(now, is_ours);
            }
            (true, Packet::Pingresp) => {
                if self.liveness.on_ping_answered(now) {
                    self.lose(now, OfflineCause::AcknowledgementsStalled);
                }
            }
            (true, Packet::Disconnect(disconnect)) => {
                let (reason, reference) = (disconnect.reason, disconnect.properties.server_reference());
                self.lose_or_follow(now, OfflineCause::ServerDisconnected(reason), reason, reference);
            }
            (true, packet) => return Err(PeerFault::Unexpected(packet.kind())),
        }
        Ok(())
    }

    /// Whether and under which receipt a message is delivered.
    fn accept_publish(&mut self, publish: &mqtt_proto::Publish<'_>) -> Result<Delivery, PeerFault> {
        let Some(packet_id) = publish.packet_id else {
            self.events.counters.messages_received += 1;
            return Ok(Delivery::Deliver(None));
        };
        let receive_maximum = match self.config.version {
            Version::V5_0 => self.config.receive_maximum.get(),
            Version::V3_1 | Version::V3_1_1 => u16::MAX,
        };
        let in_flight_max = if self.config.strict_receive_maximum { receive_maximum } else { u16::MAX };
        let inbox = self.inbox.get_or_init();
        let arrived = inbox.on_publish(packet_id, publish.qos, publish.dup, in_flight_max);
        if let Some(unacknowledged) = inbox.newly_exceeded(receive_maximum) {
            self.events.counters.trouble.get_or_init().receive_maximum_exceeded += 1;
            self.events.push(Event::ReceiveMaximumExceeded { unacknowledged });
        }
        match arrived {
            Arrived::TooMany => Err(PeerFault::ReceiveMaximumExceeded),
            Arrived::New(receipt) => {
                self.events.counters.messages_received += 1;
                Ok(Delivery::Deliver(Some(receipt)))
            }
            Arrived::Duplicate { is_reused } => {
                self.events.counters.duplicates_dropped += 1;
                if is_reused {
                    self.events.counters.trouble.get_or_init().identifiers_reused += 1;
                    self.events.push(Event::IdentifierReused { packet_id });
                }
                self.put_acknowledgements();
                Ok(Delivery::Drop)
            }
        }
    }

    /// An answer has come. One that nobody waits for, such as a repeated one, ends nothing.
    fn on_answer(&mut self, now: Instant, is_ours: bool) {
        self.liveness.on_acknowledged(now);
        self.events.counters.count_acknowledgement(is_ours);
    }

    /// A PUBREC for nothing that is under way is answered, so that the server can let go of it.
    ///
    /// PUBRELs go out in the order of the PUBRECs. [5.0 MQTT-4.3.3-4] [5.0 MQTT-4.6.0-4] [3.1.1 MQTT-4.6.0-4]
    fn on_pubrec(&mut self, now: Instant, ack: &Ack<'_>) {
        let is_ours = self.outbox.get_or_init().on_pubrec(now, ack, &mut self.events);
        if !ack.reason.is_error() {
            let reason = if is_ours { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
            self.put_reason(Packet::Pubrel, ack, reason);
        }
        self.on_answer(now, is_ours);
    }

    /// An unknown identifier is answered too: the server then knows that the exchange is over.
    fn on_pubrel(&mut self, ack: &Ack<'_>) -> Result<(), PeerFault> {
        let reason = self
            .inbox
            .get_or_init()
            .on_pubrel(ack.packet_id)
            .ok_or(PeerFault::Unexpected(PacketKind::Pubrel))?;
        if reason == ReasonCode::Success {
            self.events.record(Record::Completed { packet_id: ack.packet_id });
        }
        self.put_reason(Packet::Pubcomp, ack, reason);
        Ok(())
    }

    /// An answer with a reason, which only 5.0 can carry.
    fn put_reason(&mut self, kind: fn(Ack<'static>) -> Packet<'static>, ack: &Ack<'_>, reason: ReasonCode) {
        let reason = if self.config.version.has_properties() { reason } else { ReasonCode::Success };
        self.put_control(kind(Ack::with_reason(ack.packet_id, reason)));
    }
}

/// Unacknowledged messages after which mosquitto waits.
const WINDOW_V3: usize = 20;

/// What becomes of a message that has arrived.
enum Delivery {
    /// The application gets it; with QoS 0 there is nothing to acknowledge.
    Deliver(Option<Receipt>),
    /// The application has got it before.
    Drop,
}
