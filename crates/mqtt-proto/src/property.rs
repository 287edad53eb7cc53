//! Properties of 5.0: a typed view over a raw section, and the same view over a list to be encoded.
//!
//! Decoding validates a section once, without copying it, and notes which properties it holds. What is then
//! asked for is parsed on the spot, so that a property nobody reads costs only its validation.

mod value;
mod section;
mod buf;

pub use buf::PropertyBuf;
pub use value::Property;
pub(crate) use value::Value;

use core::fmt;

use crate::error::EncodeError;
use crate::property_id::{PropertyId, PropertyOwner, is_data_alone};
use crate::sink::{Hits, Sink};
use crate::types::Sender;
use crate::wire::{Faulty, Reader};
use section::{Section, validate, validate_plain};

/// The properties of one packet or will: those of a list, or of a raw section, or of a list in front of a section.
///
/// A decoded packet has a raw section, a packet to be encoded mostly a list; what was received and is passed on with
/// something added is both, see [`JoinedProperties`].
#[derive(Clone, Copy)]
pub struct Properties<'a>(Kept<'a>);

#[derive(Clone, Copy)]
enum Kept<'a> {
    Nothing,
    List(&'a [Property<'a>]),
    Raw {
        raw: &'a [u8],
        /// One bit for each property in `raw`.
        ids: u32,
    },
    Joined(&'a JoinedProperties<'a>),
}

/// A list of properties in front of others, to be encoded as one section.
#[derive(Clone, Copy, Debug)]
pub struct JoinedProperties<'a> {
    list: &'a [Property<'a>],
    /// Without a list.
    behind: Properties<'a>,
}

impl<'a> JoinedProperties<'a> {
    /// The properties of `list`, then those of `behind`, of which a list is left out.
    pub const fn new(list: &'a [Property<'a>], behind: Properties<'a>) -> JoinedProperties<'a> {
        let (_list, raw, ids) = behind.parts();
        JoinedProperties { list, behind: Properties::raw(raw, ids) }
    }

    /// All of them, borrowed.
    pub const fn as_properties(&self) -> Properties<'_> {
        Properties(Kept::Joined(self))
    }
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Properties<'static> = Properties(Kept::Nothing);

    /// [`Properties::EMPTY`], which as a constant would be copied with all that is unused in it.
    #[inline(always)]
    pub(crate) const fn none() -> Properties<'a> {
        Properties(Kept::Nothing)
    }

    /// Properties to be encoded, in this order.
    pub const fn new(list: &'a [Property<'a>]) -> Properties<'a> {
        Properties(Kept::List(list))
    }

    /// A section that was validated and holds these properties.
    #[inline(always)]
    pub(crate) const fn checked(raw: &'a [u8], ids: u32) -> Properties<'a> {
        if raw.is_empty() { Properties::EMPTY } else { Properties::raw(raw, ids) }
    }

    /// One bit for each property of a raw section.
    #[inline(always)]
    pub(crate) const fn ids(&self) -> u32 {
        self.parts().2
    }

    #[inline(always)]
    const fn raw(raw: &'a [u8], ids: u32) -> Properties<'a> {
        Properties(Kept::Raw { raw, ids })
    }

    /// The list, the raw section behind it, and one bit for each property in that.
    #[inline(always)]
    const fn parts(self) -> (&'a [Property<'a>], &'a [u8], u32) {
        match self.0 {
            Kept::Nothing => (&[], &[], 0),
            Kept::List(list) => (list, &[], 0),
            Kept::Raw { raw, ids } => (&[], raw, ids),
            Kept::Joined(joined) => match joined.behind.0 {
                Kept::Raw { raw, ids } => (joined.list, raw, ids),
                Kept::Nothing | Kept::List(_) | Kept::Joined(_) => (joined.list, &[], 0),
            },
        }
    }

    /// Whether there is none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        match self.0 {
            Kept::Nothing => true,
            Kept::List(list) => list.is_empty(),
            Kept::Raw { raw, .. } => raw.is_empty(),
            Kept::Joined(_) => {
                let (list, raw, _ids) = self.parts();
                list.is_empty() && raw.is_empty()
            }
        }
    }

    /// All properties in their order.
    #[inline]
    pub fn iter(&self) -> PropertiesIter<'a> {
        let (list, raw, _ids) = self.parts();
        PropertiesIter { list, section: Section::new(raw) }
    }

    /// Whether this property is there.
    #[inline]
    pub fn contains(&self, id: PropertyId) -> bool {
        let (list, _raw, ids) = self.parts();
        ids & id.bit() != 0 || list.iter().any(|property| property.id() == id)
    }

    #[inline]
    fn find(&self, id: PropertyId) -> Option<Property<'a>> {
        let (list, raw, ids) = self.parts();
        match list.iter().find(|property| property.id() == id) {
            Some(property) => Some(*property),
            None if ids & id.bit() != 0 => Section::new(raw).find(id),
            None => None,
        }
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
    #[inline(always)]
    pub(crate) fn decode(
        reader: &mut Reader<'a>,
        owner: PropertyOwner,
        sender: Option<Sender>,
    ) -> Result<Properties<'a>, Faulty> {
        let len = reader.variable()? as usize;
        if len == 0 {
            return Ok(Properties::EMPTY);
        }
        let start = reader.at();
        let raw = reader.take(len)?;
        match validate(raw, owner, sender) {
            Ok(ids) => Ok(Properties::raw(raw, ids)),
            Err((kind, offset)) => Err(reader.refuse(kind, start + offset)),
        }
    }

    /// A section of less than 128 bytes that is valid in a packet of `owner`, and what follows it.
    #[inline(always)]
    pub(crate) fn split_first(
        bytes: &'a [u8],
        owner: PropertyOwner,
        sender: Option<Sender>,
    ) -> Option<(Properties<'a>, &'a [u8])> {
        let (len @ ..0x80, rest) = bytes.split_first()? else { return None };
        if *len == 0 {
            return Some((Properties::none(), rest));
        }
        let (raw, rest) = rest.split_at_checked(usize::from(*len))?;
        Some((Properties::raw(raw, validate(raw, owner, sender).ok()?), rest))
    }

    /// One bit for each property of such a section, if there is nothing unusual in it, and what follows it.
    #[inline(always)]
    pub(crate) fn split_plain(bytes: &'a [u8], owner: PropertyOwner) -> Option<(u32, &'a [u8])> {
        let (len @ ..0x80, rest) = bytes.split_first()? else { return None };
        if *len == 0 {
            return Some((0, rest));
        }
        let (raw, rest) = rest.split_at_checked(usize::from(*len))?;
        Some((validate_plain(raw, owner)?, rest))
    }

    /// The size of the section without its length in front.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        let (list, raw, _ids) = self.parts();
        list.iter().map(Property::size).sum::<usize>() + raw.len()
    }

    /// The size, if the section may stand in a packet of `owner`, whatever characters its strings have.
    #[inline(always)]
    pub(crate) fn checked_size(&self, owner: PropertyOwner) -> Result<usize, EncodeError> {
        if self.is_empty() {
            return Ok(0);
        }
        self.checked_size_of_some(owner)
    }

    fn checked_size_of_some(&self, owner: PropertyOwner) -> Result<usize, EncodeError> {
        let (list, raw, ids) = self.parts();
        let (mut seen, mut size) = (ids, raw.len());
        for property in list {
            let (bit, property_size) = property.check(owner, seen)?;
            seen |= bit;
            size += property_size;
        }
        if ids != 0 {
            self.check_raw(owner, ids)?;
        }
        if is_data_alone(seen) { Err(EncodeError::AuthenticationDataAlone) } else { Ok(size) }
    }

    /// Whether all strings may be sent; a raw section was checked before.
    pub(crate) fn check_text(&self) -> Result<(), EncodeError> {
        self.parts().0.iter().try_for_each(Property::check_text)
    }

    /// A raw section may come from another packet, so its properties are checked against the new owner.
    fn check_raw(&self, owner: PropertyOwner, ids: u32) -> Result<(), EncodeError> {
        for &id in PropertyId::ALL {
            if ids & id.bit() != 0 && !id.is_legal_in(owner) {
                return Err(EncodeError::PropertyNotAllowed { id, owner });
            }
        }
        // The only property of which some owners take several and others one.
        let id = PropertyId::SubscriptionIdentifier;
        let is_once = ids & id.bit() != 0 && !id.may_repeat_in(owner);
        if is_once && self.subscription_identifiers().count() > 1 {
            return Err(EncodeError::PropertyRepeated(id));
        }
        Ok(())
    }

    /// Writes the section of the given size, with the size in front. [5.0 MQTT-2.2.2-1]
    #[inline(always)]
    pub(crate) fn put(&self, size: usize, sink: &mut Sink<'_>) {
        sink.variable(size);
        if size > 0 {
            sink.part(size, |part| self.put_some(part));
        }
    }

    #[inline(never)]
    fn put_some(&self, mut sink: Sink<'_>) -> Hits {
        let (list, raw, _ids) = self.parts();
        for property in list {
            property.put(&mut sink);
        }
        sink.bytes(raw);
        sink.hits()
    }
}

/// Iterates over properties in their order.
#[derive(Clone)]
pub struct PropertiesIter<'a> {
    list: &'a [Property<'a>],
    section: Section<'a>,
}

impl<'a> Iterator for PropertiesIter<'a> {
    type Item = Property<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Property<'a>> {
        if let Some((first, rest)) = self.list.split_first() {
            self.list = rest;
            return Some(*first);
        }
        self.section.next()
    }
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
