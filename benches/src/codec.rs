//! The codec's cases: decoding and encoding, by the floor, by ours, and by the peers that speak the version.

use std::hint::black_box;
use std::time::Instant;

use mqtt_proto::{Context, Packet, Version, decode, frame_len};

use crate::contest::{Case, Contestant, FLOOR, OURS};
use crate::{floor, ntex, samples};

/// Bytes of packets that one run decodes, give or take one packet.
const RUN_BYTES: usize = 256 * 1024;

/// Largest packet taken.
const PACKET_MAX: u32 = 1024 * 1024;

/// All cases of decoding.
pub fn decode_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [Version::V3_1_1, Version::V5_0] {
        for (name, size) in [("64 B", 64), ("1 KiB", 1024), ("64 KiB", 65_536)] {
            cases.push(decode_case(&format!("PUBLISH {name}"), version, samples::publish(version, size), 1));
        }
        if version == Version::V5_0 {
            cases.push(decode_case(
                "PUBLISH five properties",
                version,
                samples::publish_with_properties(),
                1,
            ));
        }
        cases.push(decode_case("PUBACK", version, samples::puback(version), 1));
        cases.push(decode_case("CONNECT", version, samples::connect(version), 1));
        cases.push(decode_case("SUBSCRIBE eight", version, samples::subscribe(version), 1));
        cases.push(decode_case("mixed stream", version, samples::mixed(version), 10));
        cases.push(chunked_case(version));
    }
    cases
}

/// A stream of copies of `sample`, which holds `packets` packets.
fn decode_case(name: &str, version: Version, sample: Vec<u8>, packets: usize) -> Case {
    let copies = (RUN_BYTES / sample.len()).max(4);
    let stream = sample.repeat(copies);
    let packets = packets * copies;
    let is_v5 = version == Version::V5_0;
    let mut contestants = vec![
        timed(FLOOR, packets, stream.clone(), move |stream| {
            let mut at = 0;
            while at < stream.len() {
                at += floor::decode(&stream[at..], is_v5).expect("a good packet");
            }
        }),
        timed(OURS, packets, stream.clone(), move |stream| decode_all(stream, version)),
    ];
    contestants.extend(decode_peers(version, packets, &stream));
    Case { name: format!("decode {name} {version}"), bytes_per_packet: stream.len() / packets, contestants }
}

fn timed(name: &'static str, packets: usize, stream: Vec<u8>, run: impl Fn(&[u8]) + 'static) -> Contestant {
    let run = Box::new(move || {
        let start = Instant::now();
        run(black_box(&stream));
        start.elapsed()
    });
    Contestant { name, packets, run }
}

/// Decodes a stream and reads every property, as a receiver would.
fn decode_all(stream: &[u8], version: Version) {
    let context = Context { version, sender: None };
    let mut at = 0;
    while at < stream.len() {
        let len = frame_len(&stream[at..], PACKET_MAX).expect("a good header").expect("a whole header");
        let Ok(packet) = &decode(&stream[at..at + len], context) else { panic!("a good packet") };
        if let Packet::Publish(publish) = packet
            && !publish.properties.is_empty()
        {
            read_each(publish.properties);
        }
        black_box(packet);
        at += len;
    }
}

#[inline(never)]
fn read_each(properties: mqtt_proto::Properties<'_>) {
    for property in properties.iter() {
        black_box(&property);
    }
}

/// The mixed stream as reads of 1,460 bytes, with packets cut anywhere.
fn chunked_case(version: Version) -> Case {
    let sample = samples::mixed(version);
    let copies = RUN_BYTES / sample.len();
    let stream = sample.repeat(copies);
    let packets = 10 * copies;
    let is_v5 = version == Version::V5_0;
    let whole = move |buffer: &[u8]| {
        let mut at = 0;
        while let Some(len) = floor::decode(&buffer[at..], is_v5) {
            at += len;
        }
        at
    };
    let context = Context { version, sender: None };
    let ours = move |buffer: &[u8]| {
        let mut at = 0;
        while let Some(len) = frame_len(&buffer[at..], PACKET_MAX).expect("a good header") {
            let Some(frame) = buffer.get(at..at + len) else { break };
            let Ok(packet) = &decode(frame, context) else { panic!("a good packet") };
            black_box(packet);
            at += len;
        }
        at
    };
    let mut contestants = vec![
        timed(FLOOR, packets, stream.clone(), move |stream| in_chunks(stream, whole)),
        timed(OURS, packets, stream.clone(), move |stream| in_chunks(stream, ours)),
    ];
    if version == Version::V3_1_1 {
        contestants.push(timed("mqttrs", packets, stream.clone(), |stream| {
            in_chunks(stream, |buffer| {
                let mut at = 0;
                while let Some(len) = frame_len(&buffer[at..], PACKET_MAX).expect("a good header") {
                    let Some(frame) = buffer.get(at..at + len) else { break };
                    black_box(&mqttrs::decode_slice(frame).expect("a good packet"));
                    at += len;
                }
                at
            });
        }));
    }
    contestants.push(ntex::decode_chunks(version, packets, &stream));
    Case {
        name: format!("decode 1,460 B chunks {version}"),
        bytes_per_packet: stream.len() / packets,
        contestants,
    }
}

/// Bytes of one read.
pub(crate) const CHUNK: usize = 1460;

/// Feeds a stream piece by piece; `consume` takes whole packets off the front and says how many bytes that were.
fn in_chunks(stream: &[u8], consume: impl Fn(&[u8]) -> usize) {
    let mut buffer = [0; 8192];
    let mut len = 0;
    for chunk in stream.chunks(CHUNK) {
        buffer[len..len + chunk.len()].copy_from_slice(chunk);
        len += chunk.len();
        let consumed = consume(&buffer[..len]);
        buffer.copy_within(consumed..len, 0);
        len -= consumed;
    }
    assert_eq!(len, 0, "the stream ends with a whole packet");
}

fn decode_peers(version: Version, packets: usize, stream: &[u8]) -> Vec<Contestant> {
    let mut peers = Vec::new();
    if version == Version::V3_1_1 {
        let ends = frame_ends(stream);
        peers.push(timed("mqttrs", packets, stream.to_vec(), move |stream| {
            let mut at = 0;
            for &end in &ends {
                black_box(&mqttrs::decode_slice(&stream[at..end]).expect("a good packet"));
                at = end;
            }
        }));
    }
    peers.push(from_bytes_mut("rumqttc", packets, stream, move |stream| {
        let max = PACKET_MAX as usize;
        while !stream.is_empty() {
            if version == Version::V5_0 {
                let packet = rumqttc::v5::mqttbytes::v5::Packet::read(stream, Some(PACKET_MAX));
                black_box(&packet.expect("a good packet"));
            } else {
                black_box(&rumqttc::mqttbytes::v4::Packet::read(stream, max).expect("a good packet"));
            }
        }
    }));
    peers.push(ntex::decode_stream(version, packets, stream));
    peers
}

/// Where each packet ends: mqttrs does not say, and is spared the search.
fn frame_ends(stream: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        at += frame_len(&stream[at..], PACKET_MAX).expect("a good header").expect("a whole header");
        ends.push(at);
    }
    ends
}

/// For codecs that consume a buffer of their own; filling it is not counted.
fn from_bytes_mut(
    name: &'static str,
    packets: usize,
    stream: &[u8],
    run: impl Fn(&mut bytes::BytesMut) + 'static,
) -> Contestant {
    let stream = stream.to_vec();
    let run = Box::new(move || {
        let mut buffer = bytes::BytesMut::from(&stream[..]);
        let start = Instant::now();
        run(black_box(&mut buffer));
        start.elapsed()
    });
    Contestant { name, packets, run }
}

/// Packets that one run encodes.
pub(crate) const ENCODED: usize = 1000;

/// All cases of encoding.
pub fn encode_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [Version::V3_1_1, Version::V5_0] {
        cases.push(encode_case("PUBLISH 64 B", version, samples::publish(version, 64)));
        cases.push(encode_case("PUBLISH 1 KiB", version, samples::publish(version, 1024)));
        if version == Version::V5_0 {
            cases.push(encode_case("PUBLISH five properties", version, samples::publish_with_properties()));
        }
        cases.push(encode_case("PUBACK", version, samples::puback(version)));
        cases.push(encode_case("CONNECT", version, samples::connect(version)));
        cases.push(encode_case("SUBSCRIBE eight", version, samples::subscribe(version)));
        cases.push(header_case(version));
    }
    cases
}

fn encode_case(name: &str, version: Version, wire: Vec<u8>) -> Case {
    let bytes_per_packet = wire.len();
    let mut contestants = vec![encode_ours(version, wire.clone())];
    if version == Version::V3_1_1 {
        let wire = wire.clone();
        let mut buffer = vec![0; wire.len() + 16];
        let run = Box::new(move || {
            let packet = mqttrs::decode_slice(&wire).expect("a good packet").expect("a whole packet");
            let start = Instant::now();
            for _ in 0..ENCODED {
                let len = mqttrs::encode_slice(black_box(&packet), &mut buffer).expect("it encodes");
                black_box(&buffer[..len]);
            }
            start.elapsed()
        });
        contestants.push(Contestant { name: "mqttrs", packets: ENCODED, run });
    }
    contestants.push(encode_rumqttc(version, &wire));
    contestants.push(ntex::encode(version, &wire));
    Case { name: format!("encode {name} {version}"), bytes_per_packet, contestants }
}

/// The packet is built once, so that a run allocates nothing unless encoding does.
fn encode_ours(version: Version, wire: Vec<u8>) -> Contestant {
    let mut out = Vec::with_capacity(wire.len() + 16);
    let packet = as_built(wire.leak(), version);
    let run = Box::new(move || {
        let start = Instant::now();
        for _ in 0..ENCODED {
            out.clear();
            black_box(&packet).encode(version, &mut out).expect("it encodes");
            black_box(&out);
        }
        start.elapsed()
    });
    Contestant { name: OURS, packets: ENCODED, run }
}

/// The packet as a program builds it: from lists, not from the raw section that decoding leaves.
fn as_built(wire: &'static [u8], version: Version) -> Packet<'static> {
    match decode(wire, Context { version, sender: None }).expect("a good packet") {
        Packet::Publish(publish) => {
            let properties: Vec<_> = publish.properties.iter().collect();
            let properties = mqtt_proto::Properties::new(properties.leak());
            Packet::Publish(mqtt_proto::Publish { properties, ..publish })
        }
        Packet::Subscribe(subscribe) => {
            let filters: Vec<_> = subscribe.filters.iter().collect();
            let filters = mqtt_proto::Filters::new(filters.leak());
            Packet::Subscribe(mqtt_proto::Subscribe { filters, ..subscribe })
        }
        other => other,
    }
}

fn encode_rumqttc(version: Version, wire: &[u8]) -> Contestant {
    let wire = bytes::BytesMut::from(wire);
    let mut out = bytes::BytesMut::with_capacity(wire.len() + 16);
    let run = Box::new(move || {
        if version == Version::V5_0 {
            let packet = rumqttc::v5::mqttbytes::v5::Packet::read(&mut wire.clone(), Some(PACKET_MAX));
            let packet = packet.expect("a good packet");
            let start = Instant::now();
            for _ in 0..ENCODED {
                out.clear();
                black_box(&packet).write(&mut out, None).expect("it encodes");
                black_box(&out);
            }
            return start.elapsed();
        }
        let packet = rumqttc::mqttbytes::v4::Packet::read(&mut wire.clone(), PACKET_MAX as usize);
        let packet = packet.expect("a good packet");
        let start = Instant::now();
        for _ in 0..ENCODED {
            out.clear();
            black_box(&packet).write(&mut out, PACKET_MAX as usize).expect("it encodes");
            black_box(&out);
        }
        start.elapsed()
    });
    Contestant { name: "rumqttc", packets: ENCODED, run }
}

/// A large payload is not copied: the header alone, beside a whole small packet.
fn header_case(version: Version) -> Case {
    let large = samples::publish(version, 65_536);
    let bytes_per_packet = large.len();
    let mut out = Vec::with_capacity(128);
    let run = Box::new(move || {
        let packet = decode(&large, Context { version, sender: None }).expect("a good packet");
        let Packet::Publish(publish) = packet else { unreachable!("it is a PUBLISH") };
        let start = Instant::now();
        for _ in 0..ENCODED {
            out.clear();
            black_box(&publish).encode_header(version, &mut out).expect("it encodes");
            black_box((&out, publish.payload));
        }
        start.elapsed()
    });
    let header = Contestant { name: OURS, packets: ENCODED, run };
    let small =
        Contestant { name: "ours, whole 64 B", ..encode_ours(version, samples::publish(version, 64)) };
    let contestants = vec![header, small];
    Case { name: format!("encode PUBLISH 64 KiB, header {version}"), bytes_per_packet, contestants }
}
