//! PUBACK, PUBREC, PUBREL and PUBCOMP: one layout, four tables of reasons, three lengths.

use mqtt_proto::{
    Ack, DecodeErrorKind as Kind, EncodeError, Packet, PacketKind, Properties, Property, ReasonCode,
};

use crate::table::{V3_1, V3_1_1, V5_0, VERSIONS, both_ways, frame, id, join, reads_as, refused};

/// The kinds with their first bytes and one failure that each may carry.
const KINDS: [(PacketKind, u8, ReasonCode); 4] = [
    (PacketKind::Puback, 0x40, ReasonCode::QuotaExceeded),
    (PacketKind::Pubrec, 0x50, ReasonCode::PacketIdentifierInUse),
    (PacketKind::Pubrel, 0x62, ReasonCode::PacketIdentifierNotFound),
    (PacketKind::Pubcomp, 0x70, ReasonCode::PacketIdentifierNotFound),
];

fn packet(kind: PacketKind, ack: Ack<'_>) -> Packet<'_> {
    match kind {
        PacketKind::Puback => Packet::Puback(ack),
        PacketKind::Pubrec => Packet::Pubrec(ack),
        PacketKind::Pubrel => Packet::Pubrel(ack),
        _ => Packet::Pubcomp(ack),
    }
}

#[test]
fn success_is_two_bytes_in_every_version() {
    for (kind, first, _) in KINDS {
        for version in VERSIONS {
            both_ways(version, &[first, 2, 1, 2], packet(kind, Ack::success(id(0x0102))));
            both_ways(version, &[first, 2, 0xff, 0xff], packet(kind, Ack::success(id(0xffff))));
            refused(version, &[first, 2, 0, 0], Kind::PacketIdZero, 2, "");
            refused(version, &[first, 1, 0], Kind::Truncated, 2, "");
            refused(version, &[first, 0], Kind::Truncated, 2, "");
        }
        for version in [V3_1, V3_1_1] {
            refused(version, &[first, 3, 1, 2, 0], Kind::TrailingBytes, 4, "");
        }
    }
}

/// Reason and properties may be left out when they say nothing, and may be there.
#[test]
fn short_forms_of_5_mean_success_without_properties() {
    for (kind, first, failure) in KINDS {
        let success = packet(kind, Ack::success(id(7)));
        reads_as(V5_0, &[first, 3, 0, 7, 0], success);
        reads_as(V5_0, &[first, 4, 0, 7, 0, 0], success);
        let failed = packet(kind, Ack::with_reason(id(7), failure));
        both_ways(V5_0, &[first, 3, 0, 7, failure.byte()], failed);
        reads_as(V5_0, &[first, 4, 0, 7, failure.byte(), 0], failed);
        refused(V5_0, &[first, 5, 0, 7, 0, 0, 0], Kind::TrailingBytes, 6, "");
        for version in [V3_1, V3_1_1] {
            assert_eq!(failed.encoded_len(version), Err(EncodeError::NeedsVersion5(kind)));
        }
    }
}

#[test]
fn properties_need_a_reason_before_them() {
    let properties = [Property::ReasonString("why"), Property::UserProperty("k", "v")];
    for (kind, first, failure) in KINDS {
        for reason in [ReasonCode::Success, failure] {
            let ack = Ack { packet_id: id(7), reason, properties: Properties::new(&properties) };
            let section = b"\x0d\x1f\0\x03why\x26\0\x01k\0\x01v";
            let bytes = frame(first, &join(&[&[0, 7, reason.byte()], section]));
            both_ways(V5_0, &bytes, packet(kind, ack));
            for version in [V3_1, V3_1_1] {
                let error = EncodeError::NeedsVersion5(kind);
                assert_eq!(packet(kind, ack).encoded_len(version), Err(error));
            }
        }
        refused(V5_0, &[first, 4, 0, 7, 0, 1], Kind::Truncated, 6, "");
        refused(V5_0, &[first, 5, 0, 7, 0, 0x80, 0], Kind::IntegerOverlong, 5, "MQTT-1.5.5-1");
    }
}

#[test]
fn a_reason_of_another_kind_is_not_encoded() {
    for (kind, _, _) in KINDS {
        let wrong = packet(kind, Ack::with_reason(id(1), ReasonCode::Banned));
        assert_eq!(wrong.encoded_len(V5_0), Err(EncodeError::ReasonCode(ReasonCode::Banned)));
    }
}
