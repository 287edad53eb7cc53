//! When to send a PINGREQ, and when the server counts as gone.
//!
//! A ping is due when nothing was *sent* for the keep alive, as the standard asks, and also when nothing was
//! *received* for as long: a client that only publishes QoS 0 would otherwise never notice a dead server.
//!
//! Bytes that were handed to the transport may still stand in buffers of the system and of the network, with the ping
//! behind them. So the answer is granted the time that a slow link takes for them. The other way round, a packet whose
//! rest comes too slowly ends the connection, however long the keep alive is.

use core::time::Duration;

use mqtt_parts::Instant;

/// The clock of one connection.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    /// Longest silence before a ping, in milliseconds; 0 turns pings off.
    interval_millis: u32,
    /// Bytes that were sent behind the last ping.
    sent_since_ping: u32,
    last_sent: Instant,
    last_received: Instant,
    /// When the ping that is not yet answered was sent; later, if a slow link has to deliver much in front of it.
    pinged: Option<Instant>,
    /// When a slow link has delivered all that was sent.
    delivered_by: Instant,
    /// The packet whose beginning has arrived.
    unfinished: Option<Unfinished>,
}

/// A packet of which only the beginning is there.
#[derive(Debug)]
struct Unfinished {
    since: Instant,
    size: u32,
}

/// What the clock asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeepAliveAction {
    Nothing,
    Ping,
    GiveUp,
}

impl KeepAlive {
    /// The clock of a connection that was accepted `now`; the server counts from the CONNECT.
    pub(crate) fn new(connect_sent: Instant, now: Instant, keep_alive_secs: u16) -> KeepAlive {
        let interval_millis = u32::from(keep_alive_secs) * 1000 - margin_millis(keep_alive_secs);
        KeepAlive {
            interval_millis,
            sent_since_ping: 0,
            last_sent: connect_sent,
            last_received: now,
            pinged: None,
            delivered_by: now,
            unfinished: None,
        }
    }

    pub(crate) fn last_sent(&self) -> Instant {
        self.last_sent
    }

    /// So many bytes were given to the transport.
    pub(crate) fn on_sent(&mut self, now: Instant, size: usize) {
        self.last_sent = now;
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.sent_since_ping = self.sent_since_ping.saturating_add(size);
        self.delivered_by = (self.delivered_by.max(now) + delivery_time(size)).min(now + DELIVERY_MAX);
    }

    /// The link is left unread: what the server has sent meanwhile is not seen.
    pub(crate) fn on_unread(&mut self, now: Instant) {
        self.on_received(now);
        if let Some(pinged) = &mut self.pinged {
            *pinged = now;
        }
        if let Some(unfinished) = &mut self.unfinished {
            unfinished.since = now;
        }
    }

    /// What is left of the input is the beginning of a packet, of so many bytes; `is_new` if whole packets came first.
    pub(crate) fn on_unfinished(&mut self, now: Instant, size: usize, is_new: bool) {
        if size == 0 {
            self.unfinished = None;
            return;
        }
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let since =
            self.unfinished.as_ref().map_or(now, |unfinished| if is_new { now } else { unfinished.since });
        self.unfinished = Some(Unfinished { since, size });
    }

    /// When the packet whose beginning is there comes too slowly.
    fn unfinished_due(&self, within: Duration) -> Option<Instant> {
        let Unfinished { since, size } = self.unfinished.as_ref()?;
        Some(*since + within + Duration::from_secs(u64::from(*size)) / DRIP_RATE)
    }

    /// Whether the packet whose beginning is there comes too slowly.
    pub(crate) fn is_dripping(&self, now: Instant, within: Duration) -> bool {
        self.unfinished_due(within).is_some_and(|due| now >= due)
    }

    /// The transport takes bytes of a large packet: the link is alive, and a ping behind it has not left yet.
    pub(crate) fn on_written(&mut self, now: Instant) {
        (self.last_sent, self.last_received) = (now, now);
        if let Some(pinged) = &mut self.pinged {
            *pinged = now.max(*pinged);
        }
    }

    /// Bytes have come. The answer to a ping may stand behind a large packet, so they put off its deadline too.
    pub(crate) fn on_received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// Everything in front of the ping was delivered.
    pub(crate) fn on_ping_answered(&mut self, now: Instant) {
        self.pinged = None;
        self.delivered_by = self.delivered_by.min(now + delivery_time(self.sent_since_ping));
    }

    /// Asks whether the server is alive, unless it was asked already; true if a ping is to be sent.
    pub(crate) fn probe(&mut self, now: Instant) -> bool {
        let is_due = self.pinged.is_none();
        if is_due {
            let in_front = self.delivered_by.since(now);
            self.pinged = Some(now + in_front.saturating_sub(DELIVERY_FREE));
            self.sent_since_ping = 0;
        }
        is_due
    }

    fn interval(&self) -> Option<Duration> {
        (self.interval_millis > 0).then(|| Duration::from_millis(u64::from(self.interval_millis)))
    }

    /// When to look again, if answers may take so long.
    pub(crate) fn deadline(&self, answer_within: Duration) -> Option<Instant> {
        let answer_due = self.pinged.map(|pinged| self.answer_due(pinged, answer_within));
        let ping_due = self.interval().map(|interval| match self.pinged {
            // The answer is awaited; silence in our direction still ends with a ping.
            Some(_) => self.last_sent + interval,
            None => self.last_sent.min(self.last_received) + interval,
        });
        answer_due.into_iter().chain(ping_due).chain(self.unfinished_due(answer_within)).min()
    }

    fn answer_due(&self, pinged: Instant, answer_within: Duration) -> Instant {
        pinged.max(self.last_received) + answer_within
    }

    /// [5.0 MQTT-3.1.2-20] [3.1.1 MQTT-3.1.2-23]
    pub(crate) fn on_timeout(&mut self, now: Instant, answer_within: Duration) -> KeepAliveAction {
        if self.pinged.is_some_and(|pinged| now >= self.answer_due(pinged, answer_within)) {
            return KeepAliveAction::GiveUp;
        }
        let Some(interval) = self.interval() else { return KeepAliveAction::Nothing };
        let is_silent = now >= self.last_sent + interval;
        let is_deaf = self.pinged.is_none() && now >= self.last_received + interval;
        if is_silent || is_deaf {
            self.probe(now);
            self.last_sent = now;
            return KeepAliveAction::Ping;
        }
        KeepAliveAction::Nothing
    }
}

/// How long a slow link takes for so many bytes.
fn delivery_time(size: u32) -> Duration {
    Duration::from_secs(u64::from(size)) / DELIVERY_RATE
}

/// Bytes a second of the slowest uplink on which the answer to a ping behind a large message is waited for.
const DELIVERY_RATE: u32 = 32 * 1024;

/// What buffers may hold at the most, in time: 8 MiB.
const DELIVERY_MAX: Duration = Duration::from_secs(256);

/// So much is not granted: 64 KiB fit into the time for any answer.
const DELIVERY_FREE: Duration = Duration::from_secs(2);

/// Bytes a second at which the rest of a packet has to come.
const DRIP_RATE: u32 = 256;

/// How much earlier than allowed a ping is sent, so that it is on the wire in time.
fn margin_millis(secs: u16) -> u32 {
    (u32::from(secs) * 250).min(1000)
}
