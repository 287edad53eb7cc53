//! CONNECT: the first packet of every connection, and what it says.

use mqtt_proto::{
    Property, PropertyBuf, PropertyOwner, QoS,
    Version::{V3_1, V3_1_1, V5_0},
};
use mqtt_session::{Command, Config, Credentials, SessionRefusal, UserProperties, UserPropertyOf, Will};

use crate::harness::{BOTH, Talk, clean, persistent, secs};

fn first_connect(config: Config) -> String {
    let mut talk = Talk::new(config);
    talk.connect();
    talk.opened();
    talk.take_sent().remove(0)
}

/// [5.0 MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1]
#[test]
fn connect_is_the_first_packet_and_nothing_follows_before_connack() {
    for version in BOTH {
        let mut talk = Talk::new(persistent(version));
        talk.connect();
        talk.publish("a", QoS::AtMostOnce, "x");
        talk.subscribe("b", QoS::AtLeastOnce);
        talk.sends_nothing();
        talk.opened();
        let sent = talk.take_sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert!(sent[0].starts_with(&format!("CONNECT {version} 'c' keep60")), "{sent:?}");
        talk.sends_nothing();
        talk.server_says("CONNACK");
        talk.sends(["SUBSCRIBE id1 b:1", "PUBLISH a qos0 \"x\""]);
    }
}

#[test]
fn connect_says_what_the_configuration_says() {
    assert_eq!(first_connect(clean(V3_1)), "CONNECT 3.1 'c' clean keep60");
    assert_eq!(first_connect(clean(V3_1_1)), "CONNECT 3.1.1 'c' clean keep60");
    assert_eq!(first_connect(persistent(V3_1_1)), "CONNECT 3.1.1 'c' keep60");
    let config = clean(V5_0).keep_alive_secs(7).packet_size_max(500);
    let expected = "CONNECT 5.0 'c' clean keep7 ReceiveMaximum(1024) MaximumPacketSize(500)";
    assert_eq!(first_connect(config), expected);
}

/// [5.0 MQTT-3.1.2-23]
#[test]
fn session_expiry_is_for_ever_for_a_kept_session_and_as_said_otherwise() {
    let expiry = |config| {
        let connect = first_connect(config);
        connect.split_once("SessionExpiryInterval").map(|(_, rest)| rest.to_owned())
    };
    assert_eq!(expiry(persistent(V5_0)), Some("(4294967295)".into()));
    assert_eq!(expiry(clean(V5_0)), None);
    assert_eq!(expiry(clean(V5_0).session_expiry_secs(Some(30))), Some("(30)".into()));
    assert_eq!(expiry(persistent(V5_0).session_expiry_secs(Some(0))), None);
}

#[test]
fn will_and_credentials_travel_in_connect() {
    let mut properties = PropertyBuf::new();
    properties.push(PropertyOwner::Will, Property::WillDelayInterval(9)).expect("legal in a will");
    for version in BOTH {
        let mut will = Will::new("gone", "bye").qos(QoS::AtLeastOnce).retain(true);
        if version == V5_0 {
            will.properties = properties.clone();
        }
        let credentials = Credentials { user_name: Some("u".into()), password: Some(b"secret".to_vec()) };
        let connect = first_connect(clean(version).will(Some(will)).credentials(Some(credentials)));
        let delay = if version == V5_0 { " WillDelayInterval(9)" } else { "" };
        let tail = format!(" will gone qos1 retain \"bye\"{delay} user u password secret");
        assert!(connect.ends_with(&tail), "{connect}");
    }
}

/// [3.1.1 MQTT-3.1.3-7]
#[test]
fn an_empty_client_id_needs_a_clean_session_before_5_0() {
    let nameless = |config: Config| Talk::new(config.client_id(String::new())).submit(Command::Connect);
    assert_eq!(nameless(persistent(V3_1_1)), Err(SessionRefusal::EmptyClientId));
    assert_eq!(nameless(clean(V3_1_1)), Ok(1));
    assert_eq!(nameless(persistent(V5_0)), Ok(1));
}

#[test]
fn a_configuration_without_encoding_is_refused_and_nothing_has_changed() {
    let password_alone = Credentials { user_name: None, password: Some(vec![1]) };
    let mut talk = Talk::new(clean(V3_1_1).credentials(Some(password_alone.clone())));
    assert!(matches!(talk.submit(Command::Connect), Err(SessionRefusal::Config(_))));
    assert!(!talk.is_dialing());
    talk.no_events();
    let mut talk = Talk::new(clean(V5_0).will(Some(Will::new("a/#", ""))));
    assert!(matches!(talk.submit(Command::Connect), Err(SessionRefusal::WillTopic(_))));
    let connect = first_connect(clean(V5_0).credentials(Some(password_alone)));
    assert!(connect.contains("password"), "5.0 allows a password alone: {connect}");
}

#[test]
fn the_server_may_choose_the_client_id_and_the_client_keeps_it() {
    let config = persistent(V5_0).client_id(String::new());
    let mut talk = Talk::online_with(config, "CONNACK client_id=chosen");
    assert_eq!(talk.session().client_id(), "chosen");
    talk.cut();
    talk.wait_for_dial();
    talk.opened();
    assert!(talk.take_sent()[0].starts_with("CONNECT 5.0 'chosen' keep60"));
}

/// [5.0 MQTT-3.1.2-4]
#[test]
fn clean_start_is_asked_for_once_if_the_session_is_to_outlive_its_connections() {
    let config = clean(V5_0).session_expiry_secs(Some(30));
    let mut talk = Talk::new(config);
    talk.connect();
    talk.opened();
    assert!(talk.take_sent()[0].starts_with("CONNECT 5.0 'c' clean"));
    talk.server_says("CONNACK");
    talk.cut();
    talk.wait_for_dial();
    talk.opened();
    assert!(talk.take_sent()[0].starts_with("CONNECT 5.0 'c' keep60"));
}

/// [5.0 MQTT-3.1.2-4] [3.1.1 MQTT-3.1.2-6] [3.1.1 MQTT-3.1.2-4]
#[test]
fn every_connect_is_clean_for_a_clean_session_and_none_for_a_kept_one() {
    for version in BOTH {
        for (config, is_clean) in [(clean(version), true), (persistent(version), false)] {
            let mut talk = Talk::online_with(config, "CONNACK");
            talk.cut();
            talk.wait_for_dial();
            talk.opened();
            assert_eq!(talk.take_sent()[0].contains(" clean "), is_clean);
        }
    }
}

#[test]
fn connect_is_refused_while_a_connection_is_wanted() {
    let mut talk = Talk::new(persistent(V5_0));
    talk.connect();
    assert_eq!(talk.submit(Command::Connect), Err(SessionRefusal::AlreadyConnected));
    talk.accept("CONNACK");
    assert_eq!(talk.submit(Command::Connect), Err(SessionRefusal::AlreadyConnected));
    talk.cut();
    assert_eq!(talk.submit(Command::Connect), Err(SessionRefusal::AlreadyConnected));
}

/// [5.0 MQTT-3.1.2-28]
#[test]
fn the_server_is_asked_for_its_topic_for_responses_only_if_that_is_wanted() {
    for asks_response_information in [false, true] {
        let mut talk = Talk::new(persistent(V5_0).asks_response_information(asks_response_information));
        talk.connect();
        talk.opened();
        let sent = talk.take_sent();
        assert_eq!(sent[0].contains("RequestResponseInformation(1)"), asks_response_information, "{sent:?}");
    }
}

/// [5.0 MQTT-3.1.2-27]
#[test]
fn user_properties_travel_with_each_packet_of_their_kind_on_every_connection() {
    let mut user_properties = UserProperties::default();
    for packet in [
        UserPropertyOf::Connect,
        UserPropertyOf::Subscribe,
        UserPropertyOf::Unsubscribe,
        UserPropertyOf::Disconnect,
    ] {
        user_properties.add(packet, "name", "one");
        user_properties.add(packet, "name", format!("{packet:?}"));
    }
    for version in BOTH {
        let mut talk = Talk::new(clean(version).user_properties(user_properties.clone()));
        talk.connect();
        for _ in 0..2 {
            talk.wait_for_dial();
            talk.opened();
            assert!(has_both(version, &talk.take_bytes(), "Connect"));
            talk.server_says("CONNACK");
            talk.take_bytes();
            talk.subscribe("b", QoS::AtLeastOnce);
            assert!(has_both(version, &talk.take_bytes(), "Subscribe"));
            talk.server_says("SUBACK id1 0x01");
            talk.unsubscribe("b");
            assert!(has_both(version, &talk.take_bytes(), "Unsubscribe"));
            talk.server_says(if version == V5_0 { "UNSUBACK id1 0x00" } else { "UNSUBACK id1" });
            talk.cut();
        }
        talk.wait_for_dial();
        talk.accept("CONNACK");
        talk.take_bytes();
        talk.disconnect(secs(1));
        assert!(has_both(version, &talk.take_bytes(), "Disconnect"));
    }
}

/// Whether a packet has both User Properties of its kind in 5.0, and none of them before.
fn has_both(version: mqtt_proto::Version, bytes: &[u8], packet: &str) -> bool {
    let has = |value: &str| {
        let pair = [&[0x26, 0, 4][..], b"name", &[0, value.len() as u8], value.as_bytes()].concat();
        bytes.windows(pair.len()).any(|window| window == pair)
    };
    let expected = version == V5_0;
    !bytes.is_empty() && has("one") == expected && has(packet) == expected
}

/// A subscription counts them against the server's limit.
#[test]
fn user_properties_count_against_the_servers_packet_size() {
    let mut user_properties = UserProperties::default();
    user_properties.add(UserPropertyOf::Subscribe, "name", "x".repeat(100));
    let config = clean(V5_0).user_properties(user_properties);
    let mut talk = Talk::online_with(config, "CONNACK packet_max=100");
    talk.subscribe("b", QoS::AtLeastOnce);
    talk.sends_nothing();
    talk.events(["ended 2 rejected BySession(PacketTooLarge { size: 121, size_max: 100 })"]);
}

#[test]
fn user_properties_without_an_encoding_are_refused_before_anything_is_sent() {
    for packet in [UserPropertyOf::Connect, UserPropertyOf::Unsubscribe, UserPropertyOf::Disconnect] {
        let mut user_properties = UserProperties::default();
        user_properties.add(packet, "na\0me", "");
        let mut talk = Talk::new(clean(V5_0).user_properties(user_properties));
        let refused = talk.submit(Command::Connect);
        assert!(matches!(refused, Err(SessionRefusal::Config(_))), "{refused:?}");
    }
}
