//! CONNECT and its answer CONNACK.

use core::fmt;

use crate::error::{DecodeErrorKind, EncodeError};
use crate::packet::ack::read_reason;
use crate::property::Properties;
use crate::property_id::PropertyOwner;
use crate::reason::ReasonCode;
use crate::sink::Sink;
use crate::text;
use crate::topic::TopicName;
use crate::types::{PacketKind, QoS, Sender, Version};
use crate::wire::{Faulty, Reader, field_size, variable_len};

/// The fields of the first packet of a connection.
///
/// A packet to be sent is made of them by `Packet::from(&connect)`; a packet holds them as a [`ConnectRef`].
///
/// [`ConnectRef`]: crate::ConnectRef
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The version that the client speaks.
    pub version: Version,
    /// Clean Session before 5.0, Clean Start since.
    pub clean_start: bool,
    /// Longest silence that the client allows itself, in seconds; 0 is none.
    pub keep_alive_secs: u16,
    /// 5.0: what the client offers and asks for.
    pub properties: Properties<'a>,
    /// Names the session; may be empty to have the server choose one.
    pub client_id: &'a str,
    /// What the server publishes if the connection ends without DISCONNECT.
    pub will: Option<Will<'a>>,
    /// Before 5.0 a password needs one. [3.1.1 MQTT-3.1.2-22]
    pub user_name: Option<&'a str>,
    /// Any bytes, 65,535 at most.
    pub password: Option<&'a [u8]>,
}

/// A message that the server publishes on the client's behalf.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Will<'a> {
    /// Delivery guarantee.
    pub qos: QoS,
    /// Whether the server retains it for later subscribers.
    pub retain: bool,
    /// 5.0: Will Delay Interval, and properties of the message.
    pub properties: Properties<'a>,
    /// Where it goes.
    pub topic: TopicName<'a>,
    /// The message itself, 65,535 bytes at most.
    pub payload: &'a [u8],
}

/// The server's answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connack<'a> {
    /// Whether the server resumes a session; false in 3.1.
    pub session_present: bool,
    /// Accepted, or why not.
    pub reason: ReasonCode,
    /// 5.0: what the server offers and demands.
    pub properties: Properties<'a>,
}

/// The bits of the connect flags.
pub(super) mod flag {
    pub(in crate::packet) const USER_NAME: u8 = 0x80;
    pub(in crate::packet) const PASSWORD: u8 = 0x40;
    pub(in crate::packet) const WILL_RETAIN: u8 = 0x20;
    pub(in crate::packet) const WILL_QOS_SHIFT: u8 = 3;
    pub(in crate::packet) const WILL: u8 = 0x04;
    pub(in crate::packet) const CLEAN_START: u8 = 0x02;
    pub(in crate::packet) const RESERVED: u8 = 0x01;
}

impl<'a> Connect<'a> {
    /// The version of a CONNECT, read before anything else; faults are reported by that version's rules.
    #[inline(always)]
    pub(crate) fn decode_version(reader: &mut Reader<'a>) -> Result<Version, Faulty> {
        let start = reader.at();
        let name = reader.binary()?;
        let level_at = reader.at();
        let level = reader.u8()?;
        match (name, level) {
            (b"MQTT", 5) => Ok(Version::V5_0),
            (b"MQTT", 4) => Ok(Version::V3_1_1),
            (b"MQIsdp", 3) => Ok(Version::V3_1),
            (b"MQTT" | b"MQIsdp", level) => {
                Err(reader.refuse(DecodeErrorKind::ProtocolLevel { level }, level_at))
            }
            _ => Err(reader.refuse(DecodeErrorKind::ProtocolName, start)),
        }
    }

    /// Size of the body, if every field has an encoding.
    pub(crate) fn body_len(&self) -> Result<usize, EncodeError> {
        let version = self.version;
        if self.password.is_some() && self.user_name.is_none() && !version.has_properties() {
            return Err(EncodeError::PasswordWithoutUserName);
        }
        let mut len = 2 + version.protocol_name().len() + 1 + 1 + 2;
        len += section_len(&self.properties, PropertyOwner::Connect, version)?;
        len += field_size(self.client_id.as_bytes())?;
        if let Some(will) = &self.will {
            len += section_len(&will.properties, PropertyOwner::Will, version)?;
            len += field_size(will.topic.as_bytes())? + field_size(will.payload)?;
            if will.topic.is_aliased() {
                return Err(EncodeError::EmptyTopicName);
            }
        }
        len += self.user_name.map_or(Ok(0), |text| field_size(text.as_bytes()))?;
        len += self.password.map_or(Ok(0), field_size)?;
        Ok(len)
    }

    /// Whether all strings may be sent.
    pub(crate) fn check_text(&self) -> Result<(), EncodeError> {
        self.properties.check_text()?;
        let has_nul = |text: &str| text::has_nul(text.as_bytes());
        if has_nul(self.client_id) || self.user_name.is_some_and(has_nul) {
            return Err(EncodeError::NulInString);
        }
        self.will.map_or(Ok(()), |will| will.properties.check_text())
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        if self.clean_start {
            flags |= flag::CLEAN_START;
        }
        if let Some(will) = &self.will {
            flags |= flag::WILL | will.qos.bits() << flag::WILL_QOS_SHIFT;
            if will.retain {
                flags |= flag::WILL_RETAIN;
            }
        }
        if self.user_name.is_some() {
            flags |= flag::USER_NAME;
        }
        if self.password.is_some() {
            flags |= flag::PASSWORD;
        }
        flags
    }

    /// Client identifier, will, user name, password, in this order. [5.0 MQTT-3.1.3-1] [3.1.1 MQTT-3.1.3-1]
    pub(crate) fn put(&self, sink: &mut Sink<'_>) {
        sink.binary(self.version.protocol_name().as_bytes());
        sink.u8(self.version.level());
        sink.u8(self.flags());
        sink.u16(self.keep_alive_secs);
        put_section(&self.properties, self.version, sink);
        sink.text(self.client_id);
        if let Some(will) = &self.will {
            put_section(&will.properties, self.version, sink);
            sink.binary(will.topic.as_bytes());
            sink.binary(will.payload);
        }
        if let Some(user_name) = self.user_name {
            sink.text(user_name);
        }
        if let Some(password) = self.password {
            sink.binary(password);
        }
    }
}

/// The QoS of the will, if the flags announce one.
///
/// [5.0 MQTT-3.1.2-3] [5.0 MQTT-3.1.2-11] [5.0 MQTT-3.1.2-12] [5.0 MQTT-3.1.2-13] [3.1.1 MQTT-3.1.2-22]
#[inline(always)]
pub(super) fn check_flags(flags: u8, version: Version) -> Result<Option<QoS>, DecodeErrorKind> {
    if flags & flag::RESERVED != 0 && version != Version::V3_1 {
        return Err(DecodeErrorKind::ConnectFlags);
    }
    if flags & flag::PASSWORD != 0 && flags & flag::USER_NAME == 0 && !version.has_properties() {
        return Err(DecodeErrorKind::PasswordWithoutUserName);
    }
    let qos_bits = flags >> flag::WILL_QOS_SHIFT & 0b11;
    if flags & flag::WILL != 0 {
        return QoS::from_bits(qos_bits).ok_or(DecodeErrorKind::WillQoS).map(Some);
    }
    if qos_bits != 0 && version != Version::V3_1 {
        return Err(DecodeErrorKind::WillFlagsWithoutWill);
    }
    if flags & flag::WILL_RETAIN != 0 && version != Version::V3_1 {
        return Err(DecodeErrorKind::WillRetainWithoutWill);
    }
    Ok(None)
}

impl<'a> Connack<'a> {
    /// A refusal says Session Present 0. [5.0 MQTT-3.2.2-1] [5.0 MQTT-3.2.2-6] [3.1.1 MQTT-3.2.2-4]
    #[inline(always)]
    pub(crate) fn decode(reader: &mut Reader<'a>, version: Version) -> Result<Connack<'a>, Faulty> {
        let flags_at = reader.at();
        let flags = reader.u8()?;
        if flags > 1 && version != Version::V3_1 {
            return Err(reader.refuse(DecodeErrorKind::ConnackFlags, flags_at));
        }
        let session_present = flags == 1 && version != Version::V3_1;
        let reason = match version {
            Version::V5_0 => read_reason(reader, PacketKind::Connack)?,
            Version::V3_1 | Version::V3_1_1 => read_return_code(reader)?,
        };
        if session_present && reason != ReasonCode::Success {
            return Err(reader.refuse(DecodeErrorKind::SessionPresentInRefusal, flags_at));
        }
        let properties = match version {
            Version::V5_0 => Properties::decode(reader, PropertyOwner::Connack, Some(Sender::Server))?,
            Version::V3_1 | Version::V3_1_1 => Properties::none(),
        };
        Ok(Connack { session_present, reason, properties })
    }

    pub(crate) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        if self.session_present && self.reason != ReasonCode::Success {
            return Err(EncodeError::SessionPresentInRefusal);
        }
        let is_legal = match version {
            Version::V5_0 => self.reason.is_legal_in(PacketKind::Connack),
            Version::V3_1 | Version::V3_1_1 => self.reason.return_code().is_some(),
        };
        if !is_legal {
            return Err(EncodeError::ReasonCode(self.reason));
        }
        let len = 2 + section_len(&self.properties, PropertyOwner::Connack, version)?;
        match version {
            Version::V3_1 if self.session_present => Err(EncodeError::SessionPresentIn3_1),
            Version::V3_1 | Version::V3_1_1 | Version::V5_0 => Ok(len),
        }
    }

    pub(crate) fn put(&self, version: Version, sink: &mut Sink<'_>) {
        sink.u8(u8::from(self.session_present));
        sink.u8(match version {
            Version::V5_0 => self.reason.byte(),
            Version::V3_1 | Version::V3_1_1 => self.reason.return_code().unwrap_or(self.reason.byte()),
        });
        put_section(&self.properties, version, sink);
    }
}

#[inline(always)]
fn read_return_code(reader: &mut Reader<'_>) -> Result<ReasonCode, Faulty> {
    let start = reader.at();
    let byte = reader.u8()?;
    ReasonCode::from_return_code(byte)
        .ok_or_else(|| reader.refuse(DecodeErrorKind::ReasonCode { byte }, start))
}

/// Size of a property section with its length in front; nothing before 5.0.
pub(crate) fn section_len(
    properties: &Properties<'_>,
    owner: PropertyOwner,
    version: Version,
) -> Result<usize, EncodeError> {
    match version {
        Version::V5_0 => {
            let len = properties.checked_size(owner)?;
            Ok(variable_len(len) + len)
        }
        Version::V3_1 | Version::V3_1_1 if properties.is_empty() => Ok(0),
        Version::V3_1 | Version::V3_1_1 => Err(EncodeError::NeedsVersion5(owner.packet())),
    }
}

/// Appends a property section that [`section_len`] has accepted.
#[inline]
pub(crate) fn put_section(properties: &Properties<'_>, version: Version, sink: &mut Sink<'_>) {
    if version.has_properties() {
        properties.put(properties.size(), sink);
    }
}

impl fmt::Debug for Connect<'_> {
    /// The password is never shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("clean_start", &self.clean_start)
            .field("keep_alive_secs", &self.keep_alive_secs)
            .field("user_name", &self.user_name)
            .field("password", &self.password.map(|_| "***"))
            .field("will", &self.will)
            .field("properties", &self.properties)
            .finish()
    }
}

impl fmt::Debug for Will<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Will")
            .field("topic", &self.topic)
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("properties", &self.properties)
            .field("payload_size", &self.payload.len())
            .finish_non_exhaustive()
    }
}
