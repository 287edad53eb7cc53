//! The only code that knows the broker's API: a test opens connections, sends packets, and says what it sees.
//!
//! What comes out is decoded and written down as one line for each packet, so that a test reads as a conversation.
//! Reason strings are left out, and so is what CONNACK always says under the default configuration.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::fmt::Debug;
use core::time::Duration;

use bytes::BytesMut;
use mqtt_parts::{Instant, TransmitBuf};
use mqtt_proto::{
    Ack, Connect, Context, Disconnect, Filters, Packet, PacketId, Properties, Property, PropertyId, Publish,
    QoS, ReasonCode, Sender, Subscribe, SubscribeFilter, SubscribeOptions, TopicFilter, TopicFilters,
    TopicName, Unsubscribe, Version, Will, decode, frame_len,
};

use crate::broker::Broker;
use crate::config::Config;
use crate::ids::ConnectionId;

/// A broker, a clock, and what the clients have in their hands.
pub(super) struct World {
    pub(super) broker: Broker,
    pub(super) now: Instant,
    versions: BTreeMap<ConnectionId, Version>,
}

impl World {
    pub(super) fn new() -> World {
        World::with(Config::default())
    }

    pub(super) fn with(config: Config) -> World {
        World { broker: Broker::new(config, 7), now: Instant::ORIGIN, versions: BTreeMap::new() }
    }

    /// Opens a connection on which nothing is sent yet.
    pub(super) fn open(&mut self) -> ConnectionId {
        self.broker.handle_opened(self.now)
    }

    /// Opens a connection, sends CONNECT and checks the answer.
    pub(super) fn join(&mut self, connect: Connect<'_>, answer: &str) -> ConnectionId {
        let id = self.open();
        self.send(id, Packet::from(&connect));
        self.see(id, &[answer]);
        id
    }

    /// The same where the answer does not matter.
    pub(super) fn joined(&mut self, connect: Connect<'_>) -> ConnectionId {
        let id = self.open();
        self.send(id, Packet::from(&connect));
        let seen = self.take(id);
        assert!(seen.first().is_some_and(|line| line.starts_with("connack Success")), "{seen:?}");
        id
    }

    pub(super) fn send(&mut self, id: ConnectionId, packet: Packet<'_>) {
        if let Packet::Connect(connect) = packet {
            self.versions.insert(id, connect.version());
        }
        let mut wire = Vec::new();
        packet.encode(self.version(id), &mut wire).expect("a packet of the test can be encoded");
        self.send_bytes(id, &wire);
    }

    pub(super) fn send_bytes(&mut self, id: ConnectionId, bytes: &[u8]) {
        self.broker.handle_input(self.now, id, &mut BytesMut::from(bytes));
    }

    pub(super) fn publish(&mut self, id: ConnectionId, publish: Publish<'_>) {
        self.send(id, Packet::Publish(publish));
    }

    /// Subscribes with one filter and drops the SUBACK and what follows it.
    pub(super) fn subscribe(&mut self, id: ConnectionId, filter: &str, qos: QoS) {
        self.subscribe_with(id, filter, SubscribeOptions::with_qos(qos), None);
        let seen = self.take(id);
        assert!(seen.first().is_some_and(|line| line.starts_with("suback")), "{seen:?}");
    }

    pub(super) fn subscribe_with(
        &mut self,
        id: ConnectionId,
        filter: &str,
        options: SubscribeOptions,
        identifier: Option<u32>,
    ) {
        let filter = TopicFilter::new(filter).expect("a valid filter");
        let list: Vec<_> = identifier.into_iter().map(Property::SubscriptionIdentifier).collect();
        let filters = [SubscribeFilter { filter, options }];
        let properties = Properties::new(&list);
        let subscribe = Subscribe { packet_id: pid(1), properties, filters: Filters::new(&filters) };
        self.send(id, Packet::Subscribe(subscribe));
    }

    pub(super) fn unsubscribe(&mut self, id: ConnectionId, filters: &[&str]) {
        let filters: Vec<_> =
            filters.iter().map(|filter| TopicFilter::new(filter).expect("a valid filter")).collect();
        let filters = TopicFilters::new(&filters);
        let unsubscribe = Unsubscribe { packet_id: pid(2), properties: Properties::EMPTY, filters };
        self.send(id, Packet::Unsubscribe(unsubscribe));
    }

    pub(super) fn puback(&mut self, id: ConnectionId, packet_id: u16) {
        self.send(id, Packet::Puback(Ack::success(pid(packet_id))));
    }

    pub(super) fn pubrec(&mut self, id: ConnectionId, packet_id: u16) {
        self.send(id, Packet::Pubrec(Ack::success(pid(packet_id))));
    }

    pub(super) fn pubrel(&mut self, id: ConnectionId, packet_id: u16) {
        self.send(id, Packet::Pubrel(Ack::success(pid(packet_id))));
    }

    pub(super) fn pubcomp(&mut self, id: ConnectionId, packet_id: u16) {
        self.send(id, Packet::Pubcomp(Ack::success(pid(packet_id))));
    }

    pub(super) fn disconnect(&mut self, id: ConnectionId, reason: ReasonCode) {
        self.send(id, Packet::Disconnect(Disconnect::with_reason(reason)));
        self.hang_up(id);
    }

    /// The link is gone.
    pub(super) fn hang_up(&mut self, id: ConnectionId) {
        self.broker.handle_closed(self.now, id);
    }

    /// Time passes, with every timeout at its time.
    pub(super) fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.broker.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.broker.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// Checks all that came for a client since it last looked.
    #[track_caller]
    pub(super) fn see(&mut self, id: ConnectionId, expected: &[&str]) {
        assert_eq!(self.take(id), expected);
    }

    pub(super) fn take(&mut self, id: ConnectionId) -> Vec<String> {
        let bytes = self.take_bytes(id);
        let mut lines = read(&bytes, self.version(id), render);
        if self.broker.is_closing(id) {
            lines.push("closed".to_string());
        }
        lines
    }

    /// The reason strings of all that came for a client.
    pub(super) fn take_reasons(&mut self, id: ConnectionId) -> Vec<Option<String>> {
        let bytes = self.take_bytes(id);
        read(&bytes, self.version(id), |packet| {
            let properties = match packet {
                Packet::Connack(connack) => connack.properties,
                Packet::Puback(ack) | Packet::Pubrec(ack) => ack.properties,
                Packet::Disconnect(disconnect) => disconnect.properties,
                _ => Properties::EMPTY,
            };
            properties.reason_string().map(ToString::to_string)
        })
    }

    pub(super) fn take_bytes(&mut self, id: ConnectionId) -> Vec<u8> {
        let mut out = TransmitBuf::new();
        while self.broker.poll_transmit(self.now, id, &mut out) {}
        out.chunks().collect::<Vec<_>>().concat()
    }

    pub(super) fn is_v5(&self, id: ConnectionId) -> bool {
        self.version(id).has_properties()
    }

    fn version(&self, id: ConnectionId) -> Version {
        self.versions.get(&id).copied().unwrap_or(Version::V5_0)
    }
}

/// All packets in `bytes`, which are whole and legal for a server.
fn read<T>(mut bytes: &[u8], version: Version, mut each: impl FnMut(&Packet<'_>) -> T) -> Vec<T> {
    let mut all = vec![];
    while !bytes.is_empty() {
        let len = frame_len(bytes, u32::MAX).expect("a frame").expect("a whole frame");
        let (frame, rest) = bytes.split_at(len);
        let context = Context { version, sender: Some(Sender::Server) };
        all.push(each(&decode(frame, context).expect("the broker sends what is legal")));
        bytes = rest;
    }
    all
}

fn render(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Connack(connack) => {
            let present = if connack.session_present { " present" } else { "" };
            format!("connack {:?}{present}{}", connack.reason, render_properties(&connack.properties))
        }
        Packet::Publish(publish) => render_publish(publish),
        Packet::Puback(ack) => render_ack("puback", ack),
        Packet::Pubrec(ack) => render_ack("pubrec", ack),
        Packet::Pubrel(ack) => render_ack("pubrel", ack),
        Packet::Pubcomp(ack) => render_ack("pubcomp", ack),
        Packet::Suback(suback) => format!("suback #{} {:?}", suback.packet_id, suback.codes),
        Packet::Unsuback(unsuback) => format!("unsuback #{} {:?}", unsuback.packet_id, unsuback.codes),
        Packet::Pingresp => "pingresp".to_string(),
        Packet::Disconnect(disconnect) => format!("disconnect {:?}", disconnect.reason),
        other => format!("{other:?}"),
    }
}

fn render_publish(publish: &Publish<'_>) -> String {
    let payload = core::str::from_utf8(publish.payload).expect("tests publish text");
    let mut line = format!("publish {} {payload:?}", publish.topic);
    if let Some(packet_id) = publish.packet_id {
        line += &format!(" q{} #{packet_id}", publish.qos);
    }
    for (is_set, word) in [(publish.dup, " dup"), (publish.retain, " retain")] {
        if is_set {
            line += word;
        }
    }
    line + &render_properties(&publish.properties)
}

fn render_ack(name: &str, ack: &Ack<'_>) -> String {
    match ack.reason {
        ReasonCode::Success => format!("{name} #{}", ack.packet_id),
        reason => format!("{name} #{} {reason:?}", ack.packet_id),
    }
}

fn render_properties(properties: &Properties<'_>) -> String {
    let is_usual = |property: &Property<'_>| match property {
        Property::ReceiveMaximum(max) => *max == Config::default().receive_max,
        Property::MaximumPacketSize(max) => *max == Config::default().packet_size_max,
        Property::TopicAliasMaximum(max) => *max == Config::default().topic_alias_max,
        property => property.id() == PropertyId::ReasonString,
    };
    let shown = properties.iter().filter(|property| !is_usual(property));
    shown.map(|property| format!(" {property:?}")).collect()
}

pub(super) fn pid(id: u16) -> PacketId {
    PacketId::new(id).expect("not 0")
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A CONNECT that asks for nothing special and no keep alive.
pub(super) fn client(version: Version, client_id: &str) -> Connect<'_> {
    Connect {
        version,
        clean_start: true,
        keep_alive_secs: 0,
        properties: Properties::EMPTY,
        client_id,
        will: None,
        user_name: None,
        password: None,
    }
}

pub(super) fn v5(client_id: &str) -> Connect<'_> {
    client(Version::V5_0, client_id)
}

pub(super) fn v3(client_id: &str) -> Connect<'_> {
    client(Version::V3_1_1, client_id)
}

/// A 5.0 client that goes on with its session, which is kept for an hour.
pub(super) fn lasting(client_id: &str) -> Connect<'_> {
    const HOUR: Properties<'static> = Properties::new(&[Property::SessionExpiryInterval(3600)]);
    Connect { clean_start: false, properties: HOUR, ..v5(client_id) }
}

/// A 3.1.1 client that goes on with its session.
pub(super) fn lasting_v3(client_id: &str) -> Connect<'_> {
    Connect { clean_start: false, ..v3(client_id) }
}

pub(super) fn will<'a>(topic: &'a str, payload: &'a str) -> Will<'a> {
    Will {
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Properties::EMPTY,
        topic: TopicName::new(topic).expect("a valid topic"),
        payload: payload.as_bytes(),
    }
}

pub(super) fn message<'a>(topic: &'a str, payload: &'a str) -> Publish<'a> {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: TopicName::new(topic).expect("a valid topic"),
        packet_id: None,
        properties: Properties::EMPTY,
        payload: payload.as_bytes(),
    }
}

pub(super) fn qos1<'a>(packet_id: u16, topic: &'a str, payload: &'a str) -> Publish<'a> {
    Publish { qos: QoS::AtLeastOnce, packet_id: Some(pid(packet_id)), ..message(topic, payload) }
}

pub(super) fn qos2<'a>(packet_id: u16, topic: &'a str, payload: &'a str) -> Publish<'a> {
    Publish { qos: QoS::ExactlyOnce, packet_id: Some(pid(packet_id)), ..message(topic, payload) }
}

pub(super) fn retained<'a>(topic: &'a str, payload: &'a str) -> Publish<'a> {
    Publish { retain: true, ..message(topic, payload) }
}

/// Any value as a string, for comparing.
pub(super) fn text(value: impl Debug) -> String {
    format!("{value:?}")
}
