//! What the application decides before it connects. Plain values; the session takes them as they are.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::num::{NonZeroU8, NonZeroU16};
use core::time::Duration;

use bytes::Bytes;
use mqtt_proto::{PACKET_SIZE_MAX, PropertyBuf, QoS, Version};
use zeroize::Zeroize;

use crate::user_properties::UserProperties;

mqtt_parts::options! {
/// Settings of a session.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// Version of the protocol. Default: 5.0.
    pub version: Version = Version::V5_0,
    /// Names the session at the server; empty lets the server choose, where the version allows it.
    pub client_id: String = String::new(),
    /// Whether the first connection starts without what an earlier session left, and the session ends with it.
    ///
    /// Default: true. Before 5.0 this is the Clean Session flag of every connection.
    /// [3.1.1 MQTT-3.1.2-6] [5.0 MQTT-3.1.2-4]
    pub clean_session: bool = true,
    /// 5.0: how long the server keeps the session after a connection ends, in seconds; 4,294,967,295 is for ever.
    ///
    /// Default: 0 for a clean session, otherwise for ever. [5.0 MQTT-3.1.2-23]
    pub session_expiry_secs: Option<u32> = None,
    /// Longest silence before a PINGREQ is sent, in seconds; 0 turns pings off. Default: 60.
    ///
    /// The server may replace it in CONNACK. [5.0 MQTT-3.1.2-20] [5.0 MQTT-3.1.2-21]
    pub keep_alive_secs: u16 = 60,
    /// User name and password, if the server wants them.
    pub credentials: Option<Credentials> = None,
    /// Whether the application is asked for credentials before each attempt to connect, by the event
    /// `CredentialsWanted`; CONNECT waits until they are set. Default: false.
    pub asks_credentials: bool = false,
    /// 5.0: Names the method by which client and server prove themselves, step by step. Default: none.
    ///
    /// Each connection then begins with a dialogue. All of it, CONNACK included, may take `network_timeout`. [5.0 MQTT-3.1.2-30]
    pub authentication_method: Option<String> = None,
    /// The servers that may be connected to.
    pub servers: Servers = Servers::default(),
    /// What the server publishes if the connection ends without a DISCONNECT.
    pub will: Option<Will> = None,
    /// Bound for dialling, for the CONNACK, for the answer to a ping, and for the last bytes of a connection.
    ///
    /// Default: 6 s.
    pub network_timeout: Duration = Duration::from_secs(6),
    /// When and how often a lost connection is tried again.
    pub reconnect: Reconnect = Reconnect::default(),
    /// Unacknowledged QoS 1 and 2 messages taken from the server at once. Default: 1,024.
    ///
    /// CONNECT says it in 5.0. What a server sends beyond it is taken all the same, counted, and reported once for each
    /// connection by the event `ReceiveMaximumExceeded`: mosquitto does it whenever more messages wait than the
    /// window holds. [`Config::strict_receive_maximum`] refuses it. [5.0 MQTT-4.9.0-1]
    pub receive_maximum: NonZeroU16 = DEFAULT_WINDOW,
    /// Whether a server that sends more than [`Config::receive_maximum`] is disconnected with 0x93. Default: false.
    ///
    /// More than 65,535 unacknowledged messages end the connection in any case.
    pub strict_receive_maximum: bool = false,
    /// Largest packet taken from the server, in bytes, fixed header included. Default: 268,435,460, which is the
    /// largest that the protocol has.
    ///
    /// A lower limit is sent in a 5.0 CONNECT; the server then drops larger messages without a word. Before 5.0 the
    /// server cannot know it, and each larger packet ends the connection. Memory is taken as bytes arrive, never when
    /// a size is announced.
    pub packet_size_max: u32 = PACKET_SIZE_MAX,
    /// Unacknowledged QoS 1 and 2 messages sent at once, if the server does not demand fewer.
    ///
    /// Default: 1,024 in 5.0 and 20 before. A server of 3.1.1 cannot tell how many it takes, and mosquitto
    /// drops the connection of a client that has more than 20 QoS 2 messages under way.
    pub in_flight_max: Option<NonZeroU16> = None,
    /// How long messages and requests may go unanswered while the server answers pings; then the connection is
    /// replaced. Default: 60 s; none waits for ever.
    pub acknowledgement_timeout: Option<Duration> = Some(Duration::from_secs(60)),
    /// Messages that may wait to be sent. Default: 65,536.
    pub queue_messages_max: usize = 65_536,
    /// Bytes of packets that may wait to be sent, and some 90 for each. Default: 64 MiB.
    pub queue_bytes_max: usize = 64 * 1024 * 1024,
    /// What is done with messages when the queue is full, or there is no connection.
    pub queue_policy: QueuePolicy = QueuePolicy::default(),
    /// After how many connections in a row that broke while an operation was under way it is quarantined, so that
    /// everything else can go on. Default: none, which repeats it for ever.
    ///
    /// One failure short of it the operation is repeated alone, so that nothing else is blamed. The application
    /// decides about it: retry, or give up.
    pub quarantine_after: Option<NonZeroU8> = None,
    /// What is done with messages when the server has lost the session.
    pub session_loss: SessionLoss = SessionLoss::default(),
    /// 5.0: Topic aliases that are set for the server, as far as it takes them. Default: 16; 0 sets none.
    ///
    /// They go to the topics that were published last. [5.0 MQTT-3.2.2-17]
    pub topic_aliases_max: u16 = 16,
    /// 5.0: Topic aliases that the server may set. Default: 16; 0 allows none. [5.0 MQTT-3.3.2-10]
    pub topic_alias_maximum: u16 = 16,
    /// 5.0: Whether the server is asked where responses should come. Default: false. [5.0 MQTT-3.1.2-28]
    pub asks_response_information: bool = false,
    /// 5.0: Whether each subscription has an identifier, if the server has them. Default: true.
    ///
    /// A message then says which subscriptions it is for, so that none gets it twice where filters overlap.
    /// Each filter travels in a SUBSCRIBE of its own.
    pub subscription_identifiers: bool = true,
    /// Filters that may be subscribed at once; one more is refused. Default: 1,048,576.
    pub subscriptions_max: usize = 1024 * 1024,
    /// 5.0: User Properties of CONNECT, SUBSCRIBE, UNSUBSCRIBE and DISCONNECT. Default: none.
    pub user_properties: UserProperties = UserProperties::default(),
}
}

impl Config {
    /// The defaults, for a client of that name.
    pub fn new(client_id: impl Into<String>) -> Config {
        Config { client_id: client_id.into(), ..Config::default() }
    }

    /// Session Expiry Interval that CONNECT asks for, in seconds.
    pub(crate) fn requested_expiry_secs(&self) -> u32 {
        self.session_expiry_secs.unwrap_or(if self.clean_session { 0 } else { u32::MAX })
    }

    /// Unacknowledged messages sent at once, before the server has said anything.
    pub(crate) fn window(&self) -> u16 {
        let default = if self.version.has_properties() { DEFAULT_WINDOW } else { DEFAULT_WINDOW_V3 };
        self.in_flight_max.unwrap_or(default).get()
    }

    /// Whether one more failure quarantines an operation with so many.
    #[inline]
    pub(crate) fn is_suspect(&self, failures: u8) -> bool {
        failures > 0 && self.quarantine_after.is_some_and(|limit| failures + 1 >= limit.get())
    }

    /// Whether the session outlives its connection.
    pub(crate) fn is_persistent(&self) -> bool {
        match self.version {
            Version::V5_0 => self.requested_expiry_secs() > 0,
            Version::V3_1 | Version::V3_1_1 => !self.clean_session,
        }
    }
}

/// Enough to keep a link of 10 ms busy with 100,000 messages a second.
const DEFAULT_WINDOW: NonZeroU16 = NonZeroU16::new(1024).expect("not 0");

/// What a mosquitto with its defaults takes of a client of 3.1.1.
const DEFAULT_WINDOW_V3: NonZeroU16 = NonZeroU16::new(20).expect("not 0");

/// User name and password. `Debug` shows neither, and the password is wiped from memory when this is dropped.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Credentials {
    /// Before 5.0 a password needs one.
    pub user_name: Option<String>,
    /// Any bytes, 65,535 at most.
    pub password: Option<Vec<u8>>,
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.password.zeroize();
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

mqtt_parts::options! {
/// A message that the server publishes on the client's behalf.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Will {
    /// Where it goes; a topic name without wildcards.
    pub topic: String,
    /// The message, 65,535 bytes at most.
    pub payload: Bytes,
    /// Delivery guarantee.
    pub qos: QoS,
    /// Whether the server retains it for later subscribers.
    pub retain: bool,
    /// 5.0: its delay and other properties.
    #[cfg_attr(feature = "serde", serde(with = "will_properties"))]
    pub properties: PropertyBuf,
}
}

impl Will {
    /// A will with QoS 0 that is not retained.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Will {
        Will {
            topic: topic.into(),
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: PropertyBuf::new(),
        }
    }
}

/// Properties of a will, which are checked when they are read.
#[cfg(feature = "serde")]
mod will_properties {
    use alloc::vec::Vec;

    use mqtt_proto::{PropertyBuf, PropertyOwner};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(buf: &PropertyBuf, serializer: S) -> Result<S::Ok, S::Error> {
        buf.as_bytes().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PropertyBuf, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        PropertyBuf::from_bytes(PropertyOwner::Will, bytes)
            .map_err(|_| D::Error::custom("these are not the properties of a will"))
    }
}

mqtt_parts::options! {
/// The servers that a session may connect to, as numbers; their addresses are the adapter's.
///
/// A round tries each of them once, one right after the other. Only then comes the wait of [`Reconnect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Servers {
    /// How many there are. Default: 1.
    pub count: NonZeroU16 = NonZeroU16::MIN,
    /// In which order a round tries them.
    pub order: ServerOrder = ServerOrder::Listed,
    /// How many times in a row a server may send the client to another one. Default: 0, which follows none.
    ///
    /// Whoever follows gives its credentials to the servers that are named.
    pub redirects_max: u8 = 0,
}
}

/// In which order servers are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ServerOrder {
    /// As they are listed, the first one first.
    #[default]
    Listed,
    /// In another order each round, drawn from the seed, so that clients spread over the servers.
    Shuffled,
}

/// What is done with messages when the queue is full, or there is no connection.
///
/// A message that is dropped ends as rejected, like one that is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum QueuePolicy {
    /// A message that finds the queue full is refused; all others wait for a connection.
    #[default]
    Refuse,
    /// The oldest messages with QoS 0 are dropped for one that finds the queue full.
    DropOldestQoS0,
    /// While there is no connection, messages with QoS 0 are refused, and those that wait are dropped.
    KeepAboveQoS0,
    /// While there is no connection, messages are refused, and those that were never sent are dropped.
    RefuseOffline,
}

mqtt_parts::options! {
/// What is done with messages when the server has lost the session that they belong to.
///
/// QoS 2 between PUBREC and PUBCOMP always ends as indeterminate: the server had it, and its payload is gone.
/// In 3.1 no server can say that it lost a session: a persistent one is taken to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionLoss {
    /// Messages that were never sent. Default: they are sent.
    pub never_sent: Lost = Lost::Resend,
    /// QoS 1 that was sent and not acknowledged. Default: it is sent again, since it may arrive twice.
    pub at_least_once: Lost = Lost::Resend,
    /// QoS 2 that was sent and not acknowledged. Default: it ends, since it must not arrive twice.
    pub exactly_once: Lost = Lost::End,
}
}

/// What is done with a message of a session that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Lost {
    /// It is sent in the new session.
    Resend,
    /// It ends: rejected if it was never sent, indeterminate otherwise.
    End,
}

mqtt_parts::options! {
/// When and how often a connection is tried again.
///
/// The wait before attempt `n` is drawn between nothing and `after × 2ⁿ`, but at most `after_max`.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reconnect {
    /// Longest wait before the first attempt. Default: 5 s. With zero the first attempt follows at once, and later ones
    /// wait up to a second, so that a server which refuses each connection is not asked without a pause.
    pub after: Duration = Duration::from_secs(5),
    /// Longest wait before any attempt. Default: 2 min. Zero has no wait at all, which only a test wants.
    pub after_max: Duration = Duration::from_secs(120),
    /// How long a connection must last for the waits to start small again. Default: 30 s.
    pub stable_after: Duration = Duration::from_secs(30),
    /// Whether a first connection that fails is tried again too. Default: false.
    pub retry_first: bool = false,
    /// Whether waits are drawn. Default: true. Without it each wait is as long as it may be, and all clients of
    /// one server come back from an outage in the same moment.
    pub jitter: bool = true,
}
}
