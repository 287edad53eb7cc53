//! One property and its value: the table of their types, and what a value needs to be sent.

use core::fmt;

use crate::error::EncodeError;
use crate::property_id::{PropertyId, PropertyOwner, PropertyType};
use crate::sink::Sink;
use crate::text;
use crate::wire::variable_len;

/// The value of a property, by its encoding.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Byte(u8),
    TwoByteInteger(u16),
    FourByteInteger(u32),
    VariableByteInteger(u32),
    String(&'a str),
    StringPair(&'a str, &'a str),
    Binary(&'a [u8]),
}

macro_rules! properties {
    ($($(#[$text:meta])* $name:ident = $kind:ident($($field:ident: $type:ty),+);)*) => {
        /// One property and its value.
        #[derive(Clone, Copy, PartialEq, Eq)]
        // Which one it is, is its identifier on the wire, so that nothing need be looked up for that.
        #[repr(u8)]
        #[expect(missing_docs, reason = "the variants carry the standard's own names")]
        pub enum Property<'a> {
            $($(#[$text])* $name($($type),+) = PropertyId::$name as u8,)*
        }

        impl<'a> Property<'a> {
            /// Which property it is.
            #[inline(always)]
            pub const fn id(&self) -> PropertyId {
                match self {
                    $(Property::$name(..) => PropertyId::$name,)*
                }
            }

            /// Its value.
            #[inline(always)]
            pub(crate) const fn value(&self) -> Value<'a> {
                match *self {
                    $(Property::$name($($field),+) => Value::$kind($($field),+),)*
                }
            }

            /// The property with a value that is read by the way it is written.
            #[inline(always)]
            pub(crate) fn read(id: PropertyId, mut source: impl Source<'a>) -> Option<Property<'a>> {
                match id {
                    $(PropertyId::$name => match source.read(PropertyType::$kind)? {
                        Value::$kind($($field),+) => Some(Property::$name($($field),+)),
                        _ => None,
                    },)*
                }
            }
        }
    };
}

properties! {
    /// 0: bytes, 1: UTF-8.
    PayloadFormatIndicator = Byte(value: u8);
    /// Seconds.
    MessageExpiryInterval = FourByteInteger(value: u32);
    ContentType = String(value: &'a str);
    ResponseTopic = String(value: &'a str);
    CorrelationData = Binary(value: &'a [u8]);
    /// 1 to 268,435,455.
    SubscriptionIdentifier = VariableByteInteger(value: u32);
    /// Seconds; 4,294,967,295 is never.
    SessionExpiryInterval = FourByteInteger(value: u32);
    AssignedClientIdentifier = String(value: &'a str);
    /// Seconds.
    ServerKeepAlive = TwoByteInteger(value: u16);
    AuthenticationMethod = String(value: &'a str);
    AuthenticationData = Binary(value: &'a [u8]);
    RequestProblemInformation = Byte(value: u8);
    /// Seconds.
    WillDelayInterval = FourByteInteger(value: u32);
    RequestResponseInformation = Byte(value: u8);
    ResponseInformation = String(value: &'a str);
    ServerReference = String(value: &'a str);
    ReasonString = String(value: &'a str);
    /// Packets; not 0.
    ReceiveMaximum = TwoByteInteger(value: u16);
    TopicAliasMaximum = TwoByteInteger(value: u16);
    /// Not 0.
    TopicAlias = TwoByteInteger(value: u16);
    /// 0 or 1.
    MaximumQoS = Byte(value: u8);
    RetainAvailable = Byte(value: u8);
    UserProperty = StringPair(name: &'a str, value: &'a str);
    /// Bytes of the whole packet; not 0.
    MaximumPacketSize = FourByteInteger(value: u32);
    WildcardSubscriptionAvailable = Byte(value: u8);
    SubscriptionIdentifierAvailable = Byte(value: u8);
    SharedSubscriptionAvailable = Byte(value: u8);
}

/// Where values are read from.
pub(crate) trait Source<'a> {
    /// The next value, written as that kind is.
    fn read(&mut self, kind: PropertyType) -> Option<Value<'a>>;
}

impl Property<'_> {
    /// The size on the wire.
    #[inline(always)]
    pub(crate) fn size(&self) -> usize {
        1 + match self.value() {
            Value::Byte(_) => 1,
            Value::TwoByteInteger(_) => 2,
            Value::FourByteInteger(_) => 4,
            Value::VariableByteInteger(value) => variable_len(value as usize),
            Value::String(text) => 2 + text.len(),
            Value::StringPair(name, value) => 4 + name.len() + value.len(),
            Value::Binary(bytes) => 2 + bytes.len(),
        }
    }

    /// Its own bit and its size, if it may stand in a section of `owner` behind those `seen`, whatever characters its
    /// strings have.
    #[inline(always)]
    pub(crate) fn check(&self, owner: PropertyOwner, seen: u32) -> Result<(u32, usize), EncodeError> {
        let id = self.id();
        let (is_allowed, longest, size) = match self.value() {
            Value::Byte(value) => (value <= 1, 0, 1),
            Value::TwoByteInteger(value) => (value > 0 || id.may_be_zero(), 0, 2),
            Value::FourByteInteger(value) => (value > 0 || id.may_be_zero(), 0, 4),
            Value::VariableByteInteger(value) => {
                (0 < value && value <= VARIABLE_MAX, 0, variable_len(value as usize))
            }
            Value::String(text) => {
                (!text.is_empty() || !matches!(id, PropertyId::ResponseTopic), text.len(), 2 + text.len())
            }
            Value::StringPair(name, value) => {
                (true, name.len().max(value.len()), 4 + name.len() + value.len())
            }
            Value::Binary(bytes) => (true, bytes.len(), 2 + bytes.len()),
        };
        let is_repeated = seen & id.bit() != 0 && !id.may_repeat_in(owner);
        if id.is_legal_in(owner) && !is_repeated && longest <= usize::from(u16::MAX) && is_allowed {
            return Ok((id.bit(), 1 + size));
        }
        Err(self.refusal(owner, is_repeated))
    }

    /// Why [`Property::check`] refuses it.
    #[cold]
    fn refusal(&self, owner: PropertyOwner, is_repeated: bool) -> EncodeError {
        let id = self.id();
        let sizes = match self.value() {
            Value::String(text) => [text.len(), 0],
            Value::StringPair(name, value) => [name.len(), value.len()],
            Value::Binary(bytes) => [bytes.len(), 0],
            Value::Byte(_)
            | Value::TwoByteInteger(_)
            | Value::FourByteInteger(_)
            | Value::VariableByteInteger(_) => [0, 0],
        };
        if !id.is_legal_in(owner) {
            EncodeError::PropertyNotAllowed { id, owner }
        } else if is_repeated {
            EncodeError::PropertyRepeated(id)
        } else if let Some(&size) = sizes.iter().find(|size| **size > usize::from(u16::MAX)) {
            EncodeError::FieldTooLong { size }
        } else {
            EncodeError::PropertyValue(id)
        }
    }

    /// Whether its strings may be sent. [5.0 MQTT-1.5.4-2] [5.0 MQTT-3.3.2-14]
    pub(crate) fn check_text(&self) -> Result<(), EncodeError> {
        let has_nul = match self.value() {
            Value::String(topic) if self.id() == PropertyId::ResponseTopic => {
                if text::has_nul_or_wildcard(topic.as_bytes()) {
                    return Err(EncodeError::PropertyValue(self.id()));
                }
                false
            }
            Value::String(text) => text::has_nul(text.as_bytes()),
            Value::StringPair(name, value) => {
                text::has_nul(name.as_bytes()) || text::has_nul(value.as_bytes())
            }
            Value::Byte(_)
            | Value::TwoByteInteger(_)
            | Value::FourByteInteger(_)
            | Value::VariableByteInteger(_)
            | Value::Binary(_) => false,
        };
        if has_nul { Err(EncodeError::NulInString) } else { Ok(()) }
    }

    /// Writes it; the sink notes what [`Property::check_text`] would refuse.
    #[inline(always)]
    pub(crate) fn put(&self, sink: &mut Sink<'_>) {
        let id = self.id();
        sink.u8(id as u8);
        match self.value() {
            Value::Byte(value) => sink.u8(value),
            Value::TwoByteInteger(value) => sink.u16(value),
            Value::FourByteInteger(value) => sink.u32(value),
            Value::VariableByteInteger(value) => sink.variable(value as usize),
            Value::String(topic) if matches!(id, PropertyId::ResponseTopic) => sink.name(topic),
            Value::String(text) => sink.text(text),
            Value::StringPair(name, value) => {
                sink.text(name);
                sink.text(value);
            }
            Value::Binary(bytes) => sink.binary(bytes),
        }
    }
}

/// Largest variable byte integer.
const VARIABLE_MAX: u32 = crate::types::REMAINING_LENGTH_MAX;

impl fmt::Debug for Property<'_> {
    /// Of the data of an authentication only the size is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}(", self.id())?;
        match self.value() {
            Value::Byte(value) => write!(f, "{value}")?,
            Value::TwoByteInteger(value) => write!(f, "{value}")?,
            Value::FourByteInteger(value) | Value::VariableByteInteger(value) => write!(f, "{value}")?,
            Value::String(text) => write!(f, "{text:?}")?,
            Value::StringPair(name, value) => write!(f, "{name:?}, {value:?}")?,
            Value::Binary(bytes) if self.id() == PropertyId::AuthenticationData => {
                write!(f, "{} bytes", bytes.len())?;
            }
            Value::Binary(bytes) => write!(f, "{bytes:?}")?,
        }
        f.write_str(")")
    }
}
