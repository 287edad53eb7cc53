//! Topic aliases: set for the server where that saves bytes, and taken from it.

use mqtt_proto::{Property, QoS, Version::V5_0};

use crate::harness::{Talk, message, payload, persistent};

fn talking(connack: &str) -> Talk {
    Talk::online_with(persistent(V5_0).topic_aliases_max(2), connack)
}

/// [5.0 MQTT-3.2.2-17] [5.0 MQTT-3.3.2-9]
#[test]
fn topics_get_aliases_as_far_as_server_and_application_allow() {
    let mut talk = talking("CONNACK alias_max=9");
    for topic in ["home/1", "home/1", "home/2", "home/3", "home/2", "home/1"] {
        talk.publish(topic, QoS::AtMostOnce, "x");
    }
    talk.sends([
        "PUBLISH home/1 qos0 TopicAlias(1) \"x\"",
        "PUBLISH  qos0 TopicAlias(1) \"x\"",
        "PUBLISH home/2 qos0 TopicAlias(2) \"x\"",
        "PUBLISH home/3 qos0 TopicAlias(1) \"x\"",
        "PUBLISH  qos0 TopicAlias(2) \"x\"",
        "PUBLISH home/1 qos0 TopicAlias(1) \"x\"",
    ]);
    let mut talk = talking("CONNACK alias_max=1");
    for topic in ["home/1", "home/2", "home/2"] {
        talk.publish(topic, QoS::AtLeastOnce, "x");
    }
    talk.sends([
        "PUBLISH home/1 qos1 id1 TopicAlias(1) \"x\"",
        "PUBLISH home/2 qos1 id2 TopicAlias(1) \"x\"",
        "PUBLISH  qos1 id3 TopicAlias(1) \"x\"",
    ]);
}

/// [5.0 MQTT-3.2.2-18]
#[test]
fn a_server_that_takes_none_gets_none() {
    let mut talk = talking("CONNACK");
    talk.publish("home/1", QoS::AtMostOnce, "x");
    talk.publish("home/1", QoS::AtMostOnce, "x");
    talk.sends(["PUBLISH home/1 qos0 \"x\"", "PUBLISH home/1 qos0 \"x\""]);
}

/// [5.0 MQTT-3.3.2-7]
#[test]
fn repetitions_name_their_topic_and_a_new_connection_starts_afresh() {
    let mut talk = talking("CONNACK alias_max=9");
    talk.publish("home/1", QoS::AtLeastOnce, "1");
    talk.publish("home/1", QoS::ExactlyOnce, "2");
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK present alias_max=9");
    talk.publish("home/1", QoS::AtLeastOnce, "3");
    talk.publish("home/1", QoS::AtLeastOnce, "4");
    talk.sends([
        "PUBLISH home/1 qos1 id1 dup \"1\"",
        "PUBLISH home/1 qos2 id2 dup \"2\"",
        "PUBLISH home/1 qos1 id3 TopicAlias(1) \"3\"",
        "PUBLISH  qos1 id4 TopicAlias(1) \"4\"",
    ]);
    talk.cut_and_reconnect("CONNACK present");
    talk.publish("home/1", QoS::AtMostOnce, "5");
    assert_eq!(talk.take_sent().last().map(String::as_str), Some("PUBLISH home/1 qos0 \"5\""));
}

/// What is not sent sets no alias: the packet with the name would be too large, so it goes without.
#[test]
fn an_alias_never_makes_a_packet_too_large() {
    let mut talk = talking("CONNACK alias_max=9 packet_max=20");
    // 18 bytes: the alias would make it 21.
    talk.publish("home/door", QoS::AtMostOnce, "12345");
    talk.publish("home/door", QoS::AtMostOnce, "1");
    talk.publish("home/door", QoS::AtMostOnce, "123456");
    talk.sends([
        "PUBLISH home/door qos0 \"12345\"",
        "PUBLISH home/door qos0 TopicAlias(1) \"1\"",
        "PUBLISH  qos0 TopicAlias(1) \"123456\"",
    ]);
}

#[test]
fn properties_expiry_and_large_payloads_go_with_an_alias() {
    let mut talk = talking("CONNACK alias_max=9");
    let properties = [Property::ContentType("text"), Property::MessageExpiryInterval(60)];
    let properties = mqtt_proto::Properties::new(&properties);
    for _message in 0..2 {
        let publish = message("home/1", QoS::AtLeastOnce, "");
        talk.try_publish(mqtt_session::Publish { payload: payload(100_000), properties, ..publish })
            .expect("it is accepted");
    }
    talk.wait(crate::harness::secs(0));
    talk.sends([
        "PUBLISH home/1 qos1 id1 TopicAlias(1) MessageExpiryInterval(60) ContentType(\"text\") 100000 bytes",
        "PUBLISH  qos1 id2 TopicAlias(1) MessageExpiryInterval(60) ContentType(\"text\") 100000 bytes",
    ]);
}

fn taking() -> Talk {
    let mut talk = Talk::new(persistent(V5_0).topic_alias_maximum(3));
    talk.connect();
    talk.opened();
    let connect = talk.take_sent();
    assert!(connect[0].contains("TopicAliasMaximum(3)"), "{connect:?}");
    talk.server_says("CONNACK");
    talk.take_events();
    talk
}

/// [5.0 MQTT-3.3.2-10]
#[test]
fn aliases_of_the_server_stand_for_the_topics_it_said() {
    let mut talk = taking();
    talk.server_says("PUBLISH home/1 alias=1 \"1\"");
    talk.server_says("PUBLISH home/3 alias=3 \"2\"");
    talk.server_says("PUBLISH ~ alias=1 \"3\"");
    talk.server_says("PUBLISH ~ qos1 id1 alias=3 \"4\"");
    talk.server_says("PUBLISH home/2 alias=1 \"5\"");
    talk.server_says("PUBLISH ~ alias=1 \"6\"");
    let topics: Vec<String> = talk
        .take_events()
        .iter()
        .map(|event| event.split(' ').nth(1).map(str::to_owned))
        .map(Option::unwrap_or_default)
        .collect();
    assert_eq!(topics, ["home/1", "home/3", "home/1", "home/3", "home/2", "home/2"]);
}

/// [5.0 MQTT-3.3.2-7]
#[test]
fn an_alias_that_stands_for_nothing_is_a_fault() {
    for packet in ["PUBLISH ~ alias=2 \"x\"", "PUBLISH home/1 alias=4 \"x\""] {
        let mut talk = taking();
        talk.server_says(packet);
        talk.sends(["DISCONNECT 0x94"]);
    }
    let mut talk = taking();
    talk.server_says("PUBLISH home/1 alias=1 \"1\"");
    talk.cut();
    talk.reconnect("CONNACK present");
    talk.server_says("PUBLISH ~ alias=1 \"2\"");
    talk.sends(["DISCONNECT 0x94"]);
}
