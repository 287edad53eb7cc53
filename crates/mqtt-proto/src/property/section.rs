//! The raw section of properties in a packet: validated once, and walked when asked.

use super::value::{Property, Source, Value};
use crate::error::DecodeErrorKind;
use crate::property_id::{PropertyId, PropertyOwner, PropertyType, RULES, is_data_alone};
use crate::text::{self, has_nul_or_wildcard};
use crate::types::Sender;
use crate::wire::{Fault, Faulty, Reader, split_field};

/// One bit for each property of a raw section, if it is legal for the owner.
#[inline]
pub(super) fn validate(raw: &[u8], owner: PropertyOwner, sender: Option<Sender>) -> Result<u32, Fault> {
    match validate_plain(raw, owner) {
        Some(seen) => Ok(seen),
        None => validate_any(raw, owner, sender),
    }
}

/// The same for a section with nothing unusual in it; none if there is anything, broken or not.
pub(super) fn validate_plain(raw: &[u8], owner: PropertyOwner) -> Option<u32> {
    let mut rest = raw;
    let mut seen = 0;
    while let Some((id, value)) = rest.split_first() {
        let rule = RULES.get(usize::from(*id))?;
        if rule.owners >> owner as u16 & 1 == 0 || seen & rule.bit & !MAY_REPEAT != 0 {
            return None;
        }
        seen |= rule.bit;
        rest = match rule.value_type {
            PropertyType::Byte => {
                let ([0 | 1], rest) = value.split_first_chunk()? else { return None };
                rest
            }
            PropertyType::TwoByteInteger => {
                let (integer, rest) = value.split_first_chunk::<2>()?;
                if *integer == [0; 2] {
                    return None;
                }
                rest
            }
            PropertyType::FourByteInteger => {
                let (integer, rest) = value.split_first_chunk::<4>()?;
                if *integer == [0; 4] {
                    return None;
                }
                rest
            }
            PropertyType::String if rule.bit == RESPONSE_TOPIC => {
                let (topic, rest) = split_field(value)?;
                if topic.is_empty() || !text::is_plain_name(topic) {
                    return None;
                }
                rest
            }
            PropertyType::String | PropertyType::StringPair => {
                let (first, mut rest) = split_field(value)?;
                let mut is_plain = text::is_plain(first);
                if matches!(rule.value_type, PropertyType::StringPair) {
                    let second;
                    (second, rest) = split_field(rest)?;
                    is_plain &= text::is_plain(second);
                }
                if !is_plain {
                    return None;
                }
                rest
            }
            PropertyType::Binary => split_field(value)?.1,
            // Who may send it depends on the packet.
            PropertyType::VariableByteInteger => return None,
        };
    }
    if seen & SIDE_MATTERS == 0 { Some(seen) } else { None }
}

/// What may stand there more than once.
const MAY_REPEAT: u32 = PropertyId::UserProperty.bit();

const RESPONSE_TOPIC: u32 = PropertyId::ResponseTopic.bit();

/// What depends on the side that sends it, or on what stands beside it.
const SIDE_MATTERS: u32 = PropertyId::SessionExpiryInterval.bit()
    | PropertyId::ServerReference.bit()
    | PropertyId::AuthenticationData.bit();

pub(super) fn validate_any(raw: &[u8], owner: PropertyOwner, sender: Option<Sender>) -> Result<u32, Fault> {
    let mut reader = Reader::new(raw, 0);
    let mut seen = 0;
    while !reader.is_empty() {
        match validate_one(&mut reader, seen, owner, sender) {
            Ok(id) => seen |= id.bit(),
            Err(Faulty) => return Err(reader.fault()),
        }
    }
    if is_data_alone(seen) { Err((DecodeErrorKind::AuthenticationDataAlone, 0)) } else { Ok(seen) }
}

#[inline(always)]
fn validate_one(
    reader: &mut Reader<'_>,
    seen: u32,
    owner: PropertyOwner,
    sender: Option<Sender>,
) -> Result<PropertyId, Faulty> {
    let start = reader.at();
    let number = reader.variable()?;
    let Some(id) = PropertyId::from_id(number) else {
        return Err(reader.refuse(DecodeErrorKind::UnknownProperty { id: number }, start));
    };
    if !id.is_legal_in(owner) || sender.is_some_and(|sender| is_from_wrong_side(id, owner, sender)) {
        return Err(reader.refuse(DecodeErrorKind::PropertyNotAllowed(id), start));
    }
    if seen & id.bit() != 0 && !id.may_repeat_in(owner) {
        return Err(reader.refuse(DecodeErrorKind::PropertyRepeated(id), start));
    }
    let value_at = reader.at();
    if is_allowed(id, reader)? {
        Ok(id)
    } else {
        Err(reader.refuse(DecodeErrorKind::PropertyValue(id), value_at))
    }
}

/// [5.0 MQTT-3.3.4-6] [5.0 MQTT-3.14.2-2]
fn is_from_wrong_side(id: PropertyId, owner: PropertyOwner, sender: Sender) -> bool {
    match (id, owner) {
        (PropertyId::SubscriptionIdentifier, PropertyOwner::Publish) => sender == Sender::Client,
        (PropertyId::SessionExpiryInterval, PropertyOwner::Disconnect) => sender == Sender::Server,
        (PropertyId::ServerReference, PropertyOwner::Disconnect) => sender == Sender::Client,
        _ => false,
    }
}

/// Steps over a value and says whether it may stand there. [5.0 MQTT-1.5.7-1]
#[inline(always)]
fn is_allowed(id: PropertyId, reader: &mut Reader<'_>) -> Result<bool, Faulty> {
    Ok(match id.value_type() {
        PropertyType::Byte => reader.u8()? <= 1,
        PropertyType::TwoByteInteger => reader.u16()? > 0 || id.may_be_zero(),
        PropertyType::FourByteInteger => {
            let bytes = reader.take(4)?;
            bytes != [0; 4] || id.may_be_zero()
        }
        PropertyType::VariableByteInteger => reader.variable()? > 0,
        PropertyType::Binary => {
            reader.binary()?;
            true
        }
        PropertyType::String => {
            let text = reader.text()?;
            id != PropertyId::ResponseTopic || !text.is_empty() && !has_nul_or_wildcard(text)
        }
        PropertyType::StringPair => {
            reader.text()?;
            reader.text()?;
            true
        }
    })
}

/// A walk over a section that was validated, so that no read can fail; one that did would end the walk.
#[derive(Clone)]
pub(super) struct Section<'a> {
    raw: &'a [u8],
    at: usize,
    /// The whole section as text, once a string was read; empty if it is none.
    ///
    /// Its parts are strings at once, while each string alone would have to be checked again.
    whole: Option<&'a str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(raw: &'a [u8]) -> Section<'a> {
        Section { raw, at: 0, whole: None }
    }

    /// The next property.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<Property<'a>> {
        Property::read(self.id()?, self)
    }

    /// The first property of that kind.
    pub(super) fn find(mut self, wanted: PropertyId) -> Option<Property<'a>> {
        loop {
            let id = self.id()?;
            if id == wanted {
                // One string alone is checked at less cost than the whole section.
                self.whole = Some("");
                return Property::read(id, &mut self);
            }
            self.step_over(id.value_type())?;
        }
    }

    #[inline(always)]
    fn id(&mut self) -> Option<PropertyId> {
        let id = *self.raw.get(self.at)?;
        self.at += 1;
        PropertyId::from_id(u32::from(id))
    }

    #[inline(always)]
    fn step_over(&mut self, kind: PropertyType) -> Option<()> {
        match kind {
            PropertyType::Byte => self.at += 1,
            PropertyType::TwoByteInteger => self.at += 2,
            PropertyType::FourByteInteger => self.at += 4,
            PropertyType::VariableByteInteger => _ = self.variable()?,
            PropertyType::String | PropertyType::Binary => _ = self.binary()?,
            PropertyType::StringPair => {
                self.binary()?;
                self.binary()?;
            }
        }
        Some(())
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.raw.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(bytes)
    }

    #[inline(always)]
    fn variable(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Some(value)
    }

    #[inline(always)]
    fn binary(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(u16::from_be_bytes(self.array()?));
        let bytes = self.raw.get(self.at..self.at + len)?;
        self.at += len;
        Some(bytes)
    }

    #[inline(always)]
    fn text(&mut self) -> Option<&'a str> {
        let bytes = self.binary()?;
        let whole = match self.whole {
            Some(whole) => whole,
            None => *self.whole.insert(text::checked(self.raw)),
        };
        match whole.get(self.at - bytes.len()..self.at) {
            Some(text) => Some(text),
            None => Some(text::checked(bytes)),
        }
    }
}

impl<'a> Source<'a> for &mut Section<'a> {
    #[inline(always)]
    fn read(&mut self, kind: PropertyType) -> Option<Value<'a>> {
        Some(match kind {
            PropertyType::Byte => Value::Byte(self.array::<1>()?[0]),
            PropertyType::TwoByteInteger => Value::TwoByteInteger(u16::from_be_bytes(self.array()?)),
            PropertyType::FourByteInteger => Value::FourByteInteger(u32::from_be_bytes(self.array()?)),
            PropertyType::VariableByteInteger => Value::VariableByteInteger(self.variable()?),
            PropertyType::Binary => Value::Binary(self.binary()?),
            PropertyType::String => Value::String(self.text()?),
            PropertyType::StringPair => Value::StringPair(self.text()?, self.text()?),
        })
    }
}
