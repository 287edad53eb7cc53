//! Messages from the server: delivered as often as their QoS says, acknowledged when the application has them.

use mqtt_proto::{QoS, Version::V5_0};

use crate::harness::{BOTH, Talk, clean, persistent, secs, server_bytes};

/// [5.0 MQTT-3.3.4-1] [3.1.1 MQTT-3.3.4-1] [5.0 MQTT-4.5.0-2] [3.1.1 MQTT-4.5.0-2]
#[test]
fn each_qos_has_its_answer() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos0 retain \"0\"");
        talk.server_says("PUBLISH a qos1 id8 \"1\"");
        talk.server_says("PUBLISH a qos2 id9 \"2\"");
        talk.sends_nothing();
        talk.events(["message a qos0 retain \"0\"", "message a qos1 \"1\"", "message a qos2 \"2\""]);
        talk.acknowledge(0);
        talk.acknowledge(1);
        talk.sends(["PUBACK id8", "PUBREC id9"]);
        talk.server_says("PUBREL id9");
        talk.sends(["PUBCOMP id9"]);
        talk.no_events();
    }
}

/// [5.0 MQTT-4.3.2-4] [5.0 MQTT-4.3.3-8] [3.1.1 MQTT-4.3.2-2]
#[test]
fn what_the_application_has_not_acknowledged_is_not_acknowledged() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos1 id8 \"1\"");
        talk.server_says("PUBLISH a qos2 id9 \"2\"");
        talk.events(["message a qos1 \"1\"", "message a qos2 \"2\""]);
        talk.wait(secs(59));
        talk.sends(["PINGREQ"]);
        talk.cut_and_reconnect("CONNACK present");
        talk.server_says("PUBLISH a qos1 id8 dup \"1\"");
        talk.server_says("PUBLISH a qos2 id9 dup \"2\"");
        talk.events(["message a qos1 dup \"1\""]);
        talk.sends_nothing();
    }
}

/// [5.0 MQTT-4.6.0-2] [5.0 MQTT-4.6.0-3] [3.1.1 MQTT-4.6.0-2] [3.1.1 MQTT-4.6.0-3]
#[test]
fn acknowledgements_go_out_in_the_order_of_arrival() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        for packet in ["PUBLISH a qos1 id4", "PUBLISH a qos2 id3", "PUBLISH a qos1 id2", "PUBLISH a qos2 id1"]
        {
            talk.server_says(packet);
        }
        talk.take_events();
        talk.acknowledge(3);
        talk.acknowledge(2);
        talk.acknowledge(1);
        talk.sends_nothing();
        talk.acknowledge(0);
        talk.sends(["PUBACK id4", "PUBREC id3", "PUBACK id2", "PUBREC id1"]);
    }
}

#[test]
fn a_receipt_acknowledges_once() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos1 id1 \"x\"");
        talk.server_says("PUBLISH a qos2 id2 \"y\"");
        talk.take_events();
        for nth in [0, 0, 1, 1, 0] {
            talk.acknowledge(nth);
        }
        talk.sends(["PUBACK id1", "PUBREC id2"]);
        talk.server_says("PUBLISH a qos1 id1 \"z\"");
        talk.take_events();
        talk.acknowledge(0);
        talk.sends_nothing();
    }
}

/// [5.0 MQTT-4.3.2-5] [3.1.1 MQTT-4.3.2-2]
#[test]
fn after_puback_the_same_identifier_is_a_new_message_whatever_dup_says() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        for payload in ["1", "2"] {
            talk.server_says(&format!("PUBLISH a qos1 id5 dup \"{payload}\""));
        }
        talk.events(["message a qos1 dup \"1\"", "message a qos1 dup \"2\""]);
    }
}

/// [5.0 MQTT-4.3.3-10] [3.1.1 MQTT-4.3.3-2]
#[test]
fn a_repeated_qos_2_message_is_answered_again_and_delivered_once() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos2 id5 \"x\"");
        talk.events(["message a qos2 \"x\""]);
        talk.server_says("PUBLISH a qos2 id5 dup \"x\"");
        talk.sends_nothing();
        talk.acknowledge(0);
        talk.sends(["PUBREC id5", "PUBREC id5"]);
        talk.server_says("PUBLISH a qos2 id5 dup \"x\"");
        talk.sends(["PUBREC id5"]);
        talk.no_events();
        assert_eq!(talk.stats().duplicates_dropped, 2);
        assert_eq!(talk.stats().messages_received, 1);
    }
}

/// [5.0 MQTT-4.3.3-10] [5.0 MQTT-4.1.0-1] [3.1.1 MQTT-4.1.0-1]
#[test]
fn a_qos_2_message_is_delivered_once_across_connections() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos2 id5 \"x\"");
        talk.events(["message a qos2 \"x\""]);
        talk.acknowledge(0);
        talk.take_bytes();
        talk.cut_and_reconnect("CONNACK present");
        talk.server_says("PUBLISH a qos2 id5 dup \"x\"");
        talk.no_events();
        talk.sends(["PUBREC id5"]);
        talk.cut_and_reconnect("CONNACK present");
        talk.server_says("PUBREL id5");
        talk.sends(["PUBCOMP id5"]);
        talk.no_events();
    }
}

#[test]
fn a_qos_2_message_taken_after_its_connection_is_answered_when_it_is_repeated() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos2 id5 \"x\"");
        talk.take_events();
        talk.cut();
        talk.acknowledge(0);
        talk.sends_nothing();
        talk.reconnect("CONNACK present");
        talk.sends_nothing();
        talk.server_says("PUBLISH a qos2 id5 dup \"x\"");
        talk.sends(["PUBREC id5"]);
    }
}

#[test]
fn a_qos_2_receipt_of_the_lost_connection_answers_the_repetition() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos2 id5 \"x\"");
        talk.take_events();
        talk.cut_and_reconnect("CONNACK present");
        talk.server_says("PUBLISH a qos2 id5 dup \"x\"");
        talk.sends_nothing();
        talk.acknowledge(0);
        talk.sends(["PUBREC id5"]);
    }
}

#[test]
fn receipts_of_a_lost_connection_acknowledge_nothing_on_the_next() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos1 id1 \"1\"");
        talk.server_says("PUBLISH a qos1 id2 \"2\"");
        talk.take_events();
        talk.cut_and_reconnect("CONNACK present");
        talk.server_says("PUBLISH a qos1 id1 dup \"1\"");
        talk.server_says("PUBLISH a qos1 id2 dup \"2\"");
        talk.take_events();
        talk.acknowledge(0);
        talk.acknowledge(1);
        talk.sends_nothing();
        talk.acknowledge(2);
        talk.sends(["PUBACK id1"]);
        talk.acknowledge(3);
        talk.sends(["PUBACK id2"]);
    }
}

/// [5.0 MQTT-3.2.2-5]
#[test]
fn receipts_of_a_lost_session_acknowledge_nothing() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos2 id1 \"1\"");
        talk.events(["message a qos2 \"1\""]);
        talk.cut_and_reconnect("CONNACK");
        talk.server_says("PUBLISH a qos2 id1 \"other\"");
        talk.events(["message a qos2 \"other\""]);
        talk.acknowledge(0);
        talk.sends_nothing();
        talk.acknowledge(1);
        talk.sends(["PUBREC id1"]);
    }
}

#[test]
fn more_messages_than_the_receive_maximum_are_taken_and_reported_once() {
    let two = std::num::NonZeroU16::new(2).expect("not 0");
    let mut talk = Talk::online_with(persistent(V5_0).receive_maximum(two), "CONNACK");
    talk.take_events();
    for id in 1..=4 {
        talk.server_says(&format!("PUBLISH a qos2 id{id} \"{id}\""));
    }
    talk.events([
        "message a qos2 \"1\"",
        "message a qos2 \"2\"",
        "ReceiveMaximumExceeded { unacknowledged: 3 }",
        "message a qos2 \"3\"",
        "message a qos2 \"4\"",
    ]);
    for number in 0..4 {
        talk.acknowledge(number);
    }
    talk.sends(["PUBREC id1", "PUBREC id2", "PUBREC id3", "PUBREC id4"]);
    talk.cut_and_reconnect("CONNACK present");
    talk.take_events();
    for id in 5..=7 {
        talk.server_says(&format!("PUBLISH a qos1 id{id} \"{id}\""));
    }
    assert_eq!(talk.take_events().len(), 4, "once for each connection");
    assert_eq!(talk.stats().receive_maximum_exceeded, 2);
}

/// Identifiers are not enough for more.
#[test]
fn more_than_65_535_unacknowledged_messages_end_the_connection() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        let mut bytes = Vec::new();
        for _message in 0..65_536 {
            bytes.extend(server_bytes("PUBLISH a qos1 id7 \"x\"", version));
        }
        talk.server_sends(&bytes);
        let events = talk.take_events();
        let end = events.last().expect("it ends");
        assert!(end.contains("more messages at once than the receive maximum"), "{end}");
    }
}

#[test]
fn an_identifier_of_qos_2_that_was_not_free_is_told() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.take_events();
        talk.server_says("PUBLISH a qos2 id1 \"1\"");
        talk.server_says("PUBLISH a qos2 id1 \"other\"");
        talk.server_says("PUBLISH a qos2 id1 dup \"1\"");
        talk.events(["message a qos2 \"1\"", "IdentifierReused { packet_id: PacketId(1) }"]);
        assert_eq!((talk.stats().identifiers_reused, talk.stats().duplicates_dropped), (1, 2));
    }
}

/// The drain covers both directions, and what arrives after the request does not prolong it.
#[test]
fn disconnect_waits_for_the_release_of_what_was_taken() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos2 id1 \"1\"");
        talk.server_says("PUBLISH a qos2 id2 \"2\"");
        talk.take_events();
        talk.acknowledge(0);
        talk.sends(["PUBREC id1"]);
        talk.disconnect(secs(5));
        talk.sends_nothing();
        talk.server_says("PUBLISH a qos2 id3 \"3\"");
        talk.take_events();
        talk.acknowledge(1);
        talk.acknowledge(2);
        talk.sends(["PUBREC id2", "PUBREC id3"]);
        talk.server_says("PUBREL id1");
        talk.sends(["PUBCOMP id1"]);
        talk.server_says("PUBREL id2");
        talk.sends(["PUBCOMP id2", "DISCONNECT"]);
    }
}

#[test]
fn disconnect_waits_for_a_release_no_longer_than_its_time() {
    let mut talk = Talk::online(V5_0);
    talk.server_says("PUBLISH a qos2 id1 \"1\"");
    talk.take_events();
    talk.acknowledge(0);
    talk.take_bytes();
    talk.disconnect(secs(5));
    talk.wait(secs(4));
    talk.sends_nothing();
    talk.wait(secs(1));
    talk.sends(["DISCONNECT"]);
}

/// A message that found no room comes again on the next connection, and no acknowledgement overtakes it.
#[test]
fn messages_that_were_left_come_again_as_new_ones() {
    for version in BOTH {
        for qos in ["qos1", "qos2"] {
            let mut talk = Talk::online_with(persistent(version), "CONNACK");
            talk.take_events();
            talk.server_says(&format!("PUBLISH a {qos} id1 \"1\""));
            talk.server_says(&format!("PUBLISH a {qos} id2 \"2\""));
            talk.server_says(&format!("PUBLISH a {qos} id3 \"3\""));
            talk.take_events();
            talk.leave(1);
            talk.acknowledge(2);
            talk.fetch_left();
            talk.no_events();
            talk.acknowledge(0);
            let answer = if qos == "qos1" { "PUBACK" } else { "PUBREC" };
            // What was acknowledged goes out first.
            talk.fetch_left();
            talk.no_events();
            talk.sends([&format!("{answer} id1")]);
            talk.fetch_left();
            let expected =
                "offline: reconnecting to receive messages again that there was no room for; retry";
            talk.events([expected]);
            talk.closed(mqtt_session::OfflineCause::TransportClosed);
            talk.reconnect("CONNACK present");
            talk.take_events();
            talk.server_says(&format!("PUBLISH a {qos} id2 dup \"2\""));
            talk.server_says(&format!("PUBLISH a {qos} id3 dup \"3\""));
            let events = talk.take_events();
            assert_eq!(events[0], format!("message a {qos} dup \"2\""));
            // With QoS 2 the third was delivered, which is known across connections.
            assert_eq!(events.len(), if qos == "qos1" { 2 } else { 1 });
        }
    }
}

/// The connection may end before the application has found that there is no room: it reads both at once.
#[test]
fn a_message_of_a_lost_connection_that_was_left_comes_again_as_a_new_one() {
    for version in BOTH {
        for qos in ["qos1", "qos2"] {
            let mut talk = Talk::online_with(persistent(version), "CONNACK");
            talk.server_says(&format!("PUBLISH a {qos} id1 \"1\""));
            talk.cut();
            talk.take_events();
            talk.leave(0);
            talk.reconnect("CONNACK present");
            talk.take_events();
            talk.server_says(&format!("PUBLISH a {qos} id1 dup \"1\""));
            talk.events([&format!("message a {qos} dup \"1\"")]);
            talk.acknowledge(1);
            talk.sends([if qos == "qos1" { "PUBACK id1" } else { "PUBREC id1" }]);
        }
        // It may have come again by then, as a repetition that nobody is told of.
        let mut talk = Talk::online_with(persistent(version), "CONNACK");
        talk.server_says("PUBLISH a qos2 id1 \"1\"");
        talk.cut();
        talk.reconnect("CONNACK present");
        talk.server_says("PUBLISH a qos2 id1 dup \"1\"");
        talk.take_events();
        talk.leave(0);
        talk.fetch_left();
        talk.events(["offline: reconnecting to receive messages again that there was no room for; retry"]);
        talk.closed(mqtt_session::OfflineCause::TransportClosed);
        talk.reconnect("CONNACK present");
        talk.take_events();
        talk.server_says("PUBLISH a qos2 id1 dup \"1\"");
        talk.events(["message a qos2 dup \"1\""]);
    }
}

#[test]
fn a_strict_receive_maximum_ends_the_connection_and_loses_nothing() {
    let two = std::num::NonZeroU16::new(2).expect("not 0");
    let config = persistent(V5_0).receive_maximum(two).strict_receive_maximum(true);
    let mut talk = Talk::online_with(config, "CONNACK");
    for id in 1..=3 {
        talk.server_says(&format!("PUBLISH a qos2 id{id} \"{id}\""));
    }
    talk.sends(["DISCONNECT 0x93"]);
    talk.events([
        "message a qos2 \"1\"",
        "message a qos2 \"2\"",
        "offline: the server broke the protocol: more messages at once than the receive maximum \
         [5.0 MQTT-3.3.4-9]; retry",
    ]);
    talk.reconnect("CONNACK present");
    talk.server_says("PUBLISH a qos2 id3 dup \"3\"");
    talk.events(["online present", "message a qos2 dup \"3\""]);
    talk.acknowledge(2);
    talk.sends(["PUBREC id3"]);
}

#[test]
fn the_receive_maximum_counts_qos_2_until_pubrel_and_is_exact() {
    let two = std::num::NonZeroU16::new(2).expect("not 0");
    let config = clean(V5_0).receive_maximum(two).strict_receive_maximum(true);
    let mut talk = Talk::online_with(config, "CONNACK");
    talk.server_says("PUBLISH a qos2 id1 \"1\"");
    talk.server_says("PUBLISH a qos0 \"free\"");
    talk.server_says("PUBLISH a qos1 id2 \"2\"");
    talk.take_events();
    talk.acknowledge(0);
    talk.acknowledge(1);
    talk.sends(["PUBREC id1", "PUBACK id2"]);
    talk.server_says("PUBREL id1");
    for id in 3..=4 {
        talk.server_says(&format!("PUBLISH a qos2 id{id}"));
    }
    talk.sends(["PUBCOMP id1"]);
    talk.events(["message a qos2 \"\"", "message a qos2 \"\""]);
    talk.acknowledge(2);
    talk.acknowledge(3);
    talk.take_bytes();
    talk.server_says("PUBLISH a qos1 id5");
    talk.sends(["DISCONNECT 0x93"]);
}

/// [5.0 MQTT-3.4.2-2] [5.0 MQTT-3.4.2-3] [5.0 MQTT-3.5.2-2] [5.0 MQTT-3.5.2-3] [5.0 MQTT-3.6.2-2]
/// [5.0 MQTT-3.6.2-3] [5.0 MQTT-3.7.2-2] [5.0 MQTT-3.7.2-3]
#[test]
fn acknowledgements_never_carry_what_could_exceed_the_servers_limit() {
    let mut talk = Talk::online_with(persistent(V5_0), "CONNACK packet_max=12");
    talk.publish("a", QoS::ExactlyOnce, "x");
    talk.take_bytes();
    talk.server_says("PUBREC id1");
    talk.server_says("PUBREC id9");
    talk.server_says("PUBLISH a qos1 id2");
    talk.server_says("PUBLISH a qos2 id3");
    talk.take_events();
    talk.acknowledge(0);
    talk.acknowledge(1);
    talk.server_says("PUBREL id3");
    talk.server_says("PUBREL id4");
    // Four bytes each, and five with a reason.
    assert_eq!(talk.take_bytes().len(), 4 + 5 + 4 + 4 + 4 + 5);
}
