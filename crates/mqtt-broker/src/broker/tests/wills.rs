//! When a will is published, and when not.

use mqtt_proto::{Connect, Packet, Properties, Property, QoS, ReasonCode, Will};

use super::harness::{World, lasting, message, secs, v3, v5, will};
use crate::ids::ConnectionId;

/// A world with a client that sees all.
fn watched() -> (World, ConnectionId) {
    let mut w = World::new();
    let watcher = w.joined(v5("watcher"));
    w.subscribe(watcher, "#", QoS::ExactlyOnce);
    (w, watcher)
}

fn with_will<'a>(connect: Connect<'a>) -> Connect<'a> {
    Connect { will: Some(will("w", "gone")), ..connect }
}

const DELAYED: Properties<'static> = Properties::new(&[Property::WillDelayInterval(10)]);

fn with_delayed_will<'a>(connect: Connect<'a>) -> Connect<'a> {
    Connect { will: Some(Will { properties: DELAYED, ..will("w", "gone") }), ..connect }
}

/// [5.0 MQTT-3.1.2-7] [5.0 MQTT-3.1.2-8] [3.1.1 MQTT-3.1.2-8]
#[test]
fn a_broken_link_publishes_the_will() {
    for connect in [v5("a"), v3("a"), lasting("a")] {
        let (mut w, watcher) = watched();
        let id = w.joined(with_will(connect));
        w.hang_up(id);
        w.see(watcher, &["publish w \"gone\""]);
        w.wait(secs(10_000));
        w.see(watcher, &[]);
    }
}

/// [5.0 MQTT-3.14.4-3] [5.0 MQTT-3.1.2-10] [3.1.1 MQTT-3.14.4-3] [3.1.1 MQTT-3.1.2-10]
#[test]
fn a_normal_disconnect_takes_the_will_back() {
    for connect in [v5("a"), v3("a"), lasting("a")] {
        let (mut w, watcher) = watched();
        let id = w.joined(with_will(connect));
        w.disconnect(id, ReasonCode::Success);
        w.wait(secs(10_000));
        w.see(watcher, &[]);
    }
}

#[test]
fn a_disconnect_with_will_publishes_it() {
    let (mut w, watcher) = watched();
    let id = w.joined(with_will(v5("a")));
    w.disconnect(id, ReasonCode::DisconnectWithWillMessage);
    w.see(watcher, &["publish w \"gone\""]);
}

#[test]
fn errors_silence_and_administrators_publish_the_will() {
    let (mut w, watcher) = watched();
    let id = w.joined(with_will(v5("a")));
    w.send(id, Packet::from(&v5("a")));
    w.see(watcher, &["publish w \"gone\""]);
    w.joined(Connect { keep_alive_secs: 2, ..with_will(v5("b")) });
    w.wait(secs(3));
    w.see(watcher, &["publish w \"gone\""]);
    let id = w.joined(with_will(v5("c")));
    w.broker.disconnect(w.now, id, ReasonCode::AdministrativeAction);
    w.see(watcher, &["publish w \"gone\""]);
}

/// [3.1.1 MQTT-3.1.2-12]
#[test]
fn no_will_no_message() {
    let (mut w, watcher) = watched();
    let id = w.joined(v3("a"));
    w.hang_up(id);
    w.see(watcher, &[]);
}

/// [5.0 MQTT-3.1.3-9]
#[test]
fn a_timely_reconnect_cancels_a_delayed_will() {
    let (mut w, watcher) = watched();
    let id = w.joined(with_delayed_will(lasting("a")));
    w.hang_up(id);
    w.wait(secs(9));
    w.joined(lasting("a"));
    w.wait(secs(100));
    w.see(watcher, &[]);
}

/// [5.0 MQTT-3.1.2-8]
#[test]
fn a_delayed_will_comes_when_its_delay_has_passed() {
    let (mut w, watcher) = watched();
    let id = w.joined(with_delayed_will(lasting("a")));
    w.hang_up(id);
    w.wait(secs(9));
    w.see(watcher, &[]);
    w.wait(secs(1));
    w.see(watcher, &["publish w \"gone\""]);
    w.join(lasting("a"), "connack Success present");
}

/// [5.0 MQTT-3.1.2-8]
#[test]
fn the_end_of_the_session_cuts_the_delay_short() {
    let (mut w, watcher) = watched();
    let short = [Property::SessionExpiryInterval(4)];
    let id = w.joined(Connect { properties: Properties::new(&short), ..with_delayed_will(v5("a")) });
    w.hang_up(id);
    w.wait(secs(3));
    w.see(watcher, &[]);
    w.wait(secs(1));
    w.see(watcher, &["publish w \"gone\""]);
    // No session at all, and a clean start that ends it, do the same.
    let id = w.joined(with_delayed_will(v5("b")));
    w.hang_up(id);
    w.see(watcher, &["publish w \"gone\""]);
    let id = w.joined(with_delayed_will(lasting("c")));
    w.hang_up(id);
    w.joined(v5("c"));
    w.see(watcher, &["publish w \"gone\""]);
}

#[test]
fn a_takeover_publishes_the_will_unless_it_is_delayed() {
    let (mut w, watcher) = watched();
    w.joined(with_will(lasting("a")));
    w.joined(with_delayed_will(lasting("a")));
    w.see(watcher, &["publish w \"gone\""]);
    w.joined(lasting("a"));
    w.wait(secs(100));
    w.see(watcher, &[]);
    w.joined(with_delayed_will(lasting("a")));
    w.joined(Connect { clean_start: true, ..lasting("a") });
    w.see(watcher, &["publish w \"gone\""]);
}

/// [5.0 MQTT-3.1.2-14] [5.0 MQTT-3.1.2-15] [3.1.1 MQTT-3.1.2-16] [3.1.1 MQTT-3.1.2-17]
#[test]
fn a_will_is_retained_if_it_says_so() {
    for (connect, retain) in [(v5("a"), false), (v5("a"), true), (v3("a"), false), (v3("a"), true)] {
        let mut w = World::new();
        let id = w.joined(Connect { will: Some(Will { retain, ..will("w", "gone") }), ..connect });
        w.hang_up(id);
        assert_eq!(w.broker.stats().retained, usize::from(retain));
    }
}

/// [5.0 MQTT-3.1.3-10] [5.0 MQTT-3.3.2-18]
#[test]
fn properties_of_the_will_are_passed_on_in_order() {
    let (mut w, watcher) = watched();
    let list = [
        Property::WillDelayInterval(0),
        Property::UserProperty("b", "1"),
        Property::MessageExpiryInterval(60),
        Property::UserProperty("a", "2"),
        Property::UserProperty("b", "3"),
    ];
    let will = Will { qos: QoS::ExactlyOnce, properties: Properties::new(&list), ..will("w", "gone") };
    let id = w.joined(Connect { will: Some(will), ..v5("a") });
    w.hang_up(id);
    w.see(
        watcher,
        &["publish w \"gone\" q2 #1 MessageExpiryInterval(60) UserProperty(\"b\", \"1\") UserProperty(\"a\", \
           \"2\") UserProperty(\"b\", \"3\")"],
    );
}

#[test]
fn a_restart_with_sessions_publishes_wills() {
    let (mut w, watcher) = watched();
    w.hang_up(watcher);
    let watcher = w.joined(lasting("watcher"));
    w.subscribe(watcher, "#", QoS::AtLeastOnce);
    let will = Will { qos: QoS::AtLeastOnce, ..will("w", "gone") };
    w.joined(Connect { will: Some(will), ..v5("a") });
    w.broker.restart(true);
    let watcher = w.open();
    w.send(watcher, Packet::from(&lasting("watcher")));
    w.see(watcher, &["connack Success present", "publish w \"gone\" q1 #1"]);
    w.publish(watcher, message("x", "still there"));
    w.see(watcher, &["publish x \"still there\""]);
}
