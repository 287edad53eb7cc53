//! Every queue has a bound.

use alloc::format;

use bytes::BytesMut;
use mqtt_parts::TransmitBuf;
use mqtt_proto::{Connect, Packet, Properties, Property, Publish, QoS, SubscribeOptions};

use super::harness::{World, lasting, message, qos1, secs, v3, v5, will};
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
    w.send(id, Packet::from(&lasting("a")));
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
    w.send(id, Packet::from(&lasting("a")));
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

/// A message counts once, whoever waits for it, with what each who waits takes.
#[test]
fn all_sessions_together_have_a_bound() {
    let mut w = World::with(Config { messages_bytes_max: 10_000, ..Config::default() });
    let ids = ["a", "b"].map(|name| {
        let id = w.joined(v5(name));
        w.subscribe(id, "#", QoS::AtMostOnce);
        id
    });
    let payload = "x".repeat(1000);
    for _ in 0..20 {
        w.publish(ids[0], message("t", &payload));
    }
    let stats = w.broker.stats();
    assert!((9000..=10_000).contains(&stats.messages_bytes), "{stats:?}");
    // Less than 1,600 bytes for both at once: what is shared counts once.
    assert!(stats.queued >= 12 && stats.dropped_total_full == 40 - stats.queued as u64, "{stats:?}");
    w.publish(ids[0], Publish { qos: QoS::AtMostOnce, ..super::harness::retained("kept", &payload) });
    assert_eq!(w.broker.stats().retained, 0, "there is no room");
    // Each has got its own, and there is room again.
    for id in ids {
        assert_eq!(w.take(id).len(), stats.queued / 2);
    }
    assert_eq!(w.broker.stats().messages_bytes, 0);
    w.publish(ids[0], qos1(1, "t", &payload));
    w.see(ids[0], &["puback #1", &format!("publish t {payload:?}")]);
}

#[test]
fn a_will_counts_and_a_client_without_room_for_it_is_refused() {
    let mut w = World::with(Config { messages_bytes_max: 2000, ..Config::default() });
    let payload = "x".repeat(1000);
    let with_will = |connect| Connect { will: Some(will("t", &payload)), ..connect };
    let id = w.joined(with_will(v5("a")));
    assert!((1000..2000).contains(&w.broker.stats().messages_bytes));
    for (connect, answer) in [(v5("b"), "connack QuotaExceeded"), (v3("b"), "connack ServerUnavailable")] {
        let other = w.open();
        w.send(other, Packet::from(&with_will(connect)));
        w.see(other, &[answer, "closed"]);
    }
    w.hang_up(id);
    assert_eq!(w.broker.stats().messages_bytes, 0);
    w.joined(with_will(v3("b")));
}

/// Its bytes are there as long as a driver has not written them.
#[test]
fn a_message_that_is_being_written_still_counts() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.subscribe(id, "#", QoS::AtMostOnce);
    w.publish(id, message("t", &"x".repeat(100_000)));
    let mut out = TransmitBuf::new();
    while w.broker.poll_transmit(w.now, id, &mut out) {}
    assert_eq!(w.broker.stats().queued_bytes, 0);
    assert!(w.broker.stats().messages_bytes > 100_000);
    out.clear();
    assert_eq!(w.broker.stats().messages_bytes, 0);
}

/// Subscription Identifiers go out with each message, and are kept for each.
#[test]
fn identifiers_count_like_other_properties() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    for (number, filter) in ["#", "t", "+"].into_iter().enumerate() {
        let options = SubscribeOptions::with_qos(QoS::AtLeastOnce);
        w.subscribe_with(id, filter, options, Some(number as u32 + 1));
    }
    w.publish(id, qos1(1, "t", "1234"));
    assert_eq!(w.broker.stats().queued_bytes, 5 + 3 * 4);
}

#[test]
fn before_connect_only_a_small_packet_is_taken() {
    let mut w = World::with(Config { connect_size_max: 200, ..Config::default() });
    let id = w.open();
    w.send_bytes(id, &[0x10, 0xc8, 0x01]);
    w.see(id, &["closed"]);
    // Afterwards the bound is the other one.
    let id = w.joined(v5("a"));
    w.subscribe(id, "#", QoS::AtMostOnce);
    let payload = "x".repeat(1000);
    w.publish(id, message("t", &payload));
    w.see(id, &[&format!("publish t {payload:?}")]);
}

/// A packet that is not whole stays with the driver, and counts.
#[test]
fn parts_of_packets_have_a_bound_over_all_connections() {
    let mut w = World::with(Config { buffers_bytes_max: 200_000, ..Config::default() });
    let ids = ["a", "b", "c", "d"].map(|name| w.joined(v5(name)));
    let mut inputs = [90_000, 60_000, 70_000, 50_000].map(|len| {
        let mut input = BytesMut::from(&[0x30, 0x80, 0x80, 0x10][..]);
        input.resize(len, 0);
        input
    });
    for (id, input) in ids.into_iter().zip(&mut inputs) {
        w.broker.handle_input(w.now, id, input);
    }
    // The third is one too many; those with little are left alone.
    w.see(ids[2], &["disconnect QuotaExceeded", "closed"]);
    assert!(inputs[2].is_empty());
    for id in [ids[0], ids[1], ids[3]] {
        w.see(id, &[]);
    }
    assert_eq!(w.broker.stats().buffers_bytes, 200_000);
    inputs[3].extend_from_slice(&[0; 10_000]);
    w.broker.handle_input(w.now, ids[3], &mut inputs[3]);
    w.see(ids[3], &[]);
    for id in ids {
        w.hang_up(id);
    }
    assert_eq!(w.broker.stats().buffers_bytes, 0);
}

/// An answer to many filters is longer than one to a ping.
#[test]
fn unread_answers_have_a_bound_over_all_connections() {
    let mut w = World::with(Config { buffers_bytes_max: 300_000, ..Config::default() });
    let id = w.joined(v5("a"));
    let filter = mqtt_proto::TopicFilter::new("t").expect("a valid filter");
    let filters = alloc::vec![filter; 50_000];
    let mut sent = 0;
    while !w.broker.is_closing(id) && sent < 100 {
        let filters = mqtt_proto::TopicFilters::new(&filters);
        let packet_id = super::harness::pid(1);
        let unsubscribe = mqtt_proto::Unsubscribe { packet_id, properties: Properties::EMPTY, filters };
        w.send(id, Packet::Unsubscribe(unsubscribe));
        sent += 1;
    }
    assert!((5..=6).contains(&sent), "{sent}");
    w.see(id, &["disconnect QuotaExceeded", "closed"]);
    assert_eq!(w.broker.stats().buffers_bytes, 0);
}

/// Whoever is being closed takes no one's place.
#[test]
fn a_connection_gives_its_place_back_when_it_begins_to_close() {
    let mut w = World::with(Config { connections_max: 1, ..Config::default() });
    let garbage = w.open();
    w.send_bytes(garbage, b"GET");
    let silent = w.open();
    assert!(w.broker.is_closing(garbage) && !w.broker.is_closing(silent));
    w.wait(secs(10));
    assert!(w.broker.is_closing(silent));
    let id = w.joined(v5("a"));
    let other = w.open();
    assert!(w.broker.is_closing(other));
    w.hang_up(other);
    w.disconnect(id, mqtt_proto::ReasonCode::Success);
    w.hang_up(garbage);
    w.joined(v5("b"));
    assert!({
        let other = w.open();
        w.broker.is_closing(other)
    });
}

/// Long filters and deep ones take more than short ones.
#[test]
fn subscriptions_of_all_sessions_have_a_bound() {
    let mut w = World::with(Config { subscriptions_bytes_max: 2000, ..Config::default() });
    let ids = [w.joined(v5("a")), w.joined(v5("b"))];
    let options = SubscribeOptions::with_qos(QoS::AtMostOnce);
    for (id, filter, code) in [
        (ids[0], "a/b/c/d/e/f/g", "Success"),
        (ids[1], "a/b/c/d/e/f/g", "Success"),
        (ids[0], "a/b", "QuotaExceeded"),
        (ids[0], "a/b/c/d/e/f/g", "Success"),
        (ids[1], "b", "Success"),
        (ids[1], "c", "QuotaExceeded"),
    ] {
        w.subscribe_with(id, filter, options, None);
        w.see(id, &[&format!("suback #1 [{code}]")]);
    }
    w.unsubscribe(ids[1], &["b"]);
    w.see(ids[1], &["unsuback #2 [Success]"]);
    w.subscribe_with(ids[1], "c", options, None);
    w.see(ids[1], &["suback #1 [Success]"]);
    ids.into_iter().for_each(|id| w.hang_up(id));
    assert_eq!(w.broker.stats().subscriptions_bytes, 0);
}

/// Topics behind aliases are kept for the connection, and by messages that came with them.
#[test]
fn aliases_count_with_messages() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    let topic = "t".repeat(5000);
    let alias = [Property::TopicAlias(1)];
    w.publish(id, Publish { properties: Properties::new(&alias), ..message(&topic, "") });
    assert!(w.broker.stats().messages_bytes >= 5000);
    w.hang_up(id);
    assert_eq!(w.broker.stats().messages_bytes, 0);
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
