//! The crate `mqtt-proto` of akasamq, which reads slices and owns what it finds.

use akasamq::{Pid, QosPid, VarBytes, v3, v5};

use super::encoding::Encoding;
use super::shape::{Codec, Input, Slice, whole_len};
use super::{V3, V5};

pub(crate) struct Akasamq<V>(V);

fn id_of(qos: QosPid) -> usize {
    qos.pid().map_or(0, |pid| usize::from(pid.value()))
}

macro_rules! akasamq {
    ($version:ident, $module:ident, $error:ty, $ack:pat => $pid:expr, $properties:expr, $qos:expr) => {
        impl Codec for Akasamq<$version> {
            const NAME: &'static str = "akasamq";
            type Buffer = Slice;
            type Packet<'b> = $module::Packet;
            type Decoded<'b> = Result<Option<$module::Packet>, $error>;

            #[inline(always)]
            fn decode<'b>(input: &mut Input<'b, Self>) -> Self::Decoded<'b> {
                let Some(len) = whole_len(input) else { return Ok(None) };
                let (frame, rest) = input.split_at(len);
                *input = rest;
                $module::Packet::decode(frame)
            }

            #[inline(always)]
            fn read(packet: &$module::Packet) -> u64 {
                let sum = match packet {
                    $module::Packet::Publish(publish) => {
                        let id = id_of(publish.qos_pid);
                        publish.topic_name.len() + publish.payload.len() + id + $properties(publish)
                    }
                    $ack => $pid,
                    $module::Packet::Subscribe(subscribe) => {
                        let filters = subscribe.topics.iter().map(|(filter, options)| {
                            filter.len() + $qos(options)
                        });
                        usize::from(subscribe.pid.value()) + filters.sum::<usize>()
                    }
                    $module::Packet::Connect(connect) => {
                        let will = match &connect.last_will {
                            Some(will) => will.topic_name.len() + akasamq!(@payload $module will).len(),
                            None => 0,
                        };
                        let user_name = connect.username.as_ref().map_or(0, |text| text.len());
                        let password = connect.password.as_ref().map_or(0, |bytes| bytes.len());
                        connect.client_id.len() + will + user_name + password
                    }
                    $module::Packet::Pingreq => 1,
                    _ => 0,
                };
                sum as u64
            }
        }

        impl Encoding for Akasamq<$version> {
            const NAME: &'static str = "akasamq";
            type Item = $module::Packet;
            type Out = VarBytes;

            fn item(wire: &[u8]) -> $module::Packet {
                $module::Packet::decode(wire).expect("a good packet").expect("a whole packet")
            }

            fn out(_capacity: usize) -> VarBytes {
                VarBytes::Dynamic(Vec::new())
            }

            #[inline(always)]
            fn encode(item: &mut $module::Packet, out: &mut VarBytes) {
                *out = item.encode().expect("it encodes");
            }

            fn written(out: &mut VarBytes) -> Vec<u8> {
                out.as_ref().to_vec()
            }
        }
    };
    (@payload v3 $will:ident) => { $will.message };
    (@payload v5 $will:ident) => { $will.payload };
}

fn read_each(publish: &v5::Publish) -> usize {
    let properties = &publish.properties;
    let users = properties.user_properties.iter().map(|pair| pair.name.len() + pair.value.len());
    properties.payload_is_utf8.map_or(0, usize::from)
        + properties.message_expiry_interval.map_or(0, |secs| secs as usize)
        + properties.content_type.as_ref().map_or(0, |text| text.len())
        + properties.response_topic.as_ref().map_or(0, |text| text.len())
        + users.sum::<usize>()
}

fn value(pid: Pid) -> usize {
    usize::from(pid.value())
}

akasamq!(V3, v3, akasamq::Error, v3::Packet::Puback(pid) => value(*pid), |_: &v3::Publish| 0, |qos: &akasamq::QoS| *qos as usize);
akasamq!(V5, v5, v5::ErrorV5, v5::Packet::Puback(ack) => value(ack.pid), read_each, |options: &v5::SubscriptionOptions| options.max_qos as usize);
