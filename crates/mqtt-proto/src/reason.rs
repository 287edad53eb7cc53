//! Reason codes and the packets in which each is legal.
//!
//! One table drives the enum, the names and the legality check. The return codes of 3.1 and 3.1.1 are mapped to
//! the reason code of the same meaning, so that everything above the codec knows one vocabulary.

use core::fmt;

use crate::types::PacketKind;

macro_rules! reason_codes {
    ($($name:ident = $code:literal, $text:literal, $($kind:ident)|+;)*) => {
        /// Why a packet says what it says; below 0x80 is success.
        ///
        /// In 3.1 and 3.1.1 only CONNACK and SUBACK carry a code; it is translated to the one of the same meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[expect(missing_docs, reason = "the variants carry the standard's own names")]
        pub enum ReasonCode {
            $($name = $code,)*
        }

        impl ReasonCode {
            /// All reason codes, ascending.
            pub const ALL: &[ReasonCode] = &[$(ReasonCode::$name,)*];

            /// The standard's name, in lower case.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ReasonCode::$name => $text,)*
                }
            }
        }

        /// Per code value one bit for each packet kind that may carry it.
        const LEGAL: [u16; 256] = {
            let mut legal = [0; 256];
            $(legal[$code] = $((1 << PacketKind::$kind as u16))|+;)*
            legal
        };

        /// The code of each byte value; what no code has stands as success and is refused by `LEGAL`.
        const CODES: [ReasonCode; 256] = {
            let mut codes = [ReasonCode::Success; 256];
            $(codes[$code] = ReasonCode::$name;)*
            codes
        };
    };
}

reason_codes! {
    Success = 0x00, "success", Connack | Puback | Pubrec | Pubrel | Pubcomp | Suback | Unsuback | Disconnect | Auth;
    GrantedQoS1 = 0x01, "granted QoS 1", Suback;
    GrantedQoS2 = 0x02, "granted QoS 2", Suback;
    DisconnectWithWillMessage = 0x04, "disconnect with will message", Disconnect;
    NoMatchingSubscribers = 0x10, "no matching subscribers", Puback | Pubrec;
    NoSubscriptionExisted = 0x11, "no subscription existed", Unsuback;
    ContinueAuthentication = 0x18, "continue authentication", Auth;
    ReAuthenticate = 0x19, "re-authenticate", Auth;
    UnspecifiedError = 0x80, "unspecified error", Connack | Puback | Pubrec | Suback | Unsuback | Disconnect;
    MalformedPacket = 0x81, "malformed packet", Connack | Disconnect;
    ProtocolError = 0x82, "protocol error", Connack | Disconnect;
    ImplementationSpecificError = 0x83, "implementation specific error", Connack | Puback | Pubrec | Suback | Unsuback | Disconnect;
    UnsupportedProtocolVersion = 0x84, "unsupported protocol version", Connack;
    ClientIdentifierNotValid = 0x85, "client identifier not valid", Connack;
    BadUserNameOrPassword = 0x86, "bad user name or password", Connack;
    NotAuthorized = 0x87, "not authorized", Connack | Puback | Pubrec | Suback | Unsuback | Disconnect;
    ServerUnavailable = 0x88, "server unavailable", Connack;
    ServerBusy = 0x89, "server busy", Connack | Disconnect;
    Banned = 0x8A, "banned", Connack;
    ServerShuttingDown = 0x8B, "server shutting down", Disconnect;
    BadAuthenticationMethod = 0x8C, "bad authentication method", Connack | Disconnect;
    KeepAliveTimeout = 0x8D, "keep alive timeout", Disconnect;
    SessionTakenOver = 0x8E, "session taken over", Disconnect;
    TopicFilterInvalid = 0x8F, "topic filter invalid", Suback | Unsuback | Disconnect;
    TopicNameInvalid = 0x90, "topic name invalid", Connack | Puback | Pubrec | Disconnect;
    PacketIdentifierInUse = 0x91, "packet identifier in use", Puback | Pubrec | Suback | Unsuback;
    PacketIdentifierNotFound = 0x92, "packet identifier not found", Pubrel | Pubcomp;
    ReceiveMaximumExceeded = 0x93, "receive maximum exceeded", Disconnect;
    TopicAliasInvalid = 0x94, "topic alias invalid", Disconnect;
    PacketTooLarge = 0x95, "packet too large", Connack | Disconnect;
    MessageRateTooHigh = 0x96, "message rate too high", Disconnect;
    QuotaExceeded = 0x97, "quota exceeded", Connack | Puback | Pubrec | Suback | Disconnect;
    AdministrativeAction = 0x98, "administrative action", Disconnect;
    PayloadFormatInvalid = 0x99, "payload format invalid", Connack | Puback | Pubrec | Disconnect;
    RetainNotSupported = 0x9A, "retain not supported", Connack | Disconnect;
    QoSNotSupported = 0x9B, "QoS not supported", Connack | Disconnect;
    UseAnotherServer = 0x9C, "use another server", Connack | Disconnect;
    ServerMoved = 0x9D, "server moved", Connack | Disconnect;
    SharedSubscriptionsNotSupported = 0x9E, "shared subscriptions not supported", Suback | Disconnect;
    ConnectionRateExceeded = 0x9F, "connection rate exceeded", Connack | Disconnect;
    MaximumConnectTime = 0xA0, "maximum connect time", Disconnect;
    SubscriptionIdentifiersNotSupported = 0xA1, "subscription identifiers not supported", Suback | Disconnect;
    WildcardSubscriptionsNotSupported = 0xA2, "wildcard subscriptions not supported", Suback | Disconnect;
}

impl ReasonCode {
    /// The code that `byte` means in a packet of that kind, if the standard's table lists it there.
    ///
    /// [5.0 MQTT-3.2.2-8] [5.0 MQTT-3.4.2-1] [5.0 MQTT-3.5.2-1] [5.0 MQTT-3.6.2-1] [5.0 MQTT-3.7.2-1]
    /// [5.0 MQTT-3.9.3-2] [5.0 MQTT-3.11.3-2] [5.0 MQTT-3.14.2-1] [5.0 MQTT-3.15.2-1]
    pub const fn from_byte(byte: u8, kind: PacketKind) -> Option<ReasonCode> {
        if LEGAL[byte as usize] >> kind as u16 & 1 == 1 { Some(CODES[byte as usize]) } else { None }
    }

    /// The byte on the wire in 5.0.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Whether a packet of that kind may carry this code.
    pub const fn is_legal_in(self, kind: PacketKind) -> bool {
        LEGAL[self as usize] >> kind as u16 & 1 == 1
    }

    /// Whether the code says that something failed: 0x80 and above.
    pub const fn is_error(self) -> bool {
        self as u8 >= 0x80
    }

    /// The code of a CONNACK return code of 3.1 and 3.1.1, if it is not reserved.
    pub const fn from_return_code(code: u8) -> Option<ReasonCode> {
        Some(match code {
            0 => ReasonCode::Success,
            1 => ReasonCode::UnsupportedProtocolVersion,
            2 => ReasonCode::ClientIdentifierNotValid,
            3 => ReasonCode::ServerUnavailable,
            4 => ReasonCode::BadUserNameOrPassword,
            5 => ReasonCode::NotAuthorized,
            _ => return None,
        })
    }

    /// The CONNACK return code of 3.1 and 3.1.1 with this meaning, if there is one.
    pub const fn return_code(self) -> Option<u8> {
        Some(match self {
            ReasonCode::Success => 0,
            ReasonCode::UnsupportedProtocolVersion => 1,
            ReasonCode::ClientIdentifierNotValid => 2,
            ReasonCode::ServerUnavailable => 3,
            ReasonCode::BadUserNameOrPassword => 4,
            ReasonCode::NotAuthorized => 5,
            _ => return None,
        })
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02x})", self.name(), self.byte())
    }
}
