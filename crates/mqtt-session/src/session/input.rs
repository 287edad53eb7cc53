//! Bytes from the server: packets are taken off the input one by one and routed to the machine they concern.

use bytes::{Buf, Bytes, BytesMut};
use mqtt_parts::Instant;
use mqtt_proto::{
    Ack, Connack, Context, Packet, PacketKind, Properties, QoS, ReasonCode, Sender, Version, decode,
    frame_len,
};

use super::Session;
use crate::error::{OfflineCause, PeerFault};
use crate::event::{Event, Message, Receipt};
use crate::inbox::Arrived;
use crate::state::State;

impl Session {
    /// The application has taken the message of this receipt; its acknowledgement goes out in the order of arrival.
    ///
    /// [5.0 MQTT-4.3.2-4] [5.0 MQTT-4.5.0-2] [3.1.1 MQTT-4.3.2-2] [3.1.1 MQTT-4.5.0-2]
    pub fn acknowledge(&mut self, receipt: Receipt) {
        self.inbox.acknowledge(receipt);
        self.put_acknowledgements();
    }

    pub(super) fn put_acknowledgements(&mut self) {
        while let Some((packet_id, qos)) = self.inbox.poll() {
            let ack = Ack::success(packet_id);
            self.put_control(match qos {
                QoS::ExactlyOnce => Packet::Pubrec(ack),
                QoS::AtMostOnce | QoS::AtLeastOnce => Packet::Puback(ack),
            });
        }
    }

    /// Bytes came from the link. Whole packets are consumed, the beginning of another one stays in `input`.
    ///
    /// Messages share the memory of `input`; nothing is reserved for a packet that is announced.
    pub fn handle_input(&mut self, now: Instant, input: &mut BytesMut) {
        let start_len = input.len();
        self.keep_alive.on_received(now);
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
        let packet = match decode(&input[..len], context) {
            Ok(packet) => packet,
            Err(error) => match self.refusal_in_older_words(&input[..len]) {
                Some(refusal) => Packet::Connack(refusal),
                None => return Err(PeerFault::Decode(error)),
            },
        };
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

    fn handle_packet(&mut self, now: Instant, packet: Packet<'_>) -> Result<(), PeerFault> {
        match (self.connection.is_online(), packet) {
            (false, Packet::Connack(connack)) => self.on_connack(now, &connack),
            (false, packet) => Err(PeerFault::Unexpected(packet.kind())),
            (true, Packet::Puback(ack)) => self.on_puback(&ack),
            (true, Packet::Pubrec(ack)) => self.on_pubrec(&ack),
            (true, Packet::Pubrel(ack)) => self.on_pubrel(&ack),
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

    /// Whether and under which receipt a message is delivered.
    fn accept_publish(&mut self, publish: &mqtt_proto::Publish<'_>) -> Result<Delivery, PeerFault> {
        if let Some(alias) = publish.properties.topic_alias() {
            return Err(PeerFault::TopicAlias(alias));
        }
        let Some(packet_id) = publish.packet_id else {
            self.stats.messages_received += 1;
            return Ok(Delivery::Deliver(None));
        };
        let receive_maximum = match self.config.version {
            Version::V5_0 => self.config.receive_maximum.get(),
            Version::V3_1 | Version::V3_1_1 => u16::MAX,
        };
        match self.inbox.on_publish(packet_id, publish.qos, receive_maximum) {
            Arrived::TooMany => Err(PeerFault::ReceiveMaximumExceeded),
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
    fn on_pubrel(&mut self, ack: &Ack<'_>) -> Result<(), PeerFault> {
        let reason = self.inbox.on_pubrel(ack.packet_id).ok_or(PeerFault::Unexpected(PacketKind::Pubrel))?;
        self.put_reason(Packet::Pubcomp, ack, reason);
        Ok(())
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
