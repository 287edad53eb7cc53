//! DISCONNECT and AUTH: packets of a reason and its properties.

use crate::error::{DecodeErrorKind, EncodeError};
use crate::packet::ack::read_reason;
use crate::packet::connect::{put_section, section_len};
use crate::property::Properties;
use crate::property_id::{PropertyId, PropertyOwner};
use crate::reason::ReasonCode;
use crate::sink::Sink;
use crate::types::{PacketKind, Sender, Version};
use crate::wire::{Faulty, Reader};

/// The last packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why the connection ends; before 5.0 always success.
    pub reason: ReasonCode,
    /// 5.0: properties.
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
        Disconnect { reason, properties: Properties::none() }
    }

    /// In 5.0 reason and properties may be left out when they say nothing.
    #[inline(always)]
    pub(crate) fn decode(
        reader: &mut Reader<'a>,
        version: Version,
        sender: Option<Sender>,
    ) -> Result<Disconnect<'a>, Faulty> {
        let mut disconnect = Disconnect::with_reason(ReasonCode::Success);
        if version.has_properties() && !reader.is_empty() {
            disconnect.reason = read_reason(reader, PacketKind::Disconnect)?;
            if !reader.is_empty() {
                disconnect.properties = Properties::decode(reader, PropertyOwner::Disconnect, sender)?;
            }
        }
        Ok(disconnect)
    }

    pub(crate) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        short_len(self.reason, &self.properties, PropertyOwner::Disconnect, version)
    }

    pub(crate) fn put(&self, body_len: usize, sink: &mut Sink<'_>) {
        put_short(self.reason, &self.properties, body_len, sink);
    }
}

impl<'a> Auth<'a> {
    #[inline(always)]
    pub(crate) fn decode(reader: &mut Reader<'a>, sender: Option<Sender>) -> Result<Auth<'a>, Faulty> {
        if reader.is_empty() {
            return Ok(Auth { reason: ReasonCode::Success, properties: Properties::none() });
        }
        // Unlike DISCONNECT, AUTH has no form that ends behind the reason.
        let reason = read_reason(reader, PacketKind::Auth)?;
        let properties_at = reader.at();
        let properties = Properties::decode(reader, PropertyOwner::Auth, sender)?;
        let auth = Auth { reason, properties };
        if auth.is_complete() {
            Ok(auth)
        } else {
            Err(reader.refuse(DecodeErrorKind::AuthenticationMethodMissing, properties_at))
        }
    }

    /// Whether it names its method; success without properties, which may be left out altogether, need not.
    fn is_complete(&self) -> bool {
        self.properties.contains(PropertyId::AuthenticationMethod)
            || self.reason == ReasonCode::Success && self.properties.is_empty()
    }

    pub(crate) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        if !version.has_properties() {
            return Err(EncodeError::NeedsVersion5(PacketKind::Auth));
        }
        if !self.is_complete() {
            return Err(EncodeError::AuthenticationMethodMissing);
        }
        short_len(self.reason, &self.properties, PropertyOwner::Auth, version)
    }

    pub(crate) fn put(&self, body_len: usize, sink: &mut Sink<'_>) {
        put_short(self.reason, &self.properties, body_len, sink);
    }
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

fn put_short(reason: ReasonCode, properties: &Properties<'_>, body_len: usize, sink: &mut Sink<'_>) {
    if body_len > 0 {
        sink.u8(reason.byte());
    }
    if body_len > 1 {
        put_section(properties, Version::V5_0, sink);
    }
}
