//! DISCONNECT and AUTH: a reason, its properties, and what may be left out.

use mqtt_proto::{
    Auth, DecodeErrorKind as Kind, Disconnect, EncodeError, Packet, PacketKind, Properties, Property,
    PropertyId, ReasonCode, Sender,
};

use crate::table::{V3_1, V3_1_1, V5_0, VERSIONS, both_ways, frame, reads_as, refused, refused_from};

#[test]
fn a_plain_disconnect_is_two_bytes() {
    let packet = Packet::Disconnect(Disconnect::with_reason(ReasonCode::Success));
    for version in VERSIONS {
        both_ways(version, &[0xe0, 0], packet);
    }
    for version in [V3_1, V3_1_1] {
        refused(version, &[0xe0, 1, 0], Kind::TrailingBytes, 2, "");
        let failed = Packet::Disconnect(Disconnect::with_reason(ReasonCode::ServerBusy));
        let error = EncodeError::NeedsVersion5(PacketKind::Disconnect);
        assert_eq!(failed.encoded_len(version), Err(error));
    }
    reads_as(V5_0, &[0xe0, 1, 0], packet);
    reads_as(V5_0, &[0xe0, 2, 0, 0], packet);
    refused(V5_0, &[0xe0, 3, 0, 0, 0], Kind::TrailingBytes, 4, "");
}

#[test]
fn a_reason_may_stand_alone_or_with_properties() {
    let packet = Packet::Disconnect(Disconnect::with_reason(ReasonCode::DisconnectWithWillMessage));
    both_ways(V5_0, &[0xe0, 1, 4], packet);
    reads_as(V5_0, &[0xe0, 2, 4, 0], packet);
    let list = [Property::ServerReference("b"), Property::UserProperty("k", "v")];
    let disconnect = Disconnect { reason: ReasonCode::UseAnotherServer, properties: Properties::new(&list) };
    both_ways(V5_0, b"\xe0\x0d\x9c\x0b\x1c\0\x01b\x26\0\x01k\0\x01v", Packet::Disconnect(disconnect));
    let error = EncodeError::NeedsVersion5(PacketKind::Disconnect);
    let success = Disconnect { reason: ReasonCode::Success, ..disconnect };
    assert_eq!(Packet::Disconnect(success).encoded_len(V3_1_1), Err(error));
    let wrong = Packet::Disconnect(Disconnect::with_reason(ReasonCode::Banned));
    for version in VERSIONS {
        assert_eq!(wrong.encoded_len(version), Err(EncodeError::ReasonCode(ReasonCode::Banned)));
    }
}

/// [5.0 MQTT-3.14.2-2]
#[test]
fn each_side_has_its_properties() {
    let expiry = b"\xe0\x07\x00\x05\x11\0\0\0\x05";
    let kind = Kind::PropertyNotAllowed(PropertyId::SessionExpiryInterval);
    refused_from(Some(Sender::Server), V5_0, expiry, kind, 4, "MQTT-3.14.2-2");
    let list = [Property::SessionExpiryInterval(5)];
    let disconnect = Disconnect { reason: ReasonCode::Success, properties: Properties::new(&list) };
    both_ways(V5_0, expiry, Packet::Disconnect(disconnect));
    let reference = b"\xe0\x06\x9c\x04\x1c\0\x01b";
    let kind = Kind::PropertyNotAllowed(PropertyId::ServerReference);
    refused_from(Some(Sender::Client), V5_0, reference, kind, 4, "");
}

#[test]
fn auth_names_its_method() {
    let list = [Property::AuthenticationMethod("m"), Property::AuthenticationData(b"\xff")];
    for reason in [ReasonCode::Success, ReasonCode::ContinueAuthentication, ReasonCode::ReAuthenticate] {
        let auth = Auth { reason, properties: Properties::new(&list) };
        let body = [&[reason.byte()], &b"\x08\x15\0\x01m\x16\0\x01\xff"[..]].concat();
        both_ways(V5_0, &frame(0xf0, &body), Packet::Auth(auth));
        for version in [V3_1, V3_1_1] {
            let error = EncodeError::NeedsVersion5(PacketKind::Auth);
            assert_eq!(Packet::Auth(auth).encoded_len(version), Err(error));
        }
    }
    let user = [Property::UserProperty("k", "v")];
    let alone = [Property::AuthenticationData(b"\xff")];
    for reason in [ReasonCode::Success, ReasonCode::ContinueAuthentication] {
        let body = [&[reason.byte()], &b"\x07\x26\0\x01k\0\x01v"[..]].concat();
        refused(V5_0, &frame(0xf0, &body), Kind::AuthenticationMethodMissing, 3, "");
        let auth = Auth { reason, properties: Properties::new(&user) };
        let error = EncodeError::AuthenticationMethodMissing;
        assert_eq!(Packet::Auth(auth).encoded_len(V5_0), Err(error));
        let body = [&[reason.byte()], &b"\x04\x16\0\x01\xff"[..]].concat();
        refused(V5_0, &frame(0xf0, &body), Kind::AuthenticationDataAlone, 4, "");
        let auth = Auth { reason, properties: Properties::new(&alone) };
        assert!(Packet::Auth(auth).encoded_len(V5_0).is_err());
    }
}

/// Success without properties is the one AUTH that may be empty; no form ends behind the reason.
#[test]
fn auth_has_one_short_form() {
    let packet = Packet::Auth(Auth { reason: ReasonCode::Success, properties: Properties::EMPTY });
    both_ways(V5_0, &[0xf0, 0], packet);
    reads_as(V5_0, &[0xf0, 2, 0, 0], packet);
    for reason in [0x00, 0x18, 0x19] {
        refused(V5_0, &[0xf0, 1, reason], Kind::Truncated, 3, "");
    }
    refused(V5_0, &[0xf0, 2, 0x18, 0], Kind::AuthenticationMethodMissing, 3, "");
    let bare = Auth { reason: ReasonCode::ReAuthenticate, properties: Properties::EMPTY };
    let error = EncodeError::AuthenticationMethodMissing;
    assert_eq!(Packet::Auth(bare).encoded_len(V5_0), Err(error));
}
