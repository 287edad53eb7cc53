//! PUBACK, PUBREC, PUBREL and PUBCOMP: four acknowledgements of one layout.

use alloc::vec::Vec;

use crate::error::{DecodeErrorKind, EncodeError};
use crate::property::Properties;
use crate::property_id::PropertyOwner;
use crate::reason::ReasonCode;
use crate::types::{PacketId, PacketKind, Version};
use crate::wire::{Fault, Reader, variable_len};

/// An acknowledgement of a PUBLISH, or one of the steps of QoS 2 that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        Ack { packet_id, reason, properties: Properties::EMPTY }
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
#[inline]
pub(crate) fn read_packet_id(reader: &mut Reader<'_>) -> Result<PacketId, Fault> {
    let start = reader.at();
    PacketId::new(reader.u16()?).ok_or((DecodeErrorKind::PacketIdZero, start))
}

/// A reason code that a packet of that kind may carry.
#[inline]
pub(crate) fn read_reason(reader: &mut Reader<'_>, kind: PacketKind) -> Result<ReasonCode, Fault> {
    let start = reader.at();
    let byte = reader.u8()?;
    ReasonCode::from_byte(byte, kind).ok_or((DecodeErrorKind::ReasonCode { byte }, start))
}

impl<'a> Ack<'a> {
    /// In 5.0 reason and properties may be left out when they say nothing.
    #[inline(always)]
    pub(crate) fn decode(
        reader: &mut Reader<'a>,
        kind: PacketKind,
        version: Version,
    ) -> Result<Ack<'a>, Fault> {
        let mut ack = Ack::success(read_packet_id(reader)?);
        if version.has_properties() && !reader.is_empty() {
            ack.reason = read_reason(reader, kind)?;
            if !reader.is_empty() {
                ack.properties = Properties::decode(reader, owner(kind), None)?;
            }
        }
        Ok(ack)
    }

    #[inline]
    pub(crate) fn body_len(&self, kind: PacketKind, version: Version) -> Result<usize, EncodeError> {
        if self.reason == ReasonCode::Success && self.properties.is_empty() {
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
        let len = self.properties.checked_len(owner(kind))?;
        Ok(3 + variable_len(len) + len)
    }

    #[inline]
    pub(crate) fn put(&self, kind: PacketKind, body_len: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.packet_id.get().to_be_bytes());
        if body_len > 2 {
            out.push(self.reason.byte());
        }
        if body_len > 3 {
            // The length was checked by `body_len`, which is called first.
            let len = self.properties.checked_len(owner(kind)).unwrap_or_default();
            self.properties.put(len, out);
        }
    }
}
