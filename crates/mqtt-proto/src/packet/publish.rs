//! PUBLISH: an application message.

use crate::error::{DecodeErrorKind, EncodeError};
use crate::packet::ack::read_packet_id;
use crate::property::Properties;
use crate::property_id::{PropertyId, PropertyOwner};
use crate::text;
use crate::topic::TopicName;
use crate::types::{Context, PacketId, PacketKind, QoS, Sender, Version};
use crate::wire::{Fault, Faulty, Reader, check_text, split_field, text_fault, variable_len};

/// A message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Whether this may be a repetition; false with QoS 0. [5.0 MQTT-3.3.1-2]
    pub dup: bool,
    /// Delivery guarantee.
    pub qos: QoS,
    /// To a server: retain it for later subscribers. To a client: it was retained.
    pub retain: bool,
    /// Where it goes; [`TopicName::is_aliased`] if only a Topic Alias says so.
    pub topic: TopicName<'a>,
    /// With QoS 1 and 2, and only there. [5.0 MQTT-2.2.1-2]
    pub packet_id: Option<PacketId>,
    /// 5.0: properties.
    pub properties: Properties<'a>,
    /// The message itself.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// The first byte's flags. [5.0 MQTT-3.3.1-4]
    #[inline(always)]
    pub(crate) fn decode(
        reader: &mut Reader<'a>,
        flags: u8,
        version: Version,
        sender: Option<Sender>,
    ) -> Result<Publish<'a>, Faulty> {
        let Some(qos) = QoS::from_bits(flags >> 1 & 0b11) else {
            return Err(reader.refuse(DecodeErrorKind::PublishQoS, 0));
        };
        let mut dup = flags & 0b1000 != 0;
        if dup && qos == QoS::AtMostOnce {
            // 3.1 gives DUP a meaning only above QoS 0, and does not forbid it there.
            if version != Version::V3_1 {
                return Err(reader.refuse(DecodeErrorKind::DupWithQoS0, 0));
            }
            dup = false;
        }
        let topic_at = reader.at();
        let topic = read_topic(reader)?;
        let packet_id = match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Some(read_packet_id(reader)?),
        };
        let properties = match version {
            Version::V3_1 | Version::V3_1_1 => Properties::none(),
            Version::V5_0 => Properties::decode(reader, PropertyOwner::Publish, sender)?,
        };
        if topic.is_aliased() && !properties.contains(PropertyId::TopicAlias) {
            return Err(reader.refuse(DecodeErrorKind::EmptyTopicName, topic_at));
        }
        let retain = flags & 1 != 0;
        Ok(Publish { dup, qos, retain, topic, packet_id, properties, payload: reader.rest() })
    }

    /// A message with nothing unusual about it, whose variable header begins at `at`; none if there is anything.
    #[inline(always)]
    pub(crate) fn decode_plain(frame: &'a [u8], at: usize, context: Context) -> Option<Publish<'a>> {
        let flags = *frame.first()?;
        let qos = QoS::from_bits(flags >> 1 & 0b11)?;
        let dup = flags & 0b1000 != 0;
        let (topic, mut rest) = split_field(frame.get(at..)?)?;
        if topic.is_empty() || !text::is_plain_name(topic) {
            return None;
        }
        let mut packet_id = None;
        if qos == QoS::AtMostOnce {
            if dup {
                return None;
            }
        } else {
            let (id, behind) = rest.split_first_chunk()?;
            packet_id = Some(PacketId::new(u16::from_be_bytes(*id))?);
            rest = behind;
        }
        let mut properties = Properties::none();
        if context.version.has_properties() {
            (properties, rest) = Properties::split_first(rest, PropertyOwner::Publish, context.sender)?;
        }
        let topic = TopicName::checked(topic);
        Some(Publish { dup, qos, retain: flags & 1 != 0, topic, packet_id, properties, payload: rest })
    }

    pub(crate) const fn flags(&self) -> u8 {
        (self.dup as u8) << 3 | self.qos.bits() << 1 | self.retain as u8
    }

    /// Size of variable header and property section, without the payload; and of the properties alone.
    #[inline(always)]
    pub(crate) fn header_len(&self, version: Version) -> Result<(usize, usize), EncodeError> {
        if self.packet_id.is_some() != (self.qos != QoS::AtMostOnce) {
            return Err(EncodeError::PacketId);
        }
        if self.dup && self.qos == QoS::AtMostOnce {
            return Err(EncodeError::DupWithQoS0);
        }
        let id_len = if self.packet_id.is_some() { 2 } else { 0 };
        let len = 2 + self.topic.as_bytes().len() + id_len;
        match version {
            Version::V3_1 | Version::V3_1_1 if !self.properties.is_empty() => {
                Err(EncodeError::NeedsVersion5(PacketKind::Publish))
            }
            Version::V3_1 | Version::V3_1_1 if self.topic.is_aliased() => Err(EncodeError::EmptyTopicName),
            Version::V3_1 | Version::V3_1_1 => Ok((len, 0)),
            Version::V5_0 => {
                if self.topic.is_aliased() && !self.properties.contains(PropertyId::TopicAlias) {
                    return Err(EncodeError::EmptyTopicName);
                }
                let properties_len = self.properties.checked_size(PropertyOwner::Publish)?;
                Ok((len + variable_len(properties_len) + properties_len, properties_len))
            }
        }
    }
}

/// A topic name that may be empty for now. [5.0 MQTT-3.3.2-1] [5.0 MQTT-3.3.2-2]
#[inline(always)]
pub(crate) fn read_topic<'a>(reader: &mut Reader<'a>) -> Result<TopicName<'a>, Faulty> {
    let start = reader.at();
    let bytes = reader.binary()?;
    if !text::is_plain_name(bytes) {
        check_name(bytes, start).map_err(|(kind, at)| reader.refuse(kind, at))?;
    }
    Ok(TopicName::checked(bytes))
}

/// A name that is not plain, whose length starts at `start`.
#[inline(never)]
fn check_name(bytes: &[u8], start: usize) -> Result<(), Fault> {
    if text::has_nul_or_wildcard(bytes) {
        return Err(text_fault(bytes, start, DecodeErrorKind::WildcardInTopicName));
    }
    check_text(bytes, start)
}

impl core::fmt::Debug for Publish<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Publish")
            .field("topic", &self.topic)
            .field("qos", &self.qos)
            .field("dup", &self.dup)
            .field("retain", &self.retain)
            .field("packet_id", &self.packet_id.map(PacketId::get))
            .field("properties", &self.properties)
            .field("payload_size", &self.payload.len())
            .finish_non_exhaustive()
    }
}
