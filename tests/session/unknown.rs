//! After a reconnect in 3.1, where no server can say whether it kept the session: it is taken at its word to keep it.
//!
//! Were the session taken for lost, its identifiers would be used again, and a server that kept it would take a new
//! QoS 2 message for the repetition of an old one: acknowledged, and never delivered.

use mqtt_proto::{QoS, Version::V3_1};
use mqtt_session::SubscriptionStatus::Granted;

use crate::harness::{Talk, clean};

#[test]
fn exchanges_go_on_with_their_identifiers() {
    let mut talk = Talk::online(V3_1);
    talk.publish("a", QoS::ExactlyOnce, "1");
    talk.publish("a", QoS::ExactlyOnce, "2");
    talk.publish("a", QoS::AtLeastOnce, "3");
    talk.take_bytes();
    talk.server_says("PUBREC id1");
    talk.cut_and_reconnect("CONNACK");
    talk.sends(["PUBREL id1", "PUBLISH a qos2 id2 dup \"2\"", "PUBLISH a qos1 id3 dup \"3\""]);
    talk.server_says("PUBCOMP id1");
    talk.server_says("PUBREC id2");
    talk.sends(["PUBREL id2"]);
    talk.server_says("PUBCOMP id2");
    talk.server_says("PUBACK id3");
    talk.events(["ended 2 done 0x00", "ended 3 done 0x00", "ended 4 done 0x00"]);
}

#[test]
fn a_repeated_message_is_not_delivered_again() {
    let mut talk = Talk::online(V3_1);
    talk.server_says("PUBLISH a qos2 id7 \"x\"");
    assert_eq!(talk.take_events().len(), 1);
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK");
    talk.server_says("PUBLISH a qos2 id7 dup \"x\"");
    talk.no_events();
}

/// The server may have lost them after all, and asking twice changes nothing.
#[test]
fn subscriptions_are_asked_for_again_and_their_ends_too() {
    let mut talk = Talk::online(V3_1);
    talk.subscribe("z", QoS::AtMostOnce);
    talk.subscribe("a", QoS::AtLeastOnce);
    talk.subscribe("b", QoS::AtLeastOnce);
    talk.take_bytes();
    talk.server_says("SUBACK id1 0x00 0x01 0x01");
    talk.unsubscribe("b");
    talk.take_bytes();
    talk.take_events();
    talk.cut_and_reconnect("CONNACK");
    assert_eq!(talk.pending_subscriptions(), 2);
    talk.sends(["UNSUBSCRIBE id3 b", "SUBSCRIBE id4 z:0 a:1"]);
    talk.server_says("UNSUBACK id3");
    talk.server_says("SUBACK id4 0x00 0x01");
    talk.events(["ended 5 done 0x00"]);
    assert_eq!(talk.subscription("a"), Some(Granted(QoS::AtLeastOnce)));
    assert_eq!(talk.pending_subscriptions(), 0);
}

/// There the server is told to forget, and says nothing either.
#[test]
fn a_clean_session_is_lost_for_certain() {
    let mut talk = Talk::online_with(clean(V3_1), "CONNACK");
    talk.publish("a", QoS::ExactlyOnce, "1");
    talk.take_bytes();
    talk.cut();
    talk.reconnect("CONNACK");
    assert!(talk.take_events().contains(&"ended 2 indeterminate SessionLost".into()));
    talk.sends_nothing();
}
