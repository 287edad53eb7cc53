//! Counters of a session: plain numbers, copied out.

use core::time::Duration;

use mqtt_parts::Instant;
use mqtt_proto::PacketKind;

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
    /// Messages given to the transport again after a reconnect, which are not among those sent.
    pub messages_resent: u64,
    /// Repetitions of QoS 2 messages that were not delivered a second time.
    pub duplicates_dropped: u64,
    /// Pings sent.
    pub pings_sent: u64,
    /// Packets given to the transport, by kind.
    pub packets_sent: PacketCounts,
    /// Packets taken from the transport, by kind.
    pub packets_received: PacketCounts,
    /// Time from the first transmission of QoS 1 and 2 messages to the end of their exchange.
    pub acknowledgement_latency: Latency,
}

/// A number for each kind of packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketCounts([u64; 16]);

impl PacketCounts {
    /// How many packets of that kind.
    pub const fn get(&self, kind: PacketKind) -> u64 {
        self.0[kind as usize & 15]
    }

    /// All packets.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    #[inline]
    pub(crate) const fn count(&mut self, kind: PacketKind) {
        self.add(kind, 1);
    }

    #[inline]
    pub(crate) const fn add(&mut self, kind: PacketKind, count: u64) {
        self.0[kind as usize & 15] += count;
    }
}

/// How long something took, over all that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many were counted.
    pub count: u64,
    /// Sum, in microseconds.
    pub total_micros: u64,
    /// The longest, in microseconds.
    pub max_micros: u64,
}

impl Latency {
    /// The mean; none before anything was counted.
    pub fn mean(&self) -> Option<Duration> {
        self.total_micros.checked_div(self.count).map(Duration::from_micros)
    }

    pub(crate) fn count(&mut self, from: Instant, to: Instant) {
        let micros = to.as_micros().saturating_sub(from.as_micros());
        self.count += 1;
        self.total_micros = self.total_micros.saturating_add(micros);
        self.max_micros = self.max_micros.max(micros);
    }
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
