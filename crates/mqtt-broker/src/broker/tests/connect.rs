//! Who is accepted, and what it is told.

use alloc::string::ToString;
use alloc::vec;

use mqtt_proto::{Auth, Connect, Packet, Properties, Property, QoS, ReasonCode, Version, Will};

use super::harness::{World, client, message, qos1, secs, v3, v5, will};
use crate::access::{Action, Rule, User};
use crate::config::Config;

/// [5.0 MQTT-3.1.4-5] [3.1.1 MQTT-3.1.4-4] [5.0 MQTT-3.2.0-1]
#[test]
fn a_client_of_each_version_is_accepted() {
    for version in [Version::V3_1, Version::V3_1_1, Version::V5_0] {
        let mut w = World::new();
        let id = w.join(client(version, "a"), "connack Success");
        assert_eq!(w.broker.client_id(id), Some("a"));
        assert_eq!(w.broker.connections().collect::<vec::Vec<_>>(), [(id, "a")]);
        assert_eq!(w.broker.connection_of("a"), Some(id));
    }
}

/// [5.0 MQTT-3.2.2-9]
#[test]
fn what_the_broker_takes_is_announced() {
    let config = Config {
        receive_max: 3,
        packet_size_max: 500,
        topic_alias_max: 2,
        qos_max: QoS::AtLeastOnce,
        retain_available: false,
        wildcard_available: false,
        identifiers_available: false,
        shared_available: false,
        server_keep_alive_secs: Some(9),
        session_expiry_secs_max: 60,
        ..Config::default()
    };
    let never = [Property::SessionExpiryInterval(u32::MAX)];
    let connect = Connect { properties: Properties::new(&never), ..v5("a") };
    let all = "connack Success SessionExpiryInterval(60) ReceiveMaximum(3) MaximumQoS(1) RetainAvailable(0) \
        MaximumPacketSize(500) TopicAliasMaximum(2) WildcardSubscriptionAvailable(0) \
        SubscriptionIdentifierAvailable(0) SharedSubscriptionAvailable(0) ServerKeepAlive(9)";
    World::with(config).join(connect, all);
}

#[test]
fn a_connection_without_connect_is_closed_in_time() {
    let mut w = World::new();
    let id = w.open();
    assert_eq!(w.broker.poll_timeout(), Some(w.now + secs(10)));
    w.wait(secs(9));
    w.see(id, &[]);
    w.wait(secs(1));
    w.see(id, &["closed"]);
    assert_eq!(w.broker.poll_ready(), Some(id));
    assert_eq!(w.broker.poll_ready(), None);
    w.hang_up(id);
    assert_eq!(w.broker.stats().connections, 0);
}

/// [5.0 MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1]
#[test]
fn another_first_packet_than_connect_closes() {
    let mut w = World::new();
    let id = w.open();
    w.send(id, Packet::Pingreq);
    w.see(id, &["closed"]);
}

/// [5.0 MQTT-3.1.0-2] [3.1.1 MQTT-3.1.0-2] [5.0 MQTT-3.2.0-2]
#[test]
fn a_second_connect_is_an_error() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.send(id, Packet::from(&v5("a")));
    w.see(id, &["disconnect ProtocolError", "closed"]);
    let id = w.joined(v3("a"));
    w.send(id, Packet::from(&v3("a")));
    w.see(id, &["closed"]);
}

/// [5.0 MQTT-3.1.2-2] [3.1.1 MQTT-3.1.2-2]
#[test]
fn an_unknown_level_is_refused_in_the_nearest_form() {
    let connect = |level| [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', level, 2, 0, 0, 0, 1, b'a'];
    let cases: [(u8, &[u8]); 4] =
        [(6, &[0x20, 3, 0, 0x84, 0]), (3, &[0x20, 2, 0, 1]), (0x84, &[0x20, 2, 0, 1]), (0, &[0x20, 2, 0, 1])];
    for (level, answer) in cases {
        let mut w = World::new();
        let id = w.open();
        w.send_bytes(id, &connect(level));
        let sent = w.take_bytes(id);
        // A reason string may stand behind the code.
        assert_eq!(sent[0], answer[0], "level {level}");
        assert_eq!(sent[2..4], answer[2..4], "level {level}");
        assert_eq!(sent[1] == 2, answer[1] == 2, "level {level}");
        assert!(w.broker.is_closing(id));
    }
}

/// [5.0 MQTT-3.1.2-1] [3.1.1 MQTT-3.1.2-1]
#[test]
fn another_protocol_is_closed_without_an_answer() {
    let mut w = World::new();
    let id = w.open();
    w.send_bytes(id, b"\x10\x0d\x00\x04HTTP\x05\x02\x00\x00\x00\x01a");
    w.see(id, &["closed"]);
}

/// [5.0 MQTT-3.1.4-1] [3.1.1 MQTT-3.1.4-1]
#[test]
fn a_malformed_connect_is_told_in_5_0_only() {
    let mut w = World::new();
    let id = w.open();
    w.send_bytes(id, b"\x10\x0e\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x01a");
    w.see(id, &["connack MalformedPacket", "closed"]);
    let id = w.open();
    w.send_bytes(id, b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x00\x00\x01a");
    w.see(id, &["closed"]);
}

/// [5.0 MQTT-3.1.3-6] [5.0 MQTT-3.1.3-7] [5.0 MQTT-3.2.2-16] [3.1.1 MQTT-3.1.3-6]
#[test]
fn an_empty_client_id_is_replaced() {
    let mut w = World::new();
    let first = w.open();
    w.send(first, Packet::from(&v5("")));
    let id = w.broker.client_id(first).expect("it was accepted").to_string();
    assert!(id.len() <= 23 && id.chars().all(char::is_alphanumeric), "{id}");
    w.see(first, &[&alloc::format!("connack Success AssignedClientIdentifier({id:?})")]);
    let second = w.join(v3(""), "connack Success");
    assert_ne!(w.broker.client_id(second), Some(&*id));
}

/// [3.1.1 MQTT-3.1.3-8] [3.1.1 MQTT-3.1.3-9] [5.0 MQTT-3.1.3-8] [5.0 MQTT-3.1.3-5] [3.1.1 MQTT-3.1.3-5]
#[test]
fn client_ids_have_the_rules_of_their_version() {
    let long = "x".repeat(1025);
    let refused = [
        Connect { clean_start: false, ..v3("") },
        client(Version::V3_1, ""),
        client(Version::V3_1, "123456789012345678901234"),
        v5(&long),
    ];
    for connect in refused {
        let mut w = World::new();
        let id = w.open();
        w.send(id, Packet::from(&connect));
        w.see(id, &["connack ClientIdentifierNotValid", "closed"]);
    }
    World::new().join(client(Version::V3_1, "12345678901234567890123"), "connack Success");
}

/// [5.0 MQTT-4.12.0-1] [5.0 MQTT-4.12.0-6] [5.0 MQTT-4.12.0-4]
#[test]
fn authentication_methods_are_refused() {
    let mut w = World::new();
    let id = w.open();
    let method = [Property::AuthenticationMethod("SCRAM")];
    w.send(id, Packet::from(&Connect { properties: Properties::new(&method), ..v5("a") }));
    w.see(id, &["connack BadAuthenticationMethod", "closed"]);
    let id = w.joined(v5("a"));
    let reason = ReasonCode::ReAuthenticate;
    w.send(id, Packet::Auth(Auth { reason, properties: Properties::new(&method) }));
    w.see(id, &["disconnect ProtocolError", "closed"]);
}

/// [5.0 MQTT-3.1.4-2] [5.0 MQTT-3.2.2-7] [3.1.1 MQTT-3.2.2-5]
#[test]
fn users_and_passwords_are_checked() {
    let users = vec![User { name: "ada".to_string(), password: b"secret".to_vec() }];
    let config = Config { users, ..Config::default() };
    let with = |connect, user_name, password| Connect { user_name, password, ..connect };
    for connect in [v3("a"), v5("a")] {
        let mut w = World::with(config.clone());
        w.join(with(connect, Some("ada"), Some(b"secret")), "connack Success");
        let cases: [(_, Option<&[u8]>, _); 3] = [
            (Some("ada"), Some(b"wrong"), "connack BadUserNameOrPassword"),
            (Some("eve"), None, "connack BadUserNameOrPassword"),
            (None, None, "connack NotAuthorized"),
        ];
        for (user_name, password, answer) in cases {
            let id = w.open();
            w.send(id, Packet::from(&with(connect, user_name, password)));
            w.see(id, &[answer, "closed"]);
        }
    }
    World::with(Config { allows_anonymous: true, ..config }).join(v5("a"), "connack Success");
}

/// [5.0 MQTT-3.2.2-12] [5.0 MQTT-3.2.2-13] [3.1.1 MQTT-3.2.2-6]
#[test]
fn wills_that_are_not_possible_are_refused() {
    let rules = vec![Rule::deny(Action::Write, "denied/#").expect("a valid filter")];
    let config = Config { qos_max: QoS::AtMostOnce, retain_available: false, rules, ..Config::default() };
    let cases = [
        (Will { qos: QoS::AtLeastOnce, ..will("w", "x") }, "connack QoSNotSupported"),
        (Will { retain: true, ..will("w", "x") }, "connack RetainNotSupported"),
        (will("denied/w", "x"), "connack NotAuthorized"),
        (will("$SYS/w", "x"), "connack NotAuthorized"),
    ];
    for (will, answer) in cases {
        let mut w = World::with(config.clone());
        let id = w.open();
        w.send(id, Packet::from(&Connect { will: Some(will), ..v5("a") }));
        w.see(id, &[answer, "closed"]);
    }
    let mut w = World::with(config);
    let id = w.open();
    let will = Will { retain: true, ..will("w", "x") };
    w.send(id, Packet::from(&Connect { will: Some(will), ..v3("a") }));
    w.see(id, &["closed"]);
}

/// [5.0 MQTT-3.1.4-6] [3.1.1 MQTT-3.1.4-5]
#[test]
fn nothing_is_read_behind_a_refused_connect() {
    let mut w = World::new();
    let id = w.open();
    let mut wire = vec::Vec::new();
    for packet in [Packet::from(&client(Version::V3_1, "")), Packet::Publish(qos1(1, "a", "x"))] {
        packet.encode(Version::V3_1, &mut wire).expect("it can be encoded");
    }
    let mut input = bytes::BytesMut::from(&wire[..]);
    w.broker.handle_input(w.now, id, &mut input);
    assert!(input.is_empty());
    assert_eq!(w.broker.stats().messages_in, 0);
}

/// [5.0 MQTT-3.1.2-28]
#[test]
fn response_information_is_for_those_who_ask() {
    let config = Config { response_information: Some("answers/".to_string()), ..Config::default() };
    for (asked, answer) in [(0, "connack Success"), (1, "connack Success ResponseInformation(\"answers/\")")]
    {
        let mut w = World::with(config.clone());
        let list = [Property::RequestResponseInformation(asked)];
        w.join(Connect { properties: Properties::new(&list), ..v5("a") }, answer);
    }
}

/// [5.0 MQTT-3.1.2-28] [5.0 MQTT-3.2.2-20]
#[test]
fn nobody_gets_response_information() {
    for asked in [0, 1] {
        let list = [Property::RequestResponseInformation(asked)];
        World::new().join(Connect { properties: Properties::new(&list), ..v5("a") }, "connack Success");
    }
}

/// [5.0 MQTT-3.1.2-22] [3.1.1 MQTT-3.1.2-24]
#[test]
fn silence_beyond_the_keep_alive_closes() {
    for (connect, end) in [(v5("a"), "disconnect KeepAliveTimeout"), (v3("a"), "")] {
        let mut w = World::new();
        let id = w.joined(Connect { keep_alive_secs: 10, ..connect });
        w.wait(secs(14));
        w.send(id, Packet::Pingreq);
        w.see(id, &["pingresp"]);
        w.wait(secs(14));
        w.see(id, &[]);
        w.wait(secs(1));
        let expected: &[&str] = if end.is_empty() { &["closed"] } else { &[end, "closed"] };
        w.see(id, expected);
    }
}

/// [5.0 MQTT-3.2.2-22]
#[test]
fn the_servers_keep_alive_wins_in_5_0() {
    let config = Config { server_keep_alive_secs: Some(2), ..Config::default() };
    let mut w = World::with(config);
    let five = w.joined(Connect { keep_alive_secs: 100, ..v5("a") });
    let three = w.joined(Connect { keep_alive_secs: 100, ..v3("b") });
    w.wait(secs(3));
    w.see(five, &["disconnect KeepAliveTimeout", "closed"]);
    w.see(three, &[]);
}

/// [5.0 MQTT-3.12.4-1] [3.1.1 MQTT-3.12.4-1]
#[test]
fn pings_are_answered() {
    let mut w = World::new();
    let id = w.joined(v3("a"));
    w.send(id, Packet::Pingreq);
    w.see(id, &["pingresp"]);
}

/// [5.0 MQTT-3.1.2-29]
#[test]
fn reason_strings_come_where_they_are_wanted() {
    let quiet = [Property::RequestProblemInformation(0)];
    for (properties, is_told) in [(Properties::EMPTY, true), (Properties::new(&quiet), false)] {
        let mut w = World::new();
        let id = w.joined(Connect { properties, ..v5("a") });
        w.publish(id, qos1(1, "$SYS/x", "x"));
        assert_eq!(w.take_reasons(id)[0].is_some(), is_told);
        w.publish(id, message("a", "x"));
        w.send(id, Packet::from(&v5("a")));
        assert!(w.take_reasons(id)[0].is_some(), "DISCONNECT always says why");
    }
}

/// [5.0 MQTT-3.2.2-19] [5.0 MQTT-3.1.2-24]
#[test]
fn reason_strings_are_left_out_where_they_do_not_fit() {
    let mut w = World::new();
    let id = w.open();
    let small = [Property::MaximumPacketSize(5), Property::AuthenticationMethod("x")];
    w.send(id, Packet::from(&Connect { properties: Properties::new(&small), ..v5("a") }));
    assert_eq!(w.take_bytes(id), [0x20, 3, 0, 0x8c, 0]);
}

/// [5.0 MQTT-3.1.2-24] [5.0 MQTT-3.2.0-1] [5.0 MQTT-3.14.0-1]
#[test]
fn a_client_that_cannot_take_connack_is_closed_without_a_packet() {
    let mut w = World::new();
    let id = w.open();
    let tiny = [Property::MaximumPacketSize(4)];
    w.send(id, Packet::from(&Connect { properties: Properties::new(&tiny), ..v5("a") }));
    w.see(id, &["closed"]);
    assert_eq!(w.broker.stats().sessions, 0);
}

#[test]
fn one_connection_or_session_too_many_is_refused() {
    let mut w = World::with(Config { connections_max: 1, ..Config::default() });
    w.joined(v5("a"));
    let second = w.open();
    w.see(second, &["closed"]);
    let mut w = World::with(Config { sessions_max: 1, ..Config::default() });
    w.joined(v5("a"));
    for (connect, answer) in [(v5("b"), "connack QuotaExceeded"), (v3("b"), "connack ServerUnavailable")] {
        let id = w.open();
        w.send(id, Packet::from(&connect));
        w.see(id, &[answer, "closed"]);
    }
    w.joined(v5("a"));
}

#[test]
fn an_administrator_ends_a_connection() {
    let mut w = World::new();
    let (five, three) = (w.joined(v5("a")), w.joined(v3("b")));
    let watcher = w.joined(v5("c"));
    w.broker.disconnect(w.now, five, ReasonCode::AdministrativeAction);
    w.broker.disconnect(w.now, three, ReasonCode::AdministrativeAction);
    w.broker.disconnect(w.now, watcher, ReasonCode::GrantedQoS1);
    w.see(five, &["disconnect AdministrativeAction", "closed"]);
    w.see(three, &["closed"]);
    w.see(watcher, &["disconnect UnspecifiedError", "closed"]);
}
