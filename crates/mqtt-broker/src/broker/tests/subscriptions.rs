//! SUBSCRIBE, UNSUBSCRIBE, and what a subscription brings.

use alloc::vec;

use mqtt_proto::{
    Filters, Packet, Properties, Property, QoS, Subscribe, SubscribeFilter, SubscribeOptions, TopicFilter,
    Version,
};

use super::harness::{World, client, lasting, message, pid, qos1, qos2, retained, v3, v5};
use crate::access::{Action, Rule};
use crate::config::Config;
use crate::ids::ConnectionId;

fn subscribe_all(w: &mut World, id: ConnectionId, filters: &[(&str, QoS)]) {
    let filters: vec::Vec<_> = filters
        .iter()
        .map(|(filter, qos)| SubscribeFilter {
            filter: TopicFilter::new(filter).expect("a valid filter"),
            options: SubscribeOptions::with_qos(*qos),
        })
        .collect();
    let filters = Filters::new(&filters);
    w.send(id, Packet::Subscribe(Subscribe { packet_id: pid(77), properties: Properties::EMPTY, filters }));
}

/// [5.0 MQTT-3.8.4-1] [5.0 MQTT-3.8.4-2] [5.0 MQTT-3.8.4-5] [5.0 MQTT-3.8.4-6] [5.0 MQTT-3.8.4-7]
/// [5.0 MQTT-3.9.3-1] [5.0 MQTT-2.2.1-6] [5.0 MQTT-3.2.2-10] [3.1.1 MQTT-3.8.4-1] [3.1.1 MQTT-3.8.4-2]
/// [3.1.1 MQTT-3.8.4-4] [3.1.1 MQTT-3.8.4-5] [3.1.1 MQTT-3.9.3-1] [3.1.1 MQTT-2.3.1-7]
#[test]
fn each_filter_has_its_code_in_order() {
    let rules = vec![Rule::deny(Action::Read, "denied/#").expect("a valid filter")];
    let config = Config { rules, qos_max: QoS::AtLeastOnce, ..Config::default() };
    let cases = [
        (v5("a"), "suback #77 [GrantedQoS1, NotAuthorized, Success, GrantedQoS1]"),
        (v3("a"), "suback #77 [GrantedQoS1, UnspecifiedError, Success, GrantedQoS1]"),
        (client(Version::V3_1, "a"), "suback #77 [GrantedQoS1, Success, Success, GrantedQoS1]"),
    ];
    for (connect, answer) in cases {
        let mut w = World::with(config.clone());
        let id = w.joined(connect);
        let filters = [
            ("t", QoS::AtLeastOnce),
            ("denied/+", QoS::AtLeastOnce),
            ("u", QoS::AtMostOnce),
            ("v", QoS::ExactlyOnce),
        ];
        subscribe_all(&mut w, id, &filters);
        w.see(id, &[answer]);
        assert_eq!(w.broker.stats().subscriptions, 3);
    }
}

/// [5.0 MQTT-3.10.4-1] [5.0 MQTT-3.10.4-2] [5.0 MQTT-3.10.4-4] [5.0 MQTT-3.10.4-5] [5.0 MQTT-3.10.4-6]
/// [5.0 MQTT-3.11.3-1] [3.1.1 MQTT-3.10.4-1] [3.1.1 MQTT-3.10.4-2] [3.1.1 MQTT-3.10.4-4]
/// [3.1.1 MQTT-3.10.4-5] [3.1.1 MQTT-3.10.4-6]
#[test]
fn each_filter_is_removed_by_its_very_text() {
    for (connect, answer) in [
        (v5("a"), "unsuback #2 [NoSubscriptionExisted, Success, NoSubscriptionExisted]"),
        (v3("a"), "unsuback #2 []"),
    ] {
        let mut w = World::new();
        let id = w.joined(connect);
        w.subscribe(id, "t/+", QoS::AtMostOnce);
        w.subscribe(id, "u", QoS::AtMostOnce);
        w.unsubscribe(id, &["t/a", "t/+", "t/+"]);
        w.publish(id, message("t/a", "x"));
        w.publish(id, message("u", "x"));
        w.see(id, &[answer, "publish u \"x\""]);
        w.unsubscribe(id, &["nothing"]);
        assert_eq!(w.take(id).len(), 1);
    }
}

/// [5.0 MQTT-3.10.4-3] [3.1.1 MQTT-3.10.4-3]
#[test]
fn a_delivery_that_has_begun_is_completed_after_unsubscribe() {
    let mut w = World::new();
    let id = w.joined(lasting("a"));
    w.subscribe(id, "t", QoS::ExactlyOnce);
    w.publish(id, qos2(1, "t", "x"));
    w.see(id, &["pubrec #1", "publish t \"x\" q2 #1"]);
    w.unsubscribe(id, &["t"]);
    w.see(id, &["unsuback #2 [Success]"]);
    w.pubrec(id, 1);
    w.see(id, &["pubrel #1"]);
}

/// [5.0 MQTT-2.2.1-6] [3.1.1 MQTT-2.3.1-7] [5.0 MQTT-3.10.4-5]
#[test]
fn answers_repeat_the_identifier_of_the_request() {
    let mut w = World::new();
    let id = w.joined(v3("a"));
    subscribe_all(&mut w, id, &[("t", QoS::AtMostOnce)]);
    w.unsubscribe(id, &["t"]);
    w.see(id, &["suback #77 [Success]", "unsuback #2 []"]);
}

/// [5.0 MQTT-3.8.4-3] [5.0 MQTT-3.8.4-4] [3.1.1 MQTT-3.8.4-3]
#[test]
fn the_same_filter_replaces_the_subscription() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.publish(id, retained("t", "kept"));
    w.subscribe(id, "t", QoS::ExactlyOnce);
    w.subscribe_with(id, "t", SubscribeOptions::with_qos(QoS::AtMostOnce), Some(5));
    w.see(id, &["suback #1 [Success]", "publish t \"kept\" retain SubscriptionIdentifier(5)"]);
    w.publish(id, qos1(1, "t", "x"));
    w.see(id, &["puback #1", "publish t \"x\" SubscriptionIdentifier(5)"]);
    assert_eq!(w.broker.stats().subscriptions, 1);
}

/// [5.0 MQTT-3.3.4-2] [5.0 MQTT-3.3.4-3] [5.0 MQTT-3.3.4-4] [3.1.1 MQTT-3.3.5-1]
#[test]
fn overlapping_subscriptions_bring_one_copy() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    let subscriptions = [
        ("t/#", QoS::AtMostOnce, Some(1)),
        ("t/+", QoS::ExactlyOnce, Some(2)),
        ("t/a", QoS::AtLeastOnce, None),
    ];
    for (filter, qos, identifier) in subscriptions {
        w.subscribe_with(id, filter, SubscribeOptions::with_qos(qos), identifier);
    }
    w.take(id);
    w.publish(id, qos2(1, "t/a", "x"));
    w.see(id, &["pubrec #1", "publish t/a \"x\" q2 #1 SubscriptionIdentifier(1) SubscriptionIdentifier(2)"]);
}

/// [5.0 MQTT-3.8.3-3]
#[test]
fn no_local_keeps_a_clients_own_messages_away() {
    let mut w = World::new();
    let (id, other) = (w.joined(v5("a")), w.joined(v5("b")));
    let options = SubscribeOptions { no_local: true, ..SubscribeOptions::with_qos(QoS::AtMostOnce) };
    w.publish(id, retained("kept/a", "x"));
    w.publish(other, retained("kept/b", "x"));
    w.subscribe_with(id, "#", options, None);
    w.see(id, &["suback #1 [Success]", "publish kept/b \"x\" retain"]);
    w.publish(id, message("t", "own"));
    w.publish(other, message("t", "other"));
    w.see(id, &["publish t \"other\""]);
    // Another subscription of the same session still brings it.
    w.subscribe_with(id, "t", SubscribeOptions::with_qos(QoS::AtMostOnce), Some(3));
    w.take(id);
    w.publish(id, message("t", "own"));
    w.see(id, &["publish t \"own\" SubscriptionIdentifier(3)"]);
}

/// [5.0 MQTT-4.7.2-1] [3.1.1 MQTT-4.7.2-1] [5.0 MQTT-4.7.3-4] [3.1.1 MQTT-4.7.3-4] [5.0 MQTT-3.3.2-3]
/// [3.1.1 MQTT-3.3.2-3]
#[test]
fn leading_wildcards_do_not_match_dollar_topics() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.subscribe(id, "#", QoS::AtMostOnce);
    w.subscribe(id, "+/x", QoS::AtMostOnce);
    w.publish(id, message("$local/x", "1"));
    w.see(id, &[]);
    w.subscribe(id, "$local/+", QoS::AtMostOnce);
    w.publish(id, message("$local/x", "2"));
    w.publish(id, message("$LOCAL/x", "3"));
    w.see(id, &["publish $local/x \"2\""]);
}

/// [3.1.1 MQTT-3.8.3-2]
#[test]
fn what_is_not_available_is_refused() {
    let config = Config {
        wildcard_available: false,
        shared_available: false,
        identifiers_available: false,
        ..Config::default()
    };
    let cases = [
        ("t/+", None, "disconnect WildcardSubscriptionsNotSupported"),
        ("$share/g/t", None, "disconnect SharedSubscriptionsNotSupported"),
        ("t", Some(1), "disconnect SubscriptionIdentifiersNotSupported"),
    ];
    for (filter, identifier, answer) in cases {
        let mut w = World::with(config.clone());
        let id = w.joined(v5("a"));
        w.subscribe_with(id, filter, SubscribeOptions::with_qos(QoS::AtMostOnce), identifier);
        w.see(id, &[answer, "closed"]);
        if identifier.is_none() {
            let id = w.joined(v3("b"));
            w.subscribe_with(id, filter, SubscribeOptions::with_qos(QoS::AtMostOnce), None);
            w.see(id, &["suback #1 [UnspecifiedError]"]);
        }
    }
}

#[test]
fn filters_and_subscriptions_have_bounds() {
    let config = Config { subscriptions_max: 1, filter_levels_max: 3, ..Config::default() };
    let mut w = World::with(config);
    let id = w.joined(v5("a"));
    subscribe_all(&mut w, id, &[("a/b/c/d", QoS::AtMostOnce), ("a/b/c", QoS::AtMostOnce)]);
    subscribe_all(&mut w, id, &[("t", QoS::AtMostOnce), ("a/b/c", QoS::AtLeastOnce)]);
    w.see(id, &["suback #77 [TopicFilterInvalid, Success]", "suback #77 [QuotaExceeded, GrantedQoS1]"]);
}

#[test]
fn subscription_identifiers_outlive_the_connection() {
    let mut w = World::new();
    let id = w.joined(lasting("a"));
    w.subscribe_with(id, "t", SubscribeOptions::with_qos(QoS::AtMostOnce), Some(9));
    w.hang_up(id);
    let id = w.joined(lasting("a"));
    let list = [Property::ContentType("c")];
    w.publish(id, mqtt_proto::Publish { properties: Properties::new(&list), ..message("t", "x") });
    w.see(id, &["publish t \"x\" SubscriptionIdentifier(9) ContentType(\"c\")"]);
}
