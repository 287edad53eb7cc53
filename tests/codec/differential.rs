//! The codec beside other people's: generated packets and damaged ones, read by all.
//!
//! Where a peer sees something else than we do, one of us is wrong. If it is the peer, the fault stands in a list
//! of known faults, with the rule that the peer does not keep; a fault that no longer shows must leave the list.

mod faults;
mod peers;

use mqtt_proto::{Context, DecodeError, PACKET_SIZE_MAX, Packet, Property, Version, decode, frame_len};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::strategies::model_of;
use faults::FAULTS;
use peers::{Peer, Verdict};

/// One frame, and what we and a peer make of it.
struct Case<'a> {
    bytes: &'a [u8],
    ours: Result<Packet<'a>, DecodeError>,
    theirs: &'a Verdict,
}

#[test]
fn peers_agree_or_are_known_to_be_wrong() {
    let mut seen = vec![0; FAULTS.len()];
    let mut agreed = 0;
    let mut unknown = Vec::new();
    for peer in Peer::ALL {
        for bytes in frames(peer.version()) {
            let ours = decode(&bytes, Context { version: peer.version(), sender: None });
            let theirs = peer.read(&bytes);
            let case = Case { bytes: &bytes, ours, theirs: &theirs };
            if agrees(&case, peer.version()) {
                agreed += 1;
                continue;
            }
            match FAULTS.iter().position(|fault| fault.peer == peer && (fault.is_it)(&case)) {
                Some(index) => seen[index] += 1,
                None => unknown.push(tell(peer, &case)),
            }
        }
    }
    assert!(unknown.is_empty(), "{} unknown:\n{}", unknown.len(), summary(&unknown));
    for (fault, seen) in FAULTS.iter().zip(seen) {
        assert!(seen > 0, "{:?} no longer does this: {}", fault.peer, fault.rule);
    }
    assert!(agreed > 5_000, "{agreed} agreements are few");
}

/// Good frames of that version, and what is left of them after some damage; the same in every run.
fn frames(version: Version) -> Vec<Vec<u8>> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let edits = vec((any::<u16>(), any::<u8>(), 0..5_u8), 1..3);
    let strategy = (model_of(version), vec(edits, 4));
    let mut frames = Vec::new();
    for _ in 0..MODELS {
        let (model, damages) = strategy.new_tree(&mut runner).expect("nothing is rejected").current();
        let good = model.bytes();
        frames.extend(damages.iter().map(|edits| damaged(&good, edits)));
        frames.push(good);
    }
    // Framing is tested elsewhere; here the peers get what they would get from a stream.
    frames.retain(|bytes| frame_len(bytes, PACKET_SIZE_MAX) == Ok(Some(bytes.len())));
    frames
}

/// A bit flipped, a byte replaced, removed or put in; the length is mended if it has one byte.
fn damaged(good: &[u8], edits: &[(u16, u8, u8)]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for &(at, byte, edit) in edits {
        let at = usize::from(at) % bytes.len();
        match edit {
            0 | 1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes[at] = byte,
            3 if at > 1 => drop(bytes.remove(at)),
            _ if at > 1 => bytes.insert(at, byte),
            _ => {}
        }
    }
    if good[1] < 0x7f && bytes.len() < 0x80 {
        bytes[1] = bytes.len() as u8 - 2;
    }
    bytes
}

/// Both refuse, or what the peer has understood, written by it and read by us, is what we have understood.
fn agrees(case: &Case<'_>, version: Version) -> bool {
    match (case.ours, case.theirs) {
        (Err(_), Verdict::Refused(_)) => true,
        (Ok(packet), Verdict::Taken(bytes)) => {
            decode(bytes, Context { version, sender: None }).is_ok_and(|again| is_same(packet, again))
        }
        _ => false,
    }
}

/// Equal but for the order of properties, which peers do not keep and which says nothing among different ones.
fn is_same(one: Packet<'_>, other: Packet<'_>) -> bool {
    one == other || sorted_text(one) == sorted_text(other)
}

/// The packet without its properties, and these in some order.
fn sorted_text(packet: Packet<'_>) -> (String, Vec<String>) {
    let properties = properties(packet);
    let mut sorted: Vec<String> = properties.iter().map(|property| format!("{property:?}")).collect();
    sorted.sort();
    let whole = format!("{packet:?} {:?}", payloads(packet));
    let bare = properties.iter().fold(whole, |text, property| text.replace(&format!("{property:?}"), ""));
    (bare.replace([',', ' '], ""), sorted)
}

/// What the debug form leaves out.
fn payloads(packet: Packet<'_>) -> Vec<Vec<u8>> {
    match packet {
        Packet::Publish(publish) => vec![publish.payload.to_vec()],
        Packet::Connect(connect) => {
            let will = connect.will().map(|will| will.payload);
            will.into_iter().chain(connect.password()).map(<[u8]>::to_vec).collect()
        }
        _ => vec![],
    }
}

fn properties(packet: Packet<'_>) -> Vec<Property<'_>> {
    match packet {
        Packet::Connect(connect) => {
            let will = connect.will().map(|will| will.properties.iter()).into_iter().flatten();
            connect.properties().iter().chain(will).collect()
        }
        Packet::Connack(connack) => connack.properties.iter().collect(),
        Packet::Publish(publish) => publish.properties.iter().collect(),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            ack.properties.iter().collect()
        }
        Packet::Subscribe(subscribe) => subscribe.properties.iter().collect(),
        Packet::Suback(suback) => suback.properties.iter().collect(),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.properties.iter().collect(),
        Packet::Unsuback(unsuback) => unsuback.properties.iter().collect(),
        Packet::Disconnect(disconnect) => disconnect.properties.iter().collect(),
        Packet::Auth(auth) => auth.properties.iter().collect(),
        Packet::Pingreq | Packet::Pingresp => vec![],
    }
}

/// What was seen, first of all what kind of disagreement it is.
fn tell(peer: Peer, case: &Case<'_>) -> (String, String) {
    let kind = match case.ours {
        Ok(packet) => format!("{peer:?}: {} taken by us, {}", packet.kind(), case.theirs.name()),
        Err(error) => {
            let packet = error.packet.map_or("?", mqtt_proto::PacketKind::name);
            format!("{peer:?}: {packet} {:?} {:?}, {}", error.kind, error.statement(), case.theirs.name())
        }
    };
    (kind, format!("{:02x?}\n    ours {:?}\n    theirs {}", case.bytes, case.ours, case.theirs.detail()))
}

/// One of each kind, with their number.
fn summary(unknown: &[(String, String)]) -> String {
    let mut kinds: Vec<&str> = unknown.iter().map(|(kind, _)| kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let line = |kind: &str| {
        let all: Vec<_> = unknown.iter().filter(|(other, _)| other == kind).collect();
        format!("{} x {kind}\n  {}\n", all.len(), all[0].1)
    };
    kinds.into_iter().map(line).collect()
}

/// Packets generated for each peer; each comes once good and four times damaged.
const MODELS: usize = 1_500;
