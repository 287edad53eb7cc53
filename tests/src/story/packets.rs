//! Packets as the oracles see them: what they compare, and nothing else.

use mqtt_memory::{QoS, ReasonCode, Version};
use mqtt_proto::{Context, Packet, Sender, decode};

/// A packet, with what the oracles want to know of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Of the whole packet.
    pub size: usize,
    /// Its version.
    pub version: Version,
    /// What it is.
    pub kind: Kind,
}

/// The packets, by kind.
#[derive(Clone, Debug)]
pub enum Kind {
    /// CONNECT.
    Connect {
        /// Clean Start.
        is_clean: bool,
        /// Keep alive that the client announces, in seconds.
        keep_alive_secs: u16,
        /// Receive Maximum of the client.
        receive_maximum: u16,
        /// Largest packet that the client takes.
        packet_size_max: u32,
        /// Topic Alias Maximum of the client.
        alias_max: u16,
        /// Whether there is a will.
        has_will: bool,
        /// All fields in words, apart from Clean Start.
        fields: String,
    },
    /// CONNACK.
    Connack {
        /// Whether it accepts.
        is_success: bool,
        /// Session Present.
        session_present: bool,
        /// Receive Maximum of the server.
        receive_maximum: u16,
        /// Largest packet that the server takes.
        packet_size_max: u32,
        /// Topic Alias Maximum of the server.
        alias_max: u16,
        /// Keep alive that the server demands.
        keep_alive_secs: Option<u16>,
        /// Highest QoS that the server takes.
        qos_max: u8,
        /// Whether the server takes retained messages.
        may_retain: bool,
    },
    /// PUBLISH.
    Publish {
        /// Identifier, if it has one.
        id: Option<u16>,
        /// QoS.
        qos: QoS,
        /// DUP.
        dup: bool,
        /// RETAIN.
        retain: bool,
        /// Which of the messages it is.
        message: u32,
        /// The topic as it is written.
        topic: String,
        /// The topic alias.
        alias: Option<u16>,
    },
    /// PUBACK.
    Puback(u16, ReasonCode),
    /// PUBREC.
    Pubrec(u16, ReasonCode),
    /// PUBREL.
    Pubrel(u16, ReasonCode),
    /// PUBCOMP.
    Pubcomp(u16),
    /// SUBSCRIBE.
    Subscribe(u16, Vec<(String, QoS)>),
    /// SUBACK.
    Suback(u16, Vec<ReasonCode>),
    /// UNSUBSCRIBE.
    Unsubscribe(u16, Vec<String>),
    /// UNSUBACK.
    Unsuback(u16),
    /// PINGREQ.
    Pingreq,
    /// PINGRESP.
    Pingresp,
    /// DISCONNECT.
    Disconnect(ReasonCode),
    /// AUTH.
    Auth,
    /// What cannot be read.
    Broken,
}

impl Seen {
    pub(super) fn new(frame: &[u8], version: Version, sender: Sender) -> Seen {
        let packet = decode(frame, Context { version, sender: Some(sender) });
        let kind = packet.map_or(Kind::Broken, |packet| kind_of(&packet));
        Seen { size: frame.len(), version, kind }
    }
}

fn kind_of(packet: &Packet<'_>) -> Kind {
    match packet {
        Packet::Connect(connect) => Kind::Connect {
            is_clean: connect.clean_start(),
            keep_alive_secs: connect.keep_alive_secs(),
            receive_maximum: connect.properties().receive_maximum().unwrap_or(u16::MAX),
            packet_size_max: connect.properties().maximum_packet_size().unwrap_or(u32::MAX),
            alias_max: connect.properties().topic_alias_maximum().unwrap_or(0),
            has_will: connect.fields().will.is_some(),
            fields: format!("{:?}", mqtt_proto::Connect { clean_start: false, ..connect.fields() }),
        },
        Packet::Connack(connack) => Kind::Connack {
            is_success: connack.reason == ReasonCode::Success,
            session_present: connack.session_present,
            receive_maximum: connack.properties.receive_maximum().unwrap_or(u16::MAX),
            packet_size_max: connack.properties.maximum_packet_size().unwrap_or(u32::MAX),
            alias_max: connack.properties.topic_alias_maximum().unwrap_or(0),
            keep_alive_secs: connack.properties.server_keep_alive(),
            qos_max: connack.properties.maximum_qos().unwrap_or(2),
            may_retain: connack.properties.retain_available() != Some(0),
        },
        Packet::Publish(publish) => Kind::Publish {
            id: publish.packet_id.map(mqtt_proto::PacketId::get),
            qos: publish.qos,
            dup: publish.dup,
            retain: publish.retain,
            message: message_number(publish.payload),
            topic: publish.topic.as_str().into(),
            alias: publish.properties.topic_alias(),
        },
        Packet::Puback(ack) => Kind::Puback(ack.packet_id.get(), ack.reason),
        Packet::Pubrec(ack) => Kind::Pubrec(ack.packet_id.get(), ack.reason),
        Packet::Pubrel(ack) => Kind::Pubrel(ack.packet_id.get(), ack.reason),
        Packet::Pubcomp(ack) => Kind::Pubcomp(ack.packet_id.get()),
        Packet::Subscribe(subscribe) => Kind::Subscribe(
            subscribe.packet_id.get(),
            subscribe
                .filters
                .iter()
                .map(|item| (item.filter.as_str().to_owned(), item.options.qos))
                .collect(),
        ),
        Packet::Suback(suback) => Kind::Suback(suback.packet_id.get(), suback.codes.iter().collect()),
        Packet::Unsubscribe(unsubscribe) => Kind::Unsubscribe(
            unsubscribe.packet_id.get(),
            unsubscribe.filters.iter().map(|filter| filter.as_str().to_owned()).collect(),
        ),
        Packet::Unsuback(unsuback) => Kind::Unsuback(unsuback.packet_id.get()),
        Packet::Pingreq => Kind::Pingreq,
        Packet::Pingresp => Kind::Pingresp,
        Packet::Disconnect(disconnect) => Kind::Disconnect(disconnect.reason),
        Packet::Auth(_) => Kind::Auth,
    }
}

/// The payload of a message: its number, and as many bytes more as it is to have.
pub fn payload(message: u32, size: usize) -> Vec<u8> {
    let mut payload = message.to_be_bytes().to_vec();
    payload.resize(size.max(4), b'.');
    payload
}

/// Which message it is; `u32::MAX` is none.
pub fn message_number(payload: &[u8]) -> u32 {
    payload.first_chunk().map_or(u32::MAX, |bytes| u32::from_be_bytes(*bytes))
}
