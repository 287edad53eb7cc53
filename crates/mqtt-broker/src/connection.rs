//! What belongs to one connection and ends with it: its step, the client's limits, aliases, and answers to be sent.

use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;
use mqtt_parts::{AliasesIn, AliasesOut, Instant};
use mqtt_proto::{Connect, Version};

use crate::authentication::Authentication;
use crate::config::Config;
use crate::control::{ControlQueue, Limits};
use crate::ids::SessionKey;

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) state: State,
    /// Where it comes from, if the host has said so.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) limits: Limits,
    /// Messages of QoS 1 and 2 that may be unacknowledged by the client.
    pub(crate) window_max: u16,
    /// Session Expiry Interval of CONNECT, in seconds.
    pub(crate) session_expiry_secs: u32,
    pub(crate) aliases_in: AliasesIn<Bytes>,
    pub(crate) aliases_out: AliasesOut,
    pub(crate) authentication: Option<Authentication>,
    pub(crate) control: ControlQueue,
    /// Bytes of a packet that is not whole yet.
    pub(crate) input_bytes: usize,
    /// What of both counts against the bound of all connections.
    pub(crate) noted_bytes: usize,
    /// QoS 1 and 2 messages that came in, whose last acknowledgement is not sent.
    pub(crate) unacknowledged: u32,
    /// Longest silence: one and a half times the keep alive.
    pub(crate) silence_max: Option<Duration>,
    pub(crate) last_packet: Instant,
    /// Whether it stands in the queue of those that are ready.
    pub(crate) is_listed: bool,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// CONNECT is still to come.
    Handshake,
    /// CONNECT was accepted.
    Online(SessionKey),
    /// Nothing is read any more; what is queued is sent, and then the link is closed.
    Closing,
}

impl Connection {
    pub(crate) fn new(now: Instant, address: Option<SocketAddr>, state: State) -> Connection {
        let limits = Limits {
            version: Version::V3_1_1,
            packet_size_max: usize::MAX,
            wants_problem_information: true,
            wants_response_information: false,
        };
        Connection {
            state,
            address,
            limits,
            window_max: 0,
            session_expiry_secs: 0,
            aliases_in: AliasesIn::default(),
            aliases_out: AliasesOut::default(),
            authentication: None,
            control: ControlQueue::default(),
            input_bytes: 0,
            noted_bytes: 0,
            unacknowledged: 0,
            silence_max: None,
            last_packet: now,
            is_listed: false,
        }
    }

    /// Takes over what CONNECT says about the client.
    pub(crate) fn set_limits(&mut self, connect: &Connect<'_>, config: &Config) {
        let properties = &connect.properties;
        let packet_size_max = properties.maximum_packet_size();
        self.limits = Limits {
            version: connect.version,
            packet_size_max: packet_size_max.map_or(usize::MAX, |max| max as usize),
            wants_problem_information: properties.request_problem_information() != Some(0),
            wants_response_information: properties.request_response_information() == Some(1),
        };
        self.window_max = properties.receive_maximum().unwrap_or(u16::MAX).min(config.inflight_max);
        self.session_expiry_secs = properties.session_expiry_interval().unwrap_or(0);
        let alias_max = properties.topic_alias_maximum().unwrap_or(0);
        self.aliases_out.reset(alias_max.min(config.topic_alias_assigned_max));
        self.silence_max = match keep_alive_secs(connect, config) {
            0 => None,
            secs => Some(Duration::from_millis(u64::from(secs) * SILENCE_MILLIS_PER_SEC)),
        };
    }

    /// The session, once CONNECT was accepted and until the connection ends.
    pub(crate) fn session(&self) -> Option<SessionKey> {
        match self.state {
            State::Online(key) => Some(key),
            State::Handshake | State::Closing => None,
        }
    }
}

/// The keep alive that counts, in seconds. [5.0 MQTT-3.2.2-22]
pub(crate) fn keep_alive_secs(connect: &Connect<'_>, config: &Config) -> u16 {
    let server = config.server_keep_alive_secs.filter(|_| connect.version.has_properties());
    server.unwrap_or(connect.keep_alive_secs)
}

/// Silence that is allowed for each second of keep alive. [5.0 MQTT-3.1.2-22] [3.1.1 MQTT-3.1.2-24]
const SILENCE_MILLIS_PER_SEC: u64 = 1500;
