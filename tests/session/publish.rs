//! Messages to the server while all goes well, and the answers that end them.

use mqtt_proto::{Property, QoS, Version::V5_0};

use crate::harness::{BOTH, Talk, message};
use mqtt_session::Publish;

/// [5.0 MQTT-4.3.1-1] [3.1.1 MQTT-4.3.1-1]
#[test]
fn qos_0_is_done_when_it_was_handed_over() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        assert_eq!(talk.publish("a", QoS::AtMostOnce, "x"), 2);
        talk.no_events();
        talk.sends(["PUBLISH a qos0 \"x\""]);
        talk.events(["ended 2 done 0x00"]);
    }
}

/// [5.0 MQTT-4.3.2-1] [5.0 MQTT-4.3.2-2] [5.0 MQTT-4.3.2-3] [3.1.1 MQTT-4.3.2-1]
#[test]
fn qos_1_is_done_with_its_puback() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtLeastOnce, "x");
        talk.sends(["PUBLISH a qos1 id1 \"x\""]);
        talk.no_events();
        talk.server_says("PUBACK id1");
        talk.events(["ended 2 done 0x00"]);
        talk.sends_nothing();
    }
}

/// [5.0 MQTT-4.3.3-1] [5.0 MQTT-4.3.3-2] [5.0 MQTT-4.3.3-3] [5.0 MQTT-4.3.3-4] [5.0 MQTT-4.3.3-5]
/// [5.0 MQTT-2.2.1-5] [3.1.1 MQTT-4.3.3-1] [3.1.1 MQTT-2.3.1-6]
#[test]
fn qos_2_is_done_with_its_pubcomp() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtLeastOnce, "w");
        talk.publish("a", QoS::ExactlyOnce, "x");
        talk.sends(["PUBLISH a qos1 id1 \"w\"", "PUBLISH a qos2 id2 \"x\""]);
        talk.server_says("PUBREC id2");
        talk.no_events();
        talk.sends(["PUBREL id2"]);
        talk.server_says("PUBCOMP id2");
        talk.events(["ended 3 done 0x00"]);
        talk.sends_nothing();
    }
}

/// [5.0 MQTT-4.3.3-4]
#[test]
fn nobody_subscribed_is_success() {
    let mut talk = Talk::online(V5_0);
    talk.publish("a", QoS::AtLeastOnce, "x");
    talk.publish("a", QoS::ExactlyOnce, "y");
    talk.take_bytes();
    talk.server_says("PUBACK id1 0x10");
    talk.server_says("PUBREC id2 0x10");
    talk.sends(["PUBREL id2"]);
    talk.server_says("PUBCOMP id2");
    talk.events(["ended 2 done 0x10", "ended 3 done 0x10"]);
}

/// [5.0 MQTT-4.4.0-2] [5.0 MQTT-4.3.3-9]
#[test]
fn a_failure_ends_the_exchange_without_pubrel_and_frees_the_identifier() {
    let mut talk = Talk::online(V5_0);
    talk.publish("a", QoS::AtLeastOnce, "x");
    talk.publish("a", QoS::ExactlyOnce, "y");
    talk.take_bytes();
    talk.server_says("PUBACK id1 0x87");
    talk.server_says("PUBREC id2 0x97");
    talk.sends_nothing();
    talk.events(["ended 2 rejected ByServer(NotAuthorized)", "ended 3 rejected ByServer(QuotaExceeded)"]);
    assert_eq!(talk.session().messages_in_flight(), 0);
    talk.cut_and_reconnect("CONNACK present");
    talk.sends_nothing();
}

/// [5.0 MQTT-4.6.0-4] [3.1.1 MQTT-4.6.0-4]
#[test]
fn pubrels_go_out_in_the_order_of_the_pubrecs() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        for payload in ["x", "y", "z"] {
            talk.publish("a", QoS::ExactlyOnce, payload);
        }
        talk.take_bytes();
        for packet in ["PUBREC id3", "PUBREC id1", "PUBREC id2"] {
            talk.server_says(packet);
        }
        talk.sends(["PUBREL id3", "PUBREL id1", "PUBREL id2"]);
    }
}

#[test]
fn a_repeated_pubrec_gets_its_pubrel_again() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::ExactlyOnce, "x");
        talk.take_bytes();
        talk.server_says("PUBREC id1");
        talk.server_says("PUBREC id1");
        talk.sends(["PUBREL id1", "PUBREL id1"]);
        talk.server_says("PUBCOMP id1");
        talk.server_says("PUBCOMP id1");
        talk.events(["ended 2 done 0x00"]);
    }
}

#[test]
fn a_pubrec_for_nothing_is_answered_so_that_the_server_can_let_go() {
    for (version, pubrel) in BOTH.into_iter().zip(["PUBREL id9", "PUBREL id9 0x92"]) {
        let mut talk = Talk::online(version);
        talk.server_says("PUBREC id9");
        talk.sends([pubrel]);
        talk.no_events();
    }
}

/// [5.0 MQTT-2.2.1-3] [3.1.1 MQTT-2.3.1-2] [3.1.1 MQTT-2.3.1-3]
#[test]
fn no_identifier_is_used_twice_at_once() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::ExactlyOnce, "held");
        talk.take_bytes();
        talk.server_says("PUBREC id1");
        talk.take_bytes();
        for round in 0..300 {
            let qos = if round % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            talk.publish("a", qos, "");
            let sent = talk.take_sent().remove(0);
            let id = sent.split_whitespace().nth(3).expect("an identifier").to_owned();
            assert_ne!(id, "id1", "round {round}");
            if qos == QoS::AtLeastOnce {
                talk.server_says(&format!("PUBACK {id}"));
            } else {
                talk.server_says(&format!("PUBREC {id}"));
                talk.server_says(&format!("PUBCOMP {id}"));
                talk.take_bytes();
            }
            talk.take_events();
        }
    }
}

/// [5.0 MQTT-4.3.2-1] [5.0 MQTT-4.3.3-1]
#[test]
fn a_qos_2_identifier_stays_taken_until_pubcomp() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        for _message in 0..63 {
            talk.publish("a", QoS::ExactlyOnce, "");
        }
        talk.take_bytes();
        for id in 1..=63 {
            talk.server_says(&format!("PUBREC id{id}"));
        }
        talk.take_bytes();
        talk.publish("a", QoS::AtLeastOnce, "x");
        talk.sends(["PUBLISH a qos1 id64 \"x\""]);
        talk.server_says("PUBCOMP id5");
        talk.server_says("PUBACK id64");
        for _message in 0..64 {
            talk.publish("a", QoS::AtLeastOnce, "");
        }
        let sent = talk.take_sent();
        let reused = sent.iter().filter(|packet| packet.contains(" id5 ")).count();
        assert_eq!((sent.len(), reused), (64, 1));
    }
}

#[test]
fn messages_keep_their_order_whatever_their_qos() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::ExactlyOnce, "1");
        talk.publish("a", QoS::AtMostOnce, "2");
        talk.publish("a", QoS::AtLeastOnce, "3");
        talk.sends(["PUBLISH a qos2 id1 \"1\"", "PUBLISH a qos0 \"2\"", "PUBLISH a qos1 id2 \"3\""]);
    }
}

#[test]
fn retain_and_properties_travel_with_the_message() {
    let mut talk = Talk::online(V5_0);
    let properties = [Property::ContentType("text"), Property::UserProperty("k", "v")];
    let properties = mqtt_proto::Properties::new(&properties);
    talk.try_publish(Publish { retain: true, properties, ..message("a", QoS::AtLeastOnce, "x") })
        .expect("accepted");
    talk.sends([r#"PUBLISH a qos1 id1 retain ContentType("text") UserProperty("k", "v") "x""#]);
}

#[test]
fn a_large_payload_arrives_whole() {
    let mut talk = Talk::online(V5_0);
    let large = "x".repeat(100_000);
    talk.publish("a", QoS::AtLeastOnce, &large);
    talk.publish("a", QoS::AtLeastOnce, "next");
    talk.sends(["PUBLISH a qos1 id1 100000 bytes", "PUBLISH a qos1 id2 \"next\""]);
}
