//! What a second connection says and goes by: its CONNECT is the first one again, its terms are those of its own CONNACK
//! and of no other, and a DISCONNECT says what was asked for.

use mqtt_proto::{Property, PropertyOwner, QoS, SubscribeOptions, Version::V5_0};
use mqtt_session::{
    Command, Config, Credentials, Disconnect, OfflineCause, Publish, SessionRefusal, UserProperties,
    UserPropertyOf, Will,
};

use crate::harness::{BOTH, Talk, clean, message, persistent, secs};

/// Everything that a CONNECT can say.
fn with_all(config: Config) -> Config {
    let mut will = Will::new("gone", "bye").qos(QoS::ExactlyOnce).retain(true);
    let mut user_properties = UserProperties::default();
    let is_5 = config.version == V5_0;
    if is_5 {
        let delay = Property::WillDelayInterval(9);
        will.properties.push(PropertyOwner::Will, delay).expect("legal in a will");
        user_properties.add(UserPropertyOf::Connect, "site", "north");
    }
    let credentials = Credentials { user_name: Some("u".into()), password: Some(b"secret".to_vec()) };
    let config = config.will(Some(will)).credentials(Some(credentials)).keep_alive_secs(7);
    if is_5 {
        config
            .user_properties(user_properties)
            .packet_size_max(5000)
            .topic_alias_maximum(3)
            .asks_response_information(true)
    } else {
        config
    }
}

/// [5.0 MQTT-3.1.2-7] [3.1.1 MQTT-3.1.2-8]
#[test]
fn each_connect_says_what_the_first_one_said_however_the_connection_before_it_ended() {
    type End = fn(&mut Talk);
    let ends: [End; 4] = [
        |talk| talk.cut(),
        |talk| talk.closed(OfflineCause::DialTimedOut),
        |talk| {
            // Nothing answers the ping.
            talk.wait(secs(7));
            talk.sends(["PINGREQ"]);
            talk.wait(secs(30));
        },
        |talk| talk.server_sends(&[0x00, 0x00]),
    ];
    for version in BOTH {
        for config in [clean(version), persistent(version)] {
            let mut talk = Talk::new(with_all(config));
            talk.connect();
            talk.opened();
            let first = talk.take_sent();
            assert!(first[0].contains(" will gone qos2 retain \"bye\""), "{first:?}");
            assert!(first[0].ends_with(" user u password secret"), "{first:?}");
            talk.server_says("CONNACK");
            for end in ends {
                end(&mut talk);
                talk.take_sent();
                talk.wait_for_dial();
                talk.opened();
                assert_eq!(talk.take_sent(), first);
                talk.server_says("CONNACK");
            }
        }
    }
}

#[test]
fn each_connect_after_a_refused_one_says_what_the_first_one_said() {
    for version in BOTH {
        let mut talk = Talk::new(with_all(persistent(version)));
        talk.connect();
        talk.opened();
        let first = talk.take_sent();
        talk.server_says("CONNACK");
        talk.cut();
        for _attempt in 0..3 {
            talk.wait_for_dial();
            talk.opened();
            assert_eq!(talk.take_sent(), first);
            talk.server_says("CONNACK 0x88");
        }
    }
}

/// A persistent session whose first CONNACK set a term, and whose second does not.
fn again(config: Config, connack: &str) -> Talk {
    let mut talk = Talk::online_with(config, &format!("CONNACK {connack}"));
    let plain = Talk::online_with(talk.session().config().clone(), "CONNACK");
    assert_ne!(talk.session().negotiated(), plain.session().negotiated(), "{connack} is a term");
    talk.cut_and_reconnect("CONNACK present");
    assert_eq!(talk.session().negotiated(), plain.session().negotiated(), "{connack}");
    talk
}

/// [5.0 MQTT-3.2.2-11]
#[test]
fn a_maximum_qos_holds_for_one_connection() {
    let mut talk = Talk::online_with(persistent(V5_0), "CONNACK qos_max=0");
    let refused = talk.try_publish(message("a", QoS::AtLeastOnce, "x"));
    assert_eq!(refused, Err(SessionRefusal::QoSNotSupported { qos_max: QoS::AtMostOnce }));
    for maximum in ["0", "1"] {
        let mut talk = again(persistent(V5_0), &format!("qos_max={maximum}"));
        talk.publish("a", QoS::ExactlyOnce, "x");
        talk.sends(["PUBLISH a qos2 id1 \"x\""]);
    }
}

/// [5.0 MQTT-3.2.2-14]
#[test]
fn that_nothing_is_retained_holds_for_one_connection() {
    let mut talk = again(persistent(V5_0), "retain=0");
    talk.try_publish(Publish { retain: true, ..message("a", QoS::AtMostOnce, "x") })
        .expect("it is retained again");
    talk.sends(["PUBLISH a qos0 retain \"x\""]);
}

/// [5.0 MQTT-3.2.2-15]
#[test]
fn a_maximum_packet_size_holds_for_one_connection() {
    let mut talk = again(persistent(V5_0), "packet_max=30");
    talk.publish("a", QoS::AtLeastOnce, "longer than thirty bytes, and sent");
    talk.sends(["PUBLISH a qos1 id1 \"longer than thirty bytes, and sent\""]);
}

/// [5.0 MQTT-3.3.4-7]
#[test]
fn a_receive_maximum_holds_for_one_connection() {
    let mut talk = again(persistent(V5_0), "receive_max=1");
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.publish("a", QoS::AtLeastOnce, "2");
    talk.sends(["PUBLISH a qos1 id1 \"1\"", "PUBLISH a qos1 id2 \"2\""]);
}

/// [5.0 MQTT-3.2.2-21] [5.0 MQTT-3.2.2-22]
#[test]
fn a_keep_alive_of_the_server_holds_for_one_connection() {
    let mut talk = again(persistent(V5_0), "keep_alive=5");
    talk.wait(secs(29));
    talk.sends_nothing();
    talk.wait(secs(31));
    talk.sends(["PINGREQ"]);
}

#[test]
fn filters_that_one_server_does_not_take_are_taken_by_the_next() {
    for (term, filter) in [("wildcard=0", "a/#"), ("shared=0", "$share/g/a")] {
        let mut talk = again(persistent(V5_0), term);
        talk.subscribe(filter, QoS::AtLeastOnce);
        assert_eq!(talk.take_sent(), [format!("SUBSCRIBE id1 {filter}:1")]);
    }
}

#[test]
fn subscription_identifiers_come_back_with_a_server_that_has_them() {
    let mut talk = again(persistent(V5_0).subscription_identifiers(true), "ids=0");
    talk.subscribe("a", QoS::AtLeastOnce);
    let sent = talk.take_sent();
    assert!(sent[0].starts_with("SUBSCRIBE id1 a:1 SubscriptionIdentifier("), "{sent:?}");
}

/// [5.0 MQTT-3.2.2-18]
#[test]
fn topic_aliases_are_those_of_one_connection() {
    let config = || persistent(V5_0).topic_aliases_max(5);
    let mut talk = Talk::online_with(config(), "CONNACK alias_max=5");
    talk.publish("home/1", QoS::AtMostOnce, "x");
    talk.sends(["PUBLISH home/1 qos0 TopicAlias(1) \"x\""]);
    let mut talk = again(config(), "alias_max=5");
    talk.publish("home/1", QoS::AtMostOnce, "x");
    talk.sends(["PUBLISH home/1 qos0 \"x\""]);
}

#[test]
fn what_topics_for_responses_begin_with_is_not_kept_from_the_last_connection() {
    again(persistent(V5_0).asks_response_information(true), "response_base=reply/");
}

fn disconnects(config: Config, disconnect: Disconnect) -> Vec<String> {
    let mut talk = Talk::online_with(config, "CONNACK");
    // What an earlier connection was told to say is not said again.
    talk.cut_and_reconnect("CONNACK");
    talk.submit(Command::Disconnect(disconnect)).expect("disconnect is accepted");
    talk.take_sent()
}

/// [5.0 MQTT-3.14.2-1] [5.0 MQTT-3.1.2-10]
#[test]
fn a_disconnect_says_whether_the_will_is_published_and_how_long_the_session_stays() {
    let plain = Disconnect::within(secs(1));
    let [mut with_will, mut expires, mut both] = [plain; 3];
    with_will.with_will = true;
    expires.session_expiry_secs = Some(0);
    (both.with_will, both.session_expiry_secs) = (true, Some(77));
    for version in BOTH {
        assert_eq!(disconnects(with_all(persistent(version)), plain), ["DISCONNECT"]);
    }
    let config = || with_all(persistent(V5_0));
    assert_eq!(disconnects(config(), with_will), ["DISCONNECT 0x04"]);
    assert_eq!(disconnects(config(), expires), ["DISCONNECT SessionExpiryInterval(0)"]);
    assert_eq!(disconnects(config(), both), ["DISCONNECT 0x04 SessionExpiryInterval(77)"]);
}

/// The session is gone with its connection, so the next program of that name begins anew.
#[test]
fn messages_do_not_outlive_a_session_that_the_disconnect_ends() {
    let ends = |secs_of_session| {
        let mut talk = Talk::online(V5_0);
        talk.publish("a", QoS::AtLeastOnce, "x");
        talk.take_sent();
        let mut disconnect = Disconnect::within(secs(1));
        disconnect.session_expiry_secs = secs_of_session;
        talk.submit(Command::Disconnect(disconnect)).expect("disconnect is accepted");
        talk.wait(secs(1));
        talk.take_sent();
        talk.cut();
        talk.connect();
        talk.accept("CONNACK present");
        talk.take_sent()
    };
    assert_eq!(ends(None), ["PUBLISH a qos1 id1 dup \"x\""]);
    assert_eq!(ends(Some(60)), ["PUBLISH a qos1 id1 dup \"x\""]);
    assert_eq!(ends(Some(0)), [""; 0]);
}

#[test]
fn a_subscription_is_asked_for_with_the_same_options_on_the_next_connection() {
    let mut talk = Talk::online(V5_0);
    let plain = SubscribeOptions::with_qos(QoS::ExactlyOnce);
    let options = SubscribeOptions { no_local: true, retain_as_published: true, ..plain };
    talk.try_subscribe("a", options).expect("the subscription is accepted");
    let first = talk.take_bytes();
    talk.server_says("SUBACK id1 0x02");
    talk.take_events();
    talk.cut_and_reconnect("CONNACK");
    let second = talk.take_bytes();
    assert_eq!((&second[..2], &second[4..]), (&first[..2], &first[4..]), "all but the packet identifier");
}
