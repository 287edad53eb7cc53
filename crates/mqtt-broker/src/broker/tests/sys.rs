//! What the broker says about itself.

use mqtt_proto::{QoS, SubscribeOptions};

use super::harness::{World, secs, v5};
use crate::config::Config;

fn telling() -> World {
    World::with(Config { sys_interval: Some(secs(10)), ..Config::default() })
}

#[test]
fn counters_are_published_each_interval_and_retained() {
    let mut w = telling();
    let first = w.joined(v5("first"));
    w.subscribe(first, "$SYS/broker/clients/connected", QoS::AtMostOnce);
    w.wait(secs(1));
    w.see(first, &["publish $SYS/broker/clients/connected \"1\""]);
    let second = w.joined(v5("second"));
    w.wait(secs(10));
    w.see(first, &["publish $SYS/broker/clients/connected \"2\""]);
    w.subscribe_with(second, "$SYS/broker/uptime", SubscribeOptions::with_qos(QoS::AtMostOnce), None);
    w.see(second, &["suback #1 [Success]", "publish $SYS/broker/uptime \"10\" retain"]);
}

/// [5.0 MQTT-4.7.2-1] [3.1.1 MQTT-4.7.2-1]
#[test]
fn a_filter_that_begins_with_a_wildcard_does_not_see_them() {
    let mut w = telling();
    let all = w.joined(v5("all"));
    w.subscribe(all, "#", QoS::AtMostOnce);
    w.subscribe(all, "+/broker/uptime", QoS::AtMostOnce);
    w.wait(secs(100));
    w.see(all, &[]);
}

#[test]
fn a_broker_says_nothing_unasked() {
    let mut w = World::new();
    let id = w.joined(v5("a"));
    w.subscribe(id, "$SYS/#", QoS::AtMostOnce);
    w.wait(secs(100));
    w.see(id, &[]);
}
