//! What can go wrong, by whose fault: the caller's, the peer's, the network's.

use mqtt_proto::{DecodeError, EncodeError, PacketKind, QoS, ReasonCode, TopicError};
use thiserror::Error;

/// Why the session refuses what the application asks for; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionRefusal {
    /// No more messages may wait; `queue_messages_max` is the bound.
    #[error("{messages_max} messages wait to be sent already")]
    QueueFull {
        /// The bound.
        messages_max: usize,
    },
    /// No more bytes may wait; `queue_bytes_max` is the bound.
    #[error("more than {bytes_max} bytes would wait to be sent")]
    QueueBytesFull {
        /// The bound.
        bytes_max: usize,
    },
    /// The packet would be larger than the server takes.
    #[error("the packet has {size} bytes and the server takes {size_max}")]
    PacketTooLarge {
        /// Size of the whole packet in bytes.
        size: usize,
        /// What the server takes.
        size_max: u32,
    },
    /// The server takes no messages of that QoS. [5.0 MQTT-3.2.2-11]
    #[error("the server takes QoS {qos_max} at the most")]
    QoSNotSupported {
        /// The highest that it takes.
        qos_max: QoS,
    },
    /// The server has no retained messages. [5.0 MQTT-3.2.2-14]
    #[error("the server has no retained messages")]
    RetainNotSupported,
    /// The server takes no filters with wildcards.
    #[error("the server takes no filters with wildcards")]
    WildcardNotSupported,
    /// The server has no shared subscriptions.
    #[error("the server has no shared subscriptions")]
    SharedNotSupported,
    /// The command has no encoding.
    #[error("{0}")]
    Encode(EncodeError),
    /// No more filters may be subscribed; `subscriptions_max` is the bound.
    #[error("{subscriptions_max} filters are subscribed already")]
    TooManySubscriptions {
        /// The bound.
        subscriptions_max: usize,
    },
    /// No more changes of subscriptions may wait to be sent; the bound is 1,024 more than `subscriptions_max`.
    #[error("{requests_max} changes of subscriptions wait to be sent already")]
    TooManyRequests {
        /// The bound.
        requests_max: usize,
    },
    /// The client is disconnected or about to be; connect first.
    #[error("the client is disconnected; connect first")]
    Disconnected,
    /// There is no connection now, and `queue_policy` lets no such message wait.
    #[error("there is no connection, and `queue_policy` lets no such message wait")]
    Offline,
    /// A session that ends with its connection cannot become persistent by DISCONNECT. [5.0 MQTT-3.14.2-2]
    #[error("the session ends with its connection; DISCONNECT cannot make it persistent")]
    SessionExpiry,
    /// A reason code that this acknowledgement cannot carry. [5.0 MQTT-3.4.2-1] [5.0 MQTT-3.5.2-1]
    #[error("{0:?} is no reason that this acknowledgement can carry")]
    AcknowledgementReason(ReasonCode),
    /// The client is connecting or connected already.
    #[error("the client is connected already")]
    AlreadyConnected,
    /// The configuration has no valid CONNECT.
    #[error("the options have no valid CONNECT: {0}")]
    Config(EncodeError),
    /// Before 5.0 an empty client identifier needs a clean session. [3.1.1 MQTT-3.1.3-7]
    #[error("before 5.0 an empty client identifier needs a clean session; choose an identifier")]
    EmptyClientId,
    /// There is no `authentication_method`.
    #[error("the options name no authentication method; set `authentication_method`")]
    NoAuthenticationMethod,
    /// An authentication is under way already.
    #[error("an authentication is under way; wait for its end")]
    AuthenticationUnderWay,
    /// The message was sent, or has ended.
    #[error("the message was sent, or has ended")]
    NotWaiting,
    /// The operation is not quarantined.
    #[error("the operation is not quarantined, or has ended")]
    NotQuarantined,
    /// No such answer is waited for.
    #[error("the authentication waits for no such answer; it has gone on, or has ended")]
    AuthenticationStep,
    /// There is no store, or it has failed.
    #[error("there is no store; set `store`")]
    NoStore,
    /// The key of a note is longer than 65,535 bytes.
    #[error("a key of {len} bytes; 65,535 are allowed")]
    NoteKeyTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The will's topic is no topic name.
    #[error("the will's topic: {0}")]
    WillTopic(TopicError),
}

/// Why an operation ended without effect: for certain, nothing of it reached the application on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejected {
    /// The server refused.
    #[error("the server refused it: {0}")]
    ByServer(ReasonCode),
    /// The timeout passed before it was sent; it is withdrawn.
    #[error("not sent in time, withdrawn")]
    TimedOut,
    /// Its Message Expiry Interval passed before it was sent.
    #[error("expired before it was sent")]
    Expired,
    /// The client was disconnected before it was sent.
    #[error("the client was disconnected before it was sent")]
    Disconnected,
    /// What the server announced on the last connection rules it out.
    #[error("it cannot be sent: {0}")]
    BySession(SessionRefusal),
    /// A later request for the same filter took its place.
    #[error("a later request for the same filter took its place")]
    Superseded,
    /// There is no connection, and it is not waited for.
    #[error("{0}")]
    Offline(OfflineCause),
    /// The request has no subscribers.
    #[error("the request has no subscribers")]
    NoResponder,
    /// It made room in a full queue, as `queue_policy` says.
    #[error("dropped to make room for a later message")]
    Dropped,
    /// The server lost the session before it was sent, and `session_loss` does not send it anew.
    #[error("the server lost the session before it was sent")]
    SessionLost,
}

/// Why nobody can say whether an operation took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Indeterminate {
    /// The timeout passed while it was under way. The exchange goes on, so that it is not doubled.
    #[error("sent, but not acknowledged in time")]
    TimedOut,
    /// The server lost the session in the middle of it.
    #[error("sent, but the server lost the session before it acknowledged")]
    SessionLost,
    /// The client was disconnected in the middle of it.
    #[error("sent, but the client was disconnected before the acknowledgement")]
    Disconnected,
    /// A request: the server does not let its response come.
    #[error("the server refuses the subscription by which responses come")]
    NoResponses,
    /// Connections broke whenever it was under way, and the application has dropped it.
    #[error("dropped, because connections broke whenever it was under way")]
    GivenUp,
}

/// Why an attempt to connect failed, or a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OfflineCause {
    /// The application asked for it.
    #[error("disconnected as asked")]
    Requested,
    /// The server could not be reached; the adapter knows more.
    #[error("the server cannot be reached")]
    DialFailed,
    /// Dialling took longer than `network_timeout`.
    #[error("the server did not answer in time")]
    DialTimedOut,
    /// What drives the client is gone, such as its runtime.
    #[error("what drives the client is gone; keep its runtime, or the future that moves its bytes")]
    DriverGone,
    /// The store takes no more records, and the client is not to go on without it.
    #[error("the store failed; mend what it reports, then start the client anew")]
    StoreFailed,
    /// No CONNACK came within `network_timeout`.
    #[error("the server sent no CONNACK in time")]
    ConnackTimedOut,
    /// The server refused the connection; return codes of 3.x are translated to the code of the same meaning.
    #[error("the server refused the connection: {0}")]
    Refused(ReasonCode),
    /// The transport was closed or failed under way.
    #[error("the connection was lost")]
    TransportClosed,
    /// The client has broken an authentication off: it does not trust the server, or has nothing to say to it.
    #[error("the client broke the authentication off")]
    AuthenticationAborted,
    /// An authentication that was asked for took longer than `network_timeout`.
    #[error("the authentication took too long")]
    AuthenticationTimedOut,
    /// The server took no bytes for `network_timeout`.
    #[error("the server stopped taking bytes")]
    WriteTimedOut,
    /// No answer to a ping came within `network_timeout`, and the time that a slow link takes for what was sent before.
    #[error("the server did not answer a ping")]
    PingTimedOut,
    /// A packet of the server was not whole within `network_timeout`, although 256 bytes a second would have been enough.
    #[error("the server did not finish a packet in time")]
    PacketTimedOut,
    /// The client reconnects to have messages sent again that it had no room for.
    #[error("reconnecting to receive messages again that there was no room for")]
    MessagesLeft,
    /// Pings were answered, but no message or request for `acknowledgement_timeout`.
    #[error("the server answers pings but acknowledges nothing")]
    AcknowledgementsStalled,
    /// The server said DISCONNECT.
    #[error("the server disconnected: {0}")]
    ServerDisconnected(ReasonCode),
    /// The server broke the protocol.
    #[error("the server broke the protocol: {0}")]
    PeerFault(PeerFault),
}

/// How the server broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PeerFault {
    /// A packet that cannot be decoded.
    #[error("{0}")]
    Decode(DecodeError),
    /// A packet that may not come now.
    #[error("{0} may not come now")]
    Unexpected(PacketKind),
    /// A SUBACK or UNSUBACK whose number of codes is not that of the filters.
    #[error("{codes} codes for {filters} filters")]
    CodeCount {
        /// Codes in the packet.
        codes: usize,
        /// Filters in the request.
        filters: usize,
    },
    /// Session Present, though a clean session was asked for. [5.0 MQTT-3.2.2-4]
    #[error("session present where a clean session was asked for [5.0 MQTT-3.2.2-4]")]
    SessionPresent,
    /// More unacknowledged messages than `receive_maximum`. [5.0 MQTT-3.3.4-9]
    #[error("more messages at once than the receive maximum [5.0 MQTT-3.3.4-9]")]
    ReceiveMaximumExceeded,
    /// An authentication method that is not the client's, or none where there should be one.
    /// [5.0 MQTT-4.12.0-5] [5.0 MQTT-4.12.0-6]
    #[error("another authentication method than the client's [5.0 MQTT-4.12.0-5]")]
    AuthenticationMethod,
    /// A Topic Alias that stands for nothing, or above what was offered. [5.0 MQTT-3.1.2-26] [5.0 MQTT-3.1.2-27]
    #[error("topic alias {0} stands for nothing, or is above the maximum [5.0 MQTT-3.1.2-26]")]
    TopicAlias(u16),
}

impl PeerFault {
    /// The reason code in the DISCONNECT of a 5.0 client.
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

impl OfflineCause {
    /// Whether trying again with the same configuration is pointless.
    ///
    /// A session that another connection took over stays there: two clients of one name would otherwise throw each
    /// other out for ever.
    pub const fn is_permanent(&self) -> bool {
        match self {
            OfflineCause::Requested
            | OfflineCause::AuthenticationAborted
            | OfflineCause::DriverGone
            | OfflineCause::StoreFailed => true,
            OfflineCause::Refused(reason) => !matches!(
                reason,
                ReasonCode::UnspecifiedError
                    | ReasonCode::ImplementationSpecificError
                    | ReasonCode::ServerUnavailable
                    | ReasonCode::ServerBusy
                    | ReasonCode::QuotaExceeded
                    | ReasonCode::UseAnotherServer
                    | ReasonCode::ConnectionRateExceeded
            ),
            OfflineCause::ServerDisconnected(reason) => {
                matches!(
                    reason,
                    ReasonCode::SessionTakenOver | ReasonCode::NotAuthorized | ReasonCode::ServerMoved
                )
            }
            _ => false,
        }
    }

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
