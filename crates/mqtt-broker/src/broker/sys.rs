//! What the broker says about itself: retained messages below `$SYS/broker/`, anew each interval.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::time::Duration;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::QoS;

use crate::broker::Broker;
use crate::ids::Timer;
use crate::message::Message;

impl Broker {
    /// Starts the clock of `$SYS`, unless it runs or is not wanted.
    pub(super) fn start_sys(&mut self, now: Instant) {
        if self.config.sys_interval.is_some() && !self.deadlines.contains(Timer::Sys) {
            self.started_at.get_or_insert(now);
            self.deadlines.set(Timer::Sys, now);
        }
    }

    /// Publishes the counters and sets the next time.
    pub(super) fn on_sys_timer(&mut self, now: Instant) {
        let Some(interval) = self.config.sys_interval else { return };
        let stats = self.stats();
        let uptime_secs = now.since(self.started_at.unwrap_or(now)).as_secs();
        let topics: [(&'static str, String); 10] = [
            ("$SYS/broker/version", String::from(concat!("mqtt-broker ", env!("CARGO_PKG_VERSION")))),
            ("$SYS/broker/uptime", uptime_secs.to_string()),
            ("$SYS/broker/clients/connected", stats.sessions_online.to_string()),
            ("$SYS/broker/clients/total", stats.sessions.to_string()),
            ("$SYS/broker/messages/received", stats.messages_in.to_string()),
            ("$SYS/broker/messages/sent", stats.messages_out.to_string()),
            ("$SYS/broker/bytes/received", stats.bytes_in.to_string()),
            ("$SYS/broker/bytes/sent", stats.bytes_out.to_string()),
            ("$SYS/broker/subscriptions/count", stats.subscriptions.to_string()),
            ("$SYS/broker/retained messages/count", stats.retained.to_string()),
        ];
        let publisher: Arc<str> = Arc::from("");
        for (topic, text) in topics {
            let (topic, payload) = (Bytes::from_static(topic.as_bytes()), Bytes::from(text.into_bytes()));
            let message = Message::new(Arc::clone(&publisher), topic, payload, QoS::AtMostOnce, true);
            // Refused for want of room: nobody waits for an answer.
            let _ = self.route(now, message);
        }
        self.deadlines.set(Timer::Sys, now + interval.max(SYS_INTERVAL_MIN));
    }
}

/// A shorter interval counts as this one.
const SYS_INTERVAL_MIN: Duration = Duration::from_secs(1);
