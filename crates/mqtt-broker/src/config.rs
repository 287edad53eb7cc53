//! What a broker offers, and the bounds of all that it keeps.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use mqtt_proto::QoS;

use crate::access::{Rule, User};
use crate::authentication::Authenticator;

mqtt_parts::options! {
/// What a broker offers, and how much it takes; every queue has its bound here.
///
/// What 5.0 can announce is announced in CONNACK.
#[derive(Clone, Debug)]
pub struct Config {
    /// Response Information for 5.0 clients that ask for it, to build their response topics from; none.
    pub response_information: Option<String> = None,
    /// Who knows methods of enhanced authentication; nobody.
    pub authenticator: Option<Arc<dyn Authenticator>> = None,
    /// How long a connection may exist without CONNECT, or without the end of its authentication; 10 seconds.
    pub connect_timeout: Duration = Duration::from_secs(10),
    /// Largest packet taken, in bytes of the whole packet; 1 MiB. 0 counts as 1.
    pub packet_size_max: u32 = MIB as u32,
    /// Largest packet taken of a client that is not accepted yet, in bytes of the whole packet; 128 KiB, which holds a
    /// CONNECT with the longest will. [`Config::packet_size_max`] is a bound for it, too.
    pub connect_size_max: u32 = 128 * 1024,
    /// QoS 1 and 2 messages that a 5.0 client may have unacknowledged; 1024. 0 counts as 1.
    pub receive_max: u16 = 1024,
    /// QoS 1 and 2 messages that are sent to one client without its acknowledgement; 1024. 0 counts as 1.
    ///
    /// A lower Receive Maximum of the client wins. [5.0 MQTT-3.3.4-9]
    pub inflight_max: u16 = 1024,
    /// Highest topic alias that a client may use, on each connection; 16. 0 offers none.
    pub topic_alias_max: u16 = 16,
    /// Topic aliases that are assigned on one connection, as far as the client takes them; 64. 0 assigns none.
    pub topic_alias_assigned_max: u16 = 64,
    /// Highest QoS of messages from clients, and highest QoS granted; 2.
    pub qos_max: QoS = QoS::ExactlyOnce,
    /// Whether retained messages are taken; true.
    pub retain_available: bool = true,
    /// Whether filters may hold wildcards; true.
    pub wildcard_available: bool = true,
    /// Whether `$share/NAME/FILTER` may be subscribed to; true.
    pub shared_available: bool = true,
    /// Whether shared subscriptions are there before 5.0, too, where the standard does not know them; true.
    pub shared_in_v3: bool = true,
    /// Whether subscriptions may carry an identifier; true.
    pub identifiers_available: bool = true,
    /// Server Keep Alive in seconds, which replaces that of 5.0 clients; none.
    pub server_keep_alive_secs: Option<u16> = None,
    /// Longest that a session of a 5.0 client is kept without connection, in seconds; 4,294,967,295 is never ending
    /// and the default.
    pub session_expiry_secs_max: u32 = u32::MAX,
    /// How long a session with Clean Session 0 of a client before 5.0 is kept without connection, in seconds;
    /// 4,294,967,295 is never ending and the default.
    pub session_expiry_v3_secs: u32 = u32::MAX,
    /// Longest client identifier taken, in bytes; 1024. At least 23 are always taken. [5.0 MQTT-3.1.3-5]
    pub client_id_size_max: usize = 1024,
    /// Connections at one time, without those that are closing; 10,000. One more is closed as soon as it is opened.
    pub connections_max: usize = 10_000,
    /// Sessions at one time, with or without connection; 10,000. One more is refused.
    pub sessions_max: usize = 10_000,
    /// Subscriptions of one session; 10,000. One more is refused.
    pub subscriptions_max: usize = 10_000,
    /// Subscriptions of all sessions together, in bytes: twice the filter, and 128 for each of its levels; 256 MiB. One
    /// more is refused.
    pub subscriptions_bytes_max: usize = 256 * MIB,
    /// Levels of one topic filter; 128. A deeper one is refused.
    pub filter_levels_max: usize = 128,
    /// Retained messages; 10,000. A message that would be one more is refused.
    pub retained_max: usize = 10_000,
    /// Retained messages, in bytes of topics, payloads and properties; 64 MiB.
    pub retained_bytes_max: usize = 64 * MIB,
    /// Messages that wait for one session, online or not; 1,048,576.
    ///
    /// A message that finds the queue full is dropped for this session, the queue keeps what it has, and
    /// [`Stats::dropped_queue_full`](crate::Stats::dropped_queue_full) counts it.
    pub queue_messages_max: usize = 1024 * 1024,
    /// Messages that wait for one session or for its acknowledgement, in bytes of topics, payloads and properties;
    /// 256 MiB. Past it the newest is dropped, as for [`Config::queue_messages_max`].
    pub queue_bytes_max: usize = 256 * MIB,
    /// Whether QoS 0 messages wait for a session without connection; false.
    pub queues_qos0_offline: bool = false,
    /// Messages of all sessions together, retained messages and wills, in bytes; 1 GiB.
    ///
    /// A message counts once with all its bytes and 256 beside, until the last session and the last connection that sends
    /// it are done with it, and with 128 bytes for each session that it waits for. What would go past it is dropped for
    /// the session, as for [`Config::queue_messages_max`]; [`Stats::dropped_total_full`](crate::Stats::dropped_total_full)
    /// counts it. A message that is to be retained is refused, and so is a client whose will has no room.
    pub messages_bytes_max: usize = 1024 * MIB,
    /// Acknowledgements and answers that wait to be sent on one connection; 65,536. A client that causes more
    /// without reading them is disconnected.
    pub control_packets_max: usize = 65_536,
    /// Packets of which a part has come and answers that wait to be sent, of all connections together, in bytes; 256 MiB.
    ///
    /// Past it, a client that has more than 64 KiB of either is disconnected when it sends more.
    pub buffers_bytes_max: usize = 256 * MIB,
    /// How often the broker publishes what it counts, as retained messages below `$SYS/broker/`. Default: never.
    ///
    /// Less than a second counts as one.
    pub sys_interval: Option<Duration> = None,
    /// Events that wait for [`Broker::poll_event`](crate::Broker::poll_event); 0, with which none is recorded.
    ///
    /// Texts that clients chose are bounded, too: once 1 MiB of them waits, further events are only counted.
    pub events_max: usize = 0,
    /// Who may connect; if it is empty, anyone with any user name and password. None.
    pub users: Vec<User> = Vec::new(),
    /// Whether clients may connect without user name although there are [`Config::users`]; false.
    pub allows_anonymous: bool = false,
    /// Who may read and write what: the first rule that matches decides, and without one all is allowed. None.
    pub rules: Vec<Rule> = Vec::new(),
}
}

impl Config {
    /// The configuration with every value in its range.
    pub(crate) fn in_range(mut self) -> Config {
        self.packet_size_max = self.packet_size_max.max(1);
        self.receive_max = self.receive_max.max(1);
        self.inflight_max = self.inflight_max.max(1);
        self.client_id_size_max = self.client_id_size_max.max(CLIENT_ID_SIZE_MIN);
        self
    }
}

/// Client identifiers up to this many bytes are taken by every server.
pub(crate) const CLIENT_ID_SIZE_MIN: usize = 23;

const MIB: usize = 1 << 20;
