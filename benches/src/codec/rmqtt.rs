//! rmqtt-codec, a decoder and encoder of tokio-util over `BytesMut`.

use bytes::BytesMut;
use rmqtt_codec::error::DecodeError;
use rmqtt_codec::{v3, v5};
use tokio_util::codec::{Decoder, Encoder};

use super::encoding::Encoding;
use super::shape::{Buffer, Codec, Input};
use super::{V3, V5};

pub(crate) struct Rmqtt<V>(V);

/// The bytes, and the codec that keeps the state of what it reads.
pub(crate) struct Framed<C>(BytesMut, C);

impl<C: Default + 'static> Buffer for Framed<C> {
    type Input<'b> = &'b mut Framed<C>;

    fn with_capacity(capacity: usize) -> Framed<C> {
        Framed(BytesMut::with_capacity(capacity), C::default())
    }

    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn input(&mut self) -> &mut Framed<C> {
        self
    }

    fn left(input: &&mut Framed<C>) -> usize {
        input.0.len()
    }

    fn keep(&mut self, _left: usize) {}
}

macro_rules! rmqtt {
    (
        $version:ident, $module:ident, $properties:expr, $ack:pat => $ack_id:expr,
        $subscribe:pat => ($subscribe_id:expr, $filters:expr), $qos:expr
    ) => {
        impl Codec for Rmqtt<$version> {
            const NAME: &'static str = "rmqtt-codec";
            type Buffer = Framed<$module::Codec>;
            type Packet<'b> = ($module::Packet, u32);
            type Decoded<'b> = Result<Option<($module::Packet, u32)>, DecodeError>;

            #[inline(always)]
            fn decode<'b>(input: &mut Input<'b, Self>) -> Self::Decoded<'b> {
                let Framed(bytes, codec) = &mut **input;
                codec.decode(bytes)
            }

            #[inline(always)]
            fn read((packet, _size): &($module::Packet, u32)) -> u64 {
                let sum = match packet {
                    $module::Packet::Publish(publish) => {
                        let id = publish.packet_id.map_or(0, |id| usize::from(id.get()));
                        publish.topic.len()
                            + publish.payload.len()
                            + id
                            + $properties(publish.properties.as_ref())
                    }
                    $ack => usize::from($ack_id.get()),
                    $subscribe => {
                        let filters = $filters.iter().map(|(filter, options)| filter.len() + $qos(options));
                        usize::from($subscribe_id.get()) + filters.sum::<usize>()
                    }
                    $module::Packet::Connect(connect) => {
                        let will = &connect.last_will;
                        let will = will.as_ref().map_or(0, |will| will.topic.len() + will.message.len());
                        let user_name = connect.username.as_ref().map_or(0, |text| text.len());
                        let password = connect.password.as_ref().map_or(0, |bytes| bytes.len());
                        connect.client_id.len() + will + user_name + password
                    }
                    $module::Packet::PingRequest => 1,
                    _ => 0,
                };
                sum as u64
            }
        }

        impl Encoding for Rmqtt<$version> {
            const NAME: &'static str = "rmqtt-codec";
            const CONSUMES: bool = true;
            type Item = Option<$module::Packet>;
            type Out = (BytesMut, $module::Codec);

            fn item(wire: &[u8]) -> Option<$module::Packet> {
                let decoded = $module::Codec::default().decode(&mut BytesMut::from(wire));
                Some(decoded.expect("a good packet").expect("a whole packet").0)
            }

            fn out(capacity: usize) -> Self::Out {
                (BytesMut::with_capacity(capacity), $module::Codec::default())
            }

            #[inline(always)]
            fn encode(item: &mut Option<$module::Packet>, (out, codec): &mut Self::Out) {
                out.clear();
                codec.encode(item.take().expect("each is encoded once"), out).expect("it encodes");
            }

            fn written((out, _codec): &mut Self::Out) -> Vec<u8> {
                out.to_vec()
            }
        }
    };
}

fn read_each(properties: Option<&v5::PublishProperties>) -> usize {
    let Some(properties) = properties else { return 0 };
    let users = properties.user_properties.iter().map(|(name, value)| name.len() + value.len());
    usize::from(properties.is_utf8_payload)
        + properties.message_expiry_interval.map_or(0, |secs| secs.get() as usize)
        + properties.content_type.as_ref().map_or(0, |text| text.len())
        + properties.response_topic.as_ref().map_or(0, |text| text.len())
        + users.sum::<usize>()
}

rmqtt!(
    V3, v3, |_| 0,
    v3::Packet::PublishAck { packet_id } => packet_id,
    v3::Packet::Subscribe { packet_id, topic_filters } => (packet_id, topic_filters),
    |qos: &rmqtt_codec::types::QoS| u8::from(*qos) as usize
);
rmqtt!(
    V5, v5, read_each,
    v5::Packet::PublishAck(ack) => ack.packet_id,
    v5::Packet::Subscribe(subscribe) => (subscribe.packet_id, subscribe.topic_filters),
    |options: &v5::SubscriptionOptions| u8::from(options.qos) as usize
);
