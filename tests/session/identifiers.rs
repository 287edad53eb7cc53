//! Subscription identifiers: one for each filter, the same across connections.

use mqtt_proto::{QoS, TopicFilter, Version::V5_0};

use crate::harness::{Talk, clean, persistent};

fn talking(connack: &str) -> Talk {
    Talk::online_with(clean(V5_0).subscription_identifiers(true), connack)
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

/// A persistent session has messages under the identifiers of an earlier program: there they follow from the filters,
/// whatever the order in which they are subscribed, as long as they are free.
#[test]
fn each_program_of_a_persistent_session_gives_a_filter_the_same_identifier() {
    let config = || persistent(V5_0).subscription_identifiers(true);
    let filters = ["a/#", "b/+/c", "$share/group/t/#", "d"];
    let identifiers = |order: &[usize]| {
        let mut talk = Talk::online_with(config(), "CONNACK");
        for index in order {
            talk.subscribe(filters[*index], QoS::AtLeastOnce);
        }
        filters.map(|filter| identifier(&talk, filter).expect("it has one"))
    };
    let first = identifiers(&[0, 1, 2, 3]);
    assert_eq!(identifiers(&[3, 1, 2, 0]), first);
    assert!(first.iter().all(|identifier| *identifier < 128), "one byte each: {first:?}");
    // Many filters have identifiers of their own, and a filter gets its own back.
    let mut talk = Talk::online_with(config(), "CONNACK");
    let mut given = std::collections::BTreeSet::new();
    for number in 0..1000 {
        let filter = format!("many/{number}");
        talk.subscribe(&filter, QoS::AtLeastOnce);
        assert!(given.insert(identifier(&talk, &filter).expect("it has one")), "{filter}");
    }
    let before = identifier(&talk, "many/7");
    talk.unsubscribe("many/7");
    talk.subscribe("many/7", QoS::AtLeastOnce);
    assert_eq!(identifier(&talk, "many/7"), before);
}

#[test]
fn a_server_without_identifiers_gets_none_and_more_filters_in_a_packet() {
    let mut talk = Talk::online_with(clean(V5_0).subscription_identifiers(true), "CONNACK ids=0");
    talk.subscribe("a", QoS::AtLeastOnce);
    talk.subscribe("b", QoS::AtLeastOnce);
    talk.sends(["SUBSCRIBE id1 a:1 b:1"]);
}
