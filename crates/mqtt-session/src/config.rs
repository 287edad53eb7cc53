//! What the application decides before it connects. Plain values; the session takes them as they are.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU16;
use core::time::Duration;

use bytes::Bytes;
use mqtt_proto::{PropertyBuf, QoS, Version};

/// Settings of a session.
#[derive(Clone, Debug)]
pub struct Config {
    /// Version of the protocol; 5.0 unless said.
    pub version: Version,
    /// Names the session at the server; empty lets the server choose, where the version allows it.
    pub client_id: String,
    /// Whether the first connection starts without what an earlier session left, and the session ends with it.
    ///
    /// True unless said. Before 5.0 this is the Clean Session flag of every connection.
    /// [3.1.1 MQTT-3.1.2-6] [5.0 MQTT-3.1.2-4]
    pub clean_session: bool,
    /// 5.0: how long the server keeps the session after a connection ends, in seconds; 4,294,967,295 is for ever.
    ///
    /// Unless said, 0 for a clean session and for ever otherwise. [5.0 MQTT-3.1.2-23]
    pub session_expiry_secs: Option<u32>,
    /// Longest silence before a PINGREQ is sent, in seconds; 0 turns pings off. 60 unless said.
    ///
    /// The server may replace it in CONNACK; [`crate::Negotiated::keep_alive_secs`] is what counts.
    /// [5.0 MQTT-3.1.2-20] [5.0 MQTT-3.1.2-21]
    pub keep_alive_secs: u16,
    /// User name and password, if the server wants them.
    pub credentials: Option<Credentials>,
    /// What the server publishes if the connection ends without a DISCONNECT.
    pub will: Option<Will>,
    /// Bound for dialling, for the CONNACK, for the answer to a ping, and for the last bytes of a connection.
    ///
    /// 6 s unless said.
    pub network_timeout: Duration,
    /// When and how often a lost connection is tried again.
    pub reconnect: Reconnect,
    /// Unacknowledged QoS 1 and 2 messages taken from the server at once; 1,024 unless said.
    ///
    /// 5.0 tells the server; a server that sends more is disconnected. [5.0 MQTT-4.9.0-1]
    pub receive_maximum: NonZeroU16,
    /// Largest packet taken from the server, in bytes, fixed header included; 1 MiB unless said.
    ///
    /// 5.0 tells the server; a larger packet ends the connection before memory is reserved for it.
    pub packet_size_max: u32,
    /// Unacknowledged QoS 1 and 2 messages sent at once, if the server does not demand fewer.
    ///
    /// Unless said, 1,024 in 5.0 and 20 before: a server of 3.1.1 cannot tell how many it takes, and mosquitto
    /// drops the connection of a client that has more than 20 QoS 2 messages under way.
    pub in_flight_max: Option<NonZeroU16>,
    /// Messages that may wait to be sent; one more is refused. 65,536 unless said.
    pub queue_messages_max: usize,
    /// Bytes of topics, properties and payloads that may wait to be sent; more are refused. 64 MiB unless said.
    pub queue_bytes_max: usize,
    /// Filters that may be subscribed at once; one more is refused. 1,048,576 unless said.
    pub subscriptions_max: usize,
}

impl Config {
    /// The defaults, for a client of that name.
    pub fn new(client_id: impl Into<String>) -> Config {
        Config {
            version: Version::V5_0,
            client_id: client_id.into(),
            clean_session: true,
            session_expiry_secs: None,
            keep_alive_secs: 60,
            credentials: None,
            will: None,
            network_timeout: Duration::from_secs(6),
            reconnect: Reconnect::default(),
            receive_maximum: DEFAULT_WINDOW,
            packet_size_max: 1024 * 1024,
            in_flight_max: None,
            queue_messages_max: 65_536,
            queue_bytes_max: 64 * 1024 * 1024,
            subscriptions_max: 1024 * 1024,
        }
    }

    /// Session Expiry Interval that CONNECT asks for, in seconds.
    pub(crate) fn session_expiry_secs(&self) -> u32 {
        self.session_expiry_secs.unwrap_or(if self.clean_session { 0 } else { u32::MAX })
    }

    /// Unacknowledged messages sent at once, before the server has said anything.
    pub(crate) fn in_flight_max(&self) -> u16 {
        let default = if self.version.has_properties() { DEFAULT_WINDOW } else { DEFAULT_WINDOW_V3 };
        self.in_flight_max.unwrap_or(default).get()
    }

    /// Whether the session outlives its connection.
    pub(crate) fn is_kept(&self) -> bool {
        match self.version {
            Version::V5_0 => self.session_expiry_secs() > 0,
            Version::V3_1 | Version::V3_1_1 => !self.clean_session,
        }
    }
}

/// Enough to keep a link of 10 ms busy with 100,000 messages a second.
const DEFAULT_WINDOW: NonZeroU16 = NonZeroU16::new(1024).expect("not 0");

/// What a mosquitto with its defaults takes of a client of 3.1.1.
const DEFAULT_WINDOW_V3: NonZeroU16 = NonZeroU16::new(20).expect("not 0");

/// User name and password. `Debug` shows neither.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Before 5.0 a password needs one.
    pub user_name: Option<String>,
    /// Any bytes, 65,535 at most.
    pub password: Option<Vec<u8>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// A message that the server publishes on the client's behalf.
#[derive(Clone, Debug)]
pub struct Will {
    /// Where it goes; a topic name without wildcards.
    pub topic: String,
    /// The message, 65,535 bytes at most.
    pub payload: Bytes,
    /// How often it may arrive.
    pub qos: QoS,
    /// Whether the server keeps it for later subscribers.
    pub retain: bool,
    /// 5.0: its delay and what is said about it.
    pub properties: PropertyBuf,
}

impl Will {
    /// A will with QoS 0 that is not kept.
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

/// When and how often a connection is tried again.
///
/// The wait before attempt `n` is drawn between nothing and `after × 2ⁿ`, but at most `after_max`.
#[derive(Clone, Copy, Debug)]
pub struct Reconnect {
    /// Longest wait before the first attempt; 5 s unless said.
    pub after: Duration,
    /// Longest wait before any attempt; 2 min unless said.
    pub after_max: Duration,
    /// How long a connection must last for the waits to start small again; 30 s unless said.
    pub stable_after: Duration,
    /// Whether a first connection that fails is tried again too; false unless said.
    pub retry_first: bool,
}

impl Default for Reconnect {
    fn default() -> Reconnect {
        Reconnect {
            after: Duration::from_secs(5),
            after_max: Duration::from_secs(120),
            stable_after: Duration::from_secs(30),
            retry_first: false,
        }
    }
}
