//! A session that stops for good, and is connected again: every ticket has ended, and nothing is doubled.

use mqtt_proto::{QoS, Version::V5_0};

use crate::harness::{BOTH, Talk, clean, secs};

/// Disconnects at once, whatever is under way.
fn stop(talk: &mut Talk) -> Vec<String> {
    talk.disconnect(secs(0));
    talk.early_timeout();
    talk.take_bytes();
    talk.cut();
    talk.take_events()
}

#[test]
fn each_ticket_ends_and_says_whether_it_was_sent() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.subscribe("granted", QoS::AtMostOnce);
        talk.take_bytes();
        talk.server_says("SUBACK id1 0x00");
        talk.publish("a", QoS::ExactlyOnce, "released");
        talk.publish("a", QoS::AtLeastOnce, "sent");
        talk.subscribe("b", QoS::AtMostOnce);
        talk.unsubscribe("c");
        talk.take_bytes();
        talk.server_says("PUBREC id4");
        talk.take_events();
        talk.publish("a", QoS::AtLeastOnce, "queued");
        talk.subscribe("d", QoS::AtMostOnce);
        talk.unsubscribe("e");
        let mut ends = stop(&mut talk);
        assert_eq!(ends.remove(0), "offline: disconnected as asked; stop");
        ends.sort();
        assert_eq!(
            ends,
            [
                "ended 10 done 0x00",
                "ended 3 indeterminate Disconnected",
                "ended 4 indeterminate Disconnected",
                "ended 5 indeterminate Disconnected",
                "ended 6 indeterminate Disconnected",
                "ended 7 rejected Disconnected",
                "ended 8 rejected Disconnected",
                "ended 9 rejected Disconnected",
            ]
        );
        assert_eq!(talk.due_in(), None);
    }
}

/// The server keeps its half of the exchange; a new message under the same identifier would look like a repetition.
/// [5.0 MQTT-4.4.0-1] [3.1.1 MQTT-4.4.0-1] [3.1.1 MQTT-3.1.2-4]
#[test]
fn exchanges_with_a_server_that_keeps_the_session_go_on_without_their_tickets() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::ExactlyOnce, "released");
        talk.publish("a", QoS::ExactlyOnce, "sent");
        talk.take_bytes();
        talk.server_says("PUBREC id1");
        talk.take_bytes();
        stop(&mut talk);
        talk.connect();
        talk.publish("a", QoS::ExactlyOnce, "new");
        talk.accept("CONNACK present");
        talk.take_events();
        talk.sends(["PUBREL id1", "PUBLISH a qos2 id2 dup \"sent\"", "PUBLISH a qos2 id3 \"new\""]);
        talk.server_says("PUBCOMP id1");
        talk.server_says("PUBREC id2");
        talk.server_says("PUBCOMP id2");
        talk.no_events();
    }
}

#[test]
fn nothing_of_a_clean_session_stays() {
    for version in BOTH {
        let mut talk = Talk::online_with(clean(version), "CONNACK");
        talk.publish("a", QoS::ExactlyOnce, "x");
        talk.publish("a", QoS::AtLeastOnce, "y");
        talk.take_bytes();
        stop(&mut talk);
        talk.connect();
        talk.accept("CONNACK");
        talk.sends_nothing();
        assert_eq!(talk.session().messages_in_flight(), 0);
        talk.disconnect(secs(10));
        talk.sends(["DISCONNECT"]);
    }
}

#[test]
fn subscriptions_stay_wanted_and_are_asked_for_on_the_next_connection() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.subscribe("granted", QoS::AtMostOnce);
        talk.take_bytes();
        talk.server_says("SUBACK id1 0x00");
        talk.subscribe("waiting", QoS::AtMostOnce);
        talk.take_bytes();
        stop(&mut talk);
        assert_eq!(talk.pending_subscriptions(), 1);
        talk.connect();
        talk.accept("CONNACK present");
        talk.take_events();
        let sent = talk.take_sent();
        assert!(sent.len() == 1 && sent[0].ends_with(" waiting:0"), "{sent:?}");
    }
}

#[test]
fn a_session_taken_over_ends_everything_and_stays_away() {
    let mut talk = Talk::online(V5_0);
    talk.publish("a", QoS::AtLeastOnce, "x");
    talk.take_bytes();
    talk.publish("a", QoS::AtLeastOnce, "y");
    talk.server_says("DISCONNECT 0x8e");
    talk.events([
        "offline: the server disconnected: session taken over (0x8e); stop",
        "ended 2 indeterminate Disconnected",
        "ended 3 rejected Disconnected",
    ]);
    talk.wait(secs(1000));
    assert!(!talk.is_dialing());
}
