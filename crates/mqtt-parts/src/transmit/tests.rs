//! What goes in comes out once and in order, however it is written.

use std::vec;

use mqtt_proto::{PacketId, Properties, QoS, TopicName};

use super::*;

fn publish(topic: &str) -> Publish<'_> {
    Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: TopicName::new(topic).expect("a good name"),
        packet_id: PacketId::new(1),
        properties: Properties::EMPTY,
        payload: &[],
    }
}

/// Fills a buffer and returns what it must say.
fn fill(buffer: &mut TransmitBuf, sizes: &[usize]) -> Vec<u8> {
    let mut expected = Vec::new();
    for &size in sizes {
        let payload = Bytes::from(vec![size as u8; size]);
        let packet = Publish { payload: &payload, ..publish("a/b") };
        packet.encode(Version::V5_0, &mut expected).expect("encodes");
        buffer.put_publish(&publish("a/b"), &payload, Version::V5_0).expect("encodes");
    }
    expected
}

#[test]
fn chunks_say_the_same_as_one_buffer_at_every_step() {
    let cases: [(usize, &[usize]); 3] =
        [(1, &[10, 5000, 0, 20]), (4096, &[10, 5000, 70_000, 6000, 30]), (100_000, &[10, 5000, 5000])];
    for (step, sizes) in cases {
        let mut buffer = TransmitBuf::new();
        let expected = fill(&mut buffer, sizes);
        let mut written = Vec::new();
        while !buffer.is_empty() {
            let rest: Vec<u8> = buffer.chunks().flat_map(<[u8]>::to_vec).collect();
            assert_eq!(rest, expected[written.len()..]);
            let len = step.min(rest.len());
            written.extend_from_slice(&rest[..len]);
            buffer.advance(len);
        }
        assert_eq!(written, expected);
    }
}

#[test]
fn what_is_appended_comes_behind_what_is_there() {
    for written in [0, 1, 20, 5_010] {
        let (mut first, mut second) = (TransmitBuf::new(), TransmitBuf::new());
        let mut expected = fill(&mut first, &[10, 5000, 20]);
        let behind = fill(&mut second, &[5000, 7, 70_000, 9]);
        second.advance(written);
        expected.extend_from_slice(&behind[written..]);
        first.append(&mut second);
        assert!(second.is_empty());
        assert_eq!(first.len(), expected.len());
        let bytes: Vec<u8> = first.chunks().flat_map(<[u8]>::to_vec).collect();
        assert_eq!(bytes, expected);
    }
}

#[test]
fn a_wiped_buffer_is_empty_and_can_be_used_again() {
    let mut buffer = TransmitBuf::new();
    fill(&mut buffer, &[10, 5000]);
    buffer.advance(7);
    buffer.wipe();
    assert!(buffer.is_empty() && buffer.chunks().next().is_none());
    let expected = fill(&mut buffer, &[20, 5000]);
    assert_eq!(buffer.chunks().flatten().copied().collect::<Vec<u8>>(), expected);
}

#[test]
fn large_payloads_are_not_copied() {
    let mut buffer = TransmitBuf::new();
    let payload = Bytes::from(vec![1; PAYLOAD_COPY_MAX + 1]);
    buffer.put_publish(&publish("a"), &payload, Version::V5_0).expect("encodes");
    assert!(buffer.chunks().any(|chunk| core::ptr::eq(chunk, payload.as_ref())));
}

#[test]
fn a_buffer_that_never_runs_empty_does_not_grow() {
    let mut buffer = TransmitBuf::new();
    fill(&mut buffer, &[100]);
    for _ in 0..10_000 {
        fill(&mut buffer, &[100]);
        buffer.advance(buffer.len() / 2);
    }
    assert!(buffer.packets.capacity() < 4 * COMPACT_AT);
}
