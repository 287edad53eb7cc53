//! When to send a PINGREQ, and when the server counts as gone.
//!
//! A ping is due when nothing was *sent* for the keep alive, as the standard asks, and also when nothing was
//! *received* for as long: a client that only publishes QoS 0 would otherwise never notice a dead server.

use core::time::Duration;

use mqtt_parts::Instant;

/// The clock of one connection.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    /// Longest silence before a ping; none turns pings off.
    interval: Option<Duration>,
    /// Longest wait for the answer.
    answer_within: Duration,
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
    pub(crate) fn new(
        connect_sent: Instant,
        now: Instant,
        keep_alive_secs: u16,
        answer_within: Duration,
    ) -> KeepAlive {
        let interval = match keep_alive_secs {
            0 => None,
            secs => Some(Duration::from_secs(u64::from(secs)) - margin(secs)),
        };
        KeepAlive { interval, answer_within, last_sent: connect_sent, last_received: now, pinged: None }
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

    /// When to look again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let answer_due = self.pinged.map(|pinged| self.answer_due(pinged));
        let ping_due = self.interval.map(|interval| match self.pinged {
            // The answer is awaited; silence in our direction still ends with a ping.
            Some(_) => self.last_sent + interval,
            None => self.last_sent.min(self.last_received) + interval,
        });
        answer_due.into_iter().chain(ping_due).min()
    }

    fn answer_due(&self, pinged: Instant) -> Instant {
        pinged.max(self.last_received) + self.answer_within
    }

    /// [5.0 MQTT-3.1.2-20] [3.1.1 MQTT-3.1.2-23]
    pub(crate) fn on_timeout(&mut self, now: Instant) -> KeepAliveAction {
        if self.pinged.is_some_and(|pinged| now >= self.answer_due(pinged)) {
            return KeepAliveAction::GiveUp;
        }
        let Some(interval) = self.interval else { return KeepAliveAction::Nothing };
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
fn margin(secs: u16) -> Duration {
    Duration::from_millis(u64::from(secs) * 250).min(Duration::from_secs(1))
}
