//! Subscription identifiers: one for each filter, the same across connections.

use mqtt_proto::{QoS, TopicFilter, Version::V5_0};
use mqtt_session::Config;

use crate::harness::{Talk, clean, kept};

fn talking(connack: &str) -> Talk {
    Talk::online_with(Config { subscription_identifiers: true, ..kept(V5_0) }, connack)
}

fn identifier(talk: &Talk, filter: &str) -> Option<u32> {
    talk.session().subscription_identifier(TopicFilter::new(filter).expect("a filter"))
}

#[test]
fn each_filter_travels_with_its_own_identifier() {
    let mut talk = talking("CONNACK");
    talk.subscribe("a/+", QoS::AtLeastOnce);
    talk.subscribe("a/b", QoS::ExactlyOnce);
    talk.unsubscribe("c");
    talk.sends([
        "SUBSCRIBE id1 a/+:1 SubscriptionIdentifier(1)",
        "SUBSCRIBE id2 a/b:2 SubscriptionIdentifier(2)",
        "UNSUBSCRIBE id3 c",
    ]);
    assert_eq!((identifier(&talk, "a/+"), identifier(&talk, "a/b")), (Some(1), Some(2)));
    assert_eq!(identifier(&talk, "c"), None);
}

#[test]
fn identifiers_outlast_options_and_connections_and_are_not_given_twice() {
    let mut talk = talking("CONNACK");
    talk.subscribe("a", QoS::AtLeastOnce);
    talk.take_bytes();
    talk.subscribe("a", QoS::ExactlyOnce);
    talk.sends(["SUBSCRIBE id2 a:2 SubscriptionIdentifier(1)"]);
    talk.cut();
    talk.reconnect("CONNACK");
    talk.sends(["SUBSCRIBE id3 a:2 SubscriptionIdentifier(1)"]);
    talk.unsubscribe("a");
    talk.subscribe("a", QoS::AtMostOnce);
    assert_eq!(identifier(&talk, "a"), Some(2));
    assert!(talk.session().was_subscription_identifier(1));
    assert!(!talk.session().was_subscription_identifier(3));
}

#[test]
fn a_server_without_identifiers_gets_none_and_more_filters_in_a_packet() {
    let mut talk =
        Talk::online_with(Config { subscription_identifiers: true, ..clean(V5_0) }, "CONNACK ids=0");
    talk.subscribe("a", QoS::AtLeastOnce);
    talk.subscribe("b", QoS::AtLeastOnce);
    talk.sends(["SUBSCRIBE id1 a:1 b:1"]);
}
