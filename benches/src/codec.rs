//! The codec's cases: decoding and encoding, by the floor, by ours, and by the peers that speak the version.
//!
//! All are used alike. What a user reads of a packet is, of PUBLISH, the length of the topic and of the payload, the
//! packet identifier and the value or length of each property; of PUBACK the packet identifier; of SUBSCRIBE that, and
//! the length and QoS of each filter; of CONNECT the lengths of client identifier, will topic, will payload, user name
//! and password. Everybody's sums must agree before anything is timed.

mod shape;
mod encoding;
mod ours;
mod floored;
mod mqttrs;
mod akasamq;
mod bytes_codecs;
mod rmqtt;
mod ntex;

use std::hint::black_box;

use mqtt_proto::{Context, Packet, Version, decode};

use crate::contest::{Case, Contestant, OURS, Run};
use crate::samples;
use encoding::encoding;
pub use shape::Shape;
use shape::decoding;

/// Version 3.1.1 as a type.
pub(crate) struct V3;

/// Version 5.0 as a type.
pub(crate) struct V5;

/// Bytes of packets that one run decodes, give or take one packet.
const RUN_BYTES: usize = 256 * 1024;

/// Largest packet taken.
pub(crate) const PACKET_MAX: u32 = 1024 * 1024;

/// Bytes of one read.
const CHUNK: usize = 1460;

/// What is decoded: its name and version, one sample, and how it comes in.
#[derive(Debug)]
pub struct Decoding {
    /// What.
    pub name: String,
    version: Version,
    sample: Vec<u8>,
    packets: usize,
    chunk_size: Option<usize>,
}

/// All that is decoded.
pub fn decodings() -> Vec<Decoding> {
    let mut all = Vec::new();
    for version in [Version::V3_1_1, Version::V5_0] {
        let mut add = |name: &str, sample, packets, chunk_size| {
            let name = format!("decode {name} {version}");
            all.push(Decoding { name, version, sample, packets, chunk_size });
        };
        for (name, size) in [("64 B", 64), ("1 KiB", 1024), ("64 KiB", 65_536)] {
            add(&format!("PUBLISH {name}"), samples::publish(version, size), 1, None);
        }
        if version == Version::V5_0 {
            add("PUBLISH five properties", samples::publish_with_properties(), 1, None);
        }
        add("PUBACK", samples::puback(version), 1, None);
        add("CONNECT", samples::connect(version), 1, None);
        add("SUBSCRIBE eight", samples::subscribe(version), 1, None);
        add("mixed stream", samples::mixed(version), 10, None);
        add("1,460 B chunks", samples::mixed(version), 10, Some(CHUNK));
    }
    all
}

impl Decoding {
    /// The case in one shape.
    pub fn case(&self, shape: Shape) -> Case {
        let copies = (RUN_BYTES / self.sample.len()).max(4);
        let stream = self.sample.repeat(copies);
        let packets = self.packets * copies;
        let of = |decoding: Decode| decoding(&stream, packets, self.chunk_size, shape);
        let contestants = match self.version {
            Version::V5_0 => DECODERS_V5.map(of).into(),
            Version::V3_1 | Version::V3_1_1 => DECODERS_V3.map(of).into(),
        };
        let name = format!("{}, {}", self.name, shape.name());
        Case { name, bytes_per_packet: stream.len() / packets, contestants }
    }
}

type Decode = fn(&[u8], usize, Option<usize>, Shape) -> Contestant;

const DECODERS_V3: [Decode; 8] = [
    decoding::<floored::Floor<V3>>,
    decoding::<ours::Ours<V3>>,
    decoding::<mqttrs::Mqttrs>,
    decoding::<akasamq::Akasamq<V3>>,
    decoding::<bytes_codecs::Mqttbytes<V3>>,
    decoding::<bytes_codecs::Rumqttc<V3>>,
    decoding::<rmqtt::Rmqtt<V3>>,
    decoding::<ntex::Ntex<V3>>,
];

const DECODERS_V5: [Decode; 7] = [
    decoding::<floored::Floor<V5>>,
    decoding::<ours::Ours<V5>>,
    decoding::<akasamq::Akasamq<V5>>,
    decoding::<bytes_codecs::Mqttbytes<V5>>,
    decoding::<bytes_codecs::Rumqttc<V5>>,
    decoding::<rmqtt::Rmqtt<V5>>,
    decoding::<ntex::Ntex<V5>>,
];

/// All cases of decoding, in all shapes.
pub fn decode_cases() -> impl Iterator<Item = Case> {
    decodings().into_iter().flat_map(|decoding| Shape::ALL.map(|shape| decoding.case(shape)))
}

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

type Encode = fn(&[u8]) -> Contestant;

const ENCODERS_V3: [Encode; 7] = [
    encoding::<ours::Ours<V3>, V3>,
    encoding::<mqttrs::Mqttrs, V3>,
    encoding::<akasamq::Akasamq<V3>, V3>,
    encoding::<bytes_codecs::Mqttbytes<V3>, V3>,
    encoding::<bytes_codecs::Rumqttc<V3>, V3>,
    encoding::<rmqtt::Rmqtt<V3>, V3>,
    encoding::<ntex::Ntex<V3>, V3>,
];

const ENCODERS_V5: [Encode; 6] = [
    encoding::<ours::Ours<V5>, V5>,
    encoding::<akasamq::Akasamq<V5>, V5>,
    encoding::<bytes_codecs::Mqttbytes<V5>, V5>,
    encoding::<bytes_codecs::Rumqttc<V5>, V5>,
    encoding::<rmqtt::Rmqtt<V5>, V5>,
    encoding::<ntex::Ntex<V5>, V5>,
];

fn encode_case(name: &str, version: Version, wire: Vec<u8>) -> Case {
    let contestants = match version {
        Version::V5_0 => ENCODERS_V5.map(|of| of(&wire)).into(),
        Version::V3_1 | Version::V3_1_1 => ENCODERS_V3.map(|of| of(&wire)).into(),
    };
    Case { name: format!("encode {name} {version}"), bytes_per_packet: wire.len(), contestants }
}

/// A large payload is not copied: the header alone, beside a whole small packet.
fn header_case(version: Version) -> Case {
    let large = samples::publish(version, 65_536);
    let bytes_per_packet = large.len();
    let mut out = Vec::with_capacity(128);
    let run = Box::new(move || {
        let packet = decode(&large, Context { version, sender: None }).expect("a good packet");
        let Packet::Publish(publish) = packet else { unreachable!("it is a PUBLISH") };
        Run::timed(|| {
            for _ in 0..HEADERS {
                out.clear();
                black_box(&publish).encode_header(version, &mut out).expect("it encodes");
                black_box((&out, publish.payload));
            }
            0
        })
    });
    let small = samples::publish(version, 64);
    let small = match version {
        Version::V5_0 => encoding::<ours::Ours<V5>, V5>(&small),
        Version::V3_1 | Version::V3_1_1 => encoding::<ours::Ours<V3>, V3>(&small),
    };
    let header = Contestant { name: OURS, packets: HEADERS, run };
    let contestants = vec![header, Contestant { name: "ours, whole 64 B", ..small }];
    Case { name: format!("encode PUBLISH 64 KiB, header {version}"), bytes_per_packet, contestants }
}

/// Headers that one run encodes.
const HEADERS: usize = 1000;
