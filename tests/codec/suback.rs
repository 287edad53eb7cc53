//! SUBACK and UNSUBACK: lists of codes.

use mqtt_proto::{
    DecodeErrorKind as Kind, EncodeError, Packet, PacketKind, Properties, Property, ReasonCode, ReasonCodes,
    Suback, Unsuback,
};

use crate::table::{V3_1, V3_1_1, V5_0, VERSIONS, both_ways, frame, id, refused};

fn suback(codes: &[ReasonCode]) -> Suback<'_> {
    Suback { packet_id: id(7), properties: Properties::EMPTY, codes: ReasonCodes::new(codes) }
}

fn unsuback(codes: &[ReasonCode]) -> Unsuback<'_> {
    Unsuback { packet_id: id(7), properties: Properties::EMPTY, codes: ReasonCodes::new(codes) }
}

/// [3.1.1 MQTT-3.9.3-2]
#[test]
fn codes_of_3_are_few() {
    for byte in 0..=255_u8 {
        let bytes = [0x90, 4, 0, 7, 0, byte];
        let code = [ReasonCode::Success, ReasonCode::GrantedQoS1, ReasonCode::GrantedQoS2]
            .into_iter()
            .find(|code| code.byte() == byte);
        match code {
            Some(code) => {
                let codes = [ReasonCode::Success, code];
                both_ways(V3_1, &bytes, Packet::Suback(suback(&codes)));
                both_ways(V3_1_1, &bytes, Packet::Suback(suback(&codes)));
            }
            // 3.1 does not list it; servers refuse with it all the same.
            None if byte == 0x80 => {
                let codes = [ReasonCode::Success, ReasonCode::UnspecifiedError];
                both_ways(V3_1, &bytes, Packet::Suback(suback(&codes)));
                both_ways(V3_1_1, &bytes, Packet::Suback(suback(&codes)));
            }
            None => {
                refused(V3_1, &bytes, Kind::ReasonCode { byte }, 5, "");
                refused(V3_1_1, &bytes, Kind::ReasonCode { byte }, 5, "MQTT-3.9.3-2");
            }
        }
    }
    for code in ReasonCode::ALL.iter().filter(|code| code.byte() > 2 && code.byte() != 0x80) {
        let codes = [*code];
        for version in [V3_1, V3_1_1] {
            let error = EncodeError::ReasonCode(*code);
            assert_eq!(Packet::Suback(suback(&codes)).encoded_len(version), Err(error));
        }
    }
}

#[test]
fn codes_of_5_stand_behind_the_properties() {
    let codes = [ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized, ReasonCode::Success];
    both_ways(V5_0, &[0x90, 6, 0, 7, 0, 2, 0x87, 0], Packet::Suback(suback(&codes)));
    let list = [Property::ReasonString("no")];
    let packet = Packet::Suback(Suback { properties: Properties::new(&list), ..suback(&codes) });
    both_ways(V5_0, &frame(0x90, b"\0\x07\x05\x1f\0\x02no\x02\x87\0"), packet);
    assert_eq!(packet.encoded_len(V3_1_1), Err(EncodeError::ReasonCode(ReasonCode::NotAuthorized)));
    let granted = [ReasonCode::Success];
    let packet = Packet::Suback(Suback { properties: Properties::new(&list), ..suback(&granted) });
    assert_eq!(packet.encoded_len(V3_1_1), Err(EncodeError::NeedsVersion5(PacketKind::Suback)));

    let codes = [ReasonCode::NoSubscriptionExisted, ReasonCode::TopicFilterInvalid];
    both_ways(V5_0, &[0xb0, 5, 0, 7, 0, 0x11, 0x8f], Packet::Unsuback(unsuback(&codes)));
    let packet = Packet::Unsuback(Unsuback { properties: Properties::new(&list), ..unsuback(&codes) });
    both_ways(V5_0, &frame(0xb0, b"\0\x07\x05\x1f\0\x02no\x11\x8f"), packet);
}

/// [5.0 MQTT-3.11.3-2]
#[test]
fn an_unsuback_has_codes_in_5_alone() {
    for version in [V3_1, V3_1_1] {
        both_ways(version, &[0xb0, 2, 0, 7], Packet::Unsuback(unsuback(&[])));
        refused(version, &[0xb0, 3, 0, 7, 0], Kind::TrailingBytes, 4, "");
        let codes = [ReasonCode::Success];
        let error = EncodeError::NeedsVersion5(PacketKind::Unsuback);
        assert_eq!(Packet::Unsuback(unsuback(&codes)).encoded_len(version), Err(error));
    }
    refused(V5_0, &[0xb0, 2, 0, 7], Kind::Truncated, 4, "");
    refused(V5_0, &[0xb0, 3, 0, 7, 0], Kind::EmptyList, 5, "");
    assert_eq!(Packet::Unsuback(unsuback(&[])).encoded_len(V5_0), Err(EncodeError::EmptyList));
    let codes = [ReasonCode::GrantedQoS1];
    let error = EncodeError::ReasonCode(ReasonCode::GrantedQoS1);
    assert_eq!(Packet::Unsuback(unsuback(&codes)).encoded_len(V5_0), Err(error));
}

#[test]
fn an_answer_names_its_request() {
    for version in VERSIONS {
        let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
        for first in [0x90, 0xb0] {
            refused(version, &frame(first, &[&[0, 0], none, &[0]].concat()), Kind::PacketIdZero, 2, "");
            refused(version, &[first, 1, 0], Kind::Truncated, 2, "");
        }
        let body = [&[0, 7], none].concat();
        refused(version, &frame(0x90, &body), Kind::EmptyList, 2 + body.len() as u32, "");
        assert_eq!(Packet::Suback(suback(&[])).encoded_len(version), Err(EncodeError::EmptyList));
    }
}
