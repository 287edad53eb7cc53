//! Counters of a session: plain numbers, copied out.

use mqtt_parts::Instant;

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// When the first connection was accepted.
    pub first_connection: Option<Instant>,
    /// When the last connection was accepted.
    pub last_connection: Option<Instant>,
    /// When the last connection ended.
    pub last_disconnection: Option<Instant>,
    /// Accepted connections that ended.
    pub disconnections: u64,
    /// Bytes taken from the transport.
    pub bytes_received: u64,
    /// Messages that arrived, repetitions that were dropped not counted.
    pub messages_received: u64,
    /// Bytes given to the transport.
    pub bytes_sent: u64,
    /// Messages given to the transport, repetitions not counted.
    pub messages_sent: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// Messages given to the transport again after a reconnect.
    pub messages_resent: u64,
    /// Repetitions of QoS 2 messages that were not delivered a second time.
    pub duplicates_dropped: u64,
    /// Pings sent.
    pub pings_sent: u64,
}

impl Stats {
    /// The eight counters of the API that this library grew from, in its order.
    ///
    /// First connection, last connection, last disconnection (each in milliseconds since the origin of the
    /// adapter's clock, 0 if it never happened), disconnections, bytes received, messages received, bytes sent,
    /// messages sent.
    pub fn as_tuple(&self) -> (u64, u64, u64, u64, u64, u64, u64, u64) {
        let millis = |at: Option<Instant>| at.map_or(0, Instant::as_millis);
        (
            millis(self.first_connection),
            millis(self.last_connection),
            millis(self.last_disconnection),
            self.disconnections,
            self.bytes_received,
            self.messages_received,
            self.bytes_sent,
            self.messages_sent,
        )
    }
}
