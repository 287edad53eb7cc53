//! What can go wrong, by whose fault: the caller's, the peer's, the network's.

use core::fmt;

use mqtt_proto::{DecodeError, EncodeError, PacketKind, QoS, ReasonCode};

/// Why a command is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedReason {
    /// No more messages may wait; `queue_messages_max` is the bound.
    QueueFull {
        /// The bound.
        messages_max: usize,
    },
    /// No more bytes may wait; `queue_bytes_max` is the bound.
    QueueBytesFull {
        /// The bound.
        bytes_max: usize,
    },
    /// The packet would be larger than the server takes.
    PacketTooLarge {
        /// Size of the whole packet in bytes.
        size: usize,
        /// What the server takes.
        size_max: u32,
    },
    /// The server takes no messages of that QoS. [5.0 MQTT-3.2.2-11]
    QoSNotSupported {
        /// The highest that it takes.
        qos_max: QoS,
    },
    /// The server keeps no messages. [5.0 MQTT-3.2.2-14]
    RetainNotSupported,
    /// The server takes no filters with wildcards.
    WildcardNotSupported,
    /// The server has no shared subscriptions.
    SharedNotSupported,
    /// The command has no encoding.
    Encode(EncodeError),
    /// No more filters may be subscribed; `subscriptions_max` is the bound.
    TooManySubscriptions {
        /// The bound.
        subscriptions_max: usize,
    },
    /// No more changes of subscriptions may wait to be sent; the bound is 1,024 more than `subscriptions_max`.
    TooManyRequests {
        /// The bound.
        requests_max: usize,
    },
    /// The client is disconnected or about to be; connect first.
    Disconnected,
    /// There is no connection now, and `queue_policy` keeps no such message for later.
    Offline,
    /// A session that ends with its connection cannot be kept by DISCONNECT. [5.0 MQTT-3.14.2-2]
    SessionExpiry,
    /// A reason code that this acknowledgement cannot carry. [5.0 MQTT-3.4.2-1] [5.0 MQTT-3.5.2-1]
    AcknowledgementReason(ReasonCode),
    /// The client is connecting or connected already.
    AlreadyConnected,
    /// The configuration has no valid CONNECT.
    Config(EncodeError),
    /// Before 5.0 an empty client identifier needs a clean session. [3.1.1 MQTT-3.1.3-7]
    EmptyClientId,
    /// A topic for responses that is none.
    ResponseTopic(mqtt_proto::TopicError),
    /// Nobody knows where responses should come: there is no client identifier yet, and no `response_topic`.
    NoResponseTopic,
    /// There is no `authentication_method`.
    NoAuthenticationMethod,
    /// An authentication is under way already.
    AuthenticationUnderWay,
    /// No such answer is waited for.
    AuthenticationStep,
    /// The will's topic is no topic name.
    WillTopic(mqtt_proto::TopicError),
}

/// Why an operation ended without effect: for certain, nothing of it reached the application on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected {
    /// The server said no.
    ByServer(ReasonCode),
    /// The timeout passed before it was sent; it is withdrawn.
    TimedOut,
    /// Its Message Expiry Interval passed before it was sent.
    Expired,
    /// The client was disconnected before it was sent.
    Disconnected,
    /// What the server announced on the last connection rules it out.
    Refused(RefusedReason),
    /// A later request for the same filter took its place.
    Superseded,
    /// There is no connection, and it is not waited for.
    Offline(OfflineCause),
    /// Nobody listens where the request went.
    NoResponder,
    /// It made room in a full queue, as `queue_policy` says.
    Dropped,
    /// The server lost the session before it was sent, and `session_loss` does not send it anew.
    SessionLost,
}

/// Why nobody can say whether an operation took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Indeterminate {
    /// The timeout passed while it was under way. The exchange goes on, so that it is not doubled.
    TimedOut,
    /// The server lost the session in the middle of it.
    SessionLost,
    /// The client was disconnected in the middle of it.
    Disconnected,
    /// A request: the server does not let its response come.
    NoResponses,
    /// Connections broke whenever it was under way, and the application has dropped it.
    GivenUp,
}

/// Why a connection could not be had, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OfflineCause {
    /// The application asked for it.
    Requested,
    /// The server could not be reached; the adapter knows more.
    DialFailed,
    /// Dialling took longer than `network_timeout`.
    DialTimedOut,
    /// What drives the client is gone, such as its runtime.
    DriverGone,
    /// No CONNACK came within `network_timeout`.
    ConnackTimedOut,
    /// The server refused the connection.
    Refused(ConnectRefusal),
    /// The transport was closed or failed under way.
    TransportClosed,
    /// The client has broken an authentication off: it does not trust the server, or has nothing to say to it.
    AuthenticationAborted,
    /// An authentication that was asked for took longer than `network_timeout`.
    AuthenticationTimedOut,
    /// The server took no bytes for `network_timeout`.
    WriteTimedOut,
    /// No answer to a ping came within `network_timeout`, and the time that a slow link takes for what was sent before.
    PingTimedOut,
    /// A packet of the server was not whole within `network_timeout`, although 256 bytes a second would have been enough.
    PacketTimedOut,
    /// The client reconnects to have messages sent again that it had no room for.
    MessagesLeft,
    /// Pings were answered, but no message or request for `acknowledgement_timeout`.
    AcknowledgementsStalled,
    /// The server said DISCONNECT.
    ServerDisconnected(ReasonCode),
    /// The server broke the protocol.
    PeerFault(PeerFault),
}

/// How the server broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerFault {
    /// A packet that cannot be decoded.
    Decode(DecodeError),
    /// A packet that may not come now.
    Unexpected(PacketKind),
    /// A SUBACK or UNSUBACK whose number of codes is not that of the filters.
    CodeCount {
        /// Codes in the packet.
        codes: usize,
        /// Filters in the request.
        filters: usize,
    },
    /// Session Present, though a clean session was asked for. [5.0 MQTT-3.2.2-4]
    SessionPresent,
    /// More unacknowledged messages than `receive_maximum`. [5.0 MQTT-3.3.4-9]
    ReceiveMaximumExceeded,
    /// An authentication method that is not the client's, or none where there should be one.
    /// [5.0 MQTT-4.12.0-5] [5.0 MQTT-4.12.0-6]
    AuthenticationMethod,
    /// A Topic Alias that stands for nothing, or above what was offered. [5.0 MQTT-3.1.2-26] [5.0 MQTT-3.1.2-27]
    TopicAlias(u16),
}

impl PeerFault {
    /// What a 5.0 client tells the server in its DISCONNECT.
    pub fn reason_code(&self) -> ReasonCode {
        match self {
            PeerFault::Decode(error) => match error.reason_code() {
                code if code.is_legal_in(PacketKind::Disconnect) => code,
                _ => ReasonCode::ProtocolError,
            },
            PeerFault::Unexpected(_)
            | PeerFault::CodeCount { .. }
            | PeerFault::AuthenticationMethod
            | PeerFault::SessionPresent => ReasonCode::ProtocolError,
            PeerFault::ReceiveMaximumExceeded => ReasonCode::ReceiveMaximumExceeded,
            PeerFault::TopicAlias(_) => ReasonCode::TopicAliasInvalid,
        }
    }
}

/// A refused connection: what the server said, and what kind of trouble that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectRefusal {
    /// What the server said; return codes of 3.x are translated to the code of the same meaning.
    pub reason: ReasonCode,
}

/// The kinds of trouble behind a refused connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalClass {
    /// The server does not speak this version.
    BadVersion,
    /// The server does not take this client identifier.
    BadIdentifier,
    /// The server cannot take this connection now, or cannot take what it asks for.
    ServerUnavailable,
    /// User name or password are wrong.
    BadCredentials,
    /// This client may not connect.
    NotAuthorized,
}

impl ConnectRefusal {
    /// What kind of trouble it is.
    pub const fn class(self) -> RefusalClass {
        match self.reason {
            ReasonCode::UnsupportedProtocolVersion => RefusalClass::BadVersion,
            ReasonCode::ClientIdentifierNotValid => RefusalClass::BadIdentifier,
            ReasonCode::BadUserNameOrPassword | ReasonCode::BadAuthenticationMethod => {
                RefusalClass::BadCredentials
            }
            ReasonCode::NotAuthorized | ReasonCode::Banned => RefusalClass::NotAuthorized,
            _ => RefusalClass::ServerUnavailable,
        }
    }

    /// Whether trying again with the same configuration is pointless.
    pub const fn is_permanent(self) -> bool {
        !matches!(
            self.reason,
            ReasonCode::UnspecifiedError
                | ReasonCode::ImplementationSpecificError
                | ReasonCode::ServerUnavailable
                | ReasonCode::ServerBusy
                | ReasonCode::QuotaExceeded
                | ReasonCode::UseAnotherServer
                | ReasonCode::ConnectionRateExceeded
        )
    }
}

impl OfflineCause {
    /// Whether trying again with the same configuration is pointless.
    ///
    /// A session that another connection took over stays there: two clients of one name would otherwise throw each
    /// other out for ever.
    pub const fn is_permanent(&self) -> bool {
        match self {
            OfflineCause::Requested | OfflineCause::AuthenticationAborted | OfflineCause::DriverGone => true,
            OfflineCause::Refused(refusal) => refusal.is_permanent(),
            OfflineCause::ServerDisconnected(reason) => {
                matches!(
                    reason,
                    ReasonCode::SessionTakenOver | ReasonCode::NotAuthorized | ReasonCode::ServerMoved
                )
            }
            _ => false,
        }
    }
}

impl OfflineCause {
    /// Whether the connection broke, in a way that something which was under way may have brought about.
    pub const fn is_abrupt(&self) -> bool {
        match self {
            OfflineCause::TransportClosed
            | OfflineCause::WriteTimedOut
            | OfflineCause::PingTimedOut
            | OfflineCause::AcknowledgementsStalled => true,
            OfflineCause::ServerDisconnected(reason) => matches!(
                reason,
                ReasonCode::UnspecifiedError
                    | ReasonCode::MalformedPacket
                    | ReasonCode::ProtocolError
                    | ReasonCode::ImplementationSpecificError
                    | ReasonCode::TopicFilterInvalid
                    | ReasonCode::TopicNameInvalid
                    | ReasonCode::PacketTooLarge
                    | ReasonCode::QuotaExceeded
                    | ReasonCode::PayloadFormatInvalid
                    | ReasonCode::RetainNotSupported
                    | ReasonCode::QoSNotSupported
                    | ReasonCode::SharedSubscriptionsNotSupported
                    | ReasonCode::SubscriptionIdentifiersNotSupported
                    | ReasonCode::WildcardSubscriptionsNotSupported
            ),
            _ => false,
        }
    }
}

impl fmt::Display for RefusedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use RefusedReason as R;
        match self {
            R::QueueFull { messages_max } => write!(f, "{messages_max} messages wait to be sent already"),
            R::QueueBytesFull { bytes_max } => {
                write!(f, "more than {bytes_max} bytes would wait to be sent")
            }
            R::PacketTooLarge { size, size_max } => {
                write!(f, "the packet has {size} bytes and the server takes {size_max}")
            }
            R::QoSNotSupported { qos_max } => write!(f, "the server takes QoS {qos_max} at the most"),
            R::RetainNotSupported => f.write_str("the server keeps no retained messages"),
            R::WildcardNotSupported => f.write_str("the server takes no filters with wildcards"),
            R::SharedNotSupported => f.write_str("the server has no shared subscriptions"),
            R::Encode(error) => write!(f, "{error}"),
            R::TooManySubscriptions { subscriptions_max } => {
                write!(f, "{subscriptions_max} filters are subscribed already")
            }
            R::TooManyRequests { requests_max } => {
                write!(f, "{requests_max} changes of subscriptions wait to be sent already")
            }
            R::Disconnected => f.write_str("the client is disconnected; connect first"),
            R::AlreadyConnected => f.write_str("the client is connected already"),
            R::Config(error) => write!(f, "the options have no valid CONNECT: {error}"),
            R::Offline => f.write_str("there is no connection, and such messages are not kept for later"),
            R::SessionExpiry => {
                f.write_str("the session ends with its connection; DISCONNECT cannot keep it any longer")
            }
            R::AcknowledgementReason(reason) => {
                write!(f, "{reason:?} is no reason that this acknowledgement can carry")
            }
            R::EmptyClientId => f.write_str(
                "before 5.0 an empty client identifier needs a clean session; choose an identifier",
            ),
            R::ResponseTopic(error) => write!(f, "the topic for responses: {error}; set `response_topic`"),
            R::NoResponseTopic => f.write_str(
                "nobody knows where responses should come; set `response_topic` or a client identifier, or connect first",
            ),
            R::NoAuthenticationMethod => {
                f.write_str("the options name no authentication method; set `authentication_method`")
            }
            R::AuthenticationUnderWay => f.write_str("an authentication is under way; wait for its end"),
            R::AuthenticationStep => {
                f.write_str("the authentication waits for no such answer; it has gone on, or has ended")
            }
            R::WillTopic(error) => write!(f, "the will's topic: {error}"),
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejected::ByServer(reason) => write!(f, "the server refused it: {reason}"),
            Rejected::TimedOut => f.write_str("not sent in time, withdrawn"),
            Rejected::Expired => f.write_str("expired before it was sent"),
            Rejected::Disconnected => f.write_str("the client was disconnected before it was sent"),
            Rejected::Refused(reason) => write!(f, "it cannot be sent: {reason}"),
            Rejected::Offline(cause) => write!(f, "{cause}"),
            Rejected::NoResponder => f.write_str("nobody listens where the request went"),
            Rejected::Dropped => f.write_str("dropped to make room for a later message"),
            Rejected::SessionLost => f.write_str("the server lost the session before it was sent"),
            Rejected::Superseded => f.write_str("a later request for the same filter took its place"),
        }
    }
}

impl fmt::Display for Indeterminate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Indeterminate::TimedOut => "sent, but not acknowledged in time",
            Indeterminate::SessionLost => "sent, but the server lost the session before it acknowledged",
            Indeterminate::NoResponses => "the server refuses the subscription by which responses come",
            Indeterminate::GivenUp => "dropped, because connections broke whenever it was under way",
            Indeterminate::Disconnected => "sent, but the client was disconnected before the acknowledgement",
        })
    }
}

impl fmt::Display for OfflineCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OfflineCause::Requested => f.write_str("disconnected as asked"),
            OfflineCause::DialFailed => f.write_str("the server cannot be reached"),
            OfflineCause::DriverGone => f.write_str(
                "what drives the client is gone; keep its runtime, or the future that moves its bytes",
            ),
            OfflineCause::DialTimedOut => f.write_str("the server did not answer in time"),
            OfflineCause::ConnackTimedOut => f.write_str("the server sent no CONNACK in time"),
            OfflineCause::Refused(refusal) => write!(f, "{refusal}"),
            OfflineCause::TransportClosed => f.write_str("the connection was lost"),
            OfflineCause::AuthenticationAborted => f.write_str("the client broke the authentication off"),
            OfflineCause::AuthenticationTimedOut => f.write_str("the authentication took too long"),
            OfflineCause::WriteTimedOut => f.write_str("the server stopped taking bytes"),
            OfflineCause::PingTimedOut => f.write_str("the server did not answer a ping"),
            OfflineCause::PacketTimedOut => f.write_str("the server did not finish a packet in time"),
            OfflineCause::MessagesLeft => {
                f.write_str("reconnecting to receive messages again that there was no room for")
            }
            OfflineCause::AcknowledgementsStalled => {
                f.write_str("the server answers pings but acknowledges nothing")
            }
            OfflineCause::ServerDisconnected(reason) => write!(f, "the server disconnected: {reason}"),
            OfflineCause::PeerFault(fault) => write!(f, "the server broke the protocol: {fault}"),
        }
    }
}

impl fmt::Display for PeerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerFault::Decode(error) => write!(f, "{error}"),
            PeerFault::Unexpected(packet) => write!(f, "{packet} may not come now"),
            PeerFault::CodeCount { codes, filters } => write!(f, "{codes} codes for {filters} filters"),
            PeerFault::SessionPresent => {
                f.write_str("session present where a clean session was asked for [5.0 MQTT-3.2.2-4]")
            }
            PeerFault::AuthenticationMethod => {
                f.write_str("another authentication method than the client's [5.0 MQTT-4.12.0-5]")
            }
            PeerFault::ReceiveMaximumExceeded => {
                f.write_str("more messages at once than the receive maximum [5.0 MQTT-3.3.4-9]")
            }
            PeerFault::TopicAlias(alias) => {
                write!(
                    f,
                    "topic alias {alias} stands for nothing, or is above the maximum [5.0 MQTT-3.1.2-26]"
                )
            }
        }
    }
}

impl fmt::Display for ConnectRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refused the connection: {}", self.reason)
    }
}

impl core::error::Error for RefusedReason {}
impl core::error::Error for Rejected {}
impl core::error::Error for Indeterminate {}
impl core::error::Error for OfflineCause {}
impl core::error::Error for ConnectRefusal {}
