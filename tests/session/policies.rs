//! What becomes of messages where the application may choose: a full queue, no connection, a lost session.

use mqtt_proto::{
    QoS,
    Version::{self, V5_0},
};
use mqtt_session::{Lost, QueuePolicy, SessionLoss, SessionRefusal};

use crate::harness::{BOTH, Talk, clean, message, payload, persistent, secs};

fn waiting(version: Version, queue_policy: QueuePolicy, messages_max: usize) -> Talk {
    let config = persistent(version).queue_policy(queue_policy).queue_messages_max(messages_max);
    Talk::online_with(config, "CONNACK")
}

#[test]
fn the_oldest_qos_0_makes_room_in_a_full_queue() {
    for version in BOTH {
        let mut talk = waiting(version, QueuePolicy::DropOldestQoS0, 3);
        talk.cut();
        talk.take_events();
        talk.publish("a", QoS::AtLeastOnce, "1");
        talk.publish("a", QoS::AtMostOnce, "2");
        talk.publish("a", QoS::AtMostOnce, "3");
        talk.publish("a", QoS::ExactlyOnce, "4");
        talk.events(["ended 3 rejected Dropped"]);
        talk.publish("a", QoS::AtMostOnce, "5");
        talk.events(["ended 4 rejected Dropped"]);
        talk.publish("a", QoS::AtLeastOnce, "6");
        talk.events(["ended 6 rejected Dropped"]);
        // Nothing is left that may be dropped.
        let refused = talk.try_publish(message("a", QoS::AtMostOnce, "7"));
        assert_eq!(refused, Err(SessionRefusal::QueueFull { messages_max: 3 }));
        talk.no_events();
        talk.reconnect("CONNACK present");
        talk.sends(["PUBLISH a qos1 id1 \"1\"", "PUBLISH a qos2 id2 \"4\"", "PUBLISH a qos1 id3 \"6\""]);
    }
}

#[test]
fn room_in_bytes_is_made_too() {
    let config = persistent(V5_0).queue_policy(QueuePolicy::DropOldestQoS0).queue_bytes_max(4000);
    let mut talk = Talk::online_with(config, "CONNACK");
    talk.cut();
    talk.take_events();
    for _message in 0..3 {
        talk.publish("a", QoS::AtMostOnce, &"x".repeat(1000));
    }
    let large = mqtt_session::Publish { payload: payload(2500), ..message("a", QoS::AtLeastOnce, "") };
    talk.try_publish(large).expect("two small ones go");
    talk.events(["ended 2 rejected Dropped", "ended 3 rejected Dropped"]);
    let larger = mqtt_session::Publish { payload: payload(5000), ..message("a", QoS::AtLeastOnce, "") };
    assert_eq!(talk.try_publish(larger), Err(SessionRefusal::QueueBytesFull { bytes_max: 4000 }));
}

#[test]
fn dropping_costs_no_more_when_the_queue_is_long() {
    let mut talk = waiting(V5_0, QueuePolicy::DropOldestQoS0, 60_000);
    talk.cut();
    for number in 0..300_000 {
        let qos = if number % 3 == 0 && number < 90_000 { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        talk.publish("a", qos, "x");
    }
    let dropped = talk.take_events().iter().filter(|event| event.ends_with("Dropped")).count();
    assert_eq!(dropped, 240_000);
    assert_eq!(talk.session().queued_messages(), 60_000);
}

#[test]
fn without_a_connection_only_qos_1_and_2_are_kept() {
    for version in BOTH {
        let mut talk = waiting(version, QueuePolicy::KeepAboveQoS0, 10);
        talk.publish("a", QoS::AtMostOnce, "1");
        talk.publish("a", QoS::AtLeastOnce, "2");
        talk.cut();
        let ended = "ended 2 rejected Offline(TransportClosed)";
        assert_eq!(talk.take_events().first().map(String::as_str), Some(ended));
        assert_eq!(talk.try_publish(message("a", QoS::AtMostOnce, "3")), Err(SessionRefusal::Offline));
        talk.publish("a", QoS::AtLeastOnce, "4");
        talk.reconnect("CONNACK present");
        talk.sends(["PUBLISH a qos1 id1 \"2\"", "PUBLISH a qos1 id2 \"4\""]);
        talk.publish("a", QoS::AtMostOnce, "5");
        talk.sends(["PUBLISH a qos0 \"5\""]);
    }
}

#[test]
fn without_a_connection_nothing_new_is_kept() {
    for version in BOTH {
        let mut talk = waiting(version, QueuePolicy::RefuseOffline, 10);
        talk.publish("a", QoS::AtLeastOnce, "1");
        talk.take_bytes();
        talk.publish("a", QoS::AtLeastOnce, "2");
        talk.cut();
        let ended = "ended 3 rejected Offline(TransportClosed)";
        assert_eq!(talk.take_events().first().map(String::as_str), Some(ended));
        assert_eq!(talk.try_publish(message("a", QoS::ExactlyOnce, "3")), Err(SessionRefusal::Offline));
        talk.reconnect("CONNACK present");
        talk.sends(["PUBLISH a qos1 id1 dup \"1\""]);
    }
}

fn losing(version: Version, session_loss: SessionLoss) -> Talk {
    let config = persistent(version).session_loss(session_loss);
    let mut talk = Talk::online_with(config, "CONNACK");
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.publish("a", QoS::ExactlyOnce, "2");
    talk.publish("a", QoS::ExactlyOnce, "3");
    talk.take_bytes();
    talk.server_says("PUBREC id3");
    talk.publish("a", QoS::AtMostOnce, "4");
    talk.cut();
    talk.take_events();
    talk.reconnect("CONNACK");
    talk
}

#[test]
fn a_lost_session_resends_qos_1_and_what_was_never_sent() {
    for version in BOTH {
        let mut talk = losing(version, SessionLoss::default());
        talk.events(["online", "ended 3 indeterminate SessionLost", "ended 4 indeterminate SessionLost"]);
        talk.sends(["PUBLISH a qos1 id4 \"1\"", "PUBLISH a qos0 \"4\""]);
    }
}

#[test]
fn a_lost_session_may_end_everything() {
    for version in BOTH {
        let all = SessionLoss::default().never_sent(Lost::End).at_least_once(Lost::End);
        let mut talk = losing(version, all);
        talk.events([
            "online",
            "ended 2 indeterminate SessionLost",
            "ended 3 indeterminate SessionLost",
            "ended 4 indeterminate SessionLost",
            "ended 5 rejected SessionLost",
        ]);
        talk.sends_nothing();
    }
}

#[test]
fn a_lost_session_may_resend_qos_2_but_not_what_the_server_had() {
    for version in BOTH {
        let all = SessionLoss::default().exactly_once(Lost::Resend);
        let mut talk = losing(version, all);
        talk.events(["online", "ended 4 indeterminate SessionLost"]);
        talk.sends(["PUBLISH a qos1 id4 \"1\"", "PUBLISH a qos2 id5 \"2\"", "PUBLISH a qos0 \"4\""]);
    }
}

#[test]
fn the_first_session_is_not_a_lost_one() {
    let all = SessionLoss::default().never_sent(Lost::End);
    let mut talk = Talk::new(persistent(V5_0).session_loss(all));
    talk.connect();
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.accept("CONNACK");
    talk.sends(["PUBLISH a qos1 id1 \"1\""]);
}

/// Two losses in a row: what was not sent anew the first time keeps its place.
#[test]
fn messages_keep_their_order_over_two_losses() {
    for version in BOTH {
        let mut talk = Talk::online_with(persistent(version), "CONNACK");
        for number in 0..100 {
            talk.publish(&format!("a{number}"), QoS::AtLeastOnce, &"x".repeat(2000));
        }
        talk.take_bytes();
        talk.cut_and_reconnect("CONNACK");
        // One buffer holds about a third of them.
        let mut out = mqtt_session::TransmitBuf::new();
        talk.poll_into(&mut out);
        talk.cut_and_reconnect("CONNACK");
        let sent: Vec<String> = crate::harness::packets(&talk.take_bytes(), version);
        assert_eq!(sent.len(), 100);
        for (number, packet) in sent.iter().enumerate() {
            assert!(packet.starts_with(&format!("PUBLISH a{number} ")), "{packet}");
        }
        assert_eq!(talk.session().queued_messages(), 0);
    }
}

#[test]
fn a_clean_session_is_lost_with_each_connection() {
    let config = clean(V5_0).session_loss(SessionLoss::default().at_least_once(Lost::End));
    let mut talk = Talk::online_with(config, "CONNACK");
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.take_bytes();
    talk.cut();
    talk.take_events();
    talk.wait(secs(1));
    talk.reconnect("CONNACK");
    assert_eq!(talk.take_events().last().map(String::as_str), Some("ended 2 indeterminate SessionLost"));
}
