//! Counters of a session: plain numbers, copied out.

use core::time::Duration;

use mqtt_parts::Instant;
use mqtt_proto::{PacketKind, Sender, Version};

use crate::error::OfflineCause;
use crate::lazy::{Lazy, unused};

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
    /// Responses to requests that nobody waited for any more; they were acknowledged.
    pub responses_dropped: u64,
    /// Acknowledgements that nobody waited for, for instance repeated ones.
    pub acknowledgements_ignored: u64,
    /// QoS 2 messages that came without DUP under the identifier of one that was not released; they were not delivered.
    pub identifiers_reused: u64,
    /// Connections on which the server had more messages under way than the receive maximum.
    pub receive_maximum_exceeded: u64,
    /// QoS 0 messages, and in a session that ends with its connection those of every QoS, that arrived when there was
    /// no room for them, and were dropped.
    pub messages_dropped: u64,
    /// QoS 1 and 2 messages of a persistent session that arrived when there was no room for them; the server sends them
    /// again.
    pub messages_left: u64,
    /// Messages that nobody took: after the grace, after `unsubscribe`, or after a stream was dropped.
    pub messages_given_up: u64,
    /// Guards that were dropped without a word; their messages went back to their takers.
    pub messages_handed_back: u64,
    /// How often acknowledgements were held back by a message that was not taken.
    pub stalls: u64,
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

/// What a session counts by, with nothing in it that follows from the rest.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// That of the first connection, once there was one.
    pub(crate) first_connection: Instant,
    pub(crate) last_connection: Instant,
    pub(crate) last_disconnection: Instant,
    pub(crate) connections: u64,
    pub(crate) disconnections: u64,
    pub(crate) bytes_received: u64,
    pub(crate) messages_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) messages_resent: u64,
    pub(crate) duplicates_dropped: u64,
    pub(crate) acknowledgement_latency: Latency,
    pub(crate) trouble: Lazy<Trouble>,
    /// By kind: packets sent, or received if only a server sends them; then those received of [`BOTH_WAYS`].
    packets: [u64; 16 + BOTH_WAYS.len()],
}

/// What a good server never does, counted apart, so that a session which has none of it stays small.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) acknowledgements_ignored: u64,
    pub(crate) identifiers_reused: u64,
    pub(crate) receive_maximum_exceeded: u64,
    /// The fault that ended the last connection.
    pub(crate) fault: Option<OfflineCause>,
    /// Connections in a row that it ended.
    pub(crate) fault_connections: u32,
    /// The number of them at which it is reported next.
    pub(crate) fault_reported_at: u32,
}

unused!(Trouble, Trouble::NONE);

impl Trouble {
    const NONE: Trouble = Trouble {
        acknowledgements_ignored: 0,
        identifiers_reused: 0,
        receive_maximum_exceeded: 0,
        fault: None,
        fault_connections: 0,
        fault_reported_at: 0,
    };
}

/// Connections with the same fault in a row from which on it is reported.
const FAULTS_REPORTED_FROM: u32 = 3;

/// The kinds of packets that both sides send.
const BOTH_WAYS: [PacketKind; 7] = [
    PacketKind::Publish,
    PacketKind::Puback,
    PacketKind::Pubrec,
    PacketKind::Pubrel,
    PacketKind::Pubcomp,
    PacketKind::Disconnect,
    PacketKind::Auth,
];

/// Where received packets of a kind are counted.
const RECEIVED_AT: [u8; 16] = {
    let mut places = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut index = 0;
    while index < BOTH_WAYS.len() {
        places[BOTH_WAYS[index] as usize] = 16 + index as u8;
        index += 1;
    }
    places
};

impl Counters {
    /// Packets sent and received.
    pub(crate) fn packets(&self) -> u64 {
        self.packets.iter().sum()
    }

    /// Messages sent and received, repetitions counted.
    pub(crate) fn messages(&self) -> u64 {
        self.packets[PacketKind::Publish as usize] + self.messages_received
    }

    #[inline]
    pub(crate) const fn count_sent(&mut self, kind: PacketKind) {
        self.add_sent(kind, 1);
    }

    #[inline]
    pub(crate) const fn add_sent(&mut self, kind: PacketKind, count: u64) {
        self.packets[kind as usize & 15] += count;
    }

    #[inline]
    pub(crate) const fn count_received(&mut self, kind: PacketKind) {
        self.packets[RECEIVED_AT[kind as usize & 15] as usize] += 1;
    }

    /// A connection was accepted.
    pub(crate) fn count_connection(&mut self, now: Instant) {
        if self.connections == 0 {
            self.first_connection = now;
        }
        self.connections += 1;
        self.last_connection = now;
    }

    pub(crate) fn count_acknowledgement(&mut self, is_awaited: bool) {
        if !is_awaited {
            self.trouble.get_or_init().acknowledgements_ignored += 1;
        }
    }

    /// A connection has ended: how many in a row the same fault has ended, if that is to be reported.
    pub(crate) fn count_fault(&mut self, cause: OfflineCause) -> Option<u32> {
        let OfflineCause::PeerFault(_) = cause else {
            self.trouble.get_mut()?.fault = None;
            return None;
        };
        let trouble = self.trouble.get_or_init();
        if trouble.fault != Some(cause) {
            trouble.fault = Some(cause);
            (trouble.fault_connections, trouble.fault_reported_at) = (0, FAULTS_REPORTED_FROM);
        }
        trouble.fault_connections += 1;
        let is_due = trouble.fault_connections == trouble.fault_reported_at;
        if is_due {
            trouble.fault_reported_at = trouble.fault_reported_at.saturating_mul(2);
        }
        is_due.then_some(trouble.fault_connections)
    }

    /// All counters, for the application.
    pub(crate) fn stats(&self) -> Stats {
        let trouble = &self.trouble;
        let mut packets_sent = PacketCounts::default();
        let mut packets_received = PacketCounts::default();
        for kind in PacketKind::ALL {
            let number = kind as usize;
            if kind.is_sent_by(Sender::Client, Version::V5_0) {
                packets_sent.0[number] = self.packets[number];
            }
            if kind.is_sent_by(Sender::Server, Version::V5_0) {
                packets_received.0[number] = self.packets[usize::from(RECEIVED_AT[number])];
            }
        }
        let was_connected = self.connections > 0;
        Stats {
            first_connection: was_connected.then_some(self.first_connection),
            last_connection: was_connected.then_some(self.last_connection),
            last_disconnection: (self.disconnections > 0).then_some(self.last_disconnection),
            disconnections: self.disconnections,
            bytes_received: self.bytes_received,
            messages_received: self.messages_received,
            bytes_sent: self.bytes_sent,
            messages_sent: packets_sent.get(PacketKind::Publish) - self.messages_resent,
            connections: self.connections,
            messages_resent: self.messages_resent,
            duplicates_dropped: self.duplicates_dropped,
            acknowledgements_ignored: trouble.acknowledgements_ignored,
            identifiers_reused: trouble.identifiers_reused,
            receive_maximum_exceeded: trouble.receive_maximum_exceeded,
            pings_sent: packets_sent.get(PacketKind::Pingreq),
            packets_sent,
            packets_received,
            acknowledgement_latency: self.acknowledgement_latency,
            // What becomes of messages behind the session is counted there.
            ..Stats::default()
        }
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
