//! A server that answers pings but acknowledges nothing, and links that are slow but alive.

use mqtt_proto::{QoS, Version::V5_0};

use crate::harness::{BOTH, Talk, persistent, secs};

#[test]
fn a_server_that_only_answers_pings_is_left() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtLeastOnce, "1");
        talk.take_bytes();
        for _ping in 0..20 {
            talk.wait(secs(5));
            if talk.take_sent() == ["PINGREQ"] {
                talk.server_says("PINGRESP");
            }
        }
        let events = talk.take_events();
        let stalled = "offline: the server answers pings but acknowledges nothing; retry";
        assert_eq!(events.first().map(String::as_str), Some(stalled), "{events:?}");
    }
}

#[test]
fn a_server_that_acknowledges_now_and_then_is_kept() {
    let mut talk = Talk::online_with(persistent(V5_0).keep_alive_secs(0), "CONNACK");
    talk.publish("a", QoS::AtLeastOnce, "0");
    for number in 1..10 {
        talk.publish("a", QoS::AtLeastOnce, "1");
        talk.take_bytes();
        talk.wait(secs(50));
        talk.server_says(&format!("PUBACK id{number}"));
        talk.sends_nothing();
    }
    talk.wait(secs(59));
    assert!(talk.session().status() == mqtt_session::Status::Online);
}

#[test]
fn nothing_is_asked_while_nothing_is_awaited() {
    let mut talk = Talk::online_with(persistent(V5_0).keep_alive_secs(0), "CONNACK");
    talk.publish("a", QoS::AtMostOnce, "1");
    talk.publish("a", QoS::AtLeastOnce, "2");
    talk.take_bytes();
    talk.server_says("PUBACK id1");
    talk.take_bytes();
    talk.wait(secs(1000));
    talk.sends_nothing();
    // The watch starts with the message, not with the last one before it.
    talk.publish("a", QoS::AtLeastOnce, "3");
    talk.take_bytes();
    talk.wait(secs(59));
    talk.sends_nothing();
    talk.wait(secs(1));
    talk.sends(["PINGREQ"]);
}

/// Without pings of the keep alive, the question of the watch has its own deadline.
#[test]
fn a_silent_server_is_left_though_pings_are_off() {
    let mut talk = Talk::online_with(persistent(V5_0).keep_alive_secs(0), "CONNACK");
    talk.subscribe("a", QoS::AtLeastOnce);
    talk.take_bytes();
    talk.wait(secs(60));
    talk.sends(["PINGREQ"]);
    talk.wait(secs(6));
    talk.events(["offline: the server did not answer a ping; retry"]);
}

#[test]
fn a_link_that_still_takes_bytes_is_not_given_up() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtLeastOnce, "a payload that takes minutes");
        talk.take_bytes();
        for _second in 0..300 {
            talk.wait(secs(1));
            talk.written();
        }
        talk.sends_nothing();
        talk.no_events();
        // All is written now; the clocks run again.
        talk.wait(secs(59));
        talk.sends(["PINGREQ"]);
        talk.wait(secs(6));
        assert_eq!(talk.take_events(), ["offline: the server did not answer a ping; retry"]);
    }
}

#[test]
fn an_answer_to_a_ping_behind_a_large_packet_is_waited_for() {
    let mut talk = Talk::online(V5_0);
    talk.publish("a", QoS::AtLeastOnce, "large");
    talk.take_bytes();
    talk.wait(secs(59));
    talk.sends(["PINGREQ"]);
    for _second in 0..30 {
        talk.wait(secs(1));
        talk.written();
    }
    talk.no_events();
}
