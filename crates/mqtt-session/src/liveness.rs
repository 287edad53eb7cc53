//! Whether the server is alive: pings, answers to them, packets that come too slowly, acknowledgements that stay away.
//!
//! A ping is due when nothing was *sent* for the keep alive, as the standard asks, and also when nothing was
//! *received* for as long: a client that only publishes QoS 0 would otherwise never notice a dead server.
//!
//! Bytes that were handed to the transport may still stand in buffers of the system and of the network, with the ping
//! behind them. So the answer is granted the time that a slow link takes for them. The other way round, a packet whose
//! rest comes too slowly ends the connection, however long the keep alive is.
//!
//! A server may answer pings and yet acknowledge nothing any more. When nothing was acknowledged for the timeout
//! although something waits for it, the server is asked by a ping. Its answer comes after whatever it had to say about
//! earlier packets; if that is nothing, the connection is of no use.

use core::time::Duration;

use mqtt_parts::Instant;

use crate::config::Config;
use crate::error::OfflineCause;

/// The watch of one connection; by default that of none, without pings.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
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
    /// Of the packet whose beginning has arrived: since when, and how many bytes.
    unfinished: Option<(Instant, u32)>,
    /// When something was acknowledged, or the wait for it began.
    acknowledged: Instant,
    /// Whether something waits for an acknowledgement.
    is_awaited: bool,
    /// Whether the server was asked since then.
    is_probed: bool,
}

/// What the watch asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LivenessAction {
    Nothing,
    Ping,
    GiveUp(OfflineCause),
}

impl Liveness {
    /// The connection was accepted `now`, with that keep alive; the server counts from the CONNECT.
    pub(crate) fn on_online(&mut self, now: Instant, keep_alive_secs: u16) {
        *self = Liveness {
            interval_millis: u32::from(keep_alive_secs) * 1000 - margin_millis(keep_alive_secs),
            last_sent: self.last_sent,
            last_received: now,
            delivered_by: now,
            ..Liveness::default()
        };
    }

    /// So many bytes were given to the transport.
    pub(crate) fn on_sent(&mut self, now: Instant, size: usize) {
        self.last_sent = now;
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.sent_since_ping = self.sent_since_ping.saturating_add(size);
        self.delivered_by = (self.delivered_by.max(now) + delivery_time(size)).min(now + DELIVERY_MAX);
    }

    /// Whether something waits for an acknowledgement from now on.
    pub(crate) fn set_awaited(&mut self, now: Instant, is_awaited: bool) {
        if is_awaited && !self.is_awaited {
            self.on_acknowledged(now);
        }
        self.is_awaited = is_awaited;
    }

    /// Something was acknowledged, or is still being written.
    pub(crate) fn on_acknowledged(&mut self, now: Instant) {
        self.acknowledged = now;
        self.is_probed = false;
    }

    /// Bytes have come. The answer to a ping may stand behind a large packet, so they put off its deadline too.
    pub(crate) fn on_received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// What is left of the input is the beginning of a packet, of so many bytes; `is_new` if whole packets came first.
    pub(crate) fn on_unfinished(&mut self, now: Instant, size: usize, is_new: bool) {
        let since = self.unfinished.filter(|_| !is_new).map_or(now, |(since, _)| since);
        self.unfinished = (size > 0).then(|| (since, u32::try_from(size).unwrap_or(u32::MAX)));
    }

    /// The link is left unread: what the server has sent meanwhile is not seen.
    pub(crate) fn on_unread(&mut self, now: Instant) {
        self.on_received(now);
        self.on_acknowledged(now);
        self.pinged.iter_mut().for_each(|pinged| *pinged = now);
        self.unfinished.iter_mut().for_each(|(since, _)| *since = now);
    }

    /// The transport takes bytes of a large packet: the link is alive, and a ping behind it has not left yet.
    pub(crate) fn on_written(&mut self, now: Instant) {
        (self.last_sent, self.last_received) = (now, now);
        self.on_acknowledged(now);
        self.pinged.iter_mut().for_each(|pinged| *pinged = now.max(*pinged));
    }

    /// Everything in front of the ping was delivered; true if the server acknowledges nothing any more.
    pub(crate) fn on_ping_answered(&mut self, now: Instant) -> bool {
        self.pinged = None;
        self.delivered_by = self.delivered_by.min(now + delivery_time(self.sent_since_ping));
        self.is_awaited && self.is_probed
    }

    /// Asks whether the server is alive, unless it was asked already; true if a ping is to be sent.
    fn ping(&mut self, now: Instant) -> bool {
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

    /// When to look again.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Instant> {
        let ping_due = self.interval().map(|interval| match self.pinged {
            // The answer is awaited; silence in our direction still ends with a ping.
            Some(_) => self.last_sent + interval,
            None => self.last_sent.min(self.last_received) + interval,
        });
        let answer_due = self.answer_due(config.network_timeout);
        let unfinished_due = self.unfinished_due(config.network_timeout);
        let probe_due = self.probe_due(config.acknowledgement_timeout);
        [ping_due, answer_due, unfinished_due, probe_due].into_iter().flatten().min()
    }

    fn answer_due(&self, within: Duration) -> Option<Instant> {
        self.pinged.map(|pinged| pinged.max(self.last_received) + within)
    }

    /// When the packet whose beginning is there comes too slowly.
    fn unfinished_due(&self, within: Duration) -> Option<Instant> {
        let (since, size) = self.unfinished?;
        Some(since + within + Duration::from_secs(u64::from(size)) / DRIP_RATE)
    }

    /// When to ask for acknowledgements; once the server was asked, its answer is waited for elsewhere.
    fn probe_due(&self, timeout: Option<Duration>) -> Option<Instant> {
        let timeout = timeout?;
        (self.is_awaited && !self.is_probed).then(|| self.acknowledged + timeout)
    }

    /// [5.0 MQTT-3.1.2-20] [3.1.1 MQTT-3.1.2-23]
    pub(crate) fn on_timeout(&mut self, now: Instant, config: &Config) -> LivenessAction {
        let is_past = |due: Option<Instant>| due.is_some_and(|due| now >= due);
        if is_past(self.unfinished_due(config.network_timeout)) {
            return LivenessAction::GiveUp(OfflineCause::PacketTimedOut);
        }
        if is_past(self.answer_due(config.network_timeout)) {
            return LivenessAction::GiveUp(OfflineCause::PingTimedOut);
        }
        let interval = self.interval();
        let is_silent = is_past(interval.map(|interval| self.last_sent + interval));
        let is_deaf =
            self.pinged.is_none() && is_past(interval.map(|interval| self.last_received + interval));
        let is_probe = is_past(self.probe_due(config.acknowledgement_timeout));
        self.is_probed |= is_probe;
        if is_silent || is_deaf {
            self.ping(now);
            self.last_sent = now;
            return LivenessAction::Ping;
        }
        if is_probe && self.ping(now) { LivenessAction::Ping } else { LivenessAction::Nothing }
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
