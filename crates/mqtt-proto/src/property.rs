//! Properties of 5.0: a typed view over a raw section, and the same view over a list to be encoded.
//!
//! Decoding validates a section once, without copying it, and notes which properties it holds. What is then
//! asked for is parsed on the spot, so that a property nobody reads costs only its validation.

mod buf;

pub use buf::PropertyBuf;

use alloc::vec::Vec;
use core::fmt;

use crate::error::{DecodeErrorKind, EncodeError};
use crate::property_id::{PropertyId, PropertyOwner, PropertyType};
use crate::types::Sender;
use crate::wire::{
    Fault, Reader, check_binary, check_string, has_nul_or_wildcard, put_binary, put_variable, variable_len,
};

/// One property and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants carry the standard's own names")]
pub enum Property<'a> {
    /// 0: bytes, 1: UTF-8.
    PayloadFormatIndicator(u8),
    /// Seconds.
    MessageExpiryInterval(u32),
    ContentType(&'a str),
    ResponseTopic(&'a str),
    CorrelationData(&'a [u8]),
    /// 1 to 268,435,455.
    SubscriptionIdentifier(u32),
    /// Seconds; 4,294,967,295 is never.
    SessionExpiryInterval(u32),
    AssignedClientIdentifier(&'a str),
    /// Seconds.
    ServerKeepAlive(u16),
    AuthenticationMethod(&'a str),
    AuthenticationData(&'a [u8]),
    RequestProblemInformation(u8),
    /// Seconds.
    WillDelayInterval(u32),
    RequestResponseInformation(u8),
    ResponseInformation(&'a str),
    ServerReference(&'a str),
    ReasonString(&'a str),
    /// Packets; not 0.
    ReceiveMaximum(u16),
    TopicAliasMaximum(u16),
    /// Not 0.
    TopicAlias(u16),
    /// 0 or 1.
    MaximumQoS(u8),
    RetainAvailable(u8),
    UserProperty(&'a str, &'a str),
    /// Bytes of the whole packet; not 0.
    MaximumPacketSize(u32),
    WildcardSubscriptionAvailable(u8),
    SubscriptionIdentifierAvailable(u8),
    SharedSubscriptionAvailable(u8),
}

impl Property<'_> {
    /// Which property it is.
    pub const fn id(&self) -> PropertyId {
        match self {
            Property::PayloadFormatIndicator(_) => PropertyId::PayloadFormatIndicator,
            Property::MessageExpiryInterval(_) => PropertyId::MessageExpiryInterval,
            Property::ContentType(_) => PropertyId::ContentType,
            Property::ResponseTopic(_) => PropertyId::ResponseTopic,
            Property::CorrelationData(_) => PropertyId::CorrelationData,
            Property::SubscriptionIdentifier(_) => PropertyId::SubscriptionIdentifier,
            Property::SessionExpiryInterval(_) => PropertyId::SessionExpiryInterval,
            Property::AssignedClientIdentifier(_) => PropertyId::AssignedClientIdentifier,
            Property::ServerKeepAlive(_) => PropertyId::ServerKeepAlive,
            Property::AuthenticationMethod(_) => PropertyId::AuthenticationMethod,
            Property::AuthenticationData(_) => PropertyId::AuthenticationData,
            Property::RequestProblemInformation(_) => PropertyId::RequestProblemInformation,
            Property::WillDelayInterval(_) => PropertyId::WillDelayInterval,
            Property::RequestResponseInformation(_) => PropertyId::RequestResponseInformation,
            Property::ResponseInformation(_) => PropertyId::ResponseInformation,
            Property::ServerReference(_) => PropertyId::ServerReference,
            Property::ReasonString(_) => PropertyId::ReasonString,
            Property::ReceiveMaximum(_) => PropertyId::ReceiveMaximum,
            Property::TopicAliasMaximum(_) => PropertyId::TopicAliasMaximum,
            Property::TopicAlias(_) => PropertyId::TopicAlias,
            Property::MaximumQoS(_) => PropertyId::MaximumQoS,
            Property::RetainAvailable(_) => PropertyId::RetainAvailable,
            Property::UserProperty(..) => PropertyId::UserProperty,
            Property::MaximumPacketSize(_) => PropertyId::MaximumPacketSize,
            Property::WildcardSubscriptionAvailable(_) => PropertyId::WildcardSubscriptionAvailable,
            Property::SubscriptionIdentifierAvailable(_) => PropertyId::SubscriptionIdentifierAvailable,
            Property::SharedSubscriptionAvailable(_) => PropertyId::SharedSubscriptionAvailable,
        }
    }

    /// The size on the wire, if the value may be sent.
    fn checked_len(&self) -> Result<usize, EncodeError> {
        let value = match *self {
            Property::PayloadFormatIndicator(value)
            | Property::RequestProblemInformation(value)
            | Property::RequestResponseInformation(value)
            | Property::MaximumQoS(value)
            | Property::RetainAvailable(value)
            | Property::WildcardSubscriptionAvailable(value)
            | Property::SubscriptionIdentifierAvailable(value)
            | Property::SharedSubscriptionAvailable(value) => self.check(value <= 1, 1)?,
            Property::ServerKeepAlive(_) | Property::TopicAliasMaximum(_) => 2,
            Property::ReceiveMaximum(value) | Property::TopicAlias(value) => self.check(value > 0, 2)?,
            Property::MessageExpiryInterval(_)
            | Property::SessionExpiryInterval(_)
            | Property::WillDelayInterval(_) => 4,
            Property::MaximumPacketSize(value) => self.check(value > 0, 4)?,
            Property::SubscriptionIdentifier(value) => {
                self.check(0 < value && value <= VARIABLE_MAX, variable_len(value as usize))?
            }
            Property::ResponseTopic(topic) => {
                let is_name = !topic.is_empty() && !has_nul_or_wildcard(topic.as_bytes());
                self.check(is_name, check_binary(topic.as_bytes())?)?
            }
            Property::ContentType(text)
            | Property::AssignedClientIdentifier(text)
            | Property::AuthenticationMethod(text)
            | Property::ResponseInformation(text)
            | Property::ServerReference(text)
            | Property::ReasonString(text) => check_string(text)?,
            Property::CorrelationData(bytes) | Property::AuthenticationData(bytes) => check_binary(bytes)?,
            Property::UserProperty(name, value) => check_string(name)? + check_string(value)?,
        };
        Ok(1 + value)
    }

    fn check(&self, is_allowed: bool, len: usize) -> Result<usize, EncodeError> {
        if is_allowed { Ok(len) } else { Err(EncodeError::PropertyValue(self.id())) }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.id() as u8);
        match *self {
            Property::PayloadFormatIndicator(value)
            | Property::RequestProblemInformation(value)
            | Property::RequestResponseInformation(value)
            | Property::MaximumQoS(value)
            | Property::RetainAvailable(value)
            | Property::WildcardSubscriptionAvailable(value)
            | Property::SubscriptionIdentifierAvailable(value)
            | Property::SharedSubscriptionAvailable(value) => out.push(value),
            Property::ServerKeepAlive(value)
            | Property::TopicAliasMaximum(value)
            | Property::ReceiveMaximum(value)
            | Property::TopicAlias(value) => out.extend_from_slice(&value.to_be_bytes()),
            Property::MessageExpiryInterval(value)
            | Property::SessionExpiryInterval(value)
            | Property::WillDelayInterval(value)
            | Property::MaximumPacketSize(value) => out.extend_from_slice(&value.to_be_bytes()),
            Property::SubscriptionIdentifier(value) => put_variable(out, value as usize),
            Property::ResponseTopic(text)
            | Property::ContentType(text)
            | Property::AssignedClientIdentifier(text)
            | Property::AuthenticationMethod(text)
            | Property::ResponseInformation(text)
            | Property::ServerReference(text)
            | Property::ReasonString(text) => put_binary(out, text.as_bytes()),
            Property::CorrelationData(bytes) | Property::AuthenticationData(bytes) => put_binary(out, bytes),
            Property::UserProperty(name, value) => {
                put_binary(out, name.as_bytes());
                put_binary(out, value.as_bytes());
            }
        }
    }
}

/// Largest variable byte integer.
const VARIABLE_MAX: u32 = crate::types::REMAINING_LENGTH_MAX;

/// The properties of one packet or will: first those of a list, then those of a raw section.
///
/// A decoded packet has only the raw section. A packet to be encoded has either, or both: what was received and is
/// passed on stays raw, what is added stands in the list.
#[derive(Clone, Copy)]
pub struct Properties<'a> {
    list: &'a [Property<'a>],
    raw: &'a [u8],
    /// One bit for each property in `raw`.
    raw_ids: u64,
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Properties<'static> = Properties { list: &[], raw: &[], raw_ids: 0 };

    /// Properties to be encoded, in this order.
    pub const fn new(list: &'a [Property<'a>]) -> Properties<'a> {
        Properties { list, raw: &[], raw_ids: 0 }
    }

    /// The same properties with those of `list` in front, in place of any that were in front before.
    pub const fn with_list(self, list: &'a [Property<'a>]) -> Properties<'a> {
        Properties { list, ..self }
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty() && self.raw.is_empty()
    }

    /// All properties in their order.
    pub fn iter(&self) -> PropertiesIter<'a> {
        PropertiesIter { list: self.list, raw: Reader::new(self.raw, 0) }
    }

    /// Whether this property is there.
    pub fn contains(&self, id: PropertyId) -> bool {
        self.raw_ids & id.bit() != 0 || self.list.iter().any(|property| property.id() == id)
    }

    #[inline]
    fn find(&self, id: PropertyId) -> Option<Property<'a>> {
        if self.list.is_empty() && self.raw_ids & id.bit() == 0 {
            return None;
        }
        self.iter().find(|property| property.id() == id)
    }

    /// User properties in their order; names may repeat.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.iter().filter_map(|property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// Subscription Identifiers: of a message one for each matching subscription.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + use<'a> {
        let is_there = self.contains(PropertyId::SubscriptionIdentifier);
        let all = if is_there { self.iter() } else { Properties::EMPTY.iter() };
        all.filter_map(|property| match property {
            Property::SubscriptionIdentifier(id) => Some(id),
            _ => None,
        })
    }

    /// Validates a raw section as it stands in a packet of `owner`, without its length in front.
    #[inline]
    pub(crate) fn decode(
        reader: &mut Reader<'a>,
        owner: PropertyOwner,
        sender: Option<Sender>,
    ) -> Result<Properties<'a>, Fault> {
        let len = reader.variable()? as usize;
        if len == 0 {
            return Ok(Properties::EMPTY);
        }
        let start = reader.at();
        let raw = reader.take(len)?;
        match validate(raw, owner, sender) {
            Ok(raw_ids) => Ok(Properties { list: &[], raw, raw_ids }),
            Err((kind, offset)) => Err((kind, start + offset)),
        }
    }

    /// The size of the section without its length in front, if it may stand in a packet of `owner`.
    #[inline]
    pub(crate) fn checked_len(&self, owner: PropertyOwner) -> Result<usize, EncodeError> {
        let mut seen = self.raw_ids;
        let mut len = self.raw.len();
        for property in self.list {
            let id = property.id();
            if !id.is_legal_in(owner) {
                return Err(EncodeError::PropertyNotAllowed { id, owner });
            }
            if seen & id.bit() != 0 && !id.may_repeat_in(owner) {
                return Err(EncodeError::PropertyRepeated(id));
            }
            seen |= id.bit();
            len += property.checked_len()?;
        }
        if self.raw_ids != 0 {
            self.check_raw(owner)?;
        }
        if is_data_alone(seen) {
            return Err(EncodeError::AuthenticationDataAlone);
        }
        Ok(len)
    }

    /// A raw section may come from another packet, so its properties are checked against the new owner.
    fn check_raw(&self, owner: PropertyOwner) -> Result<(), EncodeError> {
        for &id in PropertyId::ALL {
            if self.raw_ids & id.bit() != 0 && !id.is_legal_in(owner) {
                return Err(EncodeError::PropertyNotAllowed { id, owner });
            }
        }
        // The only property of which some owners take several and others one.
        let id = PropertyId::SubscriptionIdentifier;
        let is_once = self.raw_ids & id.bit() != 0 && !id.may_repeat_in(owner);
        if is_once && self.subscription_identifiers().count() > 1 {
            return Err(EncodeError::PropertyRepeated(id));
        }
        Ok(())
    }

    /// Appends the section of the given length, with the length in front. [5.0 MQTT-2.2.2-1]
    #[inline]
    pub(crate) fn put(&self, len: usize, out: &mut Vec<u8>) {
        put_variable(out, len);
        for property in self.list {
            property.put(out);
        }
        out.extend_from_slice(self.raw);
    }
}

/// One bit for each property of a raw section, if it is legal for the owner.
fn validate(raw: &[u8], owner: PropertyOwner, sender: Option<Sender>) -> Result<u64, Fault> {
    let mut reader = Reader::new(raw, 0);
    let mut seen = 0;
    while !reader.is_empty() {
        let start = reader.at();
        let id = read_id(&mut reader)?;
        if !id.is_legal_in(owner) || is_from_wrong_side(id, owner, sender) {
            return Err((DecodeErrorKind::PropertyNotAllowed(id), start));
        }
        if seen & id.bit() != 0 && !id.may_repeat_in(owner) {
            return Err((DecodeErrorKind::PropertyRepeated(id), start));
        }
        seen |= id.bit();
        check_value(id, &mut reader)?;
    }
    if is_data_alone(seen) { Err((DecodeErrorKind::AuthenticationDataAlone, 0)) } else { Ok(seen) }
}

/// Authentication Data needs an Authentication Method beside it.
#[inline]
fn is_data_alone(seen: u64) -> bool {
    let method = PropertyId::AuthenticationMethod.bit();
    seen & PropertyId::AuthenticationData.bit() != 0 && seen & method == 0
}

#[inline]
fn read_id(reader: &mut Reader<'_>) -> Result<PropertyId, Fault> {
    let start = reader.at();
    let id = reader.variable()?;
    PropertyId::from_id(id).ok_or((DecodeErrorKind::UnknownProperty { id }, start))
}

/// [5.0 MQTT-3.3.4-6] [5.0 MQTT-3.14.2-2]
fn is_from_wrong_side(id: PropertyId, owner: PropertyOwner, sender: Option<Sender>) -> bool {
    match (id, owner) {
        (PropertyId::SubscriptionIdentifier, PropertyOwner::Publish) => sender == Some(Sender::Client),
        (PropertyId::SessionExpiryInterval, PropertyOwner::Disconnect) => sender == Some(Sender::Server),
        (PropertyId::ServerReference, PropertyOwner::Disconnect) => sender == Some(Sender::Client),
        _ => false,
    }
}

/// Steps over a value and checks it. [5.0 MQTT-1.5.7-1]
#[inline]
fn check_value(id: PropertyId, reader: &mut Reader<'_>) -> Result<(), Fault> {
    let start = reader.at();
    let is_allowed = match id.value_type() {
        PropertyType::Byte => reader.u8()? <= 1,
        PropertyType::TwoByteInteger => {
            let value = reader.u16()?;
            value > 0 || !matches!(id, PropertyId::ReceiveMaximum | PropertyId::TopicAlias)
        }
        PropertyType::FourByteInteger => {
            let value = reader.u32()?;
            value > 0 || id != PropertyId::MaximumPacketSize
        }
        PropertyType::VariableByteInteger => reader.variable()? > 0,
        PropertyType::Binary => {
            reader.binary()?;
            true
        }
        PropertyType::String if id == PropertyId::ResponseTopic => {
            let topic = reader.string()?;
            !topic.is_empty() && !has_nul_or_wildcard(topic.as_bytes())
        }
        PropertyType::String => {
            reader.string()?;
            true
        }
        PropertyType::StringPair => {
            reader.string()?;
            reader.string()?;
            true
        }
    };
    if is_allowed { Ok(()) } else { Err((DecodeErrorKind::PropertyValue(id), start)) }
}

/// Iterates over properties in their order.
#[derive(Clone)]
pub struct PropertiesIter<'a> {
    list: &'a [Property<'a>],
    raw: Reader<'a>,
}

impl<'a> Iterator for PropertiesIter<'a> {
    type Item = Property<'a>;

    #[inline]
    fn next(&mut self) -> Option<Property<'a>> {
        if let Some((first, rest)) = self.list.split_first() {
            self.list = rest;
            return Some(*first);
        }
        if self.raw.is_empty() {
            return None;
        }
        // A section in `Properties` was validated, so a fault cannot come up; it would end the iteration.
        read_property(&mut self.raw).ok()
    }
}

fn read_property<'a>(reader: &mut Reader<'a>) -> Result<Property<'a>, Fault> {
    Ok(match read_id(reader)? {
        PropertyId::PayloadFormatIndicator => Property::PayloadFormatIndicator(reader.u8()?),
        PropertyId::MessageExpiryInterval => Property::MessageExpiryInterval(reader.u32()?),
        PropertyId::ContentType => Property::ContentType(reader.utf8()?),
        PropertyId::ResponseTopic => Property::ResponseTopic(reader.utf8()?),
        PropertyId::CorrelationData => Property::CorrelationData(reader.binary()?),
        PropertyId::SubscriptionIdentifier => Property::SubscriptionIdentifier(reader.variable()?),
        PropertyId::SessionExpiryInterval => Property::SessionExpiryInterval(reader.u32()?),
        PropertyId::AssignedClientIdentifier => Property::AssignedClientIdentifier(reader.utf8()?),
        PropertyId::ServerKeepAlive => Property::ServerKeepAlive(reader.u16()?),
        PropertyId::AuthenticationMethod => Property::AuthenticationMethod(reader.utf8()?),
        PropertyId::AuthenticationData => Property::AuthenticationData(reader.binary()?),
        PropertyId::RequestProblemInformation => Property::RequestProblemInformation(reader.u8()?),
        PropertyId::WillDelayInterval => Property::WillDelayInterval(reader.u32()?),
        PropertyId::RequestResponseInformation => Property::RequestResponseInformation(reader.u8()?),
        PropertyId::ResponseInformation => Property::ResponseInformation(reader.utf8()?),
        PropertyId::ServerReference => Property::ServerReference(reader.utf8()?),
        PropertyId::ReasonString => Property::ReasonString(reader.utf8()?),
        PropertyId::ReceiveMaximum => Property::ReceiveMaximum(reader.u16()?),
        PropertyId::TopicAliasMaximum => Property::TopicAliasMaximum(reader.u16()?),
        PropertyId::TopicAlias => Property::TopicAlias(reader.u16()?),
        PropertyId::MaximumQoS => Property::MaximumQoS(reader.u8()?),
        PropertyId::RetainAvailable => Property::RetainAvailable(reader.u8()?),
        PropertyId::UserProperty => Property::UserProperty(reader.utf8()?, reader.utf8()?),
        PropertyId::MaximumPacketSize => Property::MaximumPacketSize(reader.u32()?),
        PropertyId::WildcardSubscriptionAvailable => Property::WildcardSubscriptionAvailable(reader.u8()?),
        PropertyId::SubscriptionIdentifierAvailable => {
            Property::SubscriptionIdentifierAvailable(reader.u8()?)
        }
        PropertyId::SharedSubscriptionAvailable => Property::SharedSubscriptionAvailable(reader.u8()?),
    })
}

macro_rules! getters {
    ($($name:ident: $id:ident -> $value:ty, $text:literal;)*) => {
        impl<'a> Properties<'a> {
            $(
                #[doc = $text]
                #[inline]
                pub fn $name(&self) -> Option<$value> {
                    match self.find(PropertyId::$id) {
                        Some(Property::$id(value)) => Some(value),
                        _ => None,
                    }
                }
            )*
        }
    };
}

getters! {
    payload_format_indicator: PayloadFormatIndicator -> u8, "0: the payload is bytes, 1: it is UTF-8.";
    message_expiry_interval: MessageExpiryInterval -> u32, "Lifetime of the message in seconds.";
    content_type: ContentType -> &'a str, "What the payload is, in the application's words.";
    response_topic: ResponseTopic -> &'a str, "Where an answer is expected.";
    correlation_data: CorrelationData -> &'a [u8], "What an answer must repeat.";
    session_expiry_interval: SessionExpiryInterval -> u32, "Seconds that the session outlives its connection.";
    assigned_client_identifier: AssignedClientIdentifier -> &'a str, "The client identifier that the server chose.";
    server_keep_alive: ServerKeepAlive -> u16, "Keep alive in seconds that replaces the client's own.";
    authentication_method: AuthenticationMethod -> &'a str, "Name of the authentication method.";
    authentication_data: AuthenticationData -> &'a [u8], "Data of the authentication method.";
    request_problem_information: RequestProblemInformation -> u8, "0: no reason strings are wanted.";
    will_delay_interval: WillDelayInterval -> u32, "Seconds between the end of the connection and the will.";
    request_response_information: RequestResponseInformation -> u8, "1: Response Information is wanted.";
    response_information: ResponseInformation -> &'a str, "Basis of response topics.";
    server_reference: ServerReference -> &'a str, "Another server to use.";
    reason_string: ReasonString -> &'a str, "A reason for people to read.";
    receive_maximum: ReceiveMaximum -> u16, "Unacknowledged QoS 1 and 2 messages that the sender takes at once.";
    topic_alias_maximum: TopicAliasMaximum -> u16, "Highest topic alias that the sender takes.";
    topic_alias: TopicAlias -> u16, "Number that stands for the topic name.";
    maximum_qos: MaximumQoS -> u8, "Highest QoS that the server takes; absent is 2.";
    retain_available: RetainAvailable -> u8, "0: the server takes no retained messages.";
    maximum_packet_size: MaximumPacketSize -> u32, "Largest whole packet that the sender takes, in bytes.";
    wildcard_subscription_available: WildcardSubscriptionAvailable -> u8, "0: no wildcards in filters.";
    subscription_identifier_available: SubscriptionIdentifierAvailable -> u8, "0: no Subscription Identifiers.";
    shared_subscription_available: SharedSubscriptionAvailable -> u8, "0: no shared subscriptions.";
}

impl PartialEq for Properties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Properties<'_> {}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for PropertiesIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

#[cfg(test)]
mod tests;
