//! When to send a PINGREQ, and when the server counts as gone.
//!
//! A ping is due when nothing was *sent* for the keep alive, as the standard asks, and also when nothing was
//! *received* for as long: a client that only publishes QoS 0 would otherwise never notice a dead server.

use core::time::Duration;

use mqtt_parts::Instant;

/// The clock of one connection.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    /// Longest silence before a ping, in milliseconds; 0 turns pings off.
    interval_millis: u32,
    last_sent: Instant,
    last_received: Instant,
    /// When the ping that is not yet answered was sent.
    pinged: Option<Instant>,
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
        KeepAlive { interval_millis, last_sent: connect_sent, last_received: now, pinged: None }
    }

    pub(crate) fn last_sent(&self) -> Instant {
        self.last_sent
    }

    pub(crate) fn on_sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// The transport takes bytes of a large packet: the link is alive, and a ping behind it has not left yet.
    pub(crate) fn on_written(&mut self, now: Instant) {
        (self.last_sent, self.last_received) = (now, now);
        if let Some(pinged) = &mut self.pinged {
            *pinged = now;
        }
    }

    /// Bytes have come. The answer to a ping may stand behind a large packet, so they put off its deadline too.
    pub(crate) fn on_received(&mut self, now: Instant) {
        self.last_received = now;
    }

    pub(crate) fn on_ping_answered(&mut self) {
        self.pinged = None;
    }

    /// Asks whether the server is alive, unless it was asked already; true if a ping is to be sent.
    pub(crate) fn probe(&mut self, now: Instant) -> bool {
        let is_due = self.pinged.is_none();
        self.pinged.get_or_insert(now);
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
        answer_due.into_iter().chain(ping_due).min()
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
            self.pinged.get_or_insert(now);
            self.last_sent = now;
            return KeepAliveAction::Ping;
        }
        KeepAliveAction::Nothing
    }
}

/// How much earlier than allowed a ping is sent, so that it is on the wire in time.
fn margin_millis(secs: u16) -> u32 {
    (u32::from(secs) * 250).min(1000)
}
