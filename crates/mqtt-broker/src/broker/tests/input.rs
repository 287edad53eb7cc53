//! Bytes as they come: in any pieces, too large, or nonsense.

use alloc::vec::Vec;

use bytes::BytesMut;
use mqtt_parts::{Instant, Rng, TransmitBuf};
use mqtt_proto::{Connect, Disconnect, Packet, Publish, QoS, ReasonCode, Version, Will};

use super::harness::{World, lasting, message, qos1, qos2, retained, text, v3, v5, will};
use crate::broker::Broker;
use crate::config::Config;

/// A refused length needs no more than the fixed header.
#[test]
fn an_announcement_over_the_limit_is_refused_at_once() {
    let mut w = World::new();
    let (five, three, new) = (w.joined(v5("a")), w.joined(v3("b")), w.open());
    for id in [five, three, new] {
        w.send_bytes(id, b"\x30\xff\xff\xff\x7f");
    }
    w.see(five, &["disconnect PacketTooLarge", "closed"]);
    w.see(three, &["closed"]);
    w.see(new, &["closed"]);
}

#[test]
fn a_packet_at_the_limit_is_taken() {
    let mut w = World::with(Config { packet_size_max: 20, ..Config::default() });
    let id = w.joined(v3("a"));
    w.publish(id, message("t", "123456789012345"));
    w.see(id, &[]);
    w.publish(id, message("t", "1234567890123456"));
    w.see(id, &["closed"]);
}

/// [5.0 MQTT-4.13.1-1]
#[test]
fn malformed_packets_close_and_5_0_is_told() {
    let cases: [(&[u8], &str); 6] = [
        (b"\x00\x00", "disconnect MalformedPacket"),
        (b"\xc1\x00", "disconnect MalformedPacket"),
        (b"\x30\xff\xff\xff\xff", "disconnect MalformedPacket"),
        (b"\x36\x05\x00\x01t\x00\x01", "disconnect MalformedPacket"),
        (b"\x30\x04\x00\x01#\x00", "disconnect MalformedPacket"),
        (b"\x20\x03\x00\x00\x00", "disconnect ProtocolError"),
    ];
    for (bytes, answer) in cases {
        let mut w = World::new();
        let (five, three) = (w.joined(v5("a")), w.joined(v3("b")));
        w.send_bytes(five, bytes);
        w.see(five, &[answer, "closed"]);
        w.send_bytes(three, bytes);
        w.see(three, &["closed"]);
    }
}

#[test]
fn a_partial_packet_stays_in_the_input() {
    let mut w = World::new();
    let id = w.joined(v3("a"));
    let mut input = BytesMut::from(&b"\xc0\x00\xc0"[..]);
    w.broker.handle_input(w.now, id, &mut input);
    assert_eq!(&input[..], b"\xc0");
    w.see(id, &["pingresp"]);
}

#[test]
fn input_of_unknown_connections_is_thrown_away() {
    let mut w = World::new();
    let id = w.joined(v3("a"));
    w.hang_up(id);
    w.hang_up(id);
    let mut input = BytesMut::from(&b"\xc0\x00\xc0"[..]);
    w.broker.handle_input(w.now, id, &mut input);
    assert!(input.is_empty());
    let mut out = TransmitBuf::new();
    assert!(!w.broker.poll_transmit(w.now, id, &mut out));
    assert!(w.broker.is_closing(id));
    assert_eq!(w.broker.poll_ready(), None);
}

/// A connection's whole life as bytes.
fn conversation(version: Version) -> Vec<u8> {
    let connect = match version {
        Version::V5_0 => lasting("a"),
        _ => v3("a"),
    };
    let will = Some(Will { qos: QoS::AtLeastOnce, ..will("w", "x") });
    let mut wire = Vec::new();
    let mut put = |packet: Packet<'_>| {
        packet.encode(version, &mut wire).expect("it can be encoded");
    };
    put(Packet::from(&Connect { will, ..connect }));
    let filter = mqtt_proto::TopicFilter::new("#").expect("a valid filter");
    let options = mqtt_proto::SubscribeOptions::with_qos(QoS::ExactlyOnce);
    let filters = [mqtt_proto::SubscribeFilter { filter, options }];
    put(Packet::Subscribe(mqtt_proto::Subscribe {
        packet_id: super::harness::pid(3),
        properties: mqtt_proto::Properties::EMPTY,
        filters: mqtt_proto::Filters::new(&filters),
    }));
    for publish in [message("a/b", "x"), qos1(1, "a", "y"), qos2(2, "b", "z"), retained("c", "r")] {
        put(Packet::Publish(publish));
    }
    put(Packet::Pubrel(mqtt_proto::Ack::success(super::harness::pid(2))));
    put(Packet::Publish(qos1(4, "a", &"long".repeat(1000))));
    put(Packet::Pingreq);
    put(Packet::Disconnect(Disconnect::with_reason(ReasonCode::Success)));
    wire
}

fn answers(wire: &[u8], pieces: impl Fn(usize) -> usize) -> (Vec<u8>, alloc::string::String) {
    let mut broker = Broker::new(Config::default(), 1);
    let id = broker.handle_opened(Instant::ORIGIN);
    let mut input = BytesMut::new();
    let mut at = 0;
    while at < wire.len() {
        let end = (at + pieces(at)).min(wire.len());
        input.extend_from_slice(&wire[at..end]);
        broker.handle_input(Instant::ORIGIN, id, &mut input);
        at = end;
    }
    let mut out = TransmitBuf::new();
    while broker.poll_transmit(Instant::ORIGIN, id, &mut out) {}
    (out.chunks().collect::<Vec<_>>().concat(), text(broker.stats()))
}

#[test]
fn any_split_of_the_input_gives_the_same_output() {
    for version in [Version::V3_1_1, Version::V5_0] {
        let wire = conversation(version);
        let whole = answers(&wire, |_| usize::MAX / 2);
        assert_eq!(answers(&wire, |_| 1), whole);
        for split in 1..wire.len().min(400) {
            assert_eq!(answers(&wire, |at| if at == 0 { split } else { wire.len() }), whole, "at {split}");
        }
        for seed in 0..50 {
            let lens: Vec<usize> = {
                let mut rng = Rng::new(seed);
                (0..wire.len()).map(|_| 1 + rng.below(40) as usize).collect()
            };
            assert_eq!(answers(&wire, |at| lens[at]), whole, "seed {seed}");
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_run() {
    let run = |seed| {
        let mut world = World::new();
        world.broker = Broker::new(Config::default(), seed);
        let id = world.open();
        world.send(id, Packet::from(&v5("")));
        world.take_bytes(id)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// However a stream is read, a large packet ends up in memory of its own size, and nothing is kept between packets.
#[test]
fn packets_have_memory_of_their_own_size() {
    let payload = alloc::vec![7; 300_000];
    let large = Publish { payload: &payload, ..message("t", "") };
    let small = message("t", "small");
    let mut wire = Vec::new();
    for publish in [small, large, small, small, large, small] {
        publish.encode(Version::V5_0, &mut wire).expect("it can be encoded");
    }
    for piece_size in [1000, 16_384, wire.len()] {
        let mut w = World::new();
        let id = w.joined(v5("a"));
        w.subscribe(id, "#", QoS::AtMostOnce);
        let mut input = BytesMut::new();
        for piece in wire.chunks(piece_size) {
            w.broker.handle_bytes(w.now, id, &mut input, piece);
            // Half of it at the most is not used yet.
            assert!(input.capacity() <= 2 * input.len().max(piece_size), "{piece_size}");
            assert!(input.capacity() <= 300_100.max(piece_size), "{piece_size}");
        }
        assert!(input.is_empty() && input.capacity() == 0);
        assert_eq!(w.broker.stats().queued, 6);
    }
}

/// Random bytes, changed conversations, random calls: nothing panics, and nothing is left when all have gone.
#[test]
fn random_bytes_never_panic() {
    for seed in 0..1500 {
        let mut rng = Rng::new(seed);
        let mut broker = Broker::new(Config { queue_bytes_max: 10_000, ..Config::default() }, seed);
        let mut now = Instant::ORIGIN;
        let mut ids = Vec::new();
        for _ in 0..8 {
            let version = if rng.below(2) == 0 { Version::V5_0 } else { Version::V3_1_1 };
            let mut wire = conversation(version);
            for _ in 0..rng.below(6) {
                let at = rng.below(wire.len() as u64) as usize;
                wire[at] = rng.next_u64() as u8;
            }
            if rng.below(8) == 0 {
                wire = (0..rng.below(200)).map(|_| rng.next_u64() as u8).collect();
            }
            wire.truncate(rng.below(2 * wire.len() as u64 + 1) as usize);
            let id = broker.handle_opened(now);
            ids.push(id);
            broker.handle_input(now, id, &mut BytesMut::from(&wire[..]));
            now = now + rng.duration_up_to(super::harness::secs(100));
            match rng.below(4) {
                0 => broker.handle_timeout(now),
                1 => broker.handle_closed(now, ids[rng.below(ids.len() as u64) as usize]),
                2 => broker.restart(rng.below(2) == 0),
                _ => {}
            }
            let mut out = TransmitBuf::new();
            while let Some(ready) = broker.poll_ready() {
                while broker.poll_transmit(now, ready, &mut out) {}
            }
        }
        for id in ids {
            broker.handle_closed(now, id);
        }
        for _ in 0..3 {
            now = broker.poll_timeout().unwrap_or(now).max(now);
            broker.handle_timeout(now);
        }
        let stats = broker.stats();
        assert_eq!(
            (stats.connections, stats.sessions_online, broker.poll_ready()),
            (0, 0, None),
            "seed {seed}"
        );
    }
}
