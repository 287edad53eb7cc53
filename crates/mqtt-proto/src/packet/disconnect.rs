//! DISCONNECT and AUTH: packets of a reason and its properties.

use alloc::vec::Vec;

use crate::error::EncodeError;
use crate::packet::ack::read_reason;
use crate::packet::connect::{put_section, section_len};
use crate::property::Properties;
use crate::property_id::PropertyOwner;
use crate::reason::ReasonCode;
use crate::types::{PacketKind, Sender, Version};
use crate::wire::{Fault, Reader};

/// The last packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why the connection ends; before 5.0 always success.
    pub reason: ReasonCode,
    /// 5.0: what is said about it.
    pub properties: Properties<'a>,
}

/// 5.0: one step of an authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Which step.
    pub reason: ReasonCode,
    /// Method and data.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    /// A reason, without properties.
    pub const fn with_reason(reason: ReasonCode) -> Disconnect<'static> {
        Disconnect { reason, properties: Properties::EMPTY }
    }

    pub(crate) fn decode(
        reader: &mut Reader<'a>,
        version: Version,
        sender: Option<Sender>,
    ) -> Result<Disconnect<'a>, Fault> {
        let (reason, properties) = if version.has_properties() {
            decode_short(reader, PropertyOwner::Disconnect, sender)?
        } else {
            (ReasonCode::Success, Properties::EMPTY)
        };
        Ok(Disconnect { reason, properties })
    }

    pub(crate) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        short_len(self.reason, &self.properties, PropertyOwner::Disconnect, version)
    }

    pub(crate) fn put(&self, body_len: usize, out: &mut Vec<u8>) {
        put_short(self.reason, &self.properties, PropertyOwner::Disconnect, body_len, out);
    }
}

impl<'a> Auth<'a> {
    pub(crate) fn decode(reader: &mut Reader<'a>, sender: Option<Sender>) -> Result<Auth<'a>, Fault> {
        let (reason, properties) = decode_short(reader, PropertyOwner::Auth, sender)?;
        Ok(Auth { reason, properties })
    }

    pub(crate) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        if !version.has_properties() {
            return Err(EncodeError::NeedsVersion5(PacketKind::Auth));
        }
        short_len(self.reason, &self.properties, PropertyOwner::Auth, version)
    }

    pub(crate) fn put(&self, body_len: usize, out: &mut Vec<u8>) {
        put_short(self.reason, &self.properties, PropertyOwner::Auth, body_len, out);
    }
}

/// Reason and properties, of which either may be left out from the end.
fn decode_short<'a>(
    reader: &mut Reader<'a>,
    owner: PropertyOwner,
    sender: Option<Sender>,
) -> Result<(ReasonCode, Properties<'a>), Fault> {
    if reader.is_empty() {
        return Ok((ReasonCode::Success, Properties::EMPTY));
    }
    let reason = read_reason(reader, owner.packet())?;
    let properties =
        if reader.is_empty() { Properties::EMPTY } else { Properties::decode(reader, owner, sender)? };
    Ok((reason, properties))
}

fn short_len(
    reason: ReasonCode,
    properties: &Properties<'_>,
    owner: PropertyOwner,
    version: Version,
) -> Result<usize, EncodeError> {
    if !reason.is_legal_in(owner.packet()) {
        return Err(EncodeError::ReasonCode(reason));
    }
    let is_plain = reason == ReasonCode::Success && properties.is_empty();
    if !is_plain && !version.has_properties() {
        return Err(EncodeError::NeedsVersion5(owner.packet()));
    }
    match (is_plain, properties.is_empty()) {
        (true, _) => Ok(0),
        (false, true) => Ok(1),
        (false, false) => Ok(1 + section_len(properties, owner, version)?),
    }
}

fn put_short(
    reason: ReasonCode,
    properties: &Properties<'_>,
    owner: PropertyOwner,
    body_len: usize,
    out: &mut Vec<u8>,
) {
    if body_len > 0 {
        out.push(reason.byte());
    }
    if body_len > 1 {
        put_section(properties, owner, Version::V5_0, out);
    }
}
