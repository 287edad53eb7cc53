//! mqttrs, which borrows from the frame and speaks 3.1.1.

use mqttrs::{Error, Packet, QosPid, decode_slice};

use super::encoding::Encoding;
use super::shape::{Codec, Input, Slice, whole_len};

pub(crate) struct Mqttrs;

impl Codec for Mqttrs {
    const NAME: &'static str = "mqttrs";
    type Buffer = Slice;
    type Packet<'b> = Packet<'b>;
    type Decoded<'b> = Result<Option<Packet<'b>>, Error>;

    #[inline(always)]
    fn decode<'b>(input: &mut Input<'b, Self>) -> Self::Decoded<'b> {
        let Some(len) = whole_len(input) else { return Ok(None) };
        let (frame, rest) = input.split_at(len);
        *input = rest;
        decode_slice(frame)
    }

    #[inline(always)]
    fn read(packet: &Packet<'_>) -> u64 {
        let sum = match packet {
            Packet::Publish(publish) => {
                let id = match publish.qospid {
                    QosPid::AtMostOnce => 0,
                    QosPid::AtLeastOnce(pid) | QosPid::ExactlyOnce(pid) => usize::from(pid.get()),
                };
                publish.topic_name.len() + publish.payload.len() + id
            }
            Packet::Puback(pid) => usize::from(pid.get()),
            Packet::Subscribe(subscribe) => {
                let filters =
                    subscribe.topics.iter().map(|topic| topic.topic_path.len() + topic.qos as usize);
                usize::from(subscribe.pid.get()) + filters.sum::<usize>()
            }
            Packet::Connect(connect) => {
                let will = connect.last_will.as_ref().map_or(0, |will| will.topic.len() + will.message.len());
                let user_name = connect.username.map_or(0, str::len);
                connect.client_id.len() + will + user_name + connect.password.map_or(0, <[u8]>::len)
            }
            Packet::Pingreq => 1,
            _ => 0,
        };
        sum as u64
    }
}

impl Encoding for Mqttrs {
    const NAME: &'static str = "mqttrs";
    type Item = Packet<'static>;
    type Out = (Vec<u8>, usize);

    fn item(wire: &[u8]) -> Packet<'static> {
        decode_slice(wire.to_vec().leak()).expect("a good packet").expect("a whole packet")
    }

    fn out(capacity: usize) -> (Vec<u8>, usize) {
        (vec![0; capacity], 0)
    }

    #[inline(always)]
    fn encode(item: &mut Packet<'static>, (out, len): &mut (Vec<u8>, usize)) {
        *len = mqttrs::encode_slice(item, out).expect("it encodes");
    }

    fn written((out, len): &mut (Vec<u8>, usize)) -> Vec<u8> {
        out[..*len].to_vec()
    }
}
