//! After a reconnect to a persistent session: what goes out again, in which order, and what waits for it.

use mqtt_proto::{Properties, Property, QoS, Version::V5_0};

use crate::harness::{BOTH, Talk, message, persistent, secs};
use mqtt_session::Publish;

/// [5.0 MQTT-3.3.1-1] [5.0 MQTT-4.4.0-1] [5.0 MQTT-4.6.0-1] [5.0 MQTT-4.1.0-1]
/// [3.1.1 MQTT-3.3.1-1] [3.1.1 MQTT-4.4.0-1] [3.1.1 MQTT-4.6.0-1] [3.1.1 MQTT-2.3.1-3]
#[test]
fn unanswered_messages_go_out_again_in_order_with_dup_and_their_identifiers() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtLeastOnce, "0");
        talk.take_bytes();
        for (qos, payload) in [(QoS::ExactlyOnce, "1"), (QoS::AtMostOnce, "2"), (QoS::AtLeastOnce, "3")] {
            talk.publish("a", qos, payload);
        }
        talk.take_bytes();
        talk.server_says("PUBACK id1");
        // The next free identifier comes behind those in use, then the lowest again: order is not that of numbers.
        for _message in 0..61 {
            talk.publish("b", QoS::AtLeastOnce, "");
        }
        talk.take_bytes();
        for id in 4..=63 {
            talk.server_says(&format!("PUBACK id{id}"));
        }
        talk.take_events();
        talk.cut_and_reconnect("CONNACK present");
        talk.sends([
            "PUBLISH a qos2 id2 dup \"1\"",
            "PUBLISH a qos1 id3 dup \"3\"",
            "PUBLISH b qos1 id1 dup \"\"",
        ]);
        talk.sends_nothing();
    }
}

/// [5.0 MQTT-4.3.3-6] [5.0 MQTT-4.4.0-1] [3.1.1 MQTT-4.3.3-1]
#[test]
fn after_pubrec_the_pubrel_is_repeated_and_the_message_is_not() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::ExactlyOnce, "x");
        talk.take_bytes();
        talk.server_says("PUBREC id1");
        for _connection in 0..3 {
            talk.cut_and_reconnect("CONNACK present");
            talk.sends(["PUBREL id1"]);
        }
        talk.server_says("PUBCOMP id1");
        talk.events(["ended 2 done 0x00"]);
        talk.cut_and_reconnect("CONNACK present");
        talk.sends_nothing();
    }
}

/// The cut comes between the PUBREC and the moment at which its PUBREL would have been written.
#[test]
fn a_pubrel_that_was_never_written_is_repeated_too() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::ExactlyOnce, "x");
        talk.take_bytes();
        talk.server_says("PUBREC id1");
        talk.cut_and_reconnect("CONNACK present");
        talk.sends(["PUBREL id1"]);
    }
}

/// [5.0 MQTT-4.6.0-4] [3.1.1 MQTT-4.6.0-4]
#[test]
fn pubrels_are_repeated_in_the_order_of_their_pubrecs() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        for payload in ["1", "2", "3", "4"] {
            talk.publish("a", QoS::ExactlyOnce, payload);
        }
        talk.take_bytes();
        for packet in ["PUBREC id3", "PUBREC id1", "PUBREC id4"] {
            talk.server_says(packet);
        }
        talk.cut_and_reconnect("CONNACK present");
        talk.sends(["PUBREL id3", "PUBREL id1", "PUBREL id4", "PUBLISH a qos2 id2 dup \"2\""]);
    }
}

#[test]
fn a_server_that_has_forgotten_a_released_message_has_completed_it() {
    let mut talk = Talk::online(V5_0);
    talk.publish("a", QoS::ExactlyOnce, "x");
    talk.take_bytes();
    talk.server_says("PUBREC id1");
    talk.cut_and_reconnect("CONNACK present");
    talk.sends(["PUBREL id1"]);
    talk.server_says("PUBCOMP id1 0x92");
    talk.events(["ended 2 done 0x00"]);
}

/// [5.0 MQTT-3.3.4-7]
#[test]
fn the_replay_keeps_to_the_window_of_the_new_connection() {
    let mut talk = Talk::online(V5_0);
    for payload in ["1", "2", "3", "4"] {
        talk.publish("a", QoS::ExactlyOnce, payload);
    }
    talk.take_bytes();
    talk.server_says("PUBREC id4");
    talk.cut_and_reconnect("CONNACK present receive_max=2");
    talk.sends(["PUBREL id4", "PUBLISH a qos2 id1 dup \"1\""]);
    talk.server_says("PUBCOMP id4");
    talk.sends(["PUBLISH a qos2 id2 dup \"2\""]);
    talk.server_says("PUBREC id1");
    talk.sends(["PUBREL id1"]);
    talk.server_says("PUBCOMP id1");
    talk.sends(["PUBLISH a qos2 id3 dup \"3\""]);
}

#[test]
fn no_new_message_goes_out_before_the_replay_is_through() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtLeastOnce, "1");
        talk.publish("a", QoS::AtLeastOnce, "2");
        talk.take_bytes();
        talk.cut();
        talk.publish("a", QoS::AtMostOnce, "3");
        talk.publish("a", QoS::AtLeastOnce, "4");
        let connack = if version == V5_0 { "CONNACK present receive_max=1" } else { "CONNACK present" };
        talk.reconnect(connack);
        let mut sent = talk.take_sent();
        for id in 1..=3 {
            talk.server_says(&format!("PUBACK id{id}"));
            sent.extend(talk.take_sent());
        }
        let expected = [
            "PUBLISH a qos1 id1 dup \"1\"",
            "PUBLISH a qos1 id2 dup \"2\"",
            "PUBLISH a qos0 \"3\"",
            "PUBLISH a qos1 id3 \"4\"",
        ];
        assert_eq!(sent, expected);
    }
}

#[test]
fn a_cut_in_the_middle_of_the_replay_loses_nothing() {
    let mut talk = Talk::online(V5_0);
    for payload in ["1", "2", "3"] {
        talk.publish("a", QoS::AtLeastOnce, payload);
    }
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK present receive_max=1");
    talk.sends(["PUBLISH a qos1 id1 dup \"1\""]);
    talk.publish("a", QoS::AtLeastOnce, "4");
    talk.cut_and_reconnect("CONNACK present receive_max=2");
    talk.sends(["PUBLISH a qos1 id1 dup \"1\"", "PUBLISH a qos1 id2 dup \"2\""]);
    talk.server_says("PUBACK id1");
    talk.server_says("PUBACK id2");
    talk.cut();
    talk.reconnect("CONNACK present");
    talk.sends(["PUBLISH a qos1 id3 dup \"3\"", "PUBLISH a qos1 id4 \"4\""]);
}

#[test]
fn nothing_is_repeated_while_the_connection_lasts() {
    for version in BOTH {
        let config = persistent(version).acknowledgement_timeout(None);
        let mut talk = Talk::online_with(config, "CONNACK");
        talk.publish("a", QoS::AtLeastOnce, "1");
        talk.publish("a", QoS::ExactlyOnce, "2");
        talk.take_bytes();
        for _ping in 0..10 {
            talk.wait(secs(59));
            talk.sends(["PINGREQ"]);
            talk.server_says("PINGRESP");
        }
    }
}

/// [5.0 MQTT-4.3.3-7] [5.0 MQTT-4.3.3-13]
#[test]
fn expiry_does_not_stop_what_has_begun() {
    let mut talk = Talk::online(V5_0);
    let properties = [Property::MessageExpiryInterval(5)];
    talk.publish_saying(QoS::ExactlyOnce, "x", Properties::new(&properties));
    talk.publish_saying(QoS::ExactlyOnce, "y", Properties::new(&properties));
    talk.take_bytes();
    talk.server_says("PUBREC id1");
    talk.cut_for(secs(60), "CONNACK present");
    talk.sends(["PUBREL id1", "PUBLISH a qos2 id2 dup MessageExpiryInterval(0) \"y\""]);
    talk.events(["online present"]);
}

/// [5.0 MQTT-3.2.2-11] [5.0 MQTT-3.2.2-14] [5.0 MQTT-3.2.2-15]
#[test]
fn what_the_new_terms_rule_out_is_not_repeated() {
    for connack in ["CONNACK present packet_max=50", "CONNACK present qos_max=1", "CONNACK present retain=0"]
    {
        let mut talk = Talk::online(V5_0);
        let long = "x".repeat(100);
        let publish = Publish { retain: true, ..message("a", QoS::ExactlyOnce, &long) };
        talk.try_publish(publish).expect("accepted");
        talk.take_bytes();
        talk.cut();
        talk.publish("a", QoS::AtLeastOnce, "next");
        talk.reconnect(connack);
        talk.take_events();
        let sent = talk.take_sent();
        assert_eq!(sent, ["PUBLISH a qos1 id2 \"next\""], "{connack}");
        talk.events(["ended 2 indeterminate SessionLost"]);
    }
}

/// The server may still know the identifier, and would take a new message under it for a repetition.
#[test]
fn the_identifier_of_a_qos_2_message_given_up_stays_reserved() {
    let mut talk = Talk::online(V5_0);
    let long = "x".repeat(100);
    talk.publish("a", QoS::ExactlyOnce, &long);
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK present packet_max=50");
    talk.sends_nothing();
    talk.events(["ended 2 indeterminate SessionLost"]);
    for _message in 0..64 {
        talk.publish("a", QoS::AtLeastOnce, "");
    }
    assert!(talk.take_sent().iter().all(|packet| !packet.contains(" id1 ")));
    talk.disconnect(secs(10));
    for id in 2..=65 {
        talk.server_says(&format!("PUBACK id{id}"));
    }
    talk.sends(["DISCONNECT"]);
}
