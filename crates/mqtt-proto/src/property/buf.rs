//! Properties that own their memory, for those who keep them.

use alloc::vec::Vec;
use core::fmt;

use super::section::validate;
use super::{Properties, Property};
use crate::error::DecodeErrorKind;
use crate::error::EncodeError;
use crate::property_id::{PropertyId, PropertyOwner};
use crate::sink::Sink;

/// Properties that own their memory, kept in their encoded form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PropertyBuf {
    raw: Vec<u8>,
    raw_ids: u32,
}

impl PropertyBuf {
    /// No properties; allocates nothing.
    pub const fn new() -> PropertyBuf {
        PropertyBuf { raw: Vec::new(), raw_ids: 0 }
    }

    /// What [`PropertyBuf::as_bytes`] has given of properties for a packet of `owner`.
    ///
    /// Fails if there is something else in it, or something that is not legal there.
    pub fn from_bytes(owner: PropertyOwner, raw: Vec<u8>) -> Result<PropertyBuf, DecodeErrorKind> {
        let raw_ids = validate(&raw, owner, None).map_err(|(kind, _)| kind)?;
        Ok(PropertyBuf { raw, raw_ids })
    }

    /// The encoded properties, without the length in front.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// Adds a property for a packet of `owner`.
    ///
    /// Fails, and adds nothing, if it is not legal there, stands there already, or has a value that it may not have.
    pub fn push(&mut self, owner: PropertyOwner, property: Property<'_>) -> Result<(), EncodeError> {
        let (bit, size) = property.check(owner, self.raw_ids)?;
        property.check_text()?;
        let start = self.raw.len();
        self.raw.resize(start + size, 0);
        property.put(&mut Sink::new(&mut self.raw[start..]));
        self.raw_ids |= bit;
        Ok(())
    }

    /// Adds those of `properties` that `is_kept` wants; what stands before a fault stays added.
    pub fn extend(
        &mut self,
        owner: PropertyOwner,
        properties: Properties<'_>,
        mut is_kept: impl FnMut(PropertyId) -> bool,
    ) -> Result<(), EncodeError> {
        properties
            .iter()
            .filter(|property| is_kept(property.id()))
            .try_for_each(|property| self.push(owner, property))
    }

    /// The properties, borrowed.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties::checked(&self.raw, self.raw_ids)
    }

    /// Removes all properties and keeps the memory.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.raw_ids = 0;
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Size of the encoded properties in bytes, without the length in front.
    pub fn len(&self) -> usize {
        self.raw.len()
    }
}

impl fmt::Debug for PropertyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_properties().fmt(f)
    }
}
