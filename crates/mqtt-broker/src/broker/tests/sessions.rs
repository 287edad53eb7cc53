//! What outlives a connection, and for how long.

use mqtt_proto::{Connect, Disconnect, Packet, Properties, Property, QoS, ReasonCode, Version};

use super::harness::{World, client, lasting, lasting_v3, message, qos1, qos2, secs, v3, v5};
use crate::config::Config;

/// [5.0 MQTT-3.1.4-3] [3.1.1 MQTT-3.1.4-2]
#[test]
fn a_second_connection_takes_over() {
    let mut w = World::new();
    let old = w.joined(lasting("a"));
    let new = w.join(lasting("a"), "connack Success present");
    w.see(old, &["disconnect SessionTakenOver", "closed"]);
    w.send(old, Packet::Pingreq);
    w.see(old, &["closed"]);
    w.hang_up(old);
    assert_eq!(w.broker.connection_of("a"), Some(new));
    w.joined(lasting_v3("a"));
    w.see(new, &["disconnect SessionTakenOver", "closed"]);
}

/// [5.0 MQTT-3.1.2-5] [5.0 MQTT-3.1.2-6] [5.0 MQTT-3.2.2-3] [3.1.1 MQTT-3.2.2-2] [3.1.1 MQTT-3.2.2-3]
#[test]
fn a_session_is_taken_up_again() {
    for connect in [lasting("a"), lasting_v3("a")] {
        let mut w = World::new();
        let id = w.join(connect, "connack Success");
        w.subscribe(id, "t", QoS::AtLeastOnce);
        w.hang_up(id);
        let id = w.join(connect, "connack Success present");
        let other = w.joined(v5("b"));
        w.publish(other, qos1(1, "t", "x"));
        w.see(id, &["publish t \"x\" q1 #1"]);
    }
}

/// [5.0 MQTT-3.1.4-4] [5.0 MQTT-3.2.2-2] [3.1.1 MQTT-3.2.2-1] [3.1.1 MQTT-3.1.4-3]
#[test]
fn a_clean_start_forgets_the_session() {
    for connect in [lasting("a"), lasting_v3("a")] {
        let mut w = World::new();
        let id = w.joined(connect);
        w.subscribe(id, "t", QoS::AtLeastOnce);
        w.hang_up(id);
        w.join(Connect { clean_start: true, ..connect }, "connack Success");
        assert_eq!(w.broker.stats().subscriptions, 0);
    }
}

/// 3.1 has no Session Present, but its sessions are kept.
#[test]
fn a_session_of_3_1_is_kept_without_saying_so() {
    let mut w = World::new();
    let connect = Connect { clean_start: false, ..client(Version::V3_1, "a") };
    let id = w.joined(connect);
    w.subscribe(id, "t", QoS::AtLeastOnce);
    w.hang_up(id);
    w.join(connect, "connack Success");
    assert_eq!(w.broker.stats().subscriptions, 1);
}

/// [5.0 MQTT-3.1.3-2] [3.1.1 MQTT-3.1.3-2]
#[test]
fn a_session_belongs_to_one_client_id() {
    let mut w = World::new();
    for connect in [lasting("a"), lasting("A"), lasting_v3("a "), lasting("")] {
        let id = w.joined(connect);
        w.subscribe(id, "t", QoS::AtMostOnce);
        w.hang_up(id);
    }
    assert_eq!((w.broker.stats().sessions, w.broker.stats().subscriptions), (4, 4));
    w.join(lasting("A"), "connack Success present");
    w.join(lasting("b"), "connack Success");
}

/// [5.0 MQTT-4.1.0-2]
#[test]
fn a_session_ends_when_its_expiry_interval_has_passed() {
    let mut w = World::new();
    let id = w.joined(lasting("a"));
    w.hang_up(id);
    w.wait(secs(3599));
    assert_eq!(w.broker.stats().sessions, 1);
    w.wait(secs(1));
    assert_eq!(w.broker.stats().sessions, 0);
    w.join(lasting("a"), "connack Success");
}

#[test]
fn a_connection_stops_the_expiry() {
    let mut w = World::new();
    let id = w.joined(lasting("a"));
    w.hang_up(id);
    w.wait(secs(3599));
    w.join(lasting("a"), "connack Success present");
    w.wait(secs(10_000));
    assert_eq!(w.broker.stats().sessions, 1);
    assert_eq!(w.broker.poll_timeout(), None);
}

#[test]
fn without_expiry_a_session_ends_with_its_connection() {
    for connect in [v5("a"), v3("a")] {
        let mut w = World::new();
        let id = w.joined(connect);
        w.subscribe(id, "t", QoS::AtLeastOnce);
        w.hang_up(id);
        let stats = w.broker.stats();
        assert_eq!((stats.sessions, stats.subscriptions), (0, 0));
        w.join(Connect { clean_start: false, ..connect }, "connack Success");
    }
}

#[test]
fn sessions_that_never_expire_do_not_unless_the_broker_caps_them() {
    let never = [Property::SessionExpiryInterval(u32::MAX)];
    let connect = Connect { properties: Properties::new(&never), ..v5("a") };
    let mut w = World::new();
    let id = w.join(connect, "connack Success");
    w.hang_up(id);
    assert_eq!(w.broker.poll_timeout(), None);
    let mut w = World::with(Config { session_expiry_secs_max: 5, ..Config::default() });
    let id = w.join(connect, "connack Success SessionExpiryInterval(5)");
    w.hang_up(id);
    w.wait(secs(5));
    assert_eq!(w.broker.stats().sessions, 0);
}

#[test]
fn sessions_before_5_0_expire_as_configured() {
    let mut w = World::with(Config { session_expiry_v3_secs: 5, ..Config::default() });
    let id = w.joined(lasting_v3("a"));
    w.hang_up(id);
    w.wait(secs(5));
    assert_eq!(w.broker.stats().sessions, 0);
}

#[test]
fn disconnect_changes_the_expiry() {
    let mut w = World::new();
    let id = w.joined(lasting("a"));
    let soon = [Property::SessionExpiryInterval(2)];
    let disconnect = Disconnect { reason: ReasonCode::Success, properties: Properties::new(&soon) };
    w.send(id, Packet::Disconnect(disconnect));
    w.see(id, &["closed"]);
    w.wait(secs(2));
    assert_eq!(w.broker.stats().sessions, 0);
}

#[test]
fn disconnect_cannot_give_a_session_to_a_client_that_wanted_none() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    let later = [Property::SessionExpiryInterval(2)];
    let disconnect = Disconnect { reason: ReasonCode::Success, properties: Properties::new(&later) };
    w.send(id, Packet::Disconnect(disconnect));
    w.see(id, &["disconnect ProtocolError", "closed"]);
    assert_eq!(w.broker.stats().sessions, 0);
}

/// [5.0 MQTT-4.5.0-1] [3.1.1 MQTT-3.1.2-5] [3.1.1 MQTT-4.5.0-1]
#[test]
fn messages_wait_for_a_session_without_connection() {
    for connect in [lasting("a"), lasting_v3("a")] {
        let mut w = World::new();
        let id = w.joined(connect);
        w.subscribe(id, "#", QoS::ExactlyOnce);
        w.hang_up(id);
        let other = w.joined(v5("b"));
        w.publish(other, message("t", "0"));
        w.publish(other, qos1(1, "t", "1"));
        w.publish(other, qos2(2, "t", "2"));
        assert_eq!(w.broker.stats().dropped_offline, 1);
        w.see(other, &["puback #1", "pubrec #2"]);
        let id = w.open();
        w.send(id, Packet::from(&connect));
        w.see(id, &["connack Success present", "publish t \"1\" q1 #1", "publish t \"2\" q2 #2"]);
    }
}

#[test]
fn qos_0_waits_only_if_configured() {
    for queues_qos0_offline in [false, true] {
        let mut w = World::with(Config { queues_qos0_offline, ..Config::default() });
        let id = w.joined(lasting("a"));
        w.subscribe(id, "#", QoS::AtMostOnce);
        let other = w.joined(v5("b"));
        w.publish(other, message("t", "sent to the link that breaks"));
        w.hang_up(id);
        w.publish(other, message("t", "offline"));
        let waiting = if queues_qos0_offline { 2 } else { 0 };
        assert_eq!(w.broker.stats().queued, waiting);
        assert_eq!(w.broker.stats().dropped_offline, 2 - waiting as u64);
    }
}

#[test]
fn a_restart_with_sessions_keeps_them_and_what_waits() {
    let mut w = World::new();
    let id = w.joined(lasting("a"));
    w.subscribe(id, "#", QoS::AtLeastOnce);
    let other = w.joined(v5("b"));
    w.publish(other, qos1(1, "t", "x"));
    w.see(id, &["publish t \"x\" q1 #1"]);
    w.broker.restart(true);
    assert!(w.broker.is_closing(id) && w.broker.is_closing(other));
    assert_eq!(w.broker.poll_ready(), None);
    assert_eq!((w.broker.stats().connections, w.broker.stats().sessions), (0, 1));
    w.hang_up(id);
    let id = w.open();
    w.send(id, Packet::from(&lasting("a")));
    w.see(id, &["connack Success present", "publish t \"x\" q1 #1 dup"]);
}

#[test]
fn a_restart_without_sessions_forgets_all() {
    let mut w = World::new();
    let id = w.joined(lasting("a"));
    w.subscribe(id, "#", QoS::AtLeastOnce);
    w.publish(id, super::harness::retained("t", "x"));
    w.broker.restart(false);
    let stats = w.broker.stats();
    assert_eq!((stats.connections, stats.sessions, stats.subscriptions, stats.retained), (0, 0, 0, 0));
    assert_eq!(w.broker.poll_timeout(), None);
    w.join(lasting("a"), "connack Success");
}
