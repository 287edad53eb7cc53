//! Retained messages: what is kept, and who gets it.

use mqtt_proto::{Properties, Property, Publish, QoS, RetainHandling, SubscribeOptions, TopicName};

use super::harness::{World, lasting, message, qos1, retained, secs, v3, v5};
use crate::config::Config;

const ANY: SubscribeOptions = SubscribeOptions::with_qos(QoS::ExactlyOnce);

/// [5.0 MQTT-3.3.1-5] [5.0 MQTT-3.3.1-9] [3.1.1 MQTT-3.3.1-5] [3.1.1 MQTT-3.3.1-6] [3.1.1 MQTT-3.3.1-8]
/// [3.1.1 MQTT-3.1.2-7] [3.1.1 MQTT-3.3.1-7]
#[test]
fn the_last_message_of_a_topic_is_kept_for_later() {
    for connect in [v5("a"), v3("a")] {
        let mut w = World::new();
        let publisher = w.joined(v3("p"));
        w.publish(publisher, Publish { retain: true, ..qos1(1, "t", "old") });
        w.publish(publisher, retained("t", "new"));
        w.publish(publisher, Publish { retain: true, ..qos1(1, "u", "x") });
        w.hang_up(publisher);
        let id = w.joined(connect);
        w.subscribe_with(id, "#", ANY, None);
        w.see(id, &["suback #1 [GrantedQoS2]", "publish t \"new\" retain", "publish u \"x\" q1 #1 retain"]);
    }
}

/// [5.0 MQTT-3.3.1-6] [5.0 MQTT-3.3.1-7] [3.1.1 MQTT-3.3.1-10] [3.1.1 MQTT-3.3.1-11]
#[test]
fn an_empty_message_clears_and_is_passed_on() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.subscribe(id, "#", QoS::AtMostOnce);
    w.publish(id, retained("t", "x"));
    w.publish(id, retained("t", ""));
    w.see(id, &["publish t \"x\"", "publish t \"\""]);
    assert_eq!(w.broker.stats().retained, 0);
}

/// [5.0 MQTT-3.3.1-8] [3.1.1 MQTT-3.3.1-12]
#[test]
fn a_message_that_is_not_retained_changes_nothing() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.publish(id, retained("t", "x"));
    w.publish(id, message("t", "y"));
    w.publish(id, message("u", "y"));
    let topic = TopicName::new("t").expect("a valid topic");
    assert_eq!(w.broker.retained(w.now, topic).map(|payload| &payload[..]), Some(&b"x"[..]));
    assert_eq!(w.broker.stats().retained, 1);
}

/// [5.0 MQTT-3.3.1-9] [5.0 MQTT-3.3.1-10] [5.0 MQTT-3.3.1-11]
#[test]
fn retain_handling_says_when_they_come() {
    let cases = [
        (RetainHandling::OnSubscribe, [1, 1]),
        (RetainHandling::OnNewSubscription, [1, 0]),
        (RetainHandling::Never, [0, 0]),
    ];
    for (retain_handling, counts) in cases {
        let mut w = World::new();
        let id = w.joined(v5("a"));
        w.publish(id, retained("t", "x"));
        for count in counts {
            w.subscribe_with(id, "t", SubscribeOptions { retain_handling, ..ANY }, None);
            assert_eq!(w.take(id).len(), 1 + count, "{retain_handling:?}");
        }
    }
}

/// [5.0 MQTT-3.3.1-12] [5.0 MQTT-3.3.1-13] [3.1.1 MQTT-3.3.1-9]
#[test]
fn retain_is_passed_on_as_published_where_that_is_wanted() {
    let mut w = World::new();
    let (plain, exact, three) = (w.joined(v5("a")), w.joined(v5("b")), w.joined(v3("c")));
    w.subscribe(plain, "t", QoS::AtMostOnce);
    w.subscribe_with(exact, "t", SubscribeOptions { retain_as_published: true, ..ANY }, None);
    w.take(exact);
    w.subscribe(three, "t", QoS::AtMostOnce);
    w.publish(plain, retained("t", "x"));
    w.publish(plain, message("t", "y"));
    w.see(plain, &["publish t \"x\"", "publish t \"y\""]);
    w.see(exact, &["publish t \"x\" retain", "publish t \"y\""]);
    w.see(three, &["publish t \"x\"", "publish t \"y\""]);
}

/// [5.0 MQTT-3.3.2-5] [5.0 MQTT-3.3.2-6]
#[test]
fn retained_messages_expire() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    let ten = [Property::MessageExpiryInterval(10)];
    w.publish(id, Publish { properties: Properties::new(&ten), ..retained("t", "x") });
    w.wait(secs(4));
    w.subscribe_with(id, "t", ANY, None);
    w.see(id, &["suback #1 [GrantedQoS2]", "publish t \"x\" retain MessageExpiryInterval(6)"]);
    w.wait(secs(6));
    w.subscribe_with(id, "t", ANY, None);
    w.see(id, &["suback #1 [GrantedQoS2]"]);
}

#[test]
fn one_retained_message_too_many_is_refused() {
    let mut w = World::with(Config { retained_max: 1, ..Config::default() });
    let id = w.joined(v5("a"));
    w.subscribe(id, "#", QoS::AtMostOnce);
    w.publish(id, Publish { retain: true, ..qos1(1, "t", "x") });
    w.publish(id, Publish { retain: true, ..qos1(2, "u", "x") });
    w.see(id, &["puback #1", "puback #2 QuotaExceeded", "publish t \"x\""]);
}

#[test]
fn a_session_that_is_taken_up_gets_no_retained_messages_again() {
    let mut w = World::new();
    let id = w.joined(lasting("a"));
    w.publish(id, retained("t", "x"));
    w.subscribe(id, "t", QoS::AtMostOnce);
    w.hang_up(id);
    w.join(lasting("a"), "connack Success present");
}
