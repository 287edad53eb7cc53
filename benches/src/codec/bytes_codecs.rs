//! mqttbytes and the codec of rumqttc, which grew out of it: both split their packets off a `BytesMut`.

use bytes::BytesMut;

use super::encoding::Encoding;
use super::shape::{Codec, Input};
use super::{PACKET_MAX, V3, V5};

pub(crate) struct Mqttbytes<V>(V);

pub(crate) struct Rumqttc<V>(V);

use mqttbytes::v4 as bytes_v4;
use mqttbytes::v5 as bytes_v5;
use rumqttc::mqttbytes::v4 as rumqttc_v4;
use rumqttc::v5::mqttbytes::v5 as rumqttc_v5;

/// What both have in common: the packets, apart from how CONNECT and properties are held.
macro_rules! codec {
    (
        $codec:ident<$version:ident>, $name:literal, $module:ident, $error:ty, $read:expr,
        $connect:pat => ($client_id:expr, $will:expr, $login:expr), $properties:expr, $write:expr
    ) => {
        impl Codec for $codec<$version> {
            const NAME: &'static str = $name;
            type Buffer = BytesMut;
            type Packet<'b> = $module::Packet;
            type Decoded<'b> = Result<$module::Packet, $error>;

            #[inline(always)]
            fn decode<'b>(input: &mut Input<'b, Self>) -> Self::Decoded<'b> {
                $read(input)
            }

            #[inline(always)]
            fn read(packet: &$module::Packet) -> u64 {
                let sum = match packet {
                    $module::Packet::Publish(publish) => {
                        let id = usize::from(publish.pkid);
                        publish.topic.len() + publish.payload.len() + id + $properties(publish)
                    }
                    $module::Packet::PubAck(ack) => usize::from(ack.pkid),
                    $module::Packet::Subscribe(subscribe) => {
                        let filters =
                            subscribe.filters.iter().map(|item| item.path.len() + item.qos as usize);
                        usize::from(subscribe.pkid) + filters.sum::<usize>()
                    }
                    $connect => {
                        let will = $will.as_ref().map_or(0, |will| will.topic.len() + will.message.len());
                        let login =
                            $login.as_ref().map_or(0, |login| login.username.len() + login.password.len());
                        $client_id.len() + will + login
                    }
                    $module::Packet::PingReq { .. } => 1,
                    _ => 0,
                };
                sum as u64
            }
        }

        impl Encoding for $codec<$version> {
            const NAME: &'static str = $name;
            type Item = $module::Packet;
            type Out = BytesMut;

            fn item(wire: &[u8]) -> $module::Packet {
                $read(&mut BytesMut::from(wire)).expect("a good packet")
            }

            fn out(capacity: usize) -> BytesMut {
                BytesMut::with_capacity(capacity)
            }

            #[inline(always)]
            fn encode(item: &mut $module::Packet, out: &mut BytesMut) {
                out.clear();
                $write(item, out).expect("it encodes");
            }

            fn written(out: &mut BytesMut) -> Vec<u8> {
                out.to_vec()
            }
        }
    };
}

/// mqttbytes leaves it to the user to find the packet's own function.
macro_rules! write_each {
    ($module:ident) => {
        |packet: &$module::Packet, out: &mut BytesMut| match packet {
            $module::Packet::Publish(publish) => publish.write(out),
            $module::Packet::PubAck(ack) => ack.write(out),
            $module::Packet::Subscribe(subscribe) => subscribe.write(out),
            $module::Packet::Connect(connect) => connect.write(out),
            _ => unreachable!("no sample is another packet"),
        }
    };
}

macro_rules! read_properties {
    ($module:ident) => {
        |publish: &$module::Publish| {
            let Some(properties) = &publish.properties else { return 0 };
            let users = properties.user_properties.iter().map(|(name, value)| name.len() + value.len());
            usize::from(properties.payload_format_indicator.unwrap_or(0))
                + properties.message_expiry_interval.map_or(0, |secs| secs as usize)
                + properties.content_type.as_ref().map_or(0, String::len)
                + properties.response_topic.as_ref().map_or(0, String::len)
                + users.sum::<usize>()
        }
    };
}

const MAX: usize = PACKET_MAX as usize;

codec!(
    Mqttbytes<V3>, "mqttbytes", bytes_v4, mqttbytes::Error, |input: &mut BytesMut| bytes_v4::read(input, MAX),
    bytes_v4::Packet::Connect(connect) => (connect.client_id, connect.last_will, connect.login),
    |_: &bytes_v4::Publish| 0, write_each!(bytes_v4)
);
codec!(
    Mqttbytes<V5>, "mqttbytes", bytes_v5, mqttbytes::Error, |input: &mut BytesMut| bytes_v5::read(input, MAX),
    bytes_v5::Packet::Connect(connect) => (connect.client_id, connect.last_will, connect.login),
    read_properties!(bytes_v5), write_each!(bytes_v5)
);
codec!(
    Rumqttc<V3>, "rumqttc", rumqttc_v4, rumqttc::mqttbytes::Error,
    |input: &mut BytesMut| rumqttc_v4::Packet::read(input, MAX),
    rumqttc_v4::Packet::Connect(connect) => (connect.client_id, connect.last_will, connect.login),
    |_: &rumqttc_v4::Publish| 0,
    |packet: &rumqttc_v4::Packet, out: &mut BytesMut| packet.write(out, MAX)
);
codec!(
    Rumqttc<V5>, "rumqttc", rumqttc_v5, rumqttc::v5::mqttbytes::Error,
    |input: &mut BytesMut| rumqttc_v5::Packet::read(input, Some(PACKET_MAX)),
    rumqttc_v5::Packet::Connect(connect, will, login) => (connect.client_id, will, login),
    read_properties!(rumqttc_v5),
    |packet: &rumqttc_v5::Packet, out: &mut BytesMut| packet.write(out, None)
);
