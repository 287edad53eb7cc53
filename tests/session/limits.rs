//! Commands that are refused at once, and messages that a later CONNACK rules out.

use mqtt_proto::{
    EncodeError, Properties, Property, PropertyId, QoS, SubscribeOptions,
    Version::{V3_1_1, V5_0},
};
use mqtt_session::{Command, Disconnect, Publish, SessionRefusal};

use crate::harness::{BOTH, Talk, message, payload, persistent, secs};

#[test]
fn a_full_queue_refuses_and_nothing_has_changed() {
    for version in BOTH {
        let mut talk = Talk::new(persistent(version).queue_messages_max(2));
        talk.connect();
        talk.publish("a", QoS::AtMostOnce, "1");
        talk.publish("a", QoS::AtMostOnce, "2");
        let refused = talk.try_publish(message("a", QoS::AtMostOnce, "3"));
        assert_eq!(refused, Err(SessionRefusal::QueueFull { messages_max: 2 }));
        talk.no_events();
        talk.accept("CONNACK");
        talk.sends(["PUBLISH a qos0 \"1\"", "PUBLISH a qos0 \"2\""]);
        assert_eq!(talk.publish("a", QoS::AtMostOnce, "4"), 4, "a refused command uses no ticket");
    }
}

#[test]
fn a_queue_full_of_bytes_refuses_until_some_are_sent() {
    for version in BOTH {
        let mut talk = Talk::new(persistent(version).queue_bytes_max(10_000));
        talk.connect();
        let long = || Publish { payload: payload(6_000), ..message("a", QoS::AtMostOnce, "") };
        talk.try_publish(long()).expect("there is room");
        assert_eq!(talk.try_publish(long()), Err(SessionRefusal::QueueBytesFull { bytes_max: 10_000 }));
        talk.accept("CONNACK");
        talk.sends(["PUBLISH a qos0 6000 bytes"]);
        talk.try_publish(long()).expect("there is room again");
    }
}

#[test]
fn properties_count_among_the_bytes_of_the_queue() {
    let mut talk = Talk::new(persistent(V5_0).queue_bytes_max(10_000));
    talk.connect();
    let value = "v".repeat(9_990);
    let properties = [Property::UserProperty("k", &value)];
    let publish = Publish { properties: Properties::new(&properties), ..message("a", QoS::AtMostOnce, "") };
    assert_eq!(talk.try_publish(publish), Err(SessionRefusal::QueueBytesFull { bytes_max: 10_000 }));
}

#[test]
fn messages_are_refused_while_no_connection_is_wanted() {
    for version in BOTH {
        let mut talk = Talk::new(persistent(version));
        let refused = talk.try_publish(message("a", QoS::AtMostOnce, "x"));
        assert_eq!(refused, Err(SessionRefusal::Disconnected));
        assert_eq!(
            talk.submit(Command::Disconnect(Disconnect::within(secs(1)))),
            Err(SessionRefusal::Disconnected)
        );
        assert_eq!(talk.connect(), 1);
    }
}

/// [5.0 MQTT-3.2.2-15]
#[test]
fn a_packet_over_the_servers_limit_is_refused_before_admission() {
    let mut talk = Talk::online_with(persistent(V5_0), "CONNACK packet_max=20");
    // 2 of fixed header, 3 of topic, 2 of identifier, 1 of properties.
    let exact = Publish { payload: payload(12), ..message("a", QoS::AtLeastOnce, "") };
    talk.try_publish(exact).expect("it fits exactly");
    let over = Publish { payload: payload(13), ..message("a", QoS::AtLeastOnce, "") };
    assert_eq!(talk.try_publish(over), Err(SessionRefusal::PacketTooLarge { size: 21, size_max: 20 }));
    assert_eq!(talk.session().queued_messages(), 1);
    assert_eq!(talk.take_bytes().len(), 20);
}

/// [5.0 MQTT-3.2.2-11] [5.0 MQTT-3.2.2-14]
#[test]
fn what_the_server_does_not_take_is_refused_before_admission() {
    let mut talk = Talk::online_with(persistent(V5_0), "CONNACK qos_max=1 retain=0");
    let refused = talk.try_publish(message("a", QoS::ExactlyOnce, "x"));
    assert_eq!(refused, Err(SessionRefusal::QoSNotSupported { qos_max: QoS::AtLeastOnce }));
    let retained = Publish { retain: true, ..message("a", QoS::AtMostOnce, "x") };
    assert_eq!(talk.try_publish(retained), Err(SessionRefusal::RetainNotSupported));
    talk.publish("a", QoS::AtLeastOnce, "x");
    talk.sends(["PUBLISH a qos1 id1 \"x\""]);
}

/// [5.0 MQTT-3.2.2-11] [5.0 MQTT-3.2.2-14] [5.0 MQTT-3.2.2-15]
#[test]
fn what_the_server_turns_out_not_to_take_is_rejected_before_it_is_sent() {
    let mut talk = Talk::new(persistent(V5_0));
    talk.connect();
    talk.publish("a", QoS::ExactlyOnce, "x");
    talk.try_publish(Publish { retain: true, ..message("a", QoS::AtMostOnce, "x") }).expect("accepted");
    talk.publish("a", QoS::AtMostOnce, "longer than the server takes");
    talk.publish("a", QoS::AtMostOnce, "short");
    talk.accept("CONNACK qos_max=1 retain=0 packet_max=20");
    talk.sends(["PUBLISH a qos0 \"short\""]);
    talk.events([
        "online",
        "ended 1 done 0x00",
        "ended 2 rejected BySession(QoSNotSupported { qos_max: AtLeastOnce })",
        "ended 3 rejected BySession(RetainNotSupported)",
        "ended 4 rejected BySession(PacketTooLarge { size: 34, size_max: 20 })",
        "ended 5 done 0x00",
    ]);
}

/// [5.0 MQTT-3.2.2-15]
#[test]
fn a_subscription_over_the_servers_limit_is_rejected_and_one_that_fits_exactly_is_sent() {
    let mut talk = Talk::online_with(persistent(V5_0), "CONNACK packet_max=20");
    talk.subscribe("123456789012", QoS::AtLeastOnce);
    talk.subscribe("1234567890123", QoS::AtLeastOnce);
    talk.unsubscribe("1234567890123");
    talk.unsubscribe("12345678901234");
    assert_eq!(talk.take_bytes().len(), 40);
    talk.events([
        "ended 3 rejected Superseded",
        "ended 5 rejected BySession(PacketTooLarge { size: 21, size_max: 20 })",
    ]);
    talk.subscribe("1234567890123", QoS::AtLeastOnce);
    talk.sends_nothing();
    talk.events(["ended 6 rejected BySession(PacketTooLarge { size: 21, size_max: 20 })"]);
    assert_eq!(talk.pending_subscriptions(), 1);
}

#[test]
fn filters_that_the_server_does_not_take_are_rejected_and_the_rest_is_sent() {
    let mut talk = Talk::online_with(persistent(V5_0), "CONNACK wildcard=0 shared=0");
    talk.subscribe("a", QoS::AtMostOnce);
    talk.subscribe("b/#", QoS::AtMostOnce);
    talk.subscribe("$share/g/c", QoS::AtMostOnce);
    talk.subscribe("d", QoS::AtMostOnce);
    talk.sends(["SUBSCRIBE id1 a:0", "SUBSCRIBE id2 d:0"]);
    talk.events([
        "ended 3 rejected BySession(WildcardNotSupported)",
        "ended 4 rejected BySession(SharedNotSupported)",
    ]);
    assert_eq!(talk.pending_subscriptions(), 2);
}

#[test]
fn too_many_filters_are_refused_but_known_ones_may_be_asked_for_again() {
    for version in BOTH {
        let mut talk = Talk::new(persistent(version).subscriptions_max(1));
        talk.subscribe("a", QoS::AtMostOnce);
        let refused = talk.try_subscribe("b", SubscribeOptions::default());
        assert_eq!(refused, Err(SessionRefusal::TooManySubscriptions { subscriptions_max: 1 }));
        talk.subscribe("a", QoS::AtLeastOnce);
        talk.unsubscribe("a");
        talk.subscribe("b", QoS::AtMostOnce);
    }
}

#[test]
fn what_the_version_cannot_say_is_refused() {
    let mut talk = Talk::online(V3_1_1);
    let properties = [Property::ContentType("t")];
    let publish = Publish { properties: Properties::new(&properties), ..message("a", QoS::AtMostOnce, "") };
    assert!(matches!(talk.try_publish(publish), Err(SessionRefusal::Encode(EncodeError::NeedsVersion5(_)))));
    let options = SubscribeOptions { no_local: true, ..SubscribeOptions::default() };
    let refused = talk.try_subscribe("a", options);
    assert_eq!(refused, Err(SessionRefusal::Encode(EncodeError::SubscribeOptions)));
    talk.sends_nothing();
    talk.no_events();
}

/// [5.0 MQTT-3.2.2-17] [5.0 MQTT-3.2.2-18] [5.0 MQTT-3.3.2-9]
#[test]
fn properties_that_are_not_the_applications_to_set_are_refused() {
    for connack in ["CONNACK", "CONNACK alias_max=10"] {
        let mut talk = Talk::online_with(persistent(V5_0), connack);
        for property in [Property::TopicAlias(3), Property::SubscriptionIdentifier(1)] {
            let properties = [property];
            let properties = Properties::new(&properties);
            let refused = talk.try_publish(Publish { properties, ..message("a", QoS::AtMostOnce, "") });
            let expected_id = property.id();
            assert!(
                matches!(refused, Err(SessionRefusal::Encode(EncodeError::PropertyNotAllowed { id, .. })) if id == expected_id),
                "{refused:?}"
            );
        }
        talk.sends_nothing();
        assert_eq!(Property::TopicAlias(3).id(), PropertyId::TopicAlias);
    }
}
