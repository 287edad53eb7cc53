//! The fixed header: kinds, flags, remaining length, and which side sends what.

use mqtt_proto::{
    Context, DecodeErrorKind, PACKET_SIZE_MAX, Packet, PacketKind, REMAINING_LENGTH_MAX, Sender, Version,
    decode, frame_len,
};

use crate::table::{
    SENDERS, V3_1, V3_1_1, V5_0, VERSIONS, both_ways, frame, minimal, reads_as, refused, refused_from,
};

#[test]
fn pings_are_two_bytes() {
    for version in VERSIONS {
        both_ways(version, &[0xc0, 0], Packet::Pingreq);
        both_ways(version, &[0xd0, 0], Packet::Pingresp);
        refused(version, &[0xc0, 1, 0], DecodeErrorKind::TrailingBytes, 2, "");
        refused(version, &[0xd0, 1, 0], DecodeErrorKind::TrailingBytes, 2, "");
    }
}

#[test]
fn every_kind_has_a_shortest_packet() {
    for version in VERSIONS {
        for kind in PacketKind::ALL {
            let Some(bytes) = minimal(kind, version) else { continue };
            let packet = decode(&bytes, Context { version, sender: None }).expect("a good packet");
            assert_eq!(packet.kind(), kind);
            both_ways(version, &bytes, packet);
        }
    }
}

/// Every value of the four bits, for every kind but PUBLISH.
///
/// [5.0 MQTT-2.1.3-1] [5.0 MQTT-3.6.1-1] [5.0 MQTT-3.8.1-1] [5.0 MQTT-3.10.1-1] [5.0 MQTT-3.14.1-1]
/// [5.0 MQTT-3.15.1-1] [3.1.1 MQTT-2.2.2-1] [3.1.1 MQTT-2.2.2-2] [3.1.1 MQTT-3.6.1-1] [3.1.1 MQTT-3.8.1-1]
/// [3.1.1 MQTT-3.10.1-1] [3.1.1 MQTT-3.14.1-1]
#[test]
fn flags_are_those_of_the_kind() {
    for version in [V3_1_1, V5_0] {
        for kind in PacketKind::ALL.into_iter().filter(|kind| *kind != PacketKind::Publish) {
            let Some(mut bytes) = minimal(kind, version) else { continue };
            let good = match kind {
                PacketKind::Pubrel | PacketKind::Subscribe | PacketKind::Unsubscribe => 0b0010,
                _ => 0,
            };
            for flags in (0..16).filter(|flags| *flags != good) {
                bytes[0] = (kind as u8) << 4 | flags;
                let statement = match (kind, version) {
                    (PacketKind::Pubrel, _) => "MQTT-3.6.1-1",
                    (PacketKind::Subscribe, _) => "MQTT-3.8.1-1",
                    (PacketKind::Unsubscribe, _) => "MQTT-3.10.1-1",
                    (PacketKind::Disconnect, _) => "MQTT-3.14.1-1",
                    (PacketKind::Auth, _) => "MQTT-3.15.1-1",
                    (_, Version::V5_0) => "MQTT-2.1.3-1",
                    (_, _) => "MQTT-2.2.2-1",
                };
                refused(version, &bytes, DecodeErrorKind::FixedHeaderFlags, 0, statement);
            }
        }
    }
}

/// 3.1 calls the bits unused, and sets DUP on requests and PUBREL that are sent again.
#[test]
fn flags_of_3_1_have_no_meaning_but_on_publish() {
    for kind in PacketKind::ALL.into_iter().filter(|kind| *kind != PacketKind::Publish) {
        let Some(mut bytes) = minimal(kind, V3_1) else { continue };
        let packet_bytes = bytes.clone();
        let packet = decode(&packet_bytes, Context { version: V3_1, sender: None }).expect("a good packet");
        for flags in 0..16 {
            bytes[0] = (kind as u8) << 4 | flags;
            reads_as(V3_1, &bytes, packet);
        }
    }
}

#[test]
fn kind_0_is_refused_and_auth_before_5() {
    for version in VERSIONS {
        for flags in 0..16 {
            refused(version, &[flags, 0], DecodeErrorKind::PacketKind, 0, "");
        }
    }
    for version in [V3_1, V3_1_1] {
        refused(version, &[0xf0, 0], DecodeErrorKind::PacketKind, 0, "");
        refused(version, &[0xf0, 2, 0x18, 0], DecodeErrorKind::PacketKind, 0, "");
    }
}

#[test]
fn each_side_sends_its_kinds() {
    // C: client, S: server, by the standard's tables of packet types.
    let senders = |kind, version| match kind {
        PacketKind::Connect | PacketKind::Subscribe | PacketKind::Unsubscribe | PacketKind::Pingreq => "C",
        PacketKind::Connack | PacketKind::Suback | PacketKind::Unsuback | PacketKind::Pingresp => "S",
        PacketKind::Disconnect if version != V5_0 => "C",
        PacketKind::Disconnect | PacketKind::Auth => "CS",
        PacketKind::Publish
        | PacketKind::Puback
        | PacketKind::Pubrec
        | PacketKind::Pubrel
        | PacketKind::Pubcomp => "CS",
    };
    for version in VERSIONS {
        for kind in PacketKind::ALL {
            let Some(bytes) = minimal(kind, version) else { continue };
            for (sender, letter) in [(Sender::Client, 'C'), (Sender::Server, 'S')] {
                let is_sent = senders(kind, version).contains(letter);
                assert_eq!(kind.is_sent_by(sender, version), is_sent, "{kind} {version}");
                if is_sent {
                    assert!(decode(&bytes, Context { version, sender: Some(sender) }).is_ok());
                } else {
                    refused_from(Some(sender), version, &bytes, DecodeErrorKind::WrongSender, 0, "");
                }
            }
        }
    }
}

/// 3.x does not forbid them.
///
/// [5.0 MQTT-1.5.5-1]
#[test]
fn overlong_remaining_lengths_are_refused_in_5_alone() {
    for version in VERSIONS {
        for kind in PacketKind::ALL {
            let Some(bytes) = minimal(kind, version) else { continue };
            for padding in [&[0x00][..], &[0x80, 0x00], &[0x80, 0x80, 0x00]] {
                let mut overlong = vec![bytes[0], bytes[1] | 0x80];
                overlong.extend_from_slice(padding);
                overlong.extend_from_slice(&bytes[2..]);
                assert_eq!(frame_len(&overlong, PACKET_SIZE_MAX), Ok(Some(overlong.len())));
                if version == V5_0 {
                    let statement = "MQTT-1.5.5-1";
                    refused(version, &overlong, DecodeErrorKind::IntegerOverlong, 1, statement);
                } else {
                    let packet = decode(&bytes, Context { version, sender: None }).expect("a good packet");
                    reads_as(version, &overlong, packet);
                }
            }
        }
    }
}

#[test]
fn a_remaining_length_has_four_bytes_at_most() {
    for first in [0x10, 0x30, 0xc0] {
        let bytes = [first, 0xff, 0xff, 0xff, 0xff, 0x01];
        for arrived in 0..5 {
            assert_eq!(frame_len(&bytes[..arrived], PACKET_SIZE_MAX), Ok(None));
        }
        for arrived in 5..=6 {
            let error = frame_len(&bytes[..arrived], PACKET_SIZE_MAX).expect_err("too long");
            assert_eq!((error.kind, error.offset), (DecodeErrorKind::IntegerTooLong, 1));
            assert_eq!(error.packet, PacketKind::from_first_byte(first));
        }
        for version in VERSIONS {
            refused(version, &bytes, DecodeErrorKind::IntegerTooLong, 1, "");
        }
    }
}

#[test]
fn a_packet_over_the_limit_is_refused_by_its_header() {
    // Remaining length and the bytes that say so; the whole packet counts.
    let sizes: [(u32, &[u8]); 9] = [
        (0, &[0]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (16_383, &[0xff, 0x7f]),
        (16_384, &[0x80, 0x80, 0x01]),
        (2_097_151, &[0xff, 0xff, 0x7f]),
        (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
        (268_435_454, &[0xfe, 0xff, 0xff, 0x7f]),
        (REMAINING_LENGTH_MAX, &[0xff, 0xff, 0xff, 0x7f]),
    ];
    for (remaining, len_bytes) in sizes {
        let bytes = [&[0x30], len_bytes].concat();
        let size = bytes.len() as u32 + remaining;
        assert_eq!(frame_len(&bytes, size), Ok(Some(size as usize)));
        let error = frame_len(&bytes, size - 1).expect_err("over the limit");
        let kind = DecodeErrorKind::PacketTooLarge { size, size_max: size - 1 };
        assert_eq!((error.kind, error.offset, error.packet), (kind, 1, Some(PacketKind::Publish)));
        assert_eq!(frame_len(&bytes[..bytes.len() - 1], PACKET_SIZE_MAX), Ok(None));
    }
    assert_eq!(PACKET_SIZE_MAX, 268_435_460);
}

#[test]
fn a_frame_is_as_long_as_it_says() {
    for version in VERSIONS {
        for sender in SENDERS {
            refused_from(sender, version, &[], DecodeErrorKind::Truncated, 0, "");
            refused_from(sender, version, &[0xc0], DecodeErrorKind::Truncated, 1, "");
            refused_from(sender, version, &[0x30, 0x80], DecodeErrorKind::Truncated, 2, "");
            refused_from(sender, version, &[0xc0, 1], DecodeErrorKind::FrameLength, 1, "");
            refused_from(sender, version, &[0xc0, 0, 0], DecodeErrorKind::FrameLength, 1, "");
            // Nothing is reserved for what is only announced.
            let announced = [0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b't'];
            refused_from(sender, version, &announced, DecodeErrorKind::FrameLength, 1, "");
        }
    }
}

#[test]
fn bytes_behind_the_last_field_are_refused() {
    for version in VERSIONS {
        for kind in PacketKind::ALL {
            let Some(bytes) = minimal(kind, version) else { continue };
            let is_open = match kind {
                // The rest of these is a list, a payload, or a form that goes on.
                PacketKind::Publish
                | PacketKind::Subscribe
                | PacketKind::Unsubscribe
                | PacketKind::Suback => true,
                PacketKind::Unsuback
                | PacketKind::Puback
                | PacketKind::Pubrec
                | PacketKind::Pubrel
                | PacketKind::Pubcomp
                | PacketKind::Disconnect
                | PacketKind::Auth => version == V5_0,
                PacketKind::Connect | PacketKind::Connack | PacketKind::Pingreq | PacketKind::Pingresp => {
                    false
                }
            };
            if !is_open {
                let longer = frame(bytes[0], &[&bytes[2..], &[0]].concat());
                let offset = bytes.len() as u32;
                refused(version, &longer, DecodeErrorKind::TrailingBytes, offset, "");
            }
        }
    }
}
