//! This project's codec.

use mqtt_proto::{Context, DecodeError, Packet, Properties, Property, Version, decode, decode_next};

use super::encoding::Encoding;
use super::shape::{Codec, Input, Slice};
use super::{PACKET_MAX, V3, V5};
use crate::contest::OURS;

/// A version as a type.
pub(crate) trait Speaks: 'static {
    const VERSION: Version;
}

impl Speaks for V3 {
    const VERSION: Version = Version::V3_1_1;
}

impl Speaks for V5 {
    const VERSION: Version = Version::V5_0;
}

pub(crate) struct Ours<V>(V);

impl<V: Speaks> Codec for Ours<V> {
    const NAME: &'static str = OURS;
    type Buffer = Slice;
    type Packet<'b> = Packet<'b>;
    type Decoded<'b> = Result<Option<Packet<'b>>, DecodeError>;

    #[inline(always)]
    fn decode<'b>(input: &mut Input<'b, Self>) -> Self::Decoded<'b> {
        decode_next(input, PACKET_MAX, Context { version: V::VERSION, sender: None })
    }

    #[inline(always)]
    fn read(packet: &Packet<'_>) -> u64 {
        let sum = match packet {
            Packet::Publish(publish) => {
                let id = publish.packet_id.map_or(0, |id| usize::from(id.get()));
                publish.topic.as_bytes().len() + publish.payload.len() + id + read_each(&publish.properties)
            }
            Packet::Puback(ack) => usize::from(ack.packet_id.get()),
            Packet::Subscribe(subscribe) => {
                let read = |item: mqtt_proto::SubscribeFilter<'_>| {
                    item.filter.as_bytes().len() + usize::from(item.options.qos.bits())
                };
                usize::from(subscribe.packet_id.get()) + subscribe.filters.iter().map(read).sum::<usize>()
            }
            Packet::Connect(connect) => {
                let will = connect.will().map_or(0, |will| will.topic.as_bytes().len() + will.payload.len());
                let user_name = connect.user_name().map_or(0, str::len);
                connect.client_id().len() + will + user_name + connect.password().map_or(0, <[u8]>::len)
            }
            Packet::Pingreq => 1,
            _ => 0,
        };
        sum as u64
    }
}

#[inline(always)]
fn read_each(properties: &Properties<'_>) -> usize {
    if properties.is_empty() {
        return 0;
    }
    let read = |property| match property {
        Property::PayloadFormatIndicator(value) => usize::from(value),
        Property::MessageExpiryInterval(value) => value as usize,
        Property::ContentType(text) | Property::ResponseTopic(text) => text.len(),
        Property::UserProperty(name, value) => name.len() + value.len(),
        _ => 0,
    };
    properties.iter().map(read).sum()
}

impl<V: Speaks> Encoding for Ours<V> {
    const NAME: &'static str = OURS;
    type Item = Packet<'static>;
    type Out = Vec<u8>;

    /// The packet as a program builds it: from lists, not from the raw section that decoding leaves.
    fn item(wire: &[u8]) -> Packet<'static> {
        let wire = wire.to_vec().leak();
        match decode(wire, Context { version: V::VERSION, sender: None }).expect("a good packet") {
            Packet::Publish(publish) => {
                let properties: Vec<_> = publish.properties.iter().collect();
                let properties = Properties::new(properties.leak());
                Packet::Publish(mqtt_proto::Publish { properties, ..publish })
            }
            Packet::Subscribe(subscribe) => {
                let filters: Vec<_> = subscribe.filters.iter().collect();
                let filters = mqtt_proto::Filters::new(filters.leak());
                Packet::Subscribe(mqtt_proto::Subscribe { filters, ..subscribe })
            }
            Packet::Connect(connect) => Packet::from(&*Box::leak(Box::new(connect.fields()))),
            other => other,
        }
    }

    fn out(capacity: usize) -> Vec<u8> {
        Vec::with_capacity(capacity)
    }

    #[inline(always)]
    fn encode(item: &mut Packet<'static>, out: &mut Vec<u8>) {
        out.clear();
        item.encode(V::VERSION, out).expect("it encodes");
    }

    fn written(out: &mut Vec<u8>) -> Vec<u8> {
        out.clone()
    }
}
