//! A server that breaks the protocol: what it is told, what the application learns, and that it is tried again.

use mqtt_proto::{
    QoS,
    Version::{self, V3_1_1, V5_0},
};
use mqtt_session::{Input, Transport};

use crate::harness::{BOTH, Talk, clean, persistent, server_bytes};

/// Feeds bytes to a session that is online with a SUBSCRIBE for two filters under way, and checks its answer.
#[track_caller]
fn check(version: Version, bytes: &[u8], code: &str, words: &str) {
    let mut talk = Talk::online(version);
    talk.subscribe("a", QoS::AtMostOnce);
    talk.subscribe("b", QoS::AtMostOnce);
    talk.take_bytes();
    talk.server_sends(bytes);
    if version == V5_0 {
        assert_eq!(talk.transport(), Transport::Flush);
        assert_eq!(talk.take_sent(), [format!("DISCONNECT {code}")]);
    } else {
        talk.sends_nothing();
        assert_eq!(talk.transport(), Transport::Closed);
    }
    assert_eq!(talk.take_events(), [format!("offline: the server broke the protocol: {words}; retry")]);
    talk.server_says("PINGRESP");
    talk.server_sends(b"\xff\xff\xff\xff\xff\xff");
    talk.sends_nothing();
    talk.no_events();
    talk.cut();
    talk.no_events();
    talk.reconnect("CONNACK present");
    talk.events(["online present"]);
}

/// [5.0 MQTT-4.13.2-1] [3.1.1 MQTT-4.8.0-1]
#[test]
fn malformed_packets_end_the_connection_and_name_their_statement() {
    let rows: [(&[u8], &str, &str, &str); 7] = [
        (b"\x36\x03\0\x01a", "0x81", "bad PUBLISH packet: QoS 3 at byte 0", "MQTT-3.3.1-4 MQTT-3.3.1-4"),
        (
            b"\x38\x04\0\x01a\0",
            "0x81",
            "bad PUBLISH packet: DUP with QoS 0 at byte 0",
            "MQTT-3.3.1-2 MQTT-3.3.1-2",
        ),
        (
            b"\x30\x05\0\x02\xc3\x28\0",
            "0x81",
            "bad PUBLISH packet: a string is not UTF-8 at byte 2",
            "MQTT-1.5.4-1 MQTT-1.5.3-1",
        ),
        (
            b"\x30\x04\0\x01#\0",
            "0x81",
            "bad PUBLISH packet: a wildcard in a topic name at byte 2",
            "MQTT-3.3.2-2 MQTT-3.3.2-2",
        ),
        (
            b"\x60\x02\0\x01",
            "0x81",
            "bad PUBREL packet: wrong flags in the first byte at byte 0",
            "MQTT-3.6.1-1 MQTT-3.6.1-1",
        ),
        (b"\x00\x00", "0x81", "bad packet: no such packet kind in this version at byte 0", ""),
        (
            b"\x40\x80\x80\x80\x80\x01",
            "0x81",
            "bad PUBACK packet: a variable byte integer of more than four bytes at byte 4",
            "",
        ),
    ];
    for (bytes, code, words, statements) in rows {
        for (version, statement) in [V5_0, V3_1_1].into_iter().zip(statements.split(' ').chain([""; 2])) {
            let statement =
                if statement.is_empty() { String::new() } else { format!(" [{version} {statement}]") };
            let mut talk = Talk::online(version);
            talk.server_sends(bytes);
            let event = talk.take_events().remove(0);
            let strip = |text: &str| text.split(" at byte").next().map(str::to_owned);
            assert_eq!(
                strip(event.trim_start_matches("offline: the server broke the protocol: ")),
                strip(words),
                "{version}"
            );
            assert!(event.contains(&statement) && event.ends_with("; retry"), "{event}");
            let expected = if version == V5_0 { vec![format!("DISCONNECT {code}")] } else { vec![] };
            assert_eq!(talk.take_sent(), expected, "{event}");
        }
    }
}

/// [5.0 MQTT-4.13.2-1] [3.1.1 MQTT-4.8.0-1] [5.0 MQTT-3.14.4-1] [5.0 MQTT-3.14.4-2] [3.1.1 MQTT-4.8.0-2]
#[test]
fn packets_that_may_not_come_now_end_the_connection() {
    for version in BOTH {
        let said = |packet: &str| server_bytes(packet, version);
        check(version, &said("CONNACK"), "0x82", "CONNACK may not come now");
        check(version, &said("SUBACK id1 0x00"), "0x82", "1 codes for 2 filters");
        check(version, &said("SUBACK id1 0x00 0x00 0x00"), "0x82", "3 codes for 2 filters");
        check(
            version,
            b"\xc0\0",
            "0x82",
            "bad PINGREQ packet: only the other side sends this packet at byte 0",
        );
    }
}

/// Repeated ones, and those of a message that has ended or is of another QoS.
#[test]
fn acknowledgements_that_nobody_waits_for_are_counted_and_ignored() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtLeastOnce, "x");
        talk.take_bytes();
        for _time in 0..3 {
            talk.server_says("PUBACK id1");
        }
        talk.events(["ended 2 done 0x00"]);
        talk.publish("b", QoS::ExactlyOnce, "y");
        talk.take_bytes();
        let ignored = ["PUBACK id2", "PUBACK id9", "PUBCOMP id2", "SUBACK id7 0x00", "UNSUBACK id2 0x00"];
        for packet in ignored {
            talk.server_says(packet);
        }
        talk.no_events();
        talk.sends_nothing();
        assert_eq!(talk.stats().acknowledgements_ignored, 2 + ignored.len() as u64);
        assert_eq!(talk.session().status(), mqtt_session::Status::Online);
    }
}

/// [3.1.1 MQTT-3.2.0-1] [5.0 MQTT-3.1.0-1]
#[test]
fn a_packet_before_connack_is_a_fault() {
    for version in BOTH {
        for (packet, name) in
            [("PINGRESP", "PINGRESP"), ("PUBLISH a \"x\"", "PUBLISH"), ("SUBACK id1 0x00", "SUBACK")]
        {
            let mut talk = Talk::online(version);
            talk.cut();
            talk.wait_for_dial();
            talk.opened();
            talk.take_bytes();
            talk.take_events();
            talk.server_says(packet);
            let expected = if version == V5_0 { vec!["DISCONNECT 0x82".to_owned()] } else { vec![] };
            assert_eq!(talk.take_sent(), expected);
            let event = format!("offline: the server broke the protocol: {name} may not come now; retry");
            assert_eq!(talk.take_events(), [event]);
        }
    }
}

/// Whoever greets first is no MQTT server; CONNECT has not gone out, so nothing else may.
/// [5.0 MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1]
#[test]
fn nothing_is_said_to_a_server_that_greets_before_connect_went_out() {
    for version in BOTH {
        let mut talk = Talk::new(persistent(version));
        talk.connect();
        talk.opened();
        talk.server_sends(b"\xf0\x00SSH-2.0");
        talk.sends_nothing();
        assert_eq!(talk.transport(), Transport::Closed);
    }
}

/// [5.0 MQTT-3.2.2-4]
#[test]
fn session_present_on_a_clean_start_is_a_fault() {
    for version in BOTH {
        let mut talk = Talk::online_with(clean(version), "CONNACK");
        talk.cut();
        talk.take_events();
        talk.reconnect("CONNACK present");
        let expected = if version == V5_0 { vec!["DISCONNECT 0x82".to_owned()] } else { vec![] };
        assert_eq!(talk.take_sent(), expected);
        talk.events([
            "offline: the server broke the protocol: session present where a clean session was asked \
                      for [5.0 MQTT-3.2.2-4]; retry",
        ]);
    }
}

/// [5.0 MQTT-3.3.2-7]
#[test]
fn a_topic_alias_that_was_not_offered_is_a_fault() {
    let words = "topic alias 3 stands for nothing, or is above the maximum [5.0 MQTT-3.1.2-26]";
    check(V5_0, &server_bytes("PUBLISH a alias=3 \"x\"", V5_0), "0x94", words);
    check(V5_0, b"\x30\x06\0\0\x03\x23\0\x03", "0x94", words);
    let mut talk = Talk::online(V5_0);
    talk.server_says("PUBLISH a qos2 id4 alias=3 \"x\"");
    talk.take_events();
    talk.take_bytes();
    talk.reconnect("CONNACK present");
    talk.server_says("PUBLISH a qos2 id4 dup \"x\"");
    talk.events(["online present", "message a qos2 dup \"x\""]);
}

/// [5.0 MQTT-4.12.0-7]
#[test]
fn auth_is_a_fault_and_is_not_answered() {
    check(V5_0, b"\xf0\x00", "0x82", "AUTH may not come now");
}

#[test]
fn a_packet_over_our_limit_is_refused_when_it_is_announced() {
    for version in BOTH {
        let config = persistent(version).packet_size_max(100);
        let mut talk = Talk::online_with(config, "CONNACK");
        let mut fits = vec![0x30, 98, 0, 1, b'a'];
        fits.resize(100, 0);
        talk.server_sends(&fits);
        assert_eq!(talk.take_events().len(), 1);
        talk.server_sends(&[0x30, 99]);
        let event = talk.take_events().remove(0);
        assert!(event.contains("101 bytes announced where 100 are the most"), "{event}");
    }
    let announcement = b"\x30\xff\xff\xff\x7f";
    for version in BOTH {
        let config = persistent(version).packet_size_max(1 << 20);
        let mut talk = Talk::online_with(config, "CONNACK");
        talk.server_sends(announcement);
        let event = talk.take_events().remove(0);
        assert!(event.contains("268435460 bytes announced where 1048576 are the most"), "{event}");
        let expected = if version == V5_0 { vec!["DISCONNECT 0x95".to_owned()] } else { vec![] };
        assert_eq!(talk.take_sent(), expected);
    }
}

/// What is announced is not reserved: the input stays as small as what has come.
#[test]
fn an_announced_packet_reserves_no_memory() {
    let config = persistent(V5_0).packet_size_max(u32::MAX);
    let mut session = mqtt_session::Session::new(config, 1);
    let now = mqtt_session::Instant::ORIGIN;
    session.submit(now, &mqtt_session::Command::Connect).expect("accepted");
    session.apply(now, Input::Opened).expect("it only happens");
    let mut input = bytes::BytesMut::from(&b"\x20\x03\0\0\0\x30\xff\xff\xff\x7f\0\x01a"[..]);
    session.apply(now, Input::Bytes(&mut input)).expect("it only happens");
    assert!(input.len() == 8 && input.capacity() < 1024);
}

#[test]
fn a_fault_on_the_first_connection_ends_its_ticket() {
    let mut talk = Talk::new(clean(V5_0));
    talk.connect();
    talk.opened();
    talk.take_bytes();
    talk.server_says("PINGRESP");
    talk.sends(["DISCONNECT 0x82"]);
    let events = talk.take_events();
    assert!(events.len() == 2 && events[0].ends_with("; stop"), "{events:?}");
    assert!(events[1].starts_with("ended 1 rejected Offline(PeerFault"), "{events:?}");
    talk.cut();
    talk.no_events();
    assert_eq!(talk.transport(), Transport::Closed);
}
