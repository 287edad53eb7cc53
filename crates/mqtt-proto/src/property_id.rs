//! The table of properties: identifiers, types, and the packets in which each is legal.
//!
//! One table drives the enum, the names, the decoder's dispatch and the legality check.

use core::fmt;

use crate::types::PacketKind;

/// What carries a property section: a packet, or the will inside CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the variants carry the standard's own names")]
pub enum PropertyOwner {
    Will = 0,
    Connect = 1,
    Connack = 2,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Unsubscribe = 10,
    Unsuback = 11,
    Disconnect = 14,
    Auth = 15,
}

impl PropertyOwner {
    /// The packet in which the section stands.
    pub const fn packet(self) -> PacketKind {
        match self {
            PropertyOwner::Will | PropertyOwner::Connect => PacketKind::Connect,
            PropertyOwner::Connack => PacketKind::Connack,
            PropertyOwner::Publish => PacketKind::Publish,
            PropertyOwner::Puback => PacketKind::Puback,
            PropertyOwner::Pubrec => PacketKind::Pubrec,
            PropertyOwner::Pubrel => PacketKind::Pubrel,
            PropertyOwner::Pubcomp => PacketKind::Pubcomp,
            PropertyOwner::Subscribe => PacketKind::Subscribe,
            PropertyOwner::Suback => PacketKind::Suback,
            PropertyOwner::Unsubscribe => PacketKind::Unsubscribe,
            PropertyOwner::Unsuback => PacketKind::Unsuback,
            PropertyOwner::Disconnect => PacketKind::Disconnect,
            PropertyOwner::Auth => PacketKind::Auth,
        }
    }
}

impl fmt::Display for PropertyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PropertyOwner::Will => f.write_str("the will"),
            _ => self.packet().fmt(f),
        }
    }
}

/// How the value of a property is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PropertyType {
    Byte,
    TwoByteInteger,
    FourByteInteger,
    VariableByteInteger,
    String,
    StringPair,
    Binary,
}

/// A row of the table of properties, as checks read it.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    /// The property's own bit in a set of properties; there are fewer than 32.
    pub(crate) bit: u32,
    /// One bit for each owner that may carry the property.
    pub(crate) owners: u16,
    pub(crate) value_type: PropertyType,
}

macro_rules! properties {
    ($($name:ident = $id:literal, $text:literal, $kind:ident, $($owner:ident)|+;)*) => {
        /// The identifier of a property.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[expect(missing_docs, reason = "the variants carry the standard's own names")]
        pub enum PropertyId {
            $($name = $id,)*
        }

        impl PropertyId {
            /// All properties, ascending by identifier.
            pub const ALL: &[PropertyId] = &[$(PropertyId::$name,)*];

            /// The standard's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(PropertyId::$name => $text,)*
                }
            }

            /// The property with that identifier, if there is one.
            #[inline]
            pub const fn from_id(id: u32) -> Option<PropertyId> {
                if id < IDS.len() as u32 { IDS[id as usize] } else { None }
            }

            #[inline(always)]
            pub(crate) const fn value_type(self) -> PropertyType {
                RULES[self as usize].value_type
            }

            /// One bit for each owner that may carry the property.
            #[inline(always)]
            const fn owners(self) -> u16 {
                RULES[self as usize].owners
            }
        }

        /// The property of each identifier.
        static IDS: [Option<PropertyId>; 64] = {
            let mut ids = [None; 64];
            $(ids[$id] = Some(PropertyId::$name);)*
            ids
        };

        /// What is said of each identifier; what no property has belongs to nobody. A constant would be copied at each use.
        pub(crate) static RULES: [Rule; 64] = {
            let mut rules = [Rule { bit: 0, owners: 0, value_type: PropertyType::Byte }; 64];
            $(
                rules[$id].owners = $(1 << PropertyOwner::$owner as u16)|+;
                rules[$id].value_type = PropertyType::$kind;
            )*
            let mut index = 0;
            while index < PropertyId::ALL.len() {
                rules[PropertyId::ALL[index] as usize].bit = 1 << index;
                index += 1;
            }
            rules
        };
    };
}

properties! {
    PayloadFormatIndicator = 0x01, "Payload Format Indicator", Byte, Will | Publish;
    MessageExpiryInterval = 0x02, "Message Expiry Interval", FourByteInteger, Will | Publish;
    ContentType = 0x03, "Content Type", String, Will | Publish;
    ResponseTopic = 0x08, "Response Topic", String, Will | Publish;
    CorrelationData = 0x09, "Correlation Data", Binary, Will | Publish;
    SubscriptionIdentifier = 0x0B, "Subscription Identifier", VariableByteInteger, Publish | Subscribe;
    SessionExpiryInterval = 0x11, "Session Expiry Interval", FourByteInteger, Connect | Connack | Disconnect;
    AssignedClientIdentifier = 0x12, "Assigned Client Identifier", String, Connack;
    ServerKeepAlive = 0x13, "Server Keep Alive", TwoByteInteger, Connack;
    AuthenticationMethod = 0x15, "Authentication Method", String, Connect | Connack | Auth;
    AuthenticationData = 0x16, "Authentication Data", Binary, Connect | Connack | Auth;
    RequestProblemInformation = 0x17, "Request Problem Information", Byte, Connect;
    WillDelayInterval = 0x18, "Will Delay Interval", FourByteInteger, Will;
    RequestResponseInformation = 0x19, "Request Response Information", Byte, Connect;
    ResponseInformation = 0x1A, "Response Information", String, Connack;
    ServerReference = 0x1C, "Server Reference", String, Connack | Disconnect;
    ReasonString = 0x1F, "Reason String", String, Connack | Puback | Pubrec | Pubrel | Pubcomp | Suback | Unsuback | Disconnect | Auth;
    ReceiveMaximum = 0x21, "Receive Maximum", TwoByteInteger, Connect | Connack;
    TopicAliasMaximum = 0x22, "Topic Alias Maximum", TwoByteInteger, Connect | Connack;
    TopicAlias = 0x23, "Topic Alias", TwoByteInteger, Publish;
    MaximumQoS = 0x24, "Maximum QoS", Byte, Connack;
    RetainAvailable = 0x25, "Retain Available", Byte, Connack;
    UserProperty = 0x26, "User Property", StringPair, Connect | Will | Connack | Publish | Puback | Pubrec | Pubrel | Pubcomp | Subscribe | Suback | Unsubscribe | Unsuback | Disconnect | Auth;
    MaximumPacketSize = 0x27, "Maximum Packet Size", FourByteInteger, Connect | Connack;
    WildcardSubscriptionAvailable = 0x28, "Wildcard Subscription Available", Byte, Connack;
    SubscriptionIdentifierAvailable = 0x29, "Subscription Identifier Available", Byte, Connack;
    SharedSubscriptionAvailable = 0x2A, "Shared Subscription Available", Byte, Connack;
}

impl PropertyId {
    /// Whether the property may stand there at all.
    pub const fn is_legal_in(self, owner: PropertyOwner) -> bool {
        self.owners() >> owner as u16 & 1 == 1
    }

    /// Whether more than one may stand in one section.
    ///
    /// A PUBLISH from a server lists one Subscription Identifier for each matching subscription.
    pub const fn may_repeat_in(self, owner: PropertyOwner) -> bool {
        match self {
            PropertyId::UserProperty => true,
            PropertyId::SubscriptionIdentifier => matches!(owner, PropertyOwner::Publish),
            _ => false,
        }
    }

    /// Whether its integer may be 0.
    #[inline(always)]
    pub(crate) const fn may_be_zero(self) -> bool {
        !matches!(self, PropertyId::ReceiveMaximum | PropertyId::TopicAlias | PropertyId::MaximumPacketSize)
    }

    /// The property's own bit in a set of properties.
    #[inline(always)]
    pub(crate) const fn bit(self) -> u32 {
        RULES[self as usize].bit
    }
}

/// Whether Authentication Data stands in a set of properties without an Authentication Method beside it.
#[inline]
pub(crate) const fn is_data_alone(seen: u32) -> bool {
    let method = PropertyId::AuthenticationMethod.bit();
    seen & PropertyId::AuthenticationData.bit() != 0 && seen & method == 0
}

impl fmt::Display for PropertyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
