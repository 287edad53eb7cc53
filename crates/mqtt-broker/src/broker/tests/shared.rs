//! Shared subscriptions: who takes a message, and what becomes of it.

use mqtt_proto::{Ack, Packet, QoS, ReasonCode, SubscribeOptions};

use super::harness::{World, lasting, message, pid, qos1, qos2, retained, v3, v5};
use crate::config::Config;

#[test]
fn members_take_turns() {
    let mut w = World::new();
    let members = ["a", "b", "c"].map(|name| w.joined(v5(name)));
    for id in members {
        w.subscribe(id, "$share/group/t/#", QoS::AtMostOnce);
    }
    let alone = w.joined(v5("alone"));
    w.subscribe(alone, "$share/other/t/#", QoS::AtMostOnce);
    for payload in ["1", "2", "3", "4"] {
        w.publish(alone, message("t/x", payload));
    }
    w.see(members[0], &["publish t/x \"1\"", "publish t/x \"4\""]);
    w.see(members[1], &["publish t/x \"2\""]);
    w.see(members[2], &["publish t/x \"3\""]);
    assert_eq!(w.take(alone).len(), 4);
}

#[test]
fn turns_go_on_when_members_leave() {
    let mut w = World::new();
    let members = ["a", "b", "c"].map(|name| w.joined(v5(name)));
    for id in members {
        w.subscribe(id, "$share/group/t", QoS::AtMostOnce);
    }
    w.publish(members[0], message("t", "1"));
    w.see(members[0], &["publish t \"1\""]);
    w.hang_up(members[0]);
    w.publish(members[1], message("t", "2"));
    w.see(members[1], &["publish t \"2\""]);
    w.unsubscribe(members[2], &["$share/group/t"]);
    w.take(members[2]);
    w.publish(members[1], message("t", "3"));
    w.see(members[1], &["publish t \"3\""]);
}

/// [5.0 MQTT-4.8.2-3]
#[test]
fn each_member_has_its_granted_qos() {
    let mut w = World::new();
    let (a, b) = (w.joined(v5("a")), w.joined(v5("b")));
    w.subscribe(a, "$share/group/t", QoS::AtMostOnce);
    w.subscribe(b, "$share/group/t", QoS::ExactlyOnce);
    let publisher = w.joined(v5("p"));
    w.publish(publisher, qos2(1, "t", "x"));
    w.publish(publisher, qos2(2, "t", "y"));
    w.see(a, &["publish t \"x\""]);
    w.see(b, &["publish t \"y\" q2 #1"]);
}

/// [5.0 MQTT-4.8.2-4] [5.0 MQTT-4.8.2-5]
#[test]
fn members_with_a_connection_come_first_and_what_was_given_stays_given() {
    let mut w = World::new();
    let (a, b) = (w.joined(lasting("a")), w.joined(lasting("b")));
    w.subscribe(a, "$share/group/t", QoS::ExactlyOnce);
    w.subscribe(b, "$share/group/t", QoS::ExactlyOnce);
    let publisher = w.joined(v5("p"));
    w.publish(publisher, qos2(1, "t", "begun with a"));
    w.see(a, &["publish t \"begun with a\" q2 #1"]);
    w.hang_up(a);
    w.publish(publisher, qos2(2, "t", "1"));
    w.publish(publisher, qos2(3, "t", "2"));
    w.see(b, &["publish t \"1\" q2 #1", "publish t \"2\" q2 #2"]);
    w.hang_up(b);
    w.publish(publisher, qos2(4, "t", "waits for a"));
    let a = w.open();
    w.send(a, Packet::from(&lasting("a")));
    w.see(
        a,
        &[
            "connack Success present",
            "publish t \"begun with a\" q2 #1 dup",
            "publish t \"waits for a\" q2 #2",
        ],
    );
    // What waited for a session that ends is not given to anyone else.
    w.joined(mqtt_proto::Connect { clean_start: true, ..lasting("a") });
    w.join(lasting("p"), "connack Success");
    assert_eq!(w.broker.stats().queued, 0);
}

/// [5.0 MQTT-4.8.2-6]
#[test]
fn a_refused_message_is_not_offered_to_others() {
    let mut w = World::new();
    let (a, b) = (w.joined(v5("a")), w.joined(v5("b")));
    w.subscribe(a, "$share/group/t", QoS::ExactlyOnce);
    w.subscribe(b, "$share/group/t", QoS::ExactlyOnce);
    w.publish(b, qos2(1, "t", "x"));
    w.see(a, &["publish t \"x\" q2 #1"]);
    w.send(a, Packet::Pubrec(Ack::with_reason(pid(1), ReasonCode::UnspecifiedError)));
    w.see(a, &[]);
    w.see(b, &["pubrec #1"]);
    assert_eq!(w.broker.stats().inflight, 0);
}

/// [5.0 MQTT-3.3.4-5]
#[test]
fn a_shared_and_a_plain_subscription_bring_a_copy_each() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.subscribe_with(id, "t", SubscribeOptions::with_qos(QoS::AtMostOnce), Some(1));
    w.subscribe_with(id, "$share/group/t", SubscribeOptions::with_qos(QoS::AtMostOnce), Some(2));
    w.take(id);
    w.publish(id, message("t", "x"));
    w.see(id, &["publish t \"x\" SubscriptionIdentifier(1)", "publish t \"x\" SubscriptionIdentifier(2)"]);
}

#[test]
fn a_shared_subscription_brings_no_retained_messages() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.publish(id, retained("t", "kept"));
    w.subscribe_with(id, "$share/group/t", SubscribeOptions::with_qos(QoS::AtMostOnce), None);
    w.see(id, &["suback #1 [Success]"]);
}

#[test]
fn before_5_0_shared_subscriptions_are_there_as_configured() {
    for (shared_in_v3, answer) in [(true, "suback #1 [GrantedQoS1]"), (false, "suback #1 [UnspecifiedError]")]
    {
        let mut w = World::with(Config { shared_in_v3, ..Config::default() });
        let id = w.joined(v3("a"));
        w.subscribe_with(id, "$share/group/t", SubscribeOptions::with_qos(QoS::AtLeastOnce), None);
        w.see(id, &[answer]);
        w.publish(id, qos1(1, "t", "x"));
        assert_eq!(w.take(id).len(), if shared_in_v3 { 2 } else { 1 });
    }
}

/// Before 5.0 this is a filter like any other; it must not come back when the session ends.
#[test]
fn a_share_without_filter_is_refused_before_5_0() {
    let mut w = World::new();
    let id = w.joined(v3("a"));
    w.send_bytes(id, b"\x82\x0d\x00\x01\x00\x08$share/g\x00");
    w.see(id, &["suback #1 [UnspecifiedError]"]);
    let id = w.joined(v5("b"));
    w.send_bytes(id, b"\x82\x0e\x00\x01\x00\x00\x08$share/g\x00");
    w.see(id, &["disconnect MalformedPacket", "closed"]);
}
