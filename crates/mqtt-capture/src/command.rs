//! Commands in a log: a publication and a subscription stand there as the packet that they would be.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use mqtt_proto::{
    Context, Filters, Packet, PacketId, Properties, QoS, SubscribeFilter, TopicFilter, Version, decode,
};
use mqtt_session::{Command, Disconnect, Publish, Subscribe};

use crate::entry::Order;
use crate::masked::Masked;
use crate::redact::Redact;

/// How a command stands in a log; none if it has no encoding.
pub(crate) fn order<'a>(command: &Command<'a>, version: Version, redact: Redact) -> Option<Order<'a>> {
    Some(match command {
        Command::Connect => Order::Connect,
        Command::Publish(publish) => Order::Publish(pack(publish, version, redact)?, publish.timeout),
        Command::Subscribe(Subscribe { filter, options }) => {
            let filters = [SubscribeFilter { filter: *filter, options: *options }];
            let subscribe = Packet::Subscribe(mqtt_proto::Subscribe {
                packet_id: PacketId::MIN,
                properties: Properties::EMPTY,
                filters: Filters::new(&filters),
            });
            Order::Subscribe(encode(&subscribe, version, redact)?)
        }
        Command::Unsubscribe(filter) => Order::Unsubscribe(filter.as_str()),
        Command::Reauthenticate => Order::Reauthenticate,
        Command::Disconnect(disconnect) => Order::Disconnect {
            drain: disconnect.drain,
            with_will: disconnect.with_will,
            session_expiry_secs: disconnect.session_expiry_secs,
        },
    })
}

fn pack(publish: &Publish<'_>, version: Version, redact: Redact) -> Option<Masked> {
    let packet = Packet::Publish(mqtt_proto::Publish {
        dup: false,
        qos: publish.qos,
        retain: publish.retain,
        topic: publish.topic,
        packet_id: (publish.qos != QoS::AtMostOnce).then_some(PacketId::MIN),
        properties: publish.properties,
        payload: &publish.payload,
    });
    encode(&packet, version, redact)
}

fn encode(packet: &Packet<'_>, version: Version, redact: Redact) -> Option<Masked> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes).ok()?;
    redact.mask(&mut bytes, version);
    Some(Masked(bytes))
}

/// The command that was logged; none if no recorder writes that.
pub(crate) fn command<'a>(order: &'a Order<'_>, version: Version) -> Option<Command<'a>> {
    Some(match order {
        Order::Connect => Command::Connect,
        Order::Publish(packet, timeout) => Command::Publish(unpack(packet, *timeout, version)?),
        Order::Subscribe(packet) => match decode(&packet.0, context(version)).ok()? {
            Packet::Subscribe(subscribe) => {
                let SubscribeFilter { filter, options } = subscribe.filters.iter().next()?;
                Command::Subscribe(Subscribe { filter, options })
            }
            _ => return None,
        },
        Order::Unsubscribe(filter) => Command::Unsubscribe(TopicFilter::new(filter).ok()?),
        Order::Reauthenticate => Command::Reauthenticate,
        Order::Disconnect { drain, with_will, session_expiry_secs } => {
            let disconnect = Disconnect::within(*drain).with_will(*with_will);
            Command::Disconnect(disconnect.session_expiry_secs(*session_expiry_secs))
        }
    })
}

fn unpack(packet: &Masked, timeout: Option<Duration>, version: Version) -> Option<Publish<'_>> {
    match decode(&packet.0, context(version)).ok()? {
        Packet::Publish(mqtt_proto::Publish { topic, payload, qos, retain, properties, .. }) => {
            let payload = Bytes::copy_from_slice(payload);
            Some(Publish { topic, payload, qos, retain, properties, timeout })
        }
        _ => None,
    }
}

/// An application may try to send what only a server may.
const fn context(version: Version) -> Context {
    Context { version, sender: None }
}
