//! PUBACK, PUBREC, PUBREL and PUBCOMP: four acknowledgements of one layout.

use crate::error::{DecodeErrorKind, EncodeError};
use crate::property::Properties;
use crate::property_id::PropertyOwner;
use crate::reason::ReasonCode;
use crate::sink::Sink;
use crate::types::{PacketId, PacketKind, Version};
use crate::wire::{Faulty, Reader, variable_len};

/// An acknowledgement of a PUBLISH, or one of the steps of QoS 2 that follow.
// In this order no small field lies over a length of PUBLISH in `Packet`: such a length would be written in pieces, and
// whoever reads it would wait for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Ack<'a> {
    /// The identifier of the PUBLISH. [5.0 MQTT-2.2.1-5]
    pub packet_id: PacketId,
    /// What became of it; before 5.0 always success.
    pub reason: ReasonCode,
    /// 5.0: Reason String and User Properties.
    pub properties: Properties<'a>,
}

impl Ack<'_> {
    /// Success, without properties.
    pub const fn success(packet_id: PacketId) -> Ack<'static> {
        Ack::with_reason(packet_id, ReasonCode::Success)
    }

    /// A reason, without properties.
    pub const fn with_reason(packet_id: PacketId, reason: ReasonCode) -> Ack<'static> {
        Ack { packet_id, reason, properties: Properties::none() }
    }
}

/// Which of the four: packet kind and property table go together.
pub(crate) const fn owner(kind: PacketKind) -> PropertyOwner {
    match kind {
        PacketKind::Pubrec => PropertyOwner::Pubrec,
        PacketKind::Pubrel => PropertyOwner::Pubrel,
        PacketKind::Pubcomp => PropertyOwner::Pubcomp,
        _ => PropertyOwner::Puback,
    }
}

/// The identifier of a packet that must have one.
#[inline(always)]
pub(crate) fn read_packet_id(reader: &mut Reader<'_>) -> Result<PacketId, Faulty> {
    let start = reader.at();
    PacketId::new(reader.u16()?).ok_or_else(|| reader.refuse(DecodeErrorKind::PacketIdZero, start))
}

/// A reason code that a packet of that kind may carry.
#[inline(always)]
pub(crate) fn read_reason(reader: &mut Reader<'_>, kind: PacketKind) -> Result<ReasonCode, Faulty> {
    let start = reader.at();
    let byte = reader.u8()?;
    ReasonCode::from_byte(byte, kind)
        .ok_or_else(|| reader.refuse(DecodeErrorKind::ReasonCode { byte }, start))
}

impl<'a> Ack<'a> {
    /// In 5.0 reason and properties may be left out when they say nothing.
    #[inline(always)]
    pub(crate) fn decode(
        reader: &mut Reader<'a>,
        kind: PacketKind,
        version: Version,
    ) -> Result<Ack<'a>, Faulty> {
        let mut ack = Ack::success(read_packet_id(reader)?);
        if version.has_properties() && !reader.is_empty() {
            ack.reason = read_reason(reader, kind)?;
            if !reader.is_empty() {
                ack.properties = Properties::decode(reader, owner(kind), None)?;
            }
        }
        Ok(ack)
    }

    /// Whether it has neither a reason nor properties to send.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.reason == ReasonCode::Success && self.properties.is_empty()
    }

    #[inline]
    pub(crate) fn body_len(&self, kind: PacketKind, version: Version) -> Result<usize, EncodeError> {
        if self.is_plain() {
            return Ok(2);
        }
        if !version.has_properties() {
            return Err(EncodeError::NeedsVersion5(kind));
        }
        if !self.reason.is_legal_in(kind) {
            return Err(EncodeError::ReasonCode(self.reason));
        }
        if self.properties.is_empty() {
            return Ok(3);
        }
        let len = self.properties.checked_size(owner(kind))?;
        Ok(3 + variable_len(len) + len)
    }

    #[inline]
    pub(crate) fn put(&self, body_len: usize, sink: &mut Sink<'_>) {
        sink.u16(self.packet_id.get());
        if body_len > 2 {
            sink.u8(self.reason.byte());
        }
        if body_len > 3 {
            self.properties.put(self.properties.size(), sink);
        }
    }
}
