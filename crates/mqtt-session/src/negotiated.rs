//! What holds for one connection: the configuration, changed by what the server said in its CONNACK.
//!
//! Each CONNACK starts afresh from the configuration; nothing of an earlier connection stays.

use alloc::string::String;

use mqtt_parts::{Instant, TransmitBuf};
use mqtt_proto::{PACKET_SIZE_MAX, PacketKind, Properties, QoS};

use crate::config::Config;
use crate::error::SessionRefusal;
use crate::events::Events;

/// The terms of the connection that is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Longest silence before a PINGREQ, in seconds. [5.0 MQTT-3.1.2-21] [5.0 MQTT-3.2.2-21]
    pub keep_alive_secs: u16,
    /// Unacknowledged QoS 1 and 2 messages that may be sent at once. [5.0 MQTT-3.3.4-7] [5.0 MQTT-4.9.0-1]
    pub in_flight_max: u16,
    /// Largest packet that may be sent, in bytes. [5.0 MQTT-3.2.2-15]
    pub packet_size_max: u32,
    /// Highest QoS that may be sent. [5.0 MQTT-3.2.2-11]
    pub qos_max: QoS,
    /// Whether the server has retained messages. [5.0 MQTT-3.2.2-14]
    pub retain_available: bool,
    /// Whether filters may hold wildcards.
    pub wildcard_available: bool,
    /// Whether there are shared subscriptions.
    pub shared_available: bool,
    /// Whether subscriptions may have identifiers.
    pub subscription_id_available: bool,
    /// Topic aliases that are set for the server. [5.0 MQTT-3.2.2-17] [5.0 MQTT-3.2.2-18]
    pub topic_aliases_max: u16,
    /// How long the server keeps the session after the connection ends, in seconds.
    pub session_expiry_secs: u32,
    /// What topics for responses should begin with, if the server was asked and says so.
    pub response_information: Option<String>,
    /// The client identifier that the server chose, if it did.
    pub assigned_client_id: Option<String>,
}

impl Negotiated {
    /// The terms that the properties of a CONNACK set; without any, as they are before the server has said anything.
    pub(crate) fn new(config: &Config, properties: &Properties<'_>) -> Negotiated {
        let is_available = |value: Option<u8>| value.is_none_or(|value| value != 0);
        let expiry_secs = properties.session_expiry_interval();
        Negotiated {
            keep_alive_secs: properties.server_keep_alive().unwrap_or(config.keep_alive_secs),
            in_flight_max: properties.receive_maximum().unwrap_or(u16::MAX).min(config.window()),
            packet_size_max: properties.maximum_packet_size().unwrap_or(PACKET_SIZE_MAX).min(PACKET_SIZE_MAX),
            qos_max: properties.maximum_qos().and_then(QoS::from_bits).unwrap_or(QoS::ExactlyOnce),
            retain_available: is_available(properties.retain_available()),
            wildcard_available: is_available(properties.wildcard_subscription_available()),
            shared_available: is_available(properties.shared_subscription_available()),
            subscription_id_available: config.version.has_properties()
                && is_available(properties.subscription_identifier_available()),
            topic_aliases_max: properties.topic_alias_maximum().unwrap_or(0).min(config.topic_aliases_max),
            session_expiry_secs: expiry_secs.unwrap_or_else(|| config.requested_expiry_secs()),
            response_information: properties.response_information().map(String::from),
            assigned_client_id: properties.assigned_client_identifier().map(String::from),
        }
    }

    /// Whether these terms let a message be sent at all.
    pub(crate) fn check_publish(&self, qos: QoS, retain: bool) -> Result<(), SessionRefusal> {
        if qos > self.qos_max {
            return Err(SessionRefusal::QoSNotSupported { qos_max: self.qos_max });
        }
        if retain && !self.retain_available {
            return Err(SessionRefusal::RetainNotSupported);
        }
        Ok(())
    }

    /// Whether a packet of that size may be sent.
    pub(crate) fn check_size(&self, size: usize) -> Result<(), SessionRefusal> {
        if size > self.packet_size_max as usize {
            return Err(SessionRefusal::PacketTooLarge { size, size_max: self.packet_size_max });
        }
        Ok(())
    }
}

/// Where packets that are due go, and what they go by: lent to a machine while it is polled.
pub(crate) struct Emit<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    pub(crate) terms: &'a Negotiated,
    /// Messages, or requests, that are under way beside those of the machine that is polled.
    pub(crate) others: usize,
    pub(crate) out: &'a mut TransmitBuf,
    pub(crate) events: &'a mut Events,
}

impl Emit<'_> {
    /// A PUBLISH was appended.
    #[inline]
    pub(crate) fn count_publish(&mut self, is_repeated: bool) {
        self.events.counters.count_sent(PacketKind::Publish);
        self.events.counters.messages_resent += u64::from(is_repeated);
    }
}
