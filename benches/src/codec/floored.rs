//! The floor, used as every codec is.

use mqtt_proto::Version;

use super::ours::Speaks;
use super::shape::{Codec, Input, Slice};
use crate::contest::FLOOR;
use crate::floor::{Packet, decode, read};

pub(crate) struct Floor<V>(V);

impl<V: Speaks> Floor<V> {
    const IS_V5: bool = matches!(V::VERSION, Version::V5_0);
}

impl<V: Speaks> Codec for Floor<V> {
    const NAME: &'static str = FLOOR;
    type Buffer = Slice;
    type Packet<'b> = Packet<'b>;
    type Decoded<'b> = Option<Packet<'b>>;

    #[inline(always)]
    fn decode<'b>(input: &mut Input<'b, Self>) -> Self::Decoded<'b> {
        decode(input, Self::IS_V5)
    }

    #[inline(always)]
    fn read(packet: &Packet<'_>) -> u64 {
        read(packet, Self::IS_V5)
    }
}
