//! Acknowledgements with a reason: the application says what became of a message.

use mqtt_proto::{
    EncodeError, PacketKind, ReasonCode,
    Version::{V3_1_1, V5_0},
};
use mqtt_session::SessionRefusal;

use crate::harness::Talk;

/// [5.0 MQTT-3.4.2-1]
#[test]
fn a_refused_message_is_acknowledged_with_the_reason_in_its_turn() {
    let mut talk = Talk::online(V5_0);
    talk.server_says("PUBLISH a qos1 id1 \"1\"");
    talk.server_says("PUBLISH a qos1 id2 \"2\"");
    talk.server_says("PUBLISH a qos2 id3 \"3\"");
    talk.take_events();
    talk.acknowledge_with(2, ReasonCode::PayloadFormatInvalid).expect("PUBREC has it");
    talk.acknowledge_with(1, ReasonCode::NotAuthorized).expect("PUBACK has it");
    talk.sends_nothing();
    talk.acknowledge(0);
    talk.sends(["PUBACK id1", "PUBACK id2 0x87", "PUBREC id3 0x99"]);
}

/// [5.0 MQTT-4.3.3-9] [5.0 MQTT-4.9.0-2]
#[test]
fn a_refused_qos_2_message_frees_its_identifier_and_its_place_in_the_window() {
    let config = crate::harness::persistent(V5_0).receive_maximum(std::num::NonZeroU16::MIN);
    let mut talk = Talk::online_with(config, "CONNACK");
    for round in 0..3 {
        talk.server_says("PUBLISH a qos2 id5 \"x\"");
        talk.events(["message a qos2 \"x\""]);
        talk.acknowledge_with(round, ReasonCode::QuotaExceeded).expect("PUBREC has it");
        talk.sends(["PUBREC id5 0x97"]);
    }
}

#[test]
fn a_refusal_that_was_not_sent_is_said_when_the_message_comes_again() {
    let mut talk = Talk::online(V5_0);
    // It waits for the acknowledgement of the message before it.
    talk.server_says("PUBLISH a qos1 id4 \"w\"");
    talk.server_says("PUBLISH a qos2 id5 \"x\"");
    talk.take_events();
    talk.acknowledge_with(1, ReasonCode::NotAuthorized).expect("PUBREC has it");
    talk.cut();
    talk.reconnect("CONNACK present");
    talk.take_events();
    talk.server_says("PUBLISH a qos2 id5 dup \"x\"");
    talk.no_events();
    talk.sends(["PUBREC id5 0x87"]);
    talk.server_says("PUBLISH a qos2 id5 \"y\"");
    talk.events(["message a qos2 \"y\""]);
}

#[test]
fn a_receipt_of_an_exchange_that_is_over_acknowledges_nothing() {
    for version in [V3_1_1, V5_0] {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos2 id5 \"1\"");
        talk.take_events();
        talk.acknowledge(0);
        talk.server_says("PUBREL id5");
        talk.server_says("PUBLISH a qos2 id5 \"2\"");
        talk.take_bytes();
        talk.acknowledge(0);
        talk.sends_nothing();
    }
}

/// [5.0 MQTT-3.4.2-1] [5.0 MQTT-3.5.2-1]
#[test]
fn a_reason_that_cannot_be_said_is_refused() {
    let mut talk = Talk::online(V5_0);
    talk.server_says("PUBLISH a qos1 id1 \"1\"");
    talk.take_events();
    let reason = ReasonCode::GrantedQoS1;
    assert_eq!(talk.acknowledge_with(0, reason), Err(SessionRefusal::AcknowledgementReason(reason)));
    talk.sends_nothing();
    let mut talk = Talk::online(V3_1_1);
    talk.server_says("PUBLISH a qos1 id1 \"1\"");
    talk.take_events();
    let needs_5 = SessionRefusal::Encode(EncodeError::NeedsVersion5(PacketKind::Puback));
    assert_eq!(talk.acknowledge_with(0, ReasonCode::NotAuthorized), Err(needs_5));
    talk.acknowledge(0);
    talk.sends(["PUBACK id1"]);
}
