//! Every queue has a bound.

use alloc::format;

use mqtt_proto::{Connect, Packet, Properties, Property, Publish, QoS, SubscribeOptions};

use super::harness::{World, lasting, message, qos1, secs, v3, v5};
use crate::config::Config;

#[test]
fn a_full_queue_drops_the_newest_and_counts_it() {
    let mut w = World::with(Config { queue_messages_max: 2, ..Config::default() });
    let id = w.joined(lasting("a"));
    w.subscribe(id, "#", QoS::AtLeastOnce);
    w.hang_up(id);
    let publisher = w.joined(v5("p"));
    for number in 1..=4 {
        w.publish(publisher, qos1(number, "t", &format!("{number}")));
    }
    assert_eq!((w.broker.stats().queued, w.broker.stats().dropped_queue_full), (2, 2));
    let id = w.open();
    w.send(id, Packet::Connect(lasting("a")));
    w.see(id, &["connack Success present", "publish t \"1\" q1 #1", "publish t \"2\" q1 #2"]);
}

#[test]
fn a_queue_is_bounded_by_bytes_with_those_in_flight() {
    let mut w = World::with(Config { queue_bytes_max: 10, ..Config::default() });
    let id = w.joined(v5("a"));
    w.subscribe(id, "#", QoS::AtLeastOnce);
    let publisher = w.joined(v5("p"));
    w.publish(publisher, qos1(1, "t", "1234"));
    w.see(id, &["publish t \"1234\" q1 #1"]);
    w.publish(publisher, qos1(2, "t", "12345"));
    w.publish(publisher, qos1(3, "t", "1234"));
    w.see(id, &["publish t \"1234\" q1 #2"]);
    assert_eq!((w.broker.stats().queued_bytes, w.broker.stats().dropped_queue_full), (10, 1));
    w.puback(id, 1);
    w.puback(id, 2);
    assert_eq!(w.broker.stats().queued_bytes, 0);
}

#[test]
fn expired_messages_make_room_in_a_queue() {
    let mut w = World::with(Config { queue_messages_max: 1, ..Config::default() });
    let id = w.joined(lasting("a"));
    w.subscribe(id, "#", QoS::AtLeastOnce);
    w.hang_up(id);
    let publisher = w.joined(v5("p"));
    let one = [Property::MessageExpiryInterval(1)];
    w.publish(publisher, Publish { properties: Properties::new(&one), ..qos1(1, "t", "old") });
    w.wait(secs(1));
    w.publish(publisher, qos1(2, "t", "new"));
    let id = w.open();
    w.send(id, Packet::Connect(lasting("a")));
    w.see(id, &["connack Success present", "publish t \"new\" q1 #1"]);
}

#[test]
fn an_online_queue_is_bounded_too() {
    let mut w = World::with(Config { queue_messages_max: 2, ..Config::default() });
    let id = w.joined(v3("a"));
    w.subscribe(id, "#", QoS::AtMostOnce);
    for _ in 0..5 {
        w.publish(id, message("t", "x"));
    }
    assert_eq!(w.take(id).len(), 2);
    assert_eq!(w.broker.stats().dropped_queue_full, 3);
}

#[test]
fn a_client_that_reads_no_answers_is_disconnected() {
    let mut w = World::with(Config { control_packets_max: 3, ..Config::default() });
    let id = w.joined(v5("a"));
    for _ in 0..4 {
        w.send(id, Packet::Pingreq);
    }
    w.see(id, &["pingresp", "pingresp", "pingresp", "disconnect QuotaExceeded", "closed"]);
}

#[test]
fn an_answer_that_the_client_cannot_take_ends_the_connection() {
    let mut w = World::new();
    let size = [Property::MaximumPacketSize(19)];
    let id = w.joined(Connect { properties: Properties::new(&size), ..v5("a") });
    let codes = [mqtt_proto::TopicFilter::new("t").expect("a valid filter"); 20];
    let filters = mqtt_proto::TopicFilters::new(&codes);
    let unsubscribe =
        mqtt_proto::Unsubscribe { packet_id: super::harness::pid(1), properties: Properties::EMPTY, filters };
    w.send(id, Packet::Unsubscribe(unsubscribe));
    w.see(id, &["disconnect PacketTooLarge", "closed"]);
}

/// A driver may keep the broker behind a lock and use it from any thread.
#[test]
fn a_broker_can_be_sent_to_another_thread() {
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&World::new().broker);
}

/// SUBACK and UNSUBACK have no properties that might not fit, whatever they refuse.
///
/// [5.0 MQTT-3.9.2-1] [5.0 MQTT-3.9.2-2] [5.0 MQTT-3.11.2-1] [5.0 MQTT-3.11.2-2]
#[test]
fn answers_to_requests_are_only_their_codes() {
    let mut w = World::with(Config { subscriptions_max: 0, ..Config::default() });
    let limit = [Property::MaximumPacketSize(64)];
    let id = w.joined(Connect { properties: Properties::new(&limit), ..v5("a") });
    w.subscribe_with(id, "a", SubscribeOptions::with_qos(QoS::AtMostOnce), None);
    assert_eq!(w.take_bytes(id), [0x90, 4, 0, 1, 0, 0x97]);
    w.unsubscribe(id, &["a"]);
    assert_eq!(w.take_bytes(id), [0xb0, 4, 0, 2, 0, 0x11]);
}
