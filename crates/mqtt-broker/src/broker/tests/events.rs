//! What events say about connections, and how many are kept.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use mqtt_proto::{Connect, QoS, ReasonCode, Version};

use super::harness::{World, client, secs, v3, v5};
use crate::access::{Action, Rule, User};
use crate::config::Config;
use crate::event::{End, Event};

fn recorded(config: Config) -> World {
    World::with(Config { events_max: 100, ..config })
}

/// All events that wait, one a line.
fn take(w: &mut World) -> Vec<String> {
    core::iter::from_fn(|| w.broker.poll_event()).map(render).collect()
}

fn render(event: Event) -> String {
    match event {
        Event::Accepted {
            client_id,
            user_name,
            version,
            keep_alive_secs,
            clean_start,
            session_present,
            ..
        } => {
            let user = user_name.map(|name| format!(" user {name}")).unwrap_or_default();
            let clean = if clean_start { " clean" } else { "" };
            let present = if session_present { " present" } else { "" };
            format!("{client_id} accepted {version} {keep_alive_secs} s{user}{clean}{present}")
        }
        Event::Refused { client_id, user_name, version, reason, text, .. } => {
            let client_id = client_id.unwrap_or_else(|| "?".into());
            let user = user_name.map(|name| format!(" user {name}")).unwrap_or_default();
            format!("{client_id} refused {version}{user} {reason:?}: {text}")
        }
        Event::Ended { client_id, end, .. } => {
            let client_id = client_id.map_or_else(|| "?".into(), |client_id| client_id.to_string());
            format!("{client_id} ended {end:?}")
        }
        Event::Subscribed { client_id, filter, reason, .. } => format!("{client_id} {filter} {reason:?}"),
        Event::Missed { count } => format!("{count} missed"),
    }
}

#[track_caller]
fn see(w: &mut World, expected: &[&str]) {
    assert_eq!(take(w), expected);
}

#[test]
fn nothing_is_recorded_unless_it_is_asked_for() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.subscribe(id, "a", QoS::AtMostOnce);
    w.disconnect(id, ReasonCode::Success);
    assert!(!w.broker.has_events());
    see(&mut w, &[]);
}

#[test]
fn whoever_is_accepted_is_told_with_what_counts() {
    let mut w = recorded(Config { server_keep_alive_secs: Some(9), ..Config::default() });
    let connect = Connect { user_name: Some("ada"), keep_alive_secs: 60, clean_start: false, ..v3("a") };
    let id = w.joined(connect);
    w.disconnect(id, ReasonCode::Success);
    w.joined(Connect { keep_alive_secs: 60, clean_start: true, ..v5("b") });
    w.joined(connect);
    let disconnected = "a ended Disconnected { reason: Success }";
    let first = "a accepted 3.1.1 60 s user ada";
    see(&mut w, &[first, disconnected, "b accepted 5.0 9 s clean", "a accepted 3.1.1 60 s user ada present"]);
}

#[test]
fn whoever_is_refused_is_told_once_with_the_reason() {
    let users = [User { name: "ada".into(), password: b"secret".to_vec() }].to_vec();
    let mut w = recorded(Config { users, ..Config::default() });
    for version in [Version::V3_1_1, Version::V5_0] {
        let connect = Connect { user_name: Some("eve"), password: Some(b"guess"), ..client(version, "a") };
        let id = w.open();
        w.send(id, mqtt_proto::Packet::from(&connect));
        w.take(id);
        w.hang_up(id);
    }
    // A protocol level that nobody knows.
    let id = w.open();
    w.send_bytes(id, b"\x10\x0d\0\x04MQTT\x09\x02\0\x3c\0\x01a");
    w.hang_up(id);
    let seen = take(&mut w);
    assert_eq!(seen[0], "a refused 3.1.1 user eve BadUserNameOrPassword: ");
    assert_eq!(seen[1], "a refused 5.0 user eve BadUserNameOrPassword: ");
    assert!(seen[2].starts_with("? refused 5.0 UnsupportedProtocolVersion: "), "{seen:?}");
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn every_end_is_told_once_with_its_cause() {
    let mut w = recorded(Config { connections_max: 2, ..Config::default() });
    let start = w.open();
    w.hang_up(start);
    see(&mut w, &["? ended NetworkClosed { error: None }"]);
    let slow = w.open();
    w.wait(secs(10));
    w.hang_up(slow);
    see(&mut w, &["? ended ConnectTimeout"]);
    let id = w.open();
    w.send_bytes(id, b"GET / HTTP/1.1\r\n");
    w.hang_up(id);
    see(&mut w, &["? ended Fault { reason: ProtocolError, text: \"the first packet is no CONNECT\" }"]);

    let first = w.joined(Connect { keep_alive_secs: 10, ..v5("a") });
    let second = w.joined(Connect { keep_alive_secs: 10, ..v5("a") });
    w.hang_up(first);
    assert_eq!(take(&mut w)[1], "a ended TakenOver");
    w.wait(secs(15));
    w.hang_up(second);
    see(&mut w, &["a ended KeepAliveTimeout"]);

    let (one, two) = (w.joined(v3("a")), w.joined(v5("b")));
    let third = w.open();
    w.hang_up(third);
    assert_eq!(take(&mut w)[2], "? ended TooManyConnections");
    w.broker.handle_failed(w.now, one, &"reset by peer");
    w.send_bytes(two, b"\xf0\x00");
    w.hang_up(two);
    let seen = take(&mut w);
    assert_eq!(seen[0], "a ended NetworkClosed { error: Some(\"reset by peer\") }");
    assert!(seen[1].starts_with("b ended Fault { reason: ProtocolError"), "{seen:?}");
    assert_eq!(seen.len(), 2, "{seen:?}");

    let (one, two) = (w.joined(v3("a")), w.joined(v5("b")));
    w.broker.disconnect(w.now, one, ReasonCode::ServerMoved);
    w.send(
        two,
        mqtt_proto::Packet::Disconnect(mqtt_proto::Disconnect::with_reason(
            ReasonCode::DisconnectWithWillMessage,
        )),
    );
    take_ends(
        &mut w,
        &[
            "a ended ServerDisconnected { reason: ServerMoved }",
            "b ended Disconnected { reason: DisconnectWithWillMessage }",
        ],
    );
    w.hang_up(one);
    w.hang_up(two);
    w.joined(v3("a"));
    w.broker.restart(true);
    take_ends(&mut w, &["a ended ShutDown"]);
}

#[track_caller]
fn take_ends(w: &mut World, expected: &[&str]) {
    let mut seen = take(w);
    seen.retain(|line| line.contains(" ended "));
    assert_eq!(seen, expected);
}

#[test]
fn subscriptions_are_told_with_what_is_granted() {
    let rules = [Rule::deny(Action::Read, "secret/#").expect("a valid filter")].to_vec();
    let mut w = recorded(Config { rules, qos_max: QoS::AtLeastOnce, ..Config::default() });
    let id = w.joined(v5("a"));
    take(&mut w);
    w.subscribe(id, "open/#", QoS::ExactlyOnce);
    w.subscribe(id, "secret/+", QoS::AtMostOnce);
    see(&mut w, &["a open/# GrantedQoS1", "a secret/+ NotAuthorized"]);
}

#[test]
fn an_address_that_the_host_knows_is_told() {
    let mut w = recorded(Config::default());
    let address = "192.0.2.1:7".parse().expect("an address");
    let id = w.broker.handle_opened_from(w.now, address);
    w.hang_up(id);
    let Some(Event::Ended { from, end: End::NetworkClosed { error: None }, .. }) = w.broker.poll_event()
    else {
        panic!("it ended");
    };
    assert_eq!((from.connection, from.address), (id, Some(address)));
}

/// What finds no room is counted, and the count stands where the events would.
#[test]
fn events_are_bounded_and_the_missed_ones_are_counted() {
    let mut w = World::with(Config { events_max: 3, ..Config::default() });
    let mut come_and_go = || {
        let id = w.open();
        w.hang_up(id);
    };
    (0..10).for_each(|_| come_and_go());
    let closed = "? ended NetworkClosed { error: None }";
    see(&mut w, &[closed, closed, closed, "7 missed"]);
    for _ in 0..5 {
        let id = w.open();
        w.hang_up(id);
    }
    for _ in 0..2 {
        assert_eq!(w.broker.poll_event().map(render).as_deref(), Some(closed));
    }
    let id = w.open();
    w.hang_up(id);
    see(&mut w, &[closed, "2 missed", closed]);

    // Long texts count as well.
    let mut w = World::with(Config { events_max: 1000, ..Config::default() });
    let name = "n".repeat(60_000);
    for number in 0..30 {
        w.joined(Connect { user_name: Some(&name), ..v3(&number.to_string()) });
    }
    let seen = take(&mut w);
    assert!((17..=19).contains(&seen.len()), "{}", seen.len());
    assert_eq!(seen.last().map(String::as_str), Some("12 missed"));
}
