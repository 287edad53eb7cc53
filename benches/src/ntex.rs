//! ntex-mqtt's codec, whose decoder consumes buffers and whose encoder consumes packets.

use std::hint::black_box;
use std::time::{Duration, Instant};

use mqtt_proto::Version;
use ntex_bytes::{BytePageSize, BytePages, BytesMut};
use ntex_codec::{Decoder, Encoder};
use ntex_mqtt::{v3, v5};

use crate::codec::{CHUNK, ENCODED};
use crate::contest::Contestant;

const NAME: &str = "ntex-mqtt";

/// Decodes the stream from a buffer of its own; filling that is not counted.
pub(crate) fn decode_stream(version: Version, packets: usize, stream: &[u8]) -> Contestant {
    let stream = stream.to_vec();
    let run = Box::new(move || {
        let mut buffer = BytesMut::copy_from_slice(&stream[..]);
        match version {
            Version::V5_0 => timed(|| decode_all(&v5::codec::Codec::new(), &mut buffer)),
            Version::V3_1 | Version::V3_1_1 => timed(|| decode_all(&v3::codec::Codec::new(), &mut buffer)),
        }
    });
    Contestant { name: NAME, packets, run }
}

/// Decodes the stream as it comes in, chunk by chunk.
pub(crate) fn decode_chunks(version: Version, packets: usize, stream: &[u8]) -> Contestant {
    let stream = stream.to_vec();
    let run = Box::new(move || match version {
        Version::V5_0 => timed(|| feed(&v5::codec::Codec::new(), &stream)),
        Version::V3_1 | Version::V3_1_1 => timed(|| feed(&v3::codec::Codec::new(), &stream)),
    });
    Contestant { name: NAME, packets, run }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn feed(codec: &impl Decoder, stream: &[u8]) {
    let mut buffer = BytesMut::with_capacity(2 * CHUNK);
    for chunk in stream.chunks(CHUNK) {
        buffer.extend_from_slice(chunk);
        decode_all(codec, &mut buffer);
    }
}

fn decode_all(codec: &impl Decoder, buffer: &mut BytesMut) {
    while let Some(packet) = codec.decode(buffer).expect("a good packet") {
        black_box(&packet);
    }
}

/// Encodes copies of the packet, which are made beforehand.
pub(crate) fn encode(version: Version, wire: &[u8]) -> Contestant {
    let wire = wire.to_vec();
    let run = Box::new(move || {
        let mut buffer = BytesMut::copy_from_slice(&wire[..]);
        if version == Version::V5_0 {
            use v5::codec::{Codec, Decoded, Encoded};
            let codec = Codec::new();
            let packet = match codec.decode(&mut buffer).expect("a good packet").expect("a whole packet") {
                Decoded::Packet(packet, _) => Encoded::Packet(packet),
                Decoded::Publish(publish, payload, _) => Encoded::Publish(publish, Some(payload)),
                Decoded::PayloadChunk(..) => unreachable!("the packet is whole"),
            };
            return encode_copies(&codec, packet);
        }
        use v3::codec::{Codec, Decoded, Encoded};
        let codec = Codec::new();
        let packet = match codec.decode(&mut buffer).expect("a good packet").expect("a whole packet") {
            Decoded::Packet(packet, _) => Encoded::Packet(packet),
            Decoded::Publish(publish, payload, _) => Encoded::Publish(publish, Some(payload)),
            Decoded::PayloadChunk(..) => unreachable!("the packet is whole"),
        };
        encode_copies(&codec, packet)
    });
    Contestant { name: NAME, packets: ENCODED, run }
}

fn encode_copies<C: Encoder>(codec: &C, packet: C::Item) -> Duration
where
    C::Item: Clone,
{
    let copies = vec![packet; ENCODED];
    let mut pages = BytePages::new(BytePageSize::Size16);
    timed(|| {
        for packet in copies {
            pages.clear();
            codec.encodev(packet, &mut pages).expect("it encodes");
            black_box(&pages);
        }
    })
}
