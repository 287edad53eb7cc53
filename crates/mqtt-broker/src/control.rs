//! Packets to a client other than PUBLISH: kept as what they say, and encoded when they are sent.
//!
//! Reason strings are left out when the client does not want them or takes no packet of that size.

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_parts::TransmitBuf;
use mqtt_proto::{
    Ack, Auth, Connack, Disconnect, Packet, PacketId, Properties, Property, QoS, ReasonCode, ReasonCodes,
    Suback, Unsuback, Version,
};

use crate::config::Config;

/// A packet to be sent.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    Connack(Acceptance),
    /// A CONNECT that is not accepted.
    Refusal {
        reason: ReasonCode,
        text: Cow<'static, str>,
    },
    Ack {
        kind: AckKind,
        packet_id: PacketId,
        reason: ReasonCode,
        /// For people to read; may be empty.
        text: &'static str,
        /// Whether it makes room in our Receive Maximum.
        ends_message: bool,
    },
    Suback {
        packet_id: PacketId,
        codes: Vec<ReasonCode>,
    },
    Unsuback {
        packet_id: PacketId,
        codes: Vec<ReasonCode>,
    },
    Pingresp,
    Auth {
        reason: ReasonCode,
        method: Arc<str>,
        data: Vec<u8>,
    },
    Disconnect {
        reason: ReasonCode,
        text: Cow<'static, str>,
    },
}

/// Packets to be sent, first in, first out.
#[derive(Debug, Default)]
pub(crate) struct ControlQueue {
    packets: VecDeque<Control>,
    bytes: usize,
}

impl ControlQueue {
    pub(crate) fn push(&mut self, control: Control) {
        self.bytes += control.cost();
        self.packets.push_back(control);
    }

    pub(crate) fn pop(&mut self) -> Option<Control> {
        let control = self.packets.pop_front()?;
        self.bytes -= control.cost();
        Some(control)
    }

    pub(crate) fn clear(&mut self) {
        *self = ControlQueue::default();
    }

    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Which of the four acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AckKind {
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
}

/// The parts of a CONNACK that accepts a client.
#[derive(Clone, Debug)]
pub(crate) struct Acceptance {
    pub(crate) session_present: bool,
    /// An identifier that we chose.
    pub(crate) assigned_client_id: Option<Arc<str>>,
    /// A Session Expiry Interval that is not the one asked for.
    pub(crate) session_expiry_secs: Option<u32>,
    /// The method of its authentication, and the last data.
    pub(crate) authentication: Option<(Arc<str>, Vec<u8>)>,
}

/// What a client takes, as its CONNECT says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) version: Version,
    /// In bytes of the whole packet. [5.0 MQTT-3.1.2-24]
    pub(crate) packet_size_max: usize,
    pub(crate) wants_problem_information: bool,
    pub(crate) wants_response_information: bool,
}

/// No packet that says this fits into the client's Maximum Packet Size, or none exists in its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsendable;

impl Control {
    /// The memory that it takes.
    fn cost(&self) -> usize {
        let beside = match self {
            Control::Suback { codes, .. } | Control::Unsuback { codes, .. } => codes.capacity(),
            Control::Auth { data, .. } => data.capacity(),
            Control::Connack(_)
            | Control::Refusal { .. }
            | Control::Ack { .. }
            | Control::Pingresp
            | Control::Disconnect { .. } => 0,
        };
        size_of::<Control>() + beside
    }

    /// Appends the packet and returns its size in bytes.
    pub(crate) fn put(
        &self,
        limits: Limits,
        config: &Config,
        out: &mut TransmitBuf,
    ) -> Result<usize, Unsendable> {
        let version = limits.version;
        match self {
            Control::Connack(acceptance) => acceptance.put(limits, config, out),
            // [5.0 MQTT-3.2.2-19]
            Control::Refusal { reason, text } => put_with_text(text, limits, out, |properties, out| {
                let connack = Connack { session_present: false, reason: *reason, properties };
                put(&Packet::Connack(connack), limits, out)
            }),
            Control::Ack { kind, packet_id, reason, text, .. } => {
                // [5.0 MQTT-3.1.2-29]
                let text = if limits.wants_problem_information { text } else { "" };
                let reason = if version.has_properties() { *reason } else { ReasonCode::Success };
                put_with_text(text, limits, out, |properties, out| {
                    let ack = Ack { packet_id: *packet_id, reason, properties };
                    put(&kind.packet(ack), limits, out)
                })
            }
            // The codes say it all: neither this nor UNSUBACK ever has properties that might not fit.
            // [5.0 MQTT-3.9.2-1] [5.0 MQTT-3.9.2-2] [5.0 MQTT-3.11.2-1] [5.0 MQTT-3.11.2-2]
            Control::Suback { packet_id, codes } => {
                let codes: Vec<ReasonCode> = codes.iter().map(|code| suback_code(*code, version)).collect();
                let (packet_id, codes) = (*packet_id, ReasonCodes::new(&codes));
                put(&Packet::Suback(Suback { packet_id, properties: Properties::EMPTY, codes }), limits, out)
            }
            Control::Unsuback { packet_id, codes } => {
                let codes = if version.has_properties() { &**codes } else { &[] };
                let (packet_id, codes) = (*packet_id, ReasonCodes::new(codes));
                put(
                    &Packet::Unsuback(Unsuback { packet_id, properties: Properties::EMPTY, codes }),
                    limits,
                    out,
                )
            }
            Control::Pingresp => put(&Packet::Pingresp, limits, out),
            // [5.0 MQTT-4.12.0-2] [5.0 MQTT-4.12.0-5]
            Control::Auth { reason, method, data } => {
                let list = [Property::AuthenticationMethod(method), Property::AuthenticationData(data)];
                let properties = Properties::new(if data.is_empty() { &list[..1] } else { &list });
                put(&Packet::Auth(Auth { reason: *reason, properties }), limits, out)
            }
            Control::Disconnect { reason, text } => put_with_text(text, limits, out, |properties, out| {
                put(&Packet::Disconnect(Disconnect { reason: *reason, properties }), limits, out)
            }),
        }
    }
}

impl AckKind {
    const fn packet(self, ack: Ack<'_>) -> Packet<'_> {
        match self {
            AckKind::Puback => Packet::Puback(ack),
            AckKind::Pubrec => Packet::Pubrec(ack),
            AckKind::Pubrel => Packet::Pubrel(ack),
            AckKind::Pubcomp => Packet::Pubcomp(ack),
        }
    }
}

impl Acceptance {
    /// CONNACK with all that differs from what its absence would say; no User Properties, and Response Information
    /// only for a client that asks for it.
    ///
    /// [5.0 MQTT-3.2.2-9] [5.0 MQTT-3.2.2-16] [5.0 MQTT-3.1.3-7] [5.0 MQTT-3.1.2-28]
    /// [5.0 MQTT-3.2.2-20]
    fn put(&self, limits: Limits, config: &Config, out: &mut TransmitBuf) -> Put {
        let mut list = Vec::new();
        if limits.version.has_properties() {
            list.extend(self.session_expiry_secs.map(Property::SessionExpiryInterval));
            list.push(Property::ReceiveMaximum(config.receive_max));
            match config.qos_max {
                QoS::AtMostOnce => list.push(Property::MaximumQoS(0)),
                QoS::AtLeastOnce => list.push(Property::MaximumQoS(1)),
                QoS::ExactlyOnce => {}
            }
            if !config.retain_available {
                list.push(Property::RetainAvailable(0));
            }
            list.push(Property::MaximumPacketSize(config.packet_size_max));
            list.extend(self.assigned_client_id.as_deref().map(Property::AssignedClientIdentifier));
            if config.topic_alias_max > 0 {
                list.push(Property::TopicAliasMaximum(config.topic_alias_max));
            }
            if !config.wildcard_available {
                list.push(Property::WildcardSubscriptionAvailable(0));
            }
            if !config.identifiers_available {
                list.push(Property::SubscriptionIdentifierAvailable(0));
            }
            if !config.shared_available {
                list.push(Property::SharedSubscriptionAvailable(0));
            }
            list.extend(config.server_keep_alive_secs.map(Property::ServerKeepAlive));
            let response = config.response_information.as_deref();
            list.extend(
                response.filter(|_| limits.wants_response_information).map(Property::ResponseInformation),
            );
            if let Some((method, data)) = &self.authentication {
                list.push(Property::AuthenticationMethod(method));
                list.extend(Some(Property::AuthenticationData(data)).filter(|_| !data.is_empty()));
            }
        }
        let properties = Properties::new(&list);
        let (session_present, reason) = (self.session_present, ReasonCode::Success);
        put(&Packet::Connack(Connack { session_present, reason, properties }), limits, out)
    }
}

type Put = Result<usize, Unsendable>;

/// Appends a packet if the client takes one of that size. [5.0 MQTT-3.1.2-24]
fn put(packet: &Packet<'_>, limits: Limits, out: &mut TransmitBuf) -> Put {
    match packet.encoded_len(limits.version) {
        Ok(len) if len <= limits.packet_size_max => {}
        Ok(_) | Err(_) => return Err(Unsendable),
    }
    out.put(packet, limits.version).map_err(|_| Unsendable)
}

/// Appends what `packet` puts, with the text as Reason String if it fits.
fn put_with_text(
    text: &str,
    limits: Limits,
    out: &mut TransmitBuf,
    packet: impl Fn(Properties<'_>, &mut TransmitBuf) -> Put,
) -> Put {
    if limits.version.has_properties() && !text.is_empty() {
        let list = [Property::ReasonString(text)];
        if let Ok(len) = packet(Properties::new(&list), out) {
            return Ok(len);
        }
    }
    packet(Properties::EMPTY, out)
}

/// The code as its version has it: 3.1.1 knows one failure, and 3.1 none. There a filter that is refused is
/// answered with QoS 0 and brings nothing.
const fn suback_code(code: ReasonCode, version: Version) -> ReasonCode {
    match version {
        Version::V3_1_1 if code.is_error() => ReasonCode::UnspecifiedError,
        Version::V3_1 if code.is_error() => ReasonCode::Success,
        Version::V3_1 | Version::V3_1_1 | Version::V5_0 => code,
    }
}
