//! A PUBLISH as the outbox has it: encoded once, when it is accepted.
//!
//! What differs from one transmission to the next is changed in the bytes that go out: DUP, the packet identifier,
//! what is left of the Message Expiry Interval, and the topic when an alias stands for it. A payload that is too
//! large to be copied stays beside the frame.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use mqtt_parts::{AliasesOut, Instant, Naming, PAYLOAD_COPY_MAX, TransmitBuf};
use mqtt_proto::{
    EncodeError, PacketId, Properties, Property, PropertyBuf, PropertyId, PropertyOwner, QoS, Version,
};

use crate::command::Publish;
use crate::error::SessionRefusal;
use crate::negotiated::Negotiated;

/// What must be known about a frame to send it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Size of fixed and variable header, behind which a copied payload follows.
    pub(crate) header_len: u32,
    /// Where the packet identifier stands, or would.
    id_at: u32,
    /// When it expires; [`NEVER`] if it does not.
    expires_at: Instant,
}

/// The end of time: no message is waited for so long.
const NEVER: Instant = Instant::from_micros(u64::MAX);

/// A frame as it lies in the memory of its keeper.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) bytes: &'a [u8],
    /// None if it is part of `bytes`.
    pub(crate) payload: Option<&'a Bytes>,
    pub(crate) shape: Shape,
}

/// How a frame goes out this time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    pub(crate) now: Instant,
    /// With QoS 1 and 2.
    pub(crate) packet_id: Option<PacketId>,
    pub(crate) dup: bool,
}

/// Appends the frame of a message to `out`; the payload is returned if it was not copied.
///
/// Topic aliases are not the application's to set, and subscription identifiers are the server's.
/// [5.0 MQTT-3.2.2-17] [5.0 MQTT-3.2.2-18] [5.0 MQTT-3.3.4-6]
#[inline]
pub(crate) fn encode(
    publish: &Publish<'_>,
    now: Instant,
    version: Version,
    scratch: &mut PropertyBuf,
    out: &mut Vec<u8>,
) -> Result<(Shape, Option<Bytes>), SessionRefusal> {
    let mut properties = publish.properties;
    let mut expires_at = NEVER;
    if !properties.is_empty() {
        check_properties(properties)?;
        if let Some(secs) = properties.message_expiry_interval() {
            put_expiry_first(secs, properties, scratch).map_err(SessionRefusal::Encode)?;
            expires_at = now + Duration::from_secs(u64::from(secs));
            properties = scratch.as_properties();
        }
    }
    let packet = mqtt_proto::Publish {
        dup: false,
        qos: publish.qos,
        retain: publish.retain,
        topic: publish.topic,
        packet_id: (publish.qos != QoS::AtMostOnce).then_some(PacketId::MIN),
        properties,
        payload: &publish.payload,
    };
    let start = out.len();
    let is_copied = publish.payload.len() <= PAYLOAD_COPY_MAX;
    let encoded = if is_copied { packet.encode(version, out) } else { packet.encode_header(version, out) };
    encoded.map_err(SessionRefusal::Encode)?;
    let copied_len = if is_copied { publish.payload.len() } else { 0 };
    let header_len = (out.len() - start - copied_len) as u32;
    let id_at = (topic_at(&out[start..]) + publish.topic.as_bytes().len()) as u32;
    let shape = Shape { header_len, id_at, expires_at };
    Ok((shape, (!is_copied).then(|| publish.payload.clone())))
}

/// Where it stands first, it is found again.
fn put_expiry_first(secs: u32, properties: Properties<'_>, out: &mut PropertyBuf) -> Result<(), EncodeError> {
    out.clear();
    out.push(PropertyOwner::Publish, Property::MessageExpiryInterval(secs))?;
    out.extend(PropertyOwner::Publish, properties, |id| id != PropertyId::MessageExpiryInterval)
}

fn check_properties(properties: Properties<'_>) -> Result<(), SessionRefusal> {
    for id in [PropertyId::TopicAlias, PropertyId::SubscriptionIdentifier] {
        if properties.contains(id) {
            let owner = PropertyOwner::Publish;
            return Err(SessionRefusal::Encode(EncodeError::PropertyNotAllowed { id, owner }));
        }
    }
    Ok(())
}

impl Shape {
    #[inline]
    pub(crate) fn expires(&self) -> bool {
        self.expires_at != NEVER
    }
}

impl Frame<'_> {
    #[inline]
    pub(crate) fn qos(&self) -> QoS {
        QoS::from_bits(self.bytes[0] >> 1 & 0b11).unwrap_or_default()
    }

    fn retain(&self) -> bool {
        self.bytes[0] & 1 != 0
    }

    /// Size of the whole packet in bytes: neither DUP nor a lowered expiry changes it.
    #[inline]
    pub(crate) fn packet_size(&self) -> usize {
        self.bytes.len() + self.payload.map_or(0, Bytes::len)
    }

    #[inline]
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.shape.expires_at <= now
    }

    /// Whether the server takes it, on the terms of this connection.
    #[inline]
    pub(crate) fn check_terms(&self, terms: &Negotiated) -> Result<(), SessionRefusal> {
        terms.check_publish(self.qos(), self.retain())?;
        terms.check_size(self.packet_size())
    }

    /// The topic, with which the variable header begins behind its length.
    #[inline]
    fn topic(&self) -> &[u8] {
        &self.bytes[topic_at(self.bytes)..self.shape.id_at as usize]
    }

    /// Appends the message under its full name; a repetition says so. [5.0 MQTT-3.3.1-1] [3.1.1 MQTT-3.3.1-1]
    #[inline]
    pub(crate) fn put(&self, sending: Sending, out: &mut TransmitBuf) {
        let bytes = out.put_encoded(self.bytes);
        bytes[0] |= u8::from(sending.dup) << 3;
        if let Some(id) = sending.packet_id {
            let id_at = self.shape.id_at as usize;
            bytes[id_at..id_at + 2].copy_from_slice(&id.get().to_be_bytes());
        }
        if self.shape.expires() {
            let section_at = self.shape.id_at as usize + if sending.packet_id.is_some() { 2 } else { 0 };
            let properties_at = section_at + length_len(&bytes[section_at..]);
            self.put_expiry(sending.now, &mut bytes[properties_at..]);
        }
        if let Some(payload) = self.payload {
            out.put_payload(payload);
        }
    }

    /// Writes what is left of the Message Expiry Interval into the first of the properties.
    fn put_expiry(&self, now: Instant, properties: &mut [u8]) {
        debug_assert_eq!(properties[0], PropertyId::MessageExpiryInterval as u8);
        properties[1..5].copy_from_slice(&self.seconds_left(now).to_be_bytes());
    }

    /// Appends the message under an alias, if one is free and the packet stays small enough.
    #[inline]
    pub(crate) fn put_short(
        &self,
        sending: Sending,
        aliases: &mut AliasesOut,
        size_max: u32,
        out: &mut TransmitBuf,
    ) {
        let topic = self.topic();
        match aliases.naming(topic) {
            naming @ Naming::Alias(alias) => {
                self.put_aliased(sending, &[], alias, out);
                aliases.commit(naming, topic);
            }
            naming @ Naming::NameAndAlias(alias)
                if self.packet_size() + ALIAS_GROWTH_MAX <= size_max as usize =>
            {
                self.put_aliased(sending, topic, alias, out);
                aliases.commit(naming, topic);
            }
            Naming::NameAndAlias(_) | Naming::Name => self.put(sending, out),
        }
    }

    /// [5.0 MQTT-3.3.2-8] [5.0 MQTT-3.3.2-12]
    fn put_aliased(&self, sending: Sending, topic: &[u8], alias: u16, out: &mut TransmitBuf) {
        let (header_len, topic_end) = (self.shape.header_len as usize, self.shape.id_at as usize);
        let id = sending.packet_id.map(|id| id.get().to_be_bytes());
        let id = id.as_ref().map_or(&[][..], <[u8; 2]>::as_slice);
        let section = &self.bytes[topic_end + id.len()..header_len];
        let properties = &section[length_len(section)..];
        let properties_len = properties.len() + ALIAS_PROPERTY_LEN;
        let payload_len = self.packet_size() - header_len;
        let body_len = 2 + topic.len() + id.len() + variable(properties_len).1 + properties_len + payload_len;
        out.put_encoded(&self.bytes[..1])[0] |= u8::from(sending.dup) << 3;
        put_variable(body_len, out);
        out.put_encoded(&(topic.len() as u16).to_be_bytes());
        out.put_encoded(topic);
        out.put_encoded(id);
        put_variable(properties_len, out);
        let [high, low] = alias.to_be_bytes();
        out.put_encoded(&[PropertyId::TopicAlias as u8, high, low]);
        let properties = out.put_encoded(properties);
        if self.shape.expires() {
            self.put_expiry(sending.now, properties);
        }
        out.put_encoded(&self.bytes[header_len..]);
        if let Some(payload) = self.payload {
            out.put_payload(payload);
        }
    }

    /// Whole seconds, rounded up so that a message which has not expired never says 0. [5.0 MQTT-3.3.2-6]
    fn seconds_left(&self, now: Instant) -> u32 {
        let left = self.shape.expires_at.since(now);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

/// Identifier and value.
const ALIAS_PROPERTY_LEN: usize = 3;

/// What an alias beside the name adds at most: itself, and a byte for each of the two lengths.
const ALIAS_GROWTH_MAX: usize = ALIAS_PROPERTY_LEN + 2;

/// Where the topic of a PUBLISH begins: after the fixed header and its own length.
#[inline]
pub(crate) fn topic_at(frame: &[u8]) -> usize {
    1 + length_len(&frame[1..]) + 2
}

/// Size of the variable byte integer at the beginning of `bytes`.
#[inline]
fn length_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1
}

/// A variable byte integer and how many bytes it has. [5.0 MQTT-1.5.5-1]
fn variable(mut value: usize) -> ([u8; 4], usize) {
    let mut bytes = [0; 4];
    let mut len = 0;
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        bytes[len] = if value > 0 { low | 0x80 } else { low };
        len += 1;
        if value == 0 || len == bytes.len() {
            return (bytes, len);
        }
    }
}

fn put_variable(value: usize, out: &mut TransmitBuf) {
    let (bytes, len) = variable(value);
    out.put_encoded(&bytes[..len]);
}
