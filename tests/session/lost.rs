//! After a reconnect to a server that has no session: what starts anew, and what nobody can tell.

use mqtt_proto::{Properties, Property, QoS, Version::V5_0};

use crate::harness::{BOTH, Talk, clean, secs};

/// [5.0 MQTT-3.2.2-5] [5.0 MQTT-4.4.0-1] [5.0 MQTT-4.3.2-2]
#[test]
fn qos_1_starts_anew_without_dup_and_what_qos_2_came_to_is_unknown() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::ExactlyOnce, "1");
        talk.publish("a", QoS::AtLeastOnce, "2");
        talk.publish("a", QoS::ExactlyOnce, "3");
        talk.publish("a", QoS::AtLeastOnce, "4");
        talk.take_bytes();
        talk.server_says("PUBREC id3");
        talk.cut();
        talk.publish("a", QoS::AtLeastOnce, "5");
        talk.reconnect("CONNACK");
        let events = talk.take_events();
        assert_eq!(events[1], "online");
        let mut ends = events[2..].to_vec();
        ends.sort();
        assert_eq!(ends, ["ended 2 indeterminate SessionLost", "ended 4 indeterminate SessionLost"]);
        let sent = talk.take_sent();
        assert_eq!(sent.len(), 3, "{sent:?}");
        for (packet, payload) in sent.iter().zip(["\"2\"", "\"4\"", "\"5\""]) {
            assert!(packet.ends_with(payload) && !packet.contains("dup"), "{sent:?}");
        }
        for packet in &sent {
            let id = packet.split_whitespace().nth(3).expect("an identifier");
            talk.server_says(&format!("PUBACK {id}"));
        }
        talk.events(["ended 3 done 0x00", "ended 5 done 0x00", "ended 6 done 0x00"]);
    }
}

/// [3.1.1 MQTT-3.1.2-6]
#[test]
fn a_clean_session_never_repeats_with_dup() {
    for version in BOTH {
        let mut talk = Talk::online_with(clean(version), "CONNACK");
        talk.publish("a", QoS::AtLeastOnce, "1");
        talk.take_bytes();
        talk.cut_and_reconnect("CONNACK");
        let sent = talk.take_sent();
        assert!(sent.len() == 1 && !sent[0].contains("dup"), "{sent:?}");
    }
}

#[test]
fn identifiers_are_free_again_when_the_session_is_lost() {
    let mut talk = Talk::online(V5_0);
    for _message in 0..64 {
        talk.publish("a", QoS::ExactlyOnce, "");
    }
    talk.take_bytes();
    talk.cut();
    talk.reconnect("CONNACK");
    talk.take_events();
    assert_eq!(talk.session().messages_in_flight(), 0);
    for _message in 0..64 {
        talk.publish("a", QoS::ExactlyOnce, "");
    }
    let sent = talk.take_sent();
    let mut ids: Vec<&str> = sent.iter().filter_map(|packet| packet.split_whitespace().nth(3)).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 64);
}

/// It may have arrived when it was first sent, so that "for certain not" would be a lie.
#[test]
fn a_message_that_starts_anew_never_ends_as_if_it_had_not_been_sent() {
    for version in BOTH {
        let sent_once = |timeout| {
            let mut talk = Talk::online(version);
            talk.publish_within(QoS::AtLeastOnce, "x", timeout);
            talk.take_bytes();
            talk.cut();
            talk.reconnect("CONNACK");
            talk.take_events();
            talk
        };
        let mut talk = sent_once(secs(600));
        talk.wait(secs(600));
        assert!(talk.take_events().contains(&"ended 2 indeterminate TimedOut".into()));
        let mut talk = sent_once(secs(6000));
        talk.disconnect(secs(0));
        talk.early_timeout();
        assert!(talk.take_events().contains(&"ended 2 indeterminate Disconnected".into()));
    }
}

#[test]
fn a_message_that_starts_anew_and_is_ruled_out_is_indeterminate() {
    let mut talk = Talk::online(V5_0);
    let properties = [Property::MessageExpiryInterval(30)];
    talk.publish_saying(QoS::AtLeastOnce, "x", Properties::new(&properties));
    talk.publish("a", QoS::AtLeastOnce, "y");
    talk.take_bytes();
    talk.cut_for(secs(40), "CONNACK qos_max=0");
    talk.sends_nothing();
    talk.events(["online", "ended 2 indeterminate SessionLost", "ended 3 indeterminate SessionLost"]);
}

#[test]
fn a_message_whose_end_was_reported_does_not_start_anew() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish_within(QoS::AtLeastOnce, "x", secs(5));
        talk.take_bytes();
        talk.wait(secs(5));
        talk.events(["ended 2 indeterminate TimedOut"]);
        talk.cut_and_reconnect("CONNACK");
        talk.sends_nothing();
    }
}
