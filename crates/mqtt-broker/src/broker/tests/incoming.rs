//! Messages from clients: each QoS, aliases, and what is refused.

use alloc::vec;

use mqtt_proto::{Ack, Packet, Properties, Property, Publish, QoS, ReasonCode, TopicName};

use super::harness::{World, lasting, message, pid, qos1, qos2, retained, v3, v5};
use crate::access::{Action, Rule};
use crate::config::Config;

#[test]
fn each_qos_is_acknowledged_as_it_must_be() {
    for connect in [v3("a"), v5("a")] {
        let mut w = World::new();
        let id = w.joined(connect);
        w.subscribe(id, "#", QoS::AtMostOnce);
        w.publish(id, message("t", "0"));
        w.see(id, &["publish t \"0\""]);
        w.publish(id, qos1(5, "t", "1"));
        w.see(id, &["puback #5", "publish t \"1\""]);
        w.publish(id, qos2(6, "t", "2"));
        w.see(id, &["pubrec #6", "publish t \"2\""]);
        w.pubrel(id, 6);
        w.see(id, &["pubcomp #6"]);
    }
}

#[test]
fn a_publisher_is_told_that_there_is_no_subscriber() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.publish(id, qos1(5, "t", "1"));
    w.publish(id, qos2(6, "t", "2"));
    w.see(id, &["puback #5 NoMatchingSubscribers", "pubrec #6 NoMatchingSubscribers"]);
    let id = w.joined(v3("b"));
    w.publish(id, qos1(5, "t", "1"));
    w.see(id, &["puback #5"]);
}

/// [5.0 MQTT-4.3.3-8] [5.0 MQTT-4.3.3-10] [5.0 MQTT-4.3.3-11] [5.0 MQTT-4.3.3-12] [3.1.1 MQTT-4.3.3-2]
#[test]
fn a_qos_2_message_is_published_once_until_it_is_released() {
    for connect in [v3("a"), v5("a")] {
        let mut w = World::new();
        let id = w.joined(connect);
        let watcher = w.joined(v5("watcher"));
        w.subscribe(watcher, "#", QoS::AtMostOnce);
        w.publish(id, qos2(6, "t", "x"));
        w.publish(id, Publish { dup: true, ..qos2(6, "t", "x") });
        w.see(id, &["pubrec #6", "pubrec #6"]);
        w.see(watcher, &["publish t \"x\""]);
        w.pubrel(id, 6);
        w.see(id, &["pubcomp #6"]);
        w.publish(id, qos2(6, "t", "y"));
        w.see(watcher, &["publish t \"y\""]);
    }
}

/// [5.0 MQTT-4.3.3-10]
#[test]
fn a_qos_2_message_is_published_once_across_connections() {
    let mut w = World::new();
    let watcher = w.joined(v5("watcher"));
    w.subscribe(watcher, "#", QoS::AtMostOnce);
    let id = w.joined(lasting("a"));
    w.publish(id, qos2(6, "t", "x"));
    w.hang_up(id);
    let id = w.joined(lasting("a"));
    w.publish(id, Publish { dup: true, ..qos2(6, "t", "x") });
    w.see(id, &["pubrec #6"]);
    w.hang_up(id);
    let id = w.joined(lasting("a"));
    w.pubrel(id, 6);
    w.see(id, &["pubcomp #6"]);
    w.see(watcher, &["publish t \"x\""]);
}

#[test]
fn an_unknown_pubrel_is_answered() {
    let mut w = World::new();
    let (five, three) = (w.joined(v5("a")), w.joined(v3("b")));
    w.pubrel(five, 9);
    w.see(five, &["pubcomp #9 PacketIdentifierNotFound"]);
    w.pubrel(three, 9);
    w.see(three, &["pubcomp #9"]);
}

/// [5.0 MQTT-4.3.3-9] [3.1.1 MQTT-3.3.5-2]
#[test]
fn what_a_rule_denies_is_refused_or_dropped() {
    let rules = vec![Rule::deny(Action::Write, "denied/#").expect("a valid filter")];
    let mut w = World::with(Config { rules, ..Config::default() });
    let watcher = w.joined(v5("watcher"));
    w.subscribe(watcher, "#", QoS::ExactlyOnce);
    w.subscribe(watcher, "$SYS/#", QoS::ExactlyOnce);
    let (five, three) = (w.joined(v5("a")), w.joined(v3("b")));
    for id in [five, three] {
        w.publish(id, message("denied/x", "x"));
        w.publish(id, qos1(1, "denied/x", "x"));
        w.publish(id, qos2(2, "$SYS/x", "x"));
    }
    w.see(five, &["puback #1 NotAuthorized", "pubrec #2 NotAuthorized"]);
    w.see(three, &["puback #1", "pubrec #2"]);
    w.pubrel(five, 2);
    w.pubrel(three, 2);
    w.see(five, &["pubcomp #2 PacketIdentifierNotFound"]);
    w.see(three, &["pubcomp #2"]);
    w.see(watcher, &[]);
    assert_eq!(w.broker.stats().dropped_denied, 6);
}

#[test]
fn more_than_the_receive_maximum_is_an_error() {
    let mut w = World::with(Config { receive_max: 2, ..Config::default() });
    let id = w.joined(v5("a"));
    w.publish(id, qos2(1, "t", "x"));
    w.publish(id, qos2(2, "t", "x"));
    w.take(id);
    w.publish(id, Publish { dup: true, ..qos2(2, "t", "x") });
    w.see(id, &["pubrec #2"]);
    w.pubrel(id, 1);
    w.see(id, &["pubcomp #1"]);
    w.publish(id, qos2(3, "t", "x"));
    w.take(id);
    w.publish(id, qos1(4, "t", "x"));
    w.see(id, &["disconnect ReceiveMaximumExceeded", "closed"]);
}

#[test]
fn the_receive_maximum_begins_anew_with_each_connection() {
    let mut w = World::with(Config { receive_max: 1, ..Config::default() });
    let id = w.joined(lasting("a"));
    for round in 1..5 {
        w.publish(id, qos1(round, "t", "x"));
        w.take(id);
    }
    w.publish(id, qos2(1, "t", "x"));
    w.take(id);
    w.hang_up(id);
    let id = w.joined(lasting("a"));
    w.publish(id, Publish { dup: true, ..qos2(1, "t", "x") });
    w.see(id, &["pubrec #1"]);
    w.pubrel(id, 1);
    w.see(id, &["pubcomp #1"]);
    w.publish(id, qos2(2, "t", "x"));
    w.see(id, &["pubrec #2 NoMatchingSubscribers"]);
}

fn aliased<'a>(alias: &'a [Property<'a>], publish: Publish<'a>) -> Publish<'a> {
    Publish { properties: Properties::new(alias), ..publish }
}

/// [5.0 MQTT-3.3.2-12]
#[test]
fn topic_aliases_of_clients_are_known() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.subscribe(id, "#", QoS::AtMostOnce);
    let (first, last) = ([Property::TopicAlias(1)], [Property::TopicAlias(16)]);
    let nameless = Publish { topic: TopicName::ALIASED, ..message("t", "again") };
    w.publish(id, aliased(&first, message("one", "x")));
    w.publish(id, aliased(&last, message("two", "x")));
    w.publish(id, aliased(&first, nameless));
    w.publish(id, aliased(&last, nameless));
    w.publish(id, aliased(&first, message("three", "x")));
    w.publish(id, aliased(&first, nameless));
    w.see(
        id,
        &[
            "publish one \"x\"",
            "publish two \"x\"",
            "publish one \"again\"",
            "publish two \"again\"",
            "publish three \"x\"",
            "publish three \"again\"",
        ],
    );
    w.publish(id, aliased(&[Property::TopicAlias(2)], nameless));
    w.see(id, &["disconnect ProtocolError", "closed"]);
}

#[test]
fn topic_aliases_above_the_maximum_are_an_error() {
    for topic_alias_max in [0, 16] {
        let mut w = World::with(Config { topic_alias_max, ..Config::default() });
        let id = w.joined(v5("a"));
        w.take(id);
        w.publish(id, aliased(&[Property::TopicAlias(17)], message("t", "x")));
        w.see(id, &["disconnect TopicAliasInvalid", "closed"]);
    }
}

/// [5.0 MQTT-3.3.2-12]
#[test]
fn topic_aliases_end_with_their_connection() {
    let mut w = World::new();
    let id = w.joined(lasting("a"));
    w.publish(id, aliased(&[Property::TopicAlias(1)], message("one", "x")));
    w.hang_up(id);
    let id = w.joined(lasting("a"));
    let nameless = Publish { topic: TopicName::ALIASED, ..message("t", "again") };
    w.publish(id, aliased(&[Property::TopicAlias(1)], nameless));
    w.see(id, &["disconnect ProtocolError", "closed"]);
}

#[test]
fn what_is_not_available_is_an_error() {
    let config = Config { qos_max: QoS::AtLeastOnce, retain_available: false, ..Config::default() };
    let cases = [
        (qos2(1, "t", "x"), "disconnect QoSNotSupported"),
        (retained("t", "x"), "disconnect RetainNotSupported"),
    ];
    for (publish, answer) in cases {
        let mut w = World::with(config.clone());
        let (five, three) = (w.joined(v5("a")), w.joined(v3("b")));
        w.publish(five, publish);
        w.publish(three, publish);
        w.see(five, &[answer, "closed"]);
        w.see(three, &["closed"]);
        assert_eq!(w.broker.stats().messages_in, 0);
    }
}

#[test]
fn acknowledgements_that_nobody_waits_for_are_ignored() {
    for connect in [v3("a"), v5("a")] {
        let mut w = World::new();
        let id = w.joined(connect);
        w.puback(id, 7);
        w.pubcomp(id, 7);
        w.see(id, &[]);
    }
    let mut w = World::new();
    let (five, three) = (w.joined(v5("a")), w.joined(v3("b")));
    w.pubrec(five, 7);
    w.see(five, &["pubrel #7 PacketIdentifierNotFound"]);
    w.pubrec(three, 7);
    w.see(three, &["pubrel #7"]);
    w.send(five, Packet::Pubrec(Ack::with_reason(pid(7), ReasonCode::UnspecifiedError)));
    w.see(five, &[]);
}
