//! When a connection is tried again, and how long each step may take.

use std::time::Duration;

use mqtt_proto::{QoS, Version::V5_0};
use mqtt_session::{Event, OfflineCause, Reconnect, Transport};

use crate::harness::{BOTH, Talk, clean, persistent, secs};

/// The waits before `count` attempts that all fail, in microseconds.
fn waits(talk: &mut Talk, count: usize) -> Vec<u128> {
    let mut waits = Vec::new();
    for _attempt in 0..count {
        talk.closed(OfflineCause::DialFailed);
        match talk.next_event() {
            Some(Event::Offline { retry_at: Some(at), .. }) => waits.push(at.since(talk.now).as_micros()),
            other => panic!("{other:?}"),
        }
        talk.wait_for_dial();
    }
    waits
}

fn failing(seed: u64) -> Talk {
    let reconnect = Reconnect::default().retry_first(true);
    let mut talk = Talk::seeded(clean(V5_0).reconnect(reconnect), seed);
    talk.connect();
    talk
}

#[test]
fn waits_come_from_the_seed() {
    assert_eq!(waits(&mut failing(7), 20), waits(&mut failing(7), 20));
    assert_ne!(waits(&mut failing(7), 20), waits(&mut failing(8), 20));
}

#[test]
fn waits_grow_and_are_capped() {
    let mut longest = [0; 12];
    for seed in 0..300 {
        for (longest, wait) in longest.iter_mut().zip(waits(&mut failing(seed), 12)) {
            *longest = wait.max(*longest);
        }
    }
    for (attempt, longest) in longest.into_iter().enumerate() {
        let limit = secs(5 << attempt).min(secs(120)).as_micros();
        assert!(longest <= limit, "attempt {attempt}: {longest}");
        assert!(longest > limit * 9 / 10, "attempt {attempt} uses its whole range: {longest}");
    }
}

#[test]
fn waits_start_small_again_only_after_a_connection_that_lasted() {
    let longest_after = |online: Duration| {
        let waits = (0..100).map(|seed| {
            let mut talk = failing(seed);
            waits(&mut talk, 10);
            talk.accept("CONNACK");
            let end = talk.now + online;
            while talk.now < end {
                talk.wait((end - talk.now).min(secs(1)));
                talk.take_bytes();
                talk.server_says("PINGRESP");
            }
            talk.take_events();
            waits(&mut talk, 1)[0]
        });
        waits.max().expect("there are some")
    };
    assert!(longest_after(secs(29)) > secs(100).as_micros());
    assert!(longest_after(secs(30)) <= secs(5).as_micros());
}

#[test]
fn a_first_connection_that_fails_is_final_unless_wanted_otherwise() {
    for version in BOTH {
        let mut talk = Talk::new(clean(version));
        talk.connect();
        talk.publish("a", QoS::AtLeastOnce, "x");
        talk.closed(OfflineCause::DialFailed);
        talk.events([
            "offline: the server cannot be reached; stop",
            "ended 1 rejected Offline(DialFailed)",
            "ended 2 rejected Disconnected",
        ]);
        assert_eq!(talk.transport(), Transport::Closed);
        let mut talk = failing(1);
        talk.closed(OfflineCause::DialFailed);
        talk.events(["offline: the server cannot be reached; retry"]);
        talk.reconnect("CONNACK");
        talk.events(["online", "ended 1 done 0x00"]);
    }
}

#[test]
fn each_dial_is_a_new_link() {
    let mut talk = failing(1);
    for attempt in 1..5 {
        assert_eq!(talk.transport(), Transport::Open { attempt });
        talk.closed(OfflineCause::DialFailed);
        assert_eq!(talk.transport(), Transport::Closed);
        talk.wait_for_dial();
    }
}

#[test]
fn dialling_and_connack_each_have_the_network_timeout() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.cut();
        talk.take_events();
        talk.wait_for_dial();
        talk.wait(secs(5));
        talk.no_events();
        talk.opened();
        talk.take_bytes();
        talk.wait(secs(5));
        talk.no_events();
        talk.wait(secs(1));
        talk.sends_nothing();
        assert_eq!(talk.take_events()[0], "offline: the server sent no CONNACK in time; retry");
        talk.wait_for_dial();
        talk.take_events();
        talk.wait(secs(6));
        assert_eq!(talk.take_events()[0], "offline: the server did not answer in time; retry");
    }
}

#[test]
fn late_news_of_a_link_that_nobody_waits_for_are_ignored() {
    let mut talk = Talk::online(V5_0);
    talk.cut();
    talk.take_events();
    talk.cut();
    talk.opened();
    talk.server_says("CONNACK");
    talk.no_events();
    talk.sends_nothing();
    assert_eq!(talk.transport(), Transport::Closed);
    talk.wait_for_dial();
    talk.server_says("CONNACK");
    talk.no_events();
    talk.accept("CONNACK present");
    talk.opened();
    talk.events(["online present"]);
    talk.sends_nothing();
}

/// [5.0 MQTT-4.1.0-1] [3.1.1 MQTT-4.1.0-1] [3.1.1 MQTT-4.1.0-2]
#[test]
fn messages_accepted_while_offline_wait_for_the_connection() {
    for version in BOTH {
        let mut talk = Talk::online_with(persistent(version), "CONNACK");
        talk.cut();
        talk.publish("a", QoS::AtMostOnce, "1");
        talk.publish("a", QoS::AtLeastOnce, "2");
        talk.sends_nothing();
        talk.reconnect("CONNACK present");
        talk.sends(["PUBLISH a qos0 \"1\"", "PUBLISH a qos1 id1 \"2\""]);
    }
}

#[test]
fn half_a_packet_of_the_lost_connection_does_not_reach_into_the_next() {
    let mut talk = Talk::online(V5_0);
    talk.server_sends(b"\x30\x05\0");
    talk.cut_and_reconnect("CONNACK present");
    talk.server_says("PUBLISH a \"x\"");
    talk.events(["message a qos0 \"x\""]);
}
