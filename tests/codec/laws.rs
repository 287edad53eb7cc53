//! Laws of the codec, tried on generated packets, on damaged ones and on any bytes.

use mqtt_proto::{Context, PACKET_SIZE_MAX, decode, frame_len};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

use crate::checks;
use crate::strategies::{model, model_of};
use crate::table::VERSIONS;

/// Runs a law on that many values; proptest shrinks and prints what breaks it.
fn holds<S: Strategy>(cases: u32, strategy: S, law: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let result = runner.run(&strategy, |value| {
        law(value);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// What is encoded decodes to the same packet, has the size foretold, and is appended.
///
/// [5.0 MQTT-2.2.2-1]
#[test]
fn a_packet_survives_the_wire() {
    holds(3_000, model(), |model| {
        let bytes = model.bytes();
        model.with(|packet| {
            let version = model.version;
            assert_eq!(packet.encoded_len(version), Ok(bytes.len()));
            let mut out = bytes.clone();
            assert_eq!(packet.encode(version, &mut out), Ok(bytes.len()));
            assert_eq!(out, [&bytes[..], &bytes].concat());
            assert_eq!(frame_len(&bytes, PACKET_SIZE_MAX), Ok(Some(bytes.len())));
            assert_eq!(decode(&bytes, Context { version, sender: None }), Ok(packet));
        });
        checks::any_frame(&bytes);
    });
}

/// However a stream is cut, the same packets come out.
#[test]
fn a_stream_may_be_cut_anywhere() {
    let stream = (any::<u8>(), 0..VERSIONS.len()).prop_flat_map(|(choice, version)| {
        let models = vec(model_of(VERSIONS[version]), 1..6);
        // The first byte picks the version, by what is left when it is divided by three.
        let choice = choice / 6 * 3 + version as u8;
        models.prop_map(move |models| (choice, models))
    });
    holds(300, stream, |(choice, models)| {
        let mut bytes = vec![choice];
        bytes.extend(models.iter().flat_map(crate::model::Model::bytes));
        checks::any_stream(&bytes);
    });
}

/// A flipped bit gives a packet that says what the bytes say, or an error; never a packet that cannot be written.
#[test]
fn a_flipped_bit_is_seen_or_means_something() {
    holds(150, model(), |model| {
        let mut bytes = model.bytes();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            checks::any_frame(&bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    });
}

/// Bytes replaced, removed, put in and cut off.
#[test]
fn damage_is_seen_or_means_something() {
    let edits = vec((any::<u16>(), any::<u8>(), 0..4_u8), 1..4);
    holds(3_000, (model(), edits, any::<bool>()), |(model, edits, is_length_mended)| {
        let mut bytes = model.bytes();
        for (at, byte, edit) in edits {
            let at = usize::from(at) % bytes.len().max(1);
            match edit {
                0 if !bytes.is_empty() => bytes[at] = byte,
                1 if !bytes.is_empty() => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        if is_length_mended && bytes.len() > 2 && bytes.len() < 130 {
            bytes[1] = bytes.len() as u8 - 2;
        }
        checks::any_frame(&bytes);
        checks::any_stream(&bytes);
    });
}

/// Nothing panics, whatever comes.
#[test]
fn any_bytes_are_safe() {
    let framed =
        (any::<u8>(), vec(any::<u8>(), 0..60)).prop_map(|(first, body)| crate::table::frame(first, &body));
    // Few values, so that lengths, ids and flags make sense now and then.
    let small =
        (any::<u8>(), vec(0..4_u8, 0..30)).prop_map(|(first, body)| crate::table::frame(first, &body));
    holds(6_000, prop_oneof![vec(any::<u8>(), 0..60), framed, small], |bytes| {
        checks::any_frame(&bytes);
        checks::any_stream(&bytes);
        checks::any_topic(&bytes);
    });
}
