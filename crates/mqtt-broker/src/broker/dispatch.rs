//! Which packet goes to which machine.
//!
//! CONNECT comes first and once; from then on each packet is decoded by the rules of the version that it named.

use bytes::{Buf, Bytes, BytesMut};
use mqtt_parts::Instant;
use mqtt_proto::{
    Context, DecodeError, DecodeErrorKind, Disconnect, Packet, PacketKind, ReasonCode, Sender, Version,
    decode,
};

use crate::broker::Broker;
use crate::broker::ending::Will;
use crate::connection::State;
use crate::control::Control;
use crate::event::End;
use crate::fault::Fault;
use crate::ids::ConnectionId;

impl Broker {
    /// Takes one whole packet from the front of the input.
    pub(super) fn on_frame(&mut self, now: Instant, id: ConnectionId, input: &mut BytesMut, len: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.last_packet = now;
        self.stats.packets_in += 1;
        self.stats.bytes_in += len as u64;
        let context = Context { version: connection.limits.version, sender: Some(Sender::Client) };
        let state = connection.state;
        let is_publish = input.first().is_some_and(|first| first >> 4 == PacketKind::Publish as u8);
        let outcome = match state {
            State::Online(key) if is_publish => {
                let frame = self.take_frame(input, len);
                self.on_publish(now, id, key, &frame, context)
            }
            State::Online(_) => {
                let packet = decode(&input[..len], context).map_err(Fault::from);
                let outcome = packet.and_then(|packet| self.on_packet(now, id, &packet));
                input.advance(len);
                outcome
            }
            State::Handshake => {
                self.on_first_packet(now, id, &input[..len], context);
                input.advance(len);
                Ok(())
            }
            State::Closing => return,
        };
        if let Err(fault) = outcome {
            self.fail(now, id, fault);
        }
    }

    /// The frame of a message, apart from the rest of the input; it counts as long as a part of it is kept.
    fn take_frame(&self, input: &mut BytesMut, len: usize) -> Bytes {
        if len > FRAME_COPY_MAX {
            return self.account.hold(input.split_to(len).freeze(), 0);
        }
        let frame = self.account.copy(&input[..len], 0);
        input.advance(len);
        frame
    }

    /// CONNECT comes first, in a version that we know. [5.0 MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1]
    fn on_first_packet(&mut self, now: Instant, id: ConnectionId, frame: &[u8], context: Context) {
        let is_authenticating = self.connections.get(&id).is_some_and(|it| it.authentication.is_some());
        match decode(frame, context) {
            Ok(packet) if is_authenticating => self.on_packet_before_connack(now, id, &packet),
            Ok(Packet::Connect(connect)) => self.on_connect(now, id, &connect.fields(), frame),
            Err(error) if error.packet == Some(PacketKind::Connect) => self.on_bad_connect(now, id, error),
            // There is no version to answer in.
            Ok(_) => {
                let end =
                    self.fault_end(&Fault::new(ReasonCode::ProtocolError, "the first packet is no CONNECT"));
                self.close(now, id, Will::Stays, Some(end));
            }
            Err(error) => {
                let end = self.fault_end(&error.into());
                self.close(now, id, Will::Stays, Some(end));
            }
        }
    }

    /// A malformed CONNECT: it is answered in 5.0, and in another version only if its level is the fault.
    ///
    /// [5.0 MQTT-3.1.2-2] [5.0 MQTT-3.1.4-1] [3.1.1 MQTT-3.1.2-2] [3.1.1 MQTT-3.1.4-1] [3.1.1 MQTT-3.2.2-6]
    fn on_bad_connect(&mut self, now: Instant, id: ConnectionId, error: DecodeError) {
        let version = match error.kind {
            DecodeErrorKind::ProtocolLevel { level } if level & !BRIDGE_BIT > Version::V5_0.level() => {
                Some(Version::V5_0)
            }
            DecodeErrorKind::ProtocolLevel { .. } => Some(Version::V3_1_1),
            // Another protocol. [5.0 MQTT-3.1.2-1] [3.1.1 MQTT-3.1.2-1]
            DecodeErrorKind::ProtocolName => None,
            _ if error.version == Version::V5_0 => Some(Version::V5_0),
            _ => None,
        };
        match version {
            Some(version) => self.refuse(now, id, version, error.into(), None),
            None => {
                let end = self.fault_end(&error.into());
                self.close(now, id, Will::Stays, Some(end));
            }
        }
    }

    /// A packet on a connection that is online.
    fn on_packet(&mut self, now: Instant, id: ConnectionId, packet: &Packet<'_>) -> Result<(), Fault> {
        match packet {
            Packet::Puback(ack) => self.on_puback(id, ack),
            Packet::Pubrec(ack) => self.on_pubrec(id, ack),
            Packet::Pubrel(ack) => self.on_pubrel(id, ack),
            Packet::Pubcomp(ack) => self.on_pubcomp(id, ack),
            Packet::Subscribe(subscribe) => self.on_subscribe(now, id, subscribe),
            Packet::Unsubscribe(unsubscribe) => self.on_unsubscribe(id, unsubscribe),
            Packet::Pingreq => {
                // [5.0 MQTT-3.12.4-1] [3.1.1 MQTT-3.12.4-1]
                self.queue(id, Control::Pingresp);
                Ok(())
            }
            Packet::Disconnect(disconnect) => self.on_disconnect(now, id, disconnect),
            // [5.0 MQTT-3.1.0-2] [3.1.1 MQTT-3.1.0-2]
            Packet::Connect(_) => Err(Fault::new(ReasonCode::ProtocolError, "a second CONNECT")),
            Packet::Auth(auth) => self.on_auth(id, auth),
            Packet::Publish(_)
            | Packet::Connack(_)
            | Packet::Suback(_)
            | Packet::Unsuback(_)
            | Packet::Pingresp => Err(Fault::new(ReasonCode::ProtocolError, "not a packet of a client")),
        }
    }

    /// [5.0 MQTT-3.14.4-3] [3.1.1 MQTT-3.14.4-3]
    fn on_disconnect(
        &mut self,
        now: Instant,
        id: ConnectionId,
        disconnect: &Disconnect<'_>,
    ) -> Result<(), Fault> {
        if let Some(secs) = disconnect.properties.session_expiry_interval() {
            self.set_expiry(id, secs)?;
        }
        let is_normal = disconnect.reason == ReasonCode::Success;
        let end = End::Disconnected { reason: disconnect.reason };
        self.close(now, id, if is_normal { Will::Goes } else { Will::Stays }, Some(end));
        Ok(())
    }
}

/// Messages in packets up to this many bytes get memory of their own, so that one that waits for long does not keep
/// all that was read with it; larger ones stay where they were read.
const FRAME_COPY_MAX: usize = 8 * 1024;

/// Bridges of some brokers set this bit of the protocol level.
const BRIDGE_BIT: u8 = 0x80;
