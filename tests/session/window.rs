//! The window: how many messages may be under way at once, and what it must not hold back.

use mqtt_proto::{
    QoS,
    Version::{self, V5_0},
};

use crate::harness::{BOTH, Talk, persistent};

/// A window of two, by the server's word in 5.0 and by our own before.
fn narrow(version: Version) -> Talk {
    match version {
        V5_0 => Talk::online_with(persistent(version), "CONNACK receive_max=2"),
        _ => {
            let two = std::num::NonZeroU16::new(2).expect("not 0");
            Talk::online_with(persistent(version).in_flight_max(Some(two)), "CONNACK")
        }
    }
}

/// [5.0 MQTT-3.3.4-7] [5.0 MQTT-4.9.0-1] [5.0 MQTT-4.9.0-2]
#[test]
fn no_more_messages_are_under_way_than_the_window_holds() {
    for version in BOTH {
        let mut talk = narrow(version);
        for payload in ["1", "2", "3", "4"] {
            talk.publish("a", QoS::AtLeastOnce, payload);
        }
        talk.sends(["PUBLISH a qos1 id1 \"1\"", "PUBLISH a qos1 id2 \"2\""]);
        talk.server_says("PUBACK id2");
        talk.sends(["PUBLISH a qos1 id3 \"3\""]);
        talk.sends_nothing();
        talk.server_says("PUBACK id1");
        talk.server_says("PUBACK id3");
        talk.sends(["PUBLISH a qos1 id4 \"4\""]);
    }
}

/// [5.0 MQTT-4.9.0-2]
#[test]
fn qos_2_counts_until_pubcomp() {
    for version in BOTH {
        let mut talk = narrow(version);
        for payload in ["1", "2", "3"] {
            talk.publish("a", QoS::ExactlyOnce, payload);
        }
        talk.sends(["PUBLISH a qos2 id1 \"1\"", "PUBLISH a qos2 id2 \"2\""]);
        talk.server_says("PUBREC id1");
        talk.server_says("PUBREC id2");
        talk.sends(["PUBREL id1", "PUBREL id2"]);
        talk.server_says("PUBCOMP id1");
        talk.sends(["PUBLISH a qos2 id3 \"3\""]);
    }
}

/// [5.0 MQTT-4.9.0-2] [5.0 MQTT-4.3.3-9]
#[test]
fn pubrec_with_error_frees_the_window() {
    let mut talk = narrow(V5_0);
    for payload in ["1", "2", "3"] {
        talk.publish("a", QoS::ExactlyOnce, payload);
    }
    talk.take_bytes();
    talk.server_says("PUBREC id1 0x80");
    talk.sends(["PUBLISH a qos2 id3 \"3\""]);
    talk.events(["ended 2 rejected ByServer(UnspecifiedError)"]);
}

/// [5.0 MQTT-3.3.4-8] [5.0 MQTT-4.9.0-3]
#[test]
fn a_full_window_delays_only_messages() {
    for version in BOTH {
        let mut talk = narrow(version);
        for payload in ["1", "2", "3"] {
            talk.publish("a", QoS::ExactlyOnce, payload);
        }
        talk.take_bytes();
        talk.subscribe("b", QoS::AtLeastOnce);
        talk.unsubscribe("c");
        talk.server_says("PUBLISH b qos1 id7 \"in\"");
        talk.server_says("PUBREC id1");
        assert_eq!(talk.take_events(), ["message b qos1 \"in\""]);
        talk.acknowledge(0);
        talk.sends(["PUBREL id1", "PUBACK id7", "SUBSCRIBE id3 b:1", "UNSUBSCRIBE id4 c"]);
        talk.wait(crate::harness::secs(59));
        talk.sends(["PINGREQ"]);
    }
}

#[test]
fn the_window_is_the_smaller_of_both_sides() {
    let one = std::num::NonZeroU16::MIN;
    let mut talk = Talk::online_with(persistent(V5_0).in_flight_max(Some(one)), "CONNACK receive_max=9");
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.publish("a", QoS::AtLeastOnce, "2");
    talk.sends(["PUBLISH a qos1 id1 \"1\""]);
}

/// What a mosquitto with its defaults takes.
#[test]
fn the_window_is_20_before_5_0_unless_said() {
    let mut talk = Talk::online_with(persistent(Version::V3_1_1).in_flight_max(None), "CONNACK");
    for _message in 0..30 {
        talk.publish("a", QoS::ExactlyOnce, "");
    }
    assert_eq!(talk.take_sent().len(), 20);
}

#[test]
fn the_window_is_negotiated_anew_on_each_connection() {
    let mut talk = narrow(V5_0);
    talk.cut_and_reconnect("CONNACK present");
    for payload in ["1", "2", "3"] {
        talk.publish("a", QoS::AtLeastOnce, payload);
    }
    assert_eq!(talk.take_sent().len(), 3);
}

/// A server may acknowledge on the new connection what it got on the old one, before it is repeated.
#[test]
fn an_early_answer_to_what_waits_for_its_repetition_does_not_widen_the_window() {
    let mut talk = Talk::online(V5_0);
    for payload in ["1", "2", "3", "4"] {
        talk.publish("a", QoS::AtLeastOnce, payload);
    }
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK present receive_max=1");
    talk.sends(["PUBLISH a qos1 id1 dup \"1\""]);
    talk.server_says("PUBACK id3");
    talk.sends_nothing();
    talk.server_says("PUBACK id1");
    talk.sends(["PUBLISH a qos1 id2 dup \"2\""]);
    talk.server_says("PUBACK id2");
    talk.sends(["PUBLISH a qos1 id4 dup \"4\""]);
}

#[test]
fn an_early_pubrec_takes_its_place_in_the_window_and_is_released_once() {
    let mut talk = Talk::online(V5_0);
    for payload in ["1", "2", "3"] {
        talk.publish("a", QoS::ExactlyOnce, payload);
    }
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK present receive_max=1");
    talk.sends(["PUBLISH a qos2 id1 dup \"1\""]);
    talk.server_says("PUBREC id2");
    talk.sends(["PUBREL id2"]);
    talk.server_says("PUBREC id1");
    talk.server_says("PUBCOMP id1");
    talk.sends(["PUBREL id1"]);
    talk.server_says("PUBCOMP id2");
    talk.sends(["PUBLISH a qos2 id3 dup \"3\""]);
}
