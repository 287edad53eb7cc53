//! The counters, and the eight of the interface that the library grew from.

use mqtt_proto::{QoS, Version::V5_0};

use crate::harness::{Talk, clean, secs};

#[test]
fn the_eight_counters_stand_in_their_order() {
    let mut talk = Talk::new(clean(V5_0));
    assert_eq!(talk.stats().as_tuple(), (0, 0, 0, 0, 0, 0, 0, 0));
    talk.connect();
    talk.opened();
    let connect = talk.take_bytes().len() as u64;
    assert_eq!(talk.stats().as_tuple(), (0, 0, 0, 0, 0, 0, connect, 0));
    talk.wait(secs(2));
    talk.server_says("CONNACK");
    assert_eq!(talk.stats().as_tuple(), (3000, 3000, 0, 0, 5, 0, connect, 0));
    talk.publish("a", QoS::AtMostOnce, "x");
    talk.publish("a", QoS::AtLeastOnce, "x");
    let sent = connect + talk.take_bytes().len() as u64;
    talk.server_says("PUBLISH a \"x\"");
    let received = 5 + 7;
    assert_eq!(talk.stats().as_tuple(), (3000, 3000, 0, 0, received, 1, sent, 2));
    talk.wait(secs(1));
    talk.cut();
    assert_eq!(talk.stats().as_tuple(), (3000, 3000, 4000, 1, received, 1, sent, 2));
    talk.wait_for_dial();
    talk.opened();
    let sent = sent + talk.take_bytes().len() as u64;
    talk.server_says("CONNACK");
    let second = talk.now.as_millis();
    assert_eq!(talk.stats().as_tuple(), (3000, second, 4000, 1, received + 5, 1, sent, 2));
    assert_eq!(talk.stats().connections, 2);
}

#[test]
fn repetitions_are_counted_apart() {
    for connack in ["CONNACK present", "CONNACK"] {
        let mut talk = Talk::online(V5_0);
        talk.publish("a", QoS::AtLeastOnce, "x");
        talk.take_bytes();
        talk.cut_and_reconnect(connack);
        assert_eq!(talk.take_sent().len(), 1);
        let stats = talk.stats();
        assert_eq!((stats.messages_sent, stats.messages_resent), (1, 1), "{connack}");
    }
}

#[test]
fn an_attempt_that_was_never_accepted_is_no_disconnection() {
    let mut talk = Talk::new(clean(V5_0));
    talk.connect();
    talk.accept("CONNACK 0x88");
    assert_eq!(talk.stats().disconnections, 0);
    assert_eq!(talk.stats().last_disconnection, None);
    assert_eq!(talk.stats().connections, 0);
}
