//! Faults of packets, when they are decoded and when they are encoded.
//!
//! A [`DecodeError`] names the kind of fault, the packet it was found in, the byte at which it was found and,
//! where the standard numbers the duty, the statement that the sender broke.

use core::fmt;

use crate::property_id::{PropertyId, PropertyOwner};
use crate::reason::ReasonCode;
use crate::types::{PacketKind, Version};

/// Why a frame is not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// The packet it was found in; none while the first byte names no kind.
    pub packet: Option<PacketKind>,
    /// The version whose rules were applied.
    pub version: Version,
    /// Where it was found, in bytes from the start of the frame.
    ///
    /// It is the first byte of the field that is wrong, or of what is missing; in ill-formed text it is the byte
    /// that spoils it.
    pub offset: u32,
}

/// The kinds of fault that decoding finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The first byte names packet kind 0, or AUTH before 5.0.
    PacketKind,
    /// The lower four bits of the first byte are not those of the packet kind.
    FixedHeaderFlags,
    /// A variable byte integer goes on after its fourth byte.
    IntegerTooLong,
    /// A variable byte integer is not in its shortest form.
    IntegerOverlong,
    /// The packet is larger than the receiver takes; both sizes count the whole packet in bytes.
    PacketTooLarge {
        /// What the fixed header announces.
        size: u32,
        /// What the receiver takes.
        size_max: u32,
    },
    /// The remaining length is not that of the frame given.
    FrameLength,
    /// A field reaches past the end of the packet.
    Truncated,
    /// Bytes are left after the last field.
    TrailingBytes,
    /// A packet that only the other side may send.
    WrongSender,
    /// A string is not well-formed UTF-8.
    Utf8,
    /// A string holds U+0000.
    NulInString,
    /// CONNECT names another protocol.
    ProtocolName,
    /// CONNECT names a protocol level that this codec does not know.
    ProtocolLevel {
        /// The level byte.
        level: u8,
    },
    /// A reserved bit of CONNECT's flags is set.
    ConnectFlags,
    /// Will QoS is set without a will.
    WillFlagsWithoutWill,
    /// Will Retain is set without a will.
    WillRetainWithoutWill,
    /// Will QoS is 3.
    WillQoS,
    /// A password without a user name, before 5.0.
    PasswordWithoutUserName,
    /// A reserved bit of CONNACK's flags is set.
    ConnackFlags,
    /// Session Present is set in a refusal.
    SessionPresentInRefusal,
    /// A reason code, return code or granted QoS that the packet may not carry.
    ReasonCode {
        /// The byte found.
        byte: u8,
    },
    /// PUBLISH says QoS 3.
    PublishQoS,
    /// PUBLISH with QoS 0 has DUP set.
    DupWithQoS0,
    /// A packet identifier is 0.
    PacketIdZero,
    /// A topic name holds a wildcard.
    WildcardInTopicName,
    /// A topic name is empty and no Topic Alias is there.
    EmptyTopicName,
    /// A topic filter is empty.
    EmptyTopicFilter,
    /// `#` does not stand alone in the last level of a filter.
    WildcardPosition,
    /// `+` does not fill its level of a filter.
    SingleLevelWildcardPosition,
    /// A shared subscription has no share name.
    ShareName,
    /// A shared subscription is not `$share/NAME/FILTER`.
    SharedFilter,
    /// No Local on a shared subscription.
    NoLocalOnShared,
    /// Reserved bits in the options of a subscription.
    SubscribeOptions,
    /// QoS 3 in the options of a subscription.
    SubscribeQoS,
    /// Retain Handling 3 in the options of a subscription.
    RetainHandling,
    /// A request without a topic filter, or its acknowledgement without a code.
    EmptyList,
    /// The identifier of a property is unknown.
    UnknownProperty {
        /// The identifier found.
        id: u32,
    },
    /// A property is not legal in this packet, or not from this side.
    PropertyNotAllowed(PropertyId),
    /// A property that may stand once is repeated.
    PropertyRepeated(PropertyId),
    /// A property has a value that it may not have.
    PropertyValue(PropertyId),
    /// Authentication Data without Authentication Method.
    AuthenticationDataAlone,
    /// AUTH without Authentication Method.
    AuthenticationMethodMissing,
    /// A string holds a control character or non-character; only [`decode_strict`](crate::decode_strict) refuses it.
    DiscouragedCharacter {
        /// The character found.
        character: char,
    },
}

impl DecodeError {
    /// The statement of the standard that the sender broke, where it has a number; 3.1 numbers none.
    #[rustfmt::skip]
    pub fn statement(&self) -> Option<&'static str> {
        use DecodeErrorKind as K;
        use PacketKind as P;
        let pick = |five, three| match self.version {
            Version::V5_0 => five,
            Version::V3_1_1 => three,
            Version::V3_1 => None,
        };
        match (self.kind, self.packet) {
            (K::FixedHeaderFlags, Some(P::Pubrel)) => pick(Some("MQTT-3.6.1-1"), Some("MQTT-3.6.1-1")),
            (K::FixedHeaderFlags, Some(P::Subscribe)) => pick(Some("MQTT-3.8.1-1"), Some("MQTT-3.8.1-1")),
            (K::FixedHeaderFlags, Some(P::Unsubscribe)) => pick(Some("MQTT-3.10.1-1"), Some("MQTT-3.10.1-1")),
            (K::FixedHeaderFlags, Some(P::Disconnect)) => pick(Some("MQTT-3.14.1-1"), Some("MQTT-3.14.1-1")),
            (K::FixedHeaderFlags, Some(P::Auth)) => pick(Some("MQTT-3.15.1-1"), None),
            (K::FixedHeaderFlags, _) => pick(Some("MQTT-2.1.3-1"), Some("MQTT-2.2.2-1")),
            (K::IntegerOverlong, _) => pick(Some("MQTT-1.5.5-1"), None),
            (K::Utf8, _) => pick(Some("MQTT-1.5.4-1"), Some("MQTT-1.5.3-1")),
            (K::NulInString, _) => pick(Some("MQTT-1.5.4-2"), Some("MQTT-1.5.3-2")),
            (K::ProtocolName, _) => pick(Some("MQTT-3.1.2-1"), Some("MQTT-3.1.2-1")),
            (K::ProtocolLevel { .. }, _) => pick(Some("MQTT-3.1.2-2"), Some("MQTT-3.1.2-2")),
            (K::ConnectFlags, _) => pick(Some("MQTT-3.1.2-3"), Some("MQTT-3.1.2-3")),
            (K::WillFlagsWithoutWill, _) => pick(Some("MQTT-3.1.2-11"), Some("MQTT-3.1.2-13")),
            (K::WillRetainWithoutWill, _) => pick(Some("MQTT-3.1.2-13"), Some("MQTT-3.1.2-15")),
            (K::WillQoS, _) => pick(Some("MQTT-3.1.2-12"), Some("MQTT-3.1.2-14")),
            (K::PasswordWithoutUserName, _) => pick(None, Some("MQTT-3.1.2-22")),
            (K::ConnackFlags, _) => pick(Some("MQTT-3.2.2-1"), None),
            (K::SessionPresentInRefusal, _) => pick(Some("MQTT-3.2.2-6"), Some("MQTT-3.2.2-4")),
            (K::ReasonCode { .. }, Some(P::Connack)) => pick(Some("MQTT-3.2.2-8"), None),
            (K::ReasonCode { .. }, Some(P::Puback)) => pick(Some("MQTT-3.4.2-1"), None),
            (K::ReasonCode { .. }, Some(P::Pubrec)) => pick(Some("MQTT-3.5.2-1"), None),
            (K::ReasonCode { .. }, Some(P::Pubrel)) => pick(Some("MQTT-3.6.2-1"), None),
            (K::ReasonCode { .. }, Some(P::Pubcomp)) => pick(Some("MQTT-3.7.2-1"), None),
            (K::ReasonCode { .. }, Some(P::Suback)) => pick(Some("MQTT-3.9.3-2"), Some("MQTT-3.9.3-2")),
            (K::ReasonCode { .. }, Some(P::Unsuback)) => pick(Some("MQTT-3.11.3-2"), None),
            (K::ReasonCode { .. }, Some(P::Disconnect)) => pick(Some("MQTT-3.14.2-1"), None),
            (K::ReasonCode { .. }, Some(P::Auth)) => pick(Some("MQTT-3.15.2-1"), None),
            (K::PublishQoS, _) => pick(Some("MQTT-3.3.1-4"), Some("MQTT-3.3.1-4")),
            (K::DupWithQoS0, _) => pick(Some("MQTT-3.3.1-2"), Some("MQTT-3.3.1-2")),
            (K::PacketIdZero, Some(P::Publish | P::Subscribe | P::Unsubscribe)) => {
                pick(Some("MQTT-2.2.1-3"), Some("MQTT-2.3.1-1"))
            }
            (K::WildcardInTopicName, Some(P::Publish)) => pick(Some("MQTT-3.3.2-2"), Some("MQTT-3.3.2-2")),
            (K::WildcardInTopicName, _) => pick(Some("MQTT-4.7.0-1"), Some("MQTT-4.7.1-1")),
            (K::EmptyTopicName | K::EmptyTopicFilter, _) => pick(Some("MQTT-4.7.3-1"), Some("MQTT-4.7.3-1")),
            (K::WildcardPosition, _) => pick(Some("MQTT-4.7.1-1"), Some("MQTT-4.7.1-2")),
            (K::SingleLevelWildcardPosition, _) => pick(Some("MQTT-4.7.1-2"), Some("MQTT-4.7.1-3")),
            (K::ShareName, _) => pick(Some("MQTT-4.8.2-1"), None),
            (K::SharedFilter, _) => pick(Some("MQTT-4.8.2-2"), None),
            (K::NoLocalOnShared, _) => pick(Some("MQTT-3.8.3-4"), None),
            (K::SubscribeOptions, _) => pick(Some("MQTT-3.8.3-5"), Some("MQTT-3.8.3-4")),
            (K::SubscribeQoS, _) => pick(None, Some("MQTT-3.8.3-4")),
            (K::EmptyList, Some(P::Subscribe)) => pick(Some("MQTT-3.8.3-2"), Some("MQTT-3.8.3-3")),
            (K::EmptyList, Some(P::Unsubscribe)) => pick(Some("MQTT-3.10.3-2"), Some("MQTT-3.10.3-2")),
            (K::PropertyValue(PropertyId::TopicAlias), _) => Some("MQTT-3.3.2-8"),
            (K::PropertyValue(PropertyId::ResponseTopic), _) => Some("MQTT-3.3.2-14"),
            (K::PropertyNotAllowed(PropertyId::SubscriptionIdentifier), Some(P::Publish)) => Some("MQTT-3.3.4-6"),
            (K::PropertyNotAllowed(PropertyId::SessionExpiryInterval), Some(P::Disconnect)) => Some("MQTT-3.14.2-2"),
            _ => None,
        }
    }

    /// The reason code that a 5.0 endpoint sends for this fault.
    pub fn reason_code(&self) -> ReasonCode {
        use DecodeErrorKind as K;
        match self.kind {
            K::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
            // A property that no packet of this kind has is malformed; one of the other side's packets is not.
            K::PropertyNotAllowed(id) if self.is_known_in_packet(id) => ReasonCode::ProtocolError,
            K::PropertyValue(PropertyId::TopicAlias) => ReasonCode::TopicAliasInvalid,
            K::ProtocolName | K::ProtocolLevel { .. } => ReasonCode::UnsupportedProtocolVersion,
            K::PropertyRepeated(_)
            | K::PropertyValue(_)
            | K::AuthenticationDataAlone
            | K::AuthenticationMethodMissing
            | K::WrongSender
            | K::EmptyTopicName
            | K::EmptyList
            | K::NoLocalOnShared
            | K::SubscribeQoS
            | K::RetainHandling
            | K::PacketIdZero
            | K::SessionPresentInRefusal
            | K::ReasonCode { .. } => ReasonCode::ProtocolError,
            K::PacketKind
            | K::FixedHeaderFlags
            | K::IntegerTooLong
            | K::IntegerOverlong
            | K::FrameLength
            | K::Truncated
            | K::TrailingBytes
            | K::Utf8
            | K::NulInString
            | K::ConnectFlags
            | K::WillFlagsWithoutWill
            | K::WillRetainWithoutWill
            | K::WillQoS
            | K::PasswordWithoutUserName
            | K::ConnackFlags
            | K::PublishQoS
            | K::DupWithQoS0
            | K::SubscribeOptions
            // The codes for invalid names and filters are for those that are well-formed and not accepted.
            | K::WildcardInTopicName
            | K::WildcardPosition
            | K::SingleLevelWildcardPosition
            | K::ShareName
            | K::SharedFilter
            | K::EmptyTopicFilter
            | K::DiscouragedCharacter { .. }
            | K::PropertyNotAllowed(_)
            | K::UnknownProperty { .. } => ReasonCode::MalformedPacket,
        }
    }

    /// Whether the packet may carry the property when the other side sends it.
    fn is_known_in_packet(&self, id: PropertyId) -> bool {
        let owner = match self.packet {
            Some(PacketKind::Publish) => PropertyOwner::Publish,
            Some(PacketKind::Disconnect) => PropertyOwner::Disconnect,
            // Their properties are the same from both sides, or only one side sends them.
            _ => return false,
        };
        id.is_legal_in(owner)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.packet {
            Some(packet) => write!(f, "bad {packet} packet: {} at byte {}", self.kind, self.offset)?,
            None => write!(f, "bad packet: {} at byte {}", self.kind, self.offset)?,
        }
        match self.statement() {
            Some(statement) => write!(f, " [{} {statement}]", self.version),
            None => Ok(()),
        }
    }
}

impl core::error::Error for DecodeError {}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DecodeErrorKind as K;
        f.write_str(match self {
            K::PacketKind => "no such packet kind in this version",
            K::FixedHeaderFlags => "wrong flags in the first byte",
            K::IntegerTooLong => "a variable byte integer of more than four bytes",
            K::IntegerOverlong => "a variable byte integer longer than needed",
            K::PacketTooLarge { size, size_max } => {
                return write!(f, "{size} bytes announced where {size_max} are the most");
            }
            K::FrameLength => "the remaining length is not that of the frame",
            K::Truncated => "a field reaches past the end",
            K::TrailingBytes => "bytes left after the last field",
            K::WrongSender => "only the other side sends this packet",
            K::Utf8 => "a string is not UTF-8",
            K::NulInString => "a string holds U+0000",
            K::ProtocolName => "another protocol name",
            K::ProtocolLevel { level } => return write!(f, "unknown protocol level {level}"),
            K::ConnectFlags => "a reserved connect flag is set",
            K::WillFlagsWithoutWill => "will QoS without a will",
            K::WillRetainWithoutWill => "will retain without a will",
            K::WillQoS => "will QoS 3",
            K::PasswordWithoutUserName => "a password without a user name",
            K::ConnackFlags => "a reserved acknowledge flag is set",
            K::SessionPresentInRefusal => "session present in a refusal",
            K::ReasonCode { byte } => return write!(f, "code 0x{byte:02x} is not one of this packet's"),
            K::PublishQoS => "QoS 3",
            K::DupWithQoS0 => "DUP with QoS 0",
            K::PacketIdZero => "packet identifier 0",
            K::WildcardInTopicName => "a wildcard in a topic name",
            K::EmptyTopicName => "an empty topic name without a topic alias",
            K::EmptyTopicFilter => "an empty topic filter",
            K::WildcardPosition => "# where a filter may not have it",
            K::SingleLevelWildcardPosition => "+ that does not fill its level",
            K::ShareName => "a shared subscription without a share name",
            K::SharedFilter => "a shared subscription that is not $share/NAME/FILTER",
            K::NoLocalOnShared => "no local on a shared subscription",
            K::SubscribeOptions => "reserved bits in the options of a subscription",
            K::SubscribeQoS => "QoS 3 in the options of a subscription",
            K::RetainHandling => "Retain Handling 3 in the options of a subscription",
            K::EmptyList => "an empty list",
            K::UnknownProperty { id } => return write!(f, "unknown property {id}"),
            K::PropertyNotAllowed(id) => return write!(f, "{id} is not allowed here"),
            K::PropertyRepeated(id) => return write!(f, "{id} is repeated"),
            K::PropertyValue(id) => return write!(f, "{id} has a value that is not allowed"),
            K::AuthenticationDataAlone => "authentication data without authentication method",
            K::AuthenticationMethodMissing => "no authentication method",
            K::DiscouragedCharacter { character } => {
                return write!(f, "U+{:04X} in a string", u32::from(*character));
            }
        })
    }
}

/// Why a packet has no encoding; nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A string or binary field is longer than 65,535 bytes.
    FieldTooLong {
        /// Its size in bytes.
        size: usize,
    },
    /// A string holds U+0000.
    NulInString,
    /// The remaining length would be over 268,435,455 bytes.
    PacketTooLarge {
        /// The remaining length needed, in bytes.
        size: usize,
    },
    /// A property stands in a packet or will that may not carry it.
    PropertyNotAllowed {
        /// The property.
        id: PropertyId,
        /// What it was put into.
        owner: PropertyOwner,
    },
    /// A property that may stand once is repeated.
    PropertyRepeated(PropertyId),
    /// A property has a value that it may not have.
    PropertyValue(PropertyId),
    /// Properties, or a failure code, in a packet that carries none in this version.
    NeedsVersion5(PacketKind),
    /// A reason code that this packet may not carry, or that 3.x has no return code for.
    ReasonCode(ReasonCode),
    /// A packet identifier with QoS 0, or none with QoS 1 and 2.
    PacketId,
    /// DUP with QoS 0.
    DupWithQoS0,
    /// An empty topic name without a Topic Alias.
    EmptyTopicName,
    /// A password without a user name, before 5.0.
    PasswordWithoutUserName,
    /// Session Present in a refusal.
    SessionPresentInRefusal,
    /// Session Present in 3.1, whose CONNACK has no place for it.
    SessionPresentIn3_1,
    /// A list that needs one entry has none.
    EmptyList,
    /// Options of a subscription that its version or its filter does not have.
    SubscribeOptions,
    /// A filter that was decoded before 5.0 begins with `$share/` and is no shared subscription.
    SharedFilter,
    /// Authentication Data without Authentication Method.
    AuthenticationDataAlone,
    /// AUTH without Authentication Method.
    AuthenticationMethodMissing,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use EncodeError as E;
        match self {
            E::FieldTooLong { size } => write!(f, "a field of {size} bytes where 65535 are the most"),
            E::NulInString => f.write_str("a string holds U+0000"),
            E::PacketTooLarge { size } => {
                write!(f, "a remaining length of {size} bytes where 268435455 are the most")
            }
            E::PropertyNotAllowed { id, owner } => write!(f, "{id} is not allowed in {owner}"),
            E::PropertyRepeated(id) => write!(f, "{id} is repeated"),
            E::PropertyValue(id) => write!(f, "{id} has a value that is not allowed"),
            E::NeedsVersion5(kind) => write!(f, "{kind} carries properties and failures only in 5.0"),
            E::ReasonCode(code) => write!(f, "{code} is not one of this packet's codes"),
            E::PacketId => f.write_str("a packet identifier belongs to QoS 1 and 2, and only there"),
            E::DupWithQoS0 => f.write_str("DUP with QoS 0"),
            E::EmptyTopicName => f.write_str("an empty topic name without a topic alias"),
            E::PasswordWithoutUserName => f.write_str("a password without a user name"),
            E::SessionPresentInRefusal => f.write_str("session present in a refusal"),
            E::SessionPresentIn3_1 => f.write_str("session present in 3.1, which cannot say so"),
            E::EmptyList => f.write_str("an empty list"),
            E::SubscribeOptions => f.write_str("options that this version or filter does not have"),
            E::SharedFilter => f.write_str("a shared subscription that is not $share/NAME/FILTER"),
            E::AuthenticationDataAlone => f.write_str("authentication data without authentication method"),
            E::AuthenticationMethodMissing => f.write_str("no authentication method"),
        }
    }
}

impl core::error::Error for EncodeError {}
