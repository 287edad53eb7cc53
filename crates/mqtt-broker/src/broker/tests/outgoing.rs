//! Messages to clients: the window, repetitions, expiry, sizes, aliases, order.

use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use bytes::BytesMut;
use mqtt_parts::TransmitBuf;
use mqtt_proto::{
    Ack, Connect, Packet, Properties, Property, Publish, QoS, ReasonCode, SubscribeOptions, Version,
};

use super::harness::{World, lasting, lasting_v3, message, pid, qos1, qos2, retained, secs, v3, v5};
use crate::access::{Action, Rule};
use crate::config::Config;
use crate::ids::ConnectionId;

/// A world with a subscriber to everything and a publisher.
fn pair(subscriber: Connect<'_>) -> (World, ConnectionId, ConnectionId) {
    let mut w = World::new();
    let id = w.joined(subscriber);
    w.subscribe(id, "#", QoS::ExactlyOnce);
    let publisher = w.joined(v5("publisher"));
    (w, id, publisher)
}

/// [5.0 MQTT-3.8.4-8] [3.1.1 MQTT-3.8.4-6]
#[test]
fn a_message_goes_out_with_the_lower_of_both_qos() {
    for granted in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut w = World::new();
        let id = w.joined(v5("a"));
        w.subscribe(id, "#", granted);
        let publisher = w.joined(v5("p"));
        w.publish(publisher, message("t", "x"));
        w.publish(publisher, qos1(1, "t", "x"));
        w.publish(publisher, qos2(2, "t", "x"));
        let expected: [&str; 3] = match granted {
            QoS::AtMostOnce => ["publish t \"x\""; 3],
            QoS::AtLeastOnce => ["publish t \"x\"", "publish t \"x\" q1 #1", "publish t \"x\" q1 #2"],
            QoS::ExactlyOnce => ["publish t \"x\"", "publish t \"x\" q1 #1", "publish t \"x\" q2 #2"],
        };
        w.see(id, &expected);
    }
}

/// [5.0 MQTT-4.3.3-4] [3.1.1 MQTT-4.3.3-1]
#[test]
fn a_qos_2_message_is_released_and_completed() {
    for subscriber in [v5("a"), v3("a")] {
        let (mut w, id, publisher) = pair(subscriber);
        w.publish(publisher, qos2(9, "t", "x"));
        w.see(id, &["publish t \"x\" q2 #1"]);
        w.pubrec(id, 1);
        w.see(id, &["pubrel #1"]);
        w.pubrec(id, 1);
        w.see(id, &["pubrel #1"]);
        assert_eq!(w.broker.stats().inflight, 1);
        w.pubcomp(id, 1);
        w.see(id, &[]);
        assert_eq!(w.broker.stats().inflight, 0);
        assert_eq!(w.broker.stats().queued_bytes, 0);
    }
}

/// [5.0 MQTT-4.8.2-6] [5.0 MQTT-4.4.0-2]
#[test]
fn an_error_ends_the_exchange() {
    let (mut w, id, publisher) = pair(lasting("a"));
    w.publish(publisher, qos1(1, "t", "1"));
    w.publish(publisher, qos2(2, "t", "2"));
    w.see(id, &["publish t \"1\" q1 #1", "publish t \"2\" q2 #2"]);
    w.send(id, Packet::Puback(Ack::with_reason(pid(1), ReasonCode::UnspecifiedError)));
    w.send(id, Packet::Pubrec(Ack::with_reason(pid(2), ReasonCode::UnspecifiedError)));
    w.see(id, &[]);
    assert_eq!(w.broker.stats().inflight, 0);
    w.hang_up(id);
    w.join(lasting("a"), "connack Success present");
}

#[test]
fn an_acknowledgement_of_another_step_is_an_error() {
    let wrong = [
        Packet::Pubcomp(Ack::success(pid(1))),
        Packet::Pubrec(Ack::success(pid(1))),
        Packet::Puback(Ack::success(pid(2))),
        Packet::Pubcomp(Ack::success(pid(2))),
    ];
    for packet in wrong {
        let (mut w, id, publisher) = pair(v5("a"));
        w.publish(publisher, qos1(1, "t", "1"));
        w.publish(publisher, qos2(2, "t", "2"));
        w.take(id);
        w.send(id, packet);
        w.see(id, &["disconnect ProtocolError", "closed"]);
    }
}

/// [5.0 MQTT-3.3.4-9] [5.0 MQTT-3.3.4-10]
#[test]
fn the_clients_receive_maximum_is_kept() {
    let two = [Property::ReceiveMaximum(2)];
    let (mut w, id, publisher) = pair(Connect { properties: Properties::new(&two), ..v5("a") });
    for number in 1..=5 {
        w.publish(publisher, qos2(number, "t", &format!("{number}")));
    }
    w.see(id, &["publish t \"1\" q2 #1", "publish t \"2\" q2 #2"]);
    w.pubrec(id, 1);
    w.send(id, Packet::Pingreq);
    w.see(id, &["pubrel #1", "pingresp"]);
    w.pubcomp(id, 1);
    w.see(id, &["publish t \"3\" q2 #3"]);
    w.send(id, Packet::Pubrec(Ack::with_reason(pid(2), ReasonCode::UnspecifiedError)));
    w.see(id, &["publish t \"4\" q2 #4"]);
    assert_eq!(w.broker.stats().queued, 1);
}

#[test]
fn our_own_window_is_kept_for_all_versions() {
    for subscriber in [v5("a"), v3("a")] {
        let mut w = World::with(Config { inflight_max: 1, ..Config::default() });
        let id = w.joined(subscriber);
        w.subscribe(id, "#", QoS::AtLeastOnce);
        let publisher = w.joined(v5("p"));
        w.publish(publisher, qos1(1, "t", "1"));
        w.publish(publisher, message("t", "a"));
        w.publish(publisher, qos1(2, "t", "2"));
        w.publish(publisher, message("t", "b"));
        w.see(id, &["publish t \"1\" q1 #1", "publish t \"a\""]);
        w.puback(id, 1);
        w.see(id, &["publish t \"2\" q1 #2", "publish t \"b\""]);
    }
}

/// [5.0 MQTT-4.4.0-1] [5.0 MQTT-3.3.1-3] [3.1.1 MQTT-4.4.0-1] [3.1.1 MQTT-3.3.1-3] [5.0 MQTT-4.3.3-6]
#[test]
fn a_new_connection_gets_again_what_was_not_acknowledged() {
    for subscriber in [lasting("a"), lasting_v3("a")] {
        let (mut w, id, publisher) = pair(subscriber);
        for number in 1..=3 {
            w.publish(publisher, qos2(number, "t", &format!("{number}")));
        }
        w.publish(publisher, qos1(4, "t", "4"));
        w.publish(publisher, qos1(5, "t", "5"));
        assert_eq!(w.take(id).len(), 5);
        w.pubrec(id, 3);
        w.pubrec(id, 1);
        w.puback(id, 4);
        w.hang_up(id);
        w.publish(publisher, qos1(6, "t", "6"));
        let id = w.open();
        w.send(id, Packet::from(&subscriber));
        w.see(
            id,
            &[
                "connack Success present",
                "pubrel #3",
                "pubrel #1",
                "publish t \"2\" q2 #2 dup",
                "publish t \"5\" q1 #5 dup",
                "publish t \"6\" q1 #6",
            ],
        );
        for packet_id in [3, 1] {
            w.pubcomp(id, packet_id);
        }
        w.puback(id, 5);
        w.puback(id, 6);
        w.pubrec(id, 2);
        w.pubcomp(id, 2);
        assert_eq!(w.broker.stats().inflight, 0);
        assert_eq!(w.broker.stats().queued_bytes, 0);
    }
}

/// [5.0 MQTT-3.3.4-9]
#[test]
fn repetitions_keep_to_the_window_of_the_new_connection() {
    let (mut w, id, publisher) = pair(lasting("a"));
    for number in 1..=4 {
        w.publish(publisher, qos1(number, "t", &format!("{number}")));
    }
    assert_eq!(w.take(id).len(), 4);
    w.hang_up(id);
    let one = [Property::SessionExpiryInterval(3600), Property::ReceiveMaximum(1)];
    let id = w.open();
    w.send(id, Packet::from(&Connect { properties: Properties::new(&one), ..lasting("a") }));
    w.see(id, &["connack Success present", "publish t \"1\" q1 #1 dup"]);
    for number in 2..=4 {
        w.puback(id, number - 1);
        w.see(id, &[&format!("publish t \"{number}\" q1 #{number} dup")]);
    }
}

#[test]
fn nothing_is_repeated_on_the_same_connection() {
    let (mut w, id, publisher) = pair(v5("a"));
    w.publish(publisher, qos1(1, "t", "x"));
    w.see(id, &["publish t \"x\" q1 #1"]);
    w.wait(secs(100_000));
    w.see(id, &[]);
}

/// [5.0 MQTT-3.3.1-3] [3.1.1 MQTT-3.3.1-3]
#[test]
fn dup_is_not_passed_on() {
    let (mut w, id, publisher) = pair(v5("a"));
    w.publish(publisher, Publish { dup: true, ..qos1(1, "t", "x") });
    w.see(id, &["publish t \"x\" q1 #1"]);
}

/// [5.0 MQTT-3.3.2-6] [5.0 MQTT-3.3.2-5]
#[test]
fn waiting_uses_up_the_expiry_interval() {
    let (mut w, id, publisher) = pair(lasting("a"));
    w.hang_up(id);
    let (short, long) = ([Property::MessageExpiryInterval(10)], [Property::MessageExpiryInterval(100)]);
    w.publish(publisher, Publish { properties: Properties::new(&short), ..qos1(1, "t", "short") });
    w.publish(publisher, Publish { properties: Properties::new(&long), ..qos1(2, "t", "long") });
    w.wait(secs(10));
    let id = w.open();
    w.send(id, Packet::from(&lasting("a")));
    w.see(id, &["connack Success present", "publish t \"long\" q1 #1 MessageExpiryInterval(90)"]);
    assert_eq!(w.broker.stats().dropped_expired, 1);
}

/// [5.0 MQTT-4.3.3-7] [5.0 MQTT-4.3.3-13]
#[test]
fn a_delivery_that_has_begun_does_not_expire() {
    let (mut w, id, publisher) = pair(lasting("a"));
    let short = [Property::MessageExpiryInterval(10)];
    w.publish(publisher, Publish { properties: Properties::new(&short), ..qos2(1, "t", "x") });
    w.see(id, &["publish t \"x\" q2 #1 MessageExpiryInterval(10)"]);
    w.hang_up(id);
    w.wait(secs(20));
    let id = w.open();
    w.send(id, Packet::from(&lasting("a")));
    w.see(id, &["connack Success present", "publish t \"x\" q2 #1 dup MessageExpiryInterval(0)"]);
}

/// [5.0 MQTT-3.3.2-4] [5.0 MQTT-3.3.2-15] [5.0 MQTT-3.3.2-16] [5.0 MQTT-3.3.2-17] [5.0 MQTT-3.3.2-18]
/// [5.0 MQTT-3.3.2-20]
#[test]
fn properties_of_the_message_are_passed_on() {
    let (mut w, id, publisher) = pair(v5("a"));
    let three = w.joined(v3("three"));
    w.subscribe(three, "t", QoS::AtMostOnce);
    let list = [
        Property::UserProperty("b", "1"),
        Property::PayloadFormatIndicator(1),
        Property::TopicAlias(3),
        Property::ContentType("text"),
        Property::UserProperty("a", "2"),
        Property::ResponseTopic("answer"),
        Property::CorrelationData(b"7"),
    ];
    w.publish(publisher, Publish { properties: Properties::new(&list), ..message("t", "x") });
    w.see(
        id,
        &["publish t \"x\" UserProperty(\"b\", \"1\") PayloadFormatIndicator(1) ContentType(\"text\") \
           UserProperty(\"a\", \"2\") ResponseTopic(\"answer\") CorrelationData([55])"],
    );
    w.see(three, &["publish t \"x\""]);
}

/// [5.0 MQTT-3.1.2-24] [5.0 MQTT-3.1.2-25]
#[test]
fn a_message_too_large_for_the_client_counts_as_delivered() {
    let size = [Property::MaximumPacketSize(30), Property::SessionExpiryInterval(3600)];
    let (mut w, id, publisher) = pair(Connect { properties: Properties::new(&size), ..lasting("a") });
    for publish in
        [message, |topic, payload| qos1(1, topic, payload), |topic, payload| qos2(2, topic, payload)]
            as [fn(&'static str, &'static str) -> Publish<'static>; 3]
    {
        w.publish(publisher, publish("t", "a payload that is far too long"));
    }
    w.publish(publisher, qos1(3, "t", "fits"));
    w.see(id, &["publish t \"fits\" q1 #3"]);
    assert_eq!(w.broker.stats().dropped_too_large, 3);
    assert_eq!((w.broker.stats().inflight, w.broker.stats().queued), (1, 0));
}

/// [5.0 MQTT-3.1.2-25]
#[test]
fn a_repetition_too_large_for_the_new_connection_counts_as_delivered() {
    let (mut w, id, publisher) = pair(lasting("a"));
    w.publish(publisher, qos1(1, "t", "a payload that is far too long for it"));
    assert_eq!(w.take(id).len(), 1);
    w.hang_up(id);
    let size = [Property::MaximumPacketSize(30), Property::SessionExpiryInterval(3600)];
    w.join(Connect { properties: Properties::new(&size), ..lasting("a") }, "connack Success present");
    assert_eq!(w.broker.stats().inflight, 0);
}

/// [5.0 MQTT-3.1.2-26] [5.0 MQTT-3.1.2-27] [5.0 MQTT-3.3.2-11]
#[test]
fn topic_aliases_are_used_as_far_as_the_client_takes_them() {
    let one = [Property::TopicAliasMaximum(1)];
    let (mut w, id, publisher) = pair(Connect { properties: Properties::new(&one), ..v5("a") });
    for topic in ["first", "first", "second", "second", "t"] {
        w.publish(publisher, message(topic, "x"));
    }
    w.see(
        id,
        &[
            "publish first \"x\" TopicAlias(1)",
            "publish  \"x\" TopicAlias(1)",
            "publish second \"x\" TopicAlias(1)",
            "publish  \"x\" TopicAlias(1)",
            "publish t \"x\"",
        ],
    );
    let mut w = World::with(Config { topic_alias_assigned_max: 0, ..Config::default() });
    let id = w.joined(Connect { properties: Properties::new(&one), ..v5("a") });
    w.subscribe(id, "#", QoS::AtMostOnce);
    w.publish(id, message("first", "x"));
    w.see(id, &["publish first \"x\""]);
}

/// [5.0 MQTT-3.1.2-24]
#[test]
fn an_alias_is_only_told_with_a_message_that_is_sent() {
    // Room for the name with a payload of seven bytes, or for both with four.
    let limits = [Property::TopicAliasMaximum(9), Property::MaximumPacketSize(20)];
    let (mut w, id, publisher) = pair(Connect { properties: Properties::new(&limits), ..v5("a") });
    for payload in ["1234567", "12345678", "1234", "123456789012", "1234567890123"] {
        w.publish(publisher, message("12345678", payload));
    }
    w.see(
        id,
        &[
            "publish 12345678 \"1234567\"",
            "publish 12345678 \"1234\" TopicAlias(1)",
            "publish  \"123456789012\" TopicAlias(1)",
        ],
    );
    assert_eq!(w.broker.stats().dropped_too_large, 2);
}

/// [5.0 MQTT-4.6.0-5] [5.0 MQTT-4.6.0-6] [3.1.1 MQTT-4.6.0-5] [3.1.1 MQTT-4.6.0-6]
#[test]
fn messages_of_a_topic_keep_their_order() {
    let two = [Property::ReceiveMaximum(2)];
    let (mut w, id, publisher) = pair(Connect { properties: Properties::new(&two), ..v5("a") });
    for number in 0..30u16 {
        let payload = format!("{number}");
        w.publish(
            publisher,
            match number % 3 {
                0 => message("t", &payload),
                1 => qos1(number, "t", &payload),
                _ => qos2(number, "t", &payload),
            },
        );
    }
    let mut seen: Vec<String> = vec![];
    loop {
        let lines = w.take(id);
        if lines.is_empty() {
            break;
        }
        for line in lines {
            let mut words = line.split(' ');
            let (kind, packet_id) = (words.next(), line.split('#').nth(1).map(str::parse::<u16>));
            match (kind, packet_id) {
                (Some("pubrel"), Some(Ok(packet_id))) => w.pubcomp(id, packet_id),
                (_, Some(Ok(packet_id))) if line.contains("q1") => w.puback(id, packet_id),
                (_, Some(Ok(packet_id))) => w.pubrec(id, packet_id),
                _ => {}
            }
            seen.extend(line.split('"').nth(1).map(String::from));
        }
    }
    assert_eq!(seen, (0..30).map(|number| format!("{number}")).collect::<Vec<_>>());
}

#[test]
fn what_a_reader_may_not_see_is_left_out() {
    let rules = vec![Rule::deny(Action::Read, "secret/#").expect("a valid filter")];
    let mut w = World::with(Config { rules, ..Config::default() });
    let id = w.joined(v5("a"));
    w.publish(id, retained("secret/kept", "x"));
    w.subscribe_with(id, "#", SubscribeOptions::with_qos(QoS::AtMostOnce), None);
    w.publish(id, message("secret/new", "x"));
    w.publish(id, message("open", "x"));
    w.see(id, &["suback #1 [Success]", "publish open \"x\""]);
}

/// What comes out in one call has a bound, and the rest is announced.
#[test]
fn a_call_of_poll_transmit_gives_about_64_kib() {
    let (mut w, id, publisher) = pair(v3("a"));
    let payload = "x".repeat(30_000);
    for _ in 0..4 {
        w.publish(publisher, message("t", &payload));
    }
    while w.broker.poll_ready().is_some() {}
    let mut out = TransmitBuf::new();
    assert!(w.broker.poll_transmit(w.now, id, &mut out));
    assert!((65_536..100_000).contains(&out.len()), "{}", out.len());
    assert_eq!(w.broker.poll_ready(), Some(id));
    assert!(w.broker.poll_transmit(w.now, id, &mut out));
    assert!(!w.broker.poll_transmit(w.now, id, &mut out));
}

#[test]
fn a_large_payload_is_never_copied() {
    let mut w = World::new();
    let subscribers: Vec<_> = ["a", "b"].map(|id| w.joined(v5(id))).into();
    for id in &subscribers {
        w.subscribe(*id, "#", QoS::AtMostOnce);
    }
    let payload = "x".repeat(10_000);
    let mut wire = Vec::new();
    message("t", &payload).encode(Version::V5_0, &mut wire).expect("it can be encoded");
    let mut input = BytesMut::from(&wire[..]);
    let read = input.as_ptr_range();
    w.broker.handle_input(w.now, subscribers[0], &mut input);
    for id in subscribers {
        let mut out = TransmitBuf::new();
        w.broker.poll_transmit(w.now, id, &mut out);
        let large = out.chunks().find(|chunk| chunk.len() == 10_000).expect("its own chunk");
        assert!(read.contains(&large.as_ptr()));
    }
}

#[test]
fn a_connection_is_ready_once_and_only_with_something_to_do() {
    let one = [Property::ReceiveMaximum(1)];
    let (mut w, id, publisher) = pair(Connect { properties: Properties::new(&one), ..v5("a") });
    while w.broker.poll_ready().is_some() {}
    w.publish(publisher, qos1(1, "t", "1"));
    w.publish(publisher, qos1(2, "t", "2"));
    assert_eq!([w.broker.poll_ready(), w.broker.poll_ready()], [Some(id), Some(publisher)]);
    assert_eq!(w.broker.poll_ready(), None);
    w.take(publisher);
    w.see(id, &["publish t \"1\" q1 #1"]);
    w.publish(publisher, qos1(3, "t", "3"));
    assert_eq!(w.broker.poll_ready(), Some(publisher));
    assert_eq!(w.broker.poll_ready(), None);
    w.puback(id, 1);
    assert_eq!(w.broker.poll_ready(), Some(id));
    w.see(id, &["publish t \"2\" q1 #2"]);
    w.hang_up(publisher);
    assert_eq!(w.broker.poll_ready(), None);
}
