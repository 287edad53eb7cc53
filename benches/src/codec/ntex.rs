//! ntex-mqtt's codec, whose decoder consumes buffers and whose encoder consumes packets.

use ntex_bytes::{BytePageSize, BytePages, BytesMut};
use ntex_codec::{Decoder, Encoder};
use ntex_mqtt::error::DecodeError;
use ntex_mqtt::{v3, v5};

use super::encoding::Encoding;
use super::shape::{Buffer, Codec, Input};
use super::{V3, V5};

pub(crate) struct Ntex<V>(V);

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

macro_rules! ntex {
    (
        $version:ident, $module:ident, $properties:expr, $ack:pat => $ack_id:expr,
        $subscribe:pat => ($subscribe_id:expr, $filters:expr), $qos:expr
    ) => {
        impl Codec for Ntex<$version> {
            const NAME: &'static str = "ntex-mqtt";
            type Buffer = Framed<$module::codec::Codec>;
            type Packet<'b> = $module::codec::Decoded;
            type Decoded<'b> = Result<Option<$module::codec::Decoded>, DecodeError>;

            #[inline(always)]
            fn decode<'b>(input: &mut Input<'b, Self>) -> Self::Decoded<'b> {
                let Framed(bytes, codec) = &mut **input;
                codec.decode(bytes)
            }

            #[inline(always)]
            fn read(decoded: &$module::codec::Decoded) -> u64 {
                use $module::codec::{Decoded, Packet};
                let sum = match decoded {
                    Decoded::Publish(publish, payload, _size) => {
                        let id = publish.packet_id.map_or(0, |id| usize::from(id.get()));
                        publish.topic.len() + payload.len() + id + $properties(publish)
                    }
                    Decoded::Packet($ack, _size) => usize::from($ack_id.get()),
                    Decoded::Packet($subscribe, _size) => {
                        let filters = $filters.iter().map(|(filter, options)| filter.len() + $qos(options));
                        usize::from($subscribe_id.get()) + filters.sum::<usize>()
                    }
                    Decoded::Packet(Packet::Connect(connect), _size) => {
                        let will = &connect.last_will;
                        let will = will.as_ref().map_or(0, |will| will.topic.len() + will.message.len());
                        let user_name = connect.username.as_ref().map_or(0, |text| text.len());
                        let password = connect.password.as_ref().map_or(0, |bytes| bytes.len());
                        connect.client_id.len() + will + user_name + password
                    }
                    Decoded::Packet(Packet::PingRequest, _size) => 1,
                    // A message that is cut comes in parts.
                    Decoded::PayloadChunk(bytes, _is_last) => bytes.len(),
                    _ => 0,
                };
                sum as u64
            }
        }

        impl Encoding for Ntex<$version> {
            const NAME: &'static str = "ntex-mqtt";
            const CONSUMES: bool = true;
            type Item = Option<$module::codec::Encoded>;
            type Out = (BytePages, $module::codec::Codec);

            fn item(wire: &[u8]) -> Option<$module::codec::Encoded> {
                use $module::codec::{Codec, Decoded, Encoded};
                let decoded = Codec::new().decode(&mut BytesMut::copy_from_slice(wire));
                Some(match decoded.expect("a good packet").expect("a whole packet") {
                    Decoded::Packet(packet, _) => Encoded::Packet(packet),
                    Decoded::Publish(publish, payload, _) => Encoded::Publish(publish, Some(payload)),
                    Decoded::PayloadChunk(..) => unreachable!("the packet is whole"),
                })
            }

            fn out(_capacity: usize) -> Self::Out {
                (BytePages::new(BytePageSize::Size16), $module::codec::Codec::new())
            }

            #[inline(always)]
            fn encode(item: &mut Option<$module::codec::Encoded>, (pages, codec): &mut Self::Out) {
                pages.clear();
                codec.encodev(item.take().expect("each is encoded once"), pages).expect("it encodes");
            }

            fn written((pages, _codec): &mut Self::Out) -> Vec<u8> {
                pages.freeze().to_vec()
            }
        }
    };
}

fn read_each(publish: &v5::codec::Publish) -> usize {
    let properties = &publish.properties;
    let users = properties.user_properties.iter().map(|(name, value)| name.len() + value.len());
    usize::from(properties.is_utf8_payload)
        + properties.message_expiry_interval.map_or(0, |secs| secs.get() as usize)
        + properties.content_type.as_ref().map_or(0, |text| text.len())
        + properties.response_topic.as_ref().map_or(0, |text| text.len())
        + users.sum::<usize>()
}

ntex!(
    V3, v3, |_: &v3::codec::Publish| 0,
    Packet::PublishAck { packet_id } => packet_id,
    Packet::Subscribe { packet_id, topic_filters } => (packet_id, topic_filters),
    |qos: &ntex_mqtt::QoS| u8::from(*qos) as usize
);
ntex!(
    V5, v5, read_each,
    Packet::PublishAck(ack) => ack.packet_id,
    Packet::Subscribe(subscribe) => (subscribe.packet_id, subscribe.topic_filters),
    |options: &v5::codec::SubscriptionOptions| u8::from(options.qos) as usize
);
