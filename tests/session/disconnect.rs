//! The end of a connection, by either side: draining, the last packet, and silence after it.

use mqtt_proto::{
    QoS,
    Version::{V3_1_1, V5_0},
};
use mqtt_session::{Command, Disconnect, SessionRefusal, Transport};

use crate::harness::{BOTH, Talk, message, persistent, secs};

/// [5.0 MQTT-3.14.4-1] [5.0 MQTT-3.14.4-2] [3.1.1 MQTT-3.14.4-1] [3.1.1 MQTT-3.14.4-2]
/// [5.0 MQTT-3.14.2-3] [5.0 MQTT-3.14.2-4]
#[test]
fn disconnect_is_the_last_packet_and_ends_when_the_link_is_closed() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.disconnect(secs(10));
        talk.no_events();
        assert_eq!(talk.take_bytes(), [0xe0, 0]);
        assert_eq!(talk.transport(), Transport::Flush);
        talk.events(["offline: disconnected as asked; stop"]);
        talk.server_says("PUBLISH a qos1 id1 \"late\"");
        talk.early_timeout();
        talk.sends_nothing();
        talk.no_events();
        talk.cut();
        talk.events(["ended 2 done 0x00"]);
        assert_eq!(talk.transport(), Transport::Closed);
        talk.sends_nothing();
    }
}

#[test]
fn disconnect_waits_for_what_was_accepted() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::ExactlyOnce, "1");
        talk.take_bytes();
        talk.publish("a", QoS::AtMostOnce, "2");
        talk.subscribe("b", QoS::AtMostOnce);
        talk.disconnect(secs(10));
        talk.sends(["SUBSCRIBE id2 b:0", "PUBLISH a qos0 \"2\""]);
        talk.server_says("SUBACK id2 0x00");
        talk.server_says("PUBREC id1");
        talk.sends(["PUBREL id1"]);
        talk.server_says("PUBCOMP id1");
        talk.sends(["DISCONNECT"]);
        talk.cut();
        talk.events([
            "ended 3 done 0x00",
            "ended 4 done 0x00",
            "ended 2 done 0x00",
            "offline: disconnected as asked; stop",
            "ended 5 done 0x00",
        ]);
    }
}

#[test]
fn disconnect_follows_the_last_message_without_delay() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtMostOnce, "1");
        talk.disconnect(secs(10));
        talk.sends(["PUBLISH a qos0 \"1\"", "DISCONNECT"]);
    }
}

#[test]
fn nothing_is_accepted_while_draining_or_after() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtLeastOnce, "1");
        talk.disconnect(secs(10));
        for _moment in ["draining", "closing"] {
            let refused = talk.try_publish(message("a", QoS::AtMostOnce, "2"));
            assert_eq!(refused, Err(SessionRefusal::Disconnected));
            assert_eq!(
                talk.submit(Command::Disconnect(Disconnect::within(secs(1)))),
                Err(SessionRefusal::Disconnected)
            );
            let refused = talk.try_subscribe("a", mqtt_proto::SubscribeOptions::default());
            assert_eq!(refused, Err(SessionRefusal::Disconnected));
            talk.take_bytes();
            talk.server_says("PUBACK id1");
            talk.take_bytes();
        }
        assert_eq!(talk.transport(), Transport::Flush);
    }
}

#[test]
fn draining_ends_with_its_deadline() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtLeastOnce, "sent");
        talk.take_bytes();
        talk.subscribe("b", QoS::AtMostOnce);
        talk.disconnect(secs(10));
        talk.take_bytes();
        talk.wait(secs(9));
        talk.no_events();
        talk.wait(secs(1));
        talk.sends(["DISCONNECT"]);
        talk.events([
            "offline: disconnected as asked; stop",
            "ended 2 indeterminate Disconnected",
            "ended 3 indeterminate Disconnected",
        ]);
        talk.wait(secs(6));
        talk.events(["ended 4 done 0x00"]);
        assert_eq!(talk.due_in(), None);
    }
}

/// The server takes no more bytes, and never closes.
#[test]
fn a_link_that_never_closes_is_dropped_after_the_network_timeout() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.disconnect(secs(0));
        talk.take_bytes();
        talk.take_events();
        talk.wait(secs(5));
        talk.no_events();
        assert_eq!(talk.transport(), Transport::Flush);
        talk.wait(secs(1));
        talk.events(["ended 2 done 0x00"]);
        assert_eq!(talk.transport(), Transport::Closed);
    }
}

#[test]
fn disconnect_while_offline_ends_at_once_if_nothing_waits() {
    for version in BOTH {
        let mut talk = Talk::new(persistent(version));
        talk.connect();
        talk.disconnect(secs(10));
        talk.events([
            "offline: disconnected as asked; stop",
            "ended 1 rejected Offline(Requested)",
            "ended 2 done 0x00",
        ]);
        assert_eq!(talk.transport(), Transport::Closed);
        talk.sends_nothing();
        talk.connect();
        talk.accept("CONNACK");
        talk.cut();
        talk.take_events();
        talk.disconnect(secs(10));
        talk.events(["offline: disconnected as asked; stop", "ended 4 done 0x00"]);
    }
}

#[test]
fn disconnect_while_offline_waits_for_a_connection_if_messages_wait() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.cut();
        talk.publish("a", QoS::AtLeastOnce, "x");
        talk.disconnect(secs(100));
        talk.reconnect("CONNACK present");
        talk.sends(["PUBLISH a qos1 id1 \"x\""]);
        talk.server_says("PUBACK id1");
        talk.sends(["DISCONNECT"]);
    }
}

#[test]
fn a_lost_connection_ends_a_drain_that_has_nothing_left() {
    let mut talk = Talk::online(V5_0);
    talk.disconnect(secs(10));
    talk.cut();
    talk.events(["offline: the connection was lost; stop", "ended 2 done 0x00"]);
}

#[test]
fn the_server_may_disconnect_and_only_some_reasons_are_for_good() {
    for (code, is_retried) in [
        ("0x80", true),
        ("0x81", true),
        ("0x82", true),
        ("0x87", false),
        ("0x89", true),
        ("0x8b", true),
        ("0x8d", true),
        ("0x8e", false),
        ("0x93", true),
        ("0x96", true),
        ("0x98", true),
        ("0x9c", true),
        ("0xa0", true),
    ] {
        let mut talk = Talk::online(V5_0);
        talk.publish("a", QoS::AtLeastOnce, "x");
        talk.take_bytes();
        talk.server_says(&format!("DISCONNECT {code}"));
        talk.sends_nothing();
        assert_eq!(talk.transport(), Transport::Closed);
        let events = talk.take_events();
        assert!(events[0].starts_with("offline: the server disconnected: "), "{events:?}");
        assert_eq!(events[0].ends_with("retry"), is_retried, "{events:?}");
        assert_eq!(events.len(), 1 + usize::from(!is_retried));
    }
}

#[test]
fn before_5_0_no_server_says_disconnect() {
    let mut talk = Talk::online(V3_1_1);
    talk.server_sends(&[0xe0, 0]);
    assert!(talk.take_events()[0].contains("only the other side sends this packet"));
}

#[test]
fn a_last_packet_that_was_not_written_is_not_written_on_the_next_link() {
    let mut talk = Talk::online(V5_0);
    talk.server_says("CONNACK");
    assert_eq!(talk.transport(), Transport::Flush);
    talk.cut();
    talk.sends_nothing();
    talk.wait_for_dial();
    talk.sends_nothing();
    talk.accept("CONNACK present");
    talk.sends_nothing();
    let mut talk = Talk::online(V5_0);
    talk.server_says("CONNACK");
    talk.wait(secs(6));
    talk.sends_nothing();
}
