//! Pings: when one is due, how long its answer may take, and what a server may change about that.

use mqtt_proto::{QoS, Version::V5_0};

use crate::harness::{BOTH, Talk, clean, secs};

fn talk(version: mqtt_proto::Version, keep_alive_secs: u16) -> Talk {
    Talk::online_with(clean(version).keep_alive_secs(keep_alive_secs), "CONNACK")
}

/// [5.0 MQTT-3.1.2-20] [3.1.1 MQTT-3.1.2-23]
#[test]
fn a_silent_client_pings_within_the_keep_alive() {
    for version in BOTH {
        let mut talk = talk(version, 10);
        for _round in 0..3 {
            talk.wait(secs(8));
            talk.sends_nothing();
            talk.wait(secs(1));
            talk.sends(["PINGREQ"]);
            talk.server_says("PINGRESP");
        }
        talk.no_events();
    }
}

#[test]
fn keep_alive_is_counted_from_what_was_sent() {
    for version in BOTH {
        let mut talk = talk(version, 10);
        for _round in 0..5 {
            talk.wait(secs(5));
            talk.publish("a", QoS::AtMostOnce, "");
            talk.sends(["PUBLISH a qos0 \"\""]);
            talk.server_says("PUBLISH b \"\"");
        }
        talk.wait(secs(5));
        talk.server_says("PUBLISH b \"\"");
        talk.wait(secs(3));
        talk.sends_nothing();
        talk.wait(secs(1));
        talk.sends(["PINGREQ"]);
    }
}

/// The server counts from the CONNECT that it got, not from the CONNACK that we got late.
#[test]
fn keep_alive_is_counted_from_connect_if_connack_is_slow() {
    for version in BOTH {
        let mut talk = Talk::new(clean(version).keep_alive_secs(10));
        talk.connect();
        talk.opened();
        talk.take_bytes();
        talk.wait(secs(5));
        talk.server_says("CONNACK");
        talk.wait(secs(3));
        talk.sends_nothing();
        talk.wait(secs(1));
        talk.sends(["PINGREQ"]);
    }
}

#[test]
fn a_link_that_brings_nothing_is_pinged_though_we_keep_sending() {
    for version in BOTH {
        let mut talk = talk(version, 10);
        let mut sent = Vec::new();
        for _second in 0..9 {
            talk.wait(secs(1));
            talk.publish("a", QoS::AtMostOnce, "");
            sent.extend(talk.take_sent());
        }
        assert_eq!(sent.iter().filter(|packet| *packet == "PINGREQ").count(), 1, "{sent:?}");
        for _second in 0..6 {
            talk.publish("a", QoS::AtMostOnce, "");
            talk.take_bytes();
            talk.wait(secs(1));
        }
        assert!(talk.take_events().iter().any(|event| event.contains("did not answer a ping; retry")));
    }
}

#[test]
fn an_unanswered_ping_ends_the_connection_after_the_network_timeout() {
    for version in BOTH {
        let mut talk = talk(version, 10);
        talk.wait(secs(9));
        talk.sends(["PINGREQ"]);
        talk.wait(secs(5));
        talk.no_events();
        talk.wait(secs(1));
        talk.sends_nothing();
        talk.events(["offline: the server did not answer a ping; retry"]);
    }
}

/// The answer cannot overtake a large message that is still arriving.
#[test]
fn bytes_of_a_message_that_is_still_arriving_show_that_the_server_lives() {
    for version in BOTH {
        let mut talk = talk(version, 10);
        talk.server_sends(&[0x30, 0x80, 0x80, 4, 0, 1, b'a']);
        for _round in 0..10 {
            talk.wait(secs(3));
            talk.take_bytes();
            talk.server_sends(&[0; 3_000]);
        }
        talk.no_events();
        talk.wait(secs(6));
        talk.events(["offline: the server did not answer a ping; retry"]);
    }
}

/// One byte at a time inside a packet is no sign of life, whatever the keep alive is.
#[test]
fn a_packet_that_drips_in_ends_the_connection_after_a_bounded_time() {
    for version in BOTH {
        for keep_alive_secs in [0, 10, 60] {
            let config = clean(version).keep_alive_secs(keep_alive_secs);
            let mut talk = Talk::online_with(config, "CONNACK");
            talk.take_events();
            talk.server_sends(&[0x30, 100, 0, 1, b'a']);
            for _round in 0..6 {
                talk.wait(secs(1));
                talk.server_sends(b"\0");
            }
            talk.wait(secs(1));
            let event = talk.take_events().remove(0);
            assert_eq!(event, "offline: the server did not finish a packet in time; retry", "{version}");
        }
    }
}

/// 256 bytes a second are enough, and each packet begins anew.
#[test]
fn packets_on_a_slow_link_are_waited_for() {
    let mut talk = Talk::online_with(clean(V5_0).keep_alive_secs(0), "CONNACK");
    talk.take_events();
    for _message in 0..3 {
        // Four bytes of 5,124.
        talk.server_sends(&[0x30, 0x84, 0x28, 0, 1, b'a', 0]);
        for _round in 0..20 {
            talk.wait(secs(1));
            talk.server_sends(&[0; 256]);
        }
    }
    let events = talk.take_events();
    assert_eq!(events.iter().filter(|event| event.starts_with("message a")).count(), 3);
    assert_eq!(events.len(), 3, "none of them ends the connection");
}

/// What was handed to the transport may still be on its way, with the ping behind it.
#[test]
fn the_answer_to_a_ping_behind_a_large_message_is_granted_the_time_of_a_slow_link() {
    for version in BOTH {
        let mut talk = talk(version, 10);
        talk.submit_large("up", 6 << 20);
        talk.take_bytes();
        talk.wait(secs(9));
        talk.sends(["PINGREQ"]);
        talk.wait(secs(60));
        talk.no_events();
        talk.server_says("PUBACK id1");
        talk.server_says("PINGRESP");
        talk.take_events();
        talk.take_bytes();
        // Once it is answered, nothing is on its way any more.
        talk.wait(secs(10));
        assert!(talk.take_sent().contains(&"PINGREQ".to_owned()));
        talk.wait(secs(6));
        talk.events(["offline: the server did not answer a ping; retry"]);
    }
}

/// While the link is left unread, no answer can be seen, and none is missed; pings of our own go on.
#[test]
fn no_answer_is_missed_while_the_link_is_left_unread() {
    for version in BOTH {
        let mut talk = talk(version, 10);
        let mut pings = 0;
        for _second in 0..60 {
            talk.unread();
            talk.wait(secs(1));
            pings += talk.take_sent().iter().filter(|packet| *packet == "PINGREQ").count();
        }
        talk.no_events();
        assert!(pings >= 5, "{pings} pings in a minute");
        talk.unread();
        talk.wait(secs(6));
        talk.events(["offline: the server did not answer a ping; retry"]);
    }
}

#[test]
fn silence_while_a_ping_is_out_still_ends_with_a_ping() {
    let mut talk = Talk::online_with(clean(V5_0).keep_alive_secs(2).network_timeout(secs(60)), "CONNACK");
    let mut pings = 0;
    for _second in 0..10 {
        talk.wait(secs(1));
        pings += talk.take_sent().len();
    }
    assert!(pings >= 5, "{pings} pings in 10 s at a keep alive of 2 s");
    assert_eq!(talk.stats().pings_sent, pings as u64);
}

#[test]
fn a_keep_alive_of_zero_turns_pings_off() {
    for version in BOTH {
        let mut talk = talk(version, 0);
        assert_eq!(talk.due_in(), None);
        talk.wait(secs(100_000));
        talk.sends_nothing();
        talk.no_events();
    }
}

/// [5.0 MQTT-3.1.2-21] [5.0 MQTT-3.2.2-21]
#[test]
fn the_keep_alive_of_the_server_counts_for_its_connection() {
    let mut talk = Talk::online_with(clean(V5_0), "CONNACK keep_alive=4");
    assert_eq!(talk.session().negotiated().keep_alive_secs, 4);
    talk.wait(secs(3));
    talk.sends(["PINGREQ"]);
    talk.cut_and_reconnect("CONNACK keep_alive=0");
    talk.wait(secs(1000));
    talk.sends_nothing();
    talk.cut_and_reconnect("CONNACK");
    talk.wait(secs(58));
    talk.sends_nothing();
    talk.wait(secs(1));
    talk.sends(["PINGREQ"]);
}

#[test]
fn pings_end_with_the_connection() {
    let mut talk = talk(V5_0, 10);
    talk.wait(secs(9));
    talk.cut();
    talk.sends_nothing();
    talk.wait_for_dial();
    talk.wait(secs(3));
    talk.opened();
    talk.wait(secs(3));
    talk.server_says("CONNACK");
    assert_eq!(talk.take_sent().len(), 1, "only CONNECT");
}
