//! What the scripted server sends, as bytes, and what it receives, as whole frames that are decoded when asked.
//!
//! The builders take what the cases vary; packets that break the rules are written out by the cases.

use std::fmt;

use mqtt_proto::{
    Ack, Connack, Context, DecodeError, Disconnect, Packet, PacketId, Properties, Property, Publish, QoS,
    ReasonCode, ReasonCodes, Sender, Suback, TopicName, Unsuback, Version, decode,
};

/// A packet of the client: its bytes, which were decoded once without an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    bytes: Vec<u8>,
    version: Version,
}

impl Frame {
    /// A frame from a client, or the rule that it breaks.
    pub(crate) fn new(bytes: Vec<u8>, version: Version) -> Result<Frame, DecodeError> {
        decode(&bytes, context(version))?;
        Ok(Frame { bytes, version })
    }

    pub(crate) fn packet(&self) -> Packet<'_> {
        decode(&self.bytes, context(self.version)).expect("it was decoded when the frame was made")
    }

    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The PUBLISH that it is.
    pub(crate) fn publish(&self) -> Option<Publish<'_>> {
        if let Packet::Publish(publish) = self.packet() { Some(publish) } else { None }
    }

    /// The packet identifier, whatever kind it is; 0 if there is none.
    pub(crate) fn id(&self) -> u16 {
        let id = match self.packet() {
            Packet::Publish(publish) => publish.packet_id,
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                Some(ack.packet_id)
            }
            Packet::Subscribe(subscribe) => Some(subscribe.packet_id),
            Packet::Unsubscribe(unsubscribe) => Some(unsubscribe.packet_id),
            _ => None,
        };
        id.map_or(0, PacketId::get)
    }

    /// The reason code of an acknowledgement or DISCONNECT.
    pub(crate) fn reason(&self) -> Option<ReasonCode> {
        match self.packet() {
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                Some(ack.reason)
            }
            Packet::Disconnect(disconnect) => Some(disconnect.reason),
            _ => None,
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.packet().fmt(f)
    }
}

fn context(version: Version) -> Context {
    Context { version, sender: Some(Sender::Client) }
}

/// Bytes for people, the first of many.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(HEX_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > HEX_BYTES { " …" } else { "" };
    format!("{}{more}", shown.join(" "))
}

/// The bytes of a packet that keeps the rules.
pub(crate) fn bytes(packet: Packet<'_>, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encode(version, &mut out).expect("the cases write packets that can be encoded");
    out
}

/// CONNACK; the properties are left out before 5.0.
pub(crate) fn connack(version: Version, session_present: bool, properties: &[Property<'_>]) -> Vec<u8> {
    let properties = if version.has_properties() { Properties::new(properties) } else { Properties::EMPTY };
    bytes(Packet::Connack(Connack { session_present, reason: ReasonCode::Success, properties }), version)
}

/// A PUBLISH whose topic is left to an alias, as QoS 0, 5.0 alone.
pub(crate) fn aliased(alias: u16, payload: &str) -> Vec<u8> {
    let [high, low] = alias.to_be_bytes();
    raw(0x30, &[&[0, 0, 3, 0x23, high, low], payload.as_bytes()].concat())
}

/// A message to the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) qos: QoS,
    /// Not looked at with QoS 0.
    pub(crate) id: u16,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
    pub(crate) properties: &'a [Property<'a>],
}

impl<'a> Message<'a> {
    pub(crate) fn new(topic: &'a str, payload: &'a str, qos: QoS, id: u16) -> Message<'a> {
        Message { topic, payload, qos, id, dup: false, retain: false, properties: &[] }
    }

    /// The same, as a repetition.
    pub(crate) fn again(self) -> Message<'a> {
        Message { dup: true, ..self }
    }

    pub(crate) fn bytes(self, version: Version) -> Vec<u8> {
        let publish = Publish {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: TopicName::new(self.topic).expect("the cases write topics that keep the rules"),
            packet_id: if self.qos == QoS::AtMostOnce { None } else { PacketId::new(self.id) },
            properties: Properties::new(self.properties),
            payload: self.payload.as_bytes(),
        };
        bytes(Packet::Publish(publish), version)
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP by its kind, with a reason; before 5.0 without.
pub(crate) fn ack(
    version: Version,
    kind: fn(Ack<'static>) -> Packet<'static>,
    id: u16,
    reason: ReasonCode,
) -> Vec<u8> {
    let id = PacketId::new(id).expect("identifiers of acknowledgements are not 0");
    let reason = if version.has_properties() { reason } else { ReasonCode::Success };
    bytes(kind(Ack::with_reason(id, reason)), version)
}

/// SUBACK with one code, as it stands on the wire.
pub(crate) fn suback(version: Version, id: u16, code: ReasonCode) -> Vec<u8> {
    let packet_id = PacketId::new(id).expect("the client's identifiers are not 0");
    let codes = [code];
    let suback = Suback { packet_id, properties: Properties::EMPTY, codes: ReasonCodes::new(&codes) };
    bytes(Packet::Suback(suback), version)
}

/// UNSUBACK of one filter.
pub(crate) fn unsuback(version: Version, id: u16) -> Vec<u8> {
    let packet_id = PacketId::new(id).expect("the client's identifiers are not 0");
    let codes = if version.has_properties() { &[ReasonCode::Success][..] } else { &[] };
    let unsuback = Unsuback { packet_id, properties: Properties::EMPTY, codes: ReasonCodes::new(codes) };
    bytes(Packet::Unsuback(unsuback), version)
}

/// DISCONNECT of the server, 5.0 alone.
pub(crate) fn disconnect(reason: ReasonCode) -> Vec<u8> {
    bytes(Packet::Disconnect(Disconnect::with_reason(reason)), Version::V5_0)
}

/// A packet as its first byte and what follows its length, which may break any rule.
pub(crate) fn raw(first: u8, rest: &[u8]) -> Vec<u8> {
    let len = u8::try_from(rest.len()).ok().filter(|len| *len < 128);
    let len = len.expect("the cases break rules in short packets");
    [&[first, len], rest].concat()
}

const HEX_BYTES: usize = 24;
