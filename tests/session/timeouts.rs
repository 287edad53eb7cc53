//! Timeouts of single messages: withdrawn for certain if never sent, indeterminate if sent, and over only once.

use mqtt_proto::{QoS, Version::V5_0};
use mqtt_session::SessionRefusal;

use crate::harness::{BOTH, Talk, persistent, secs};

#[test]
fn a_message_that_was_never_sent_is_withdrawn() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.cut();
        talk.take_events();
        talk.publish_within(QoS::AtLeastOnce, "x", secs(60));
        talk.wait_for_dial();
        talk.wait_until(talk.now + secs(60));
        let events = talk.take_events();
        assert!(events.contains(&"ended 2 rejected TimedOut".into()), "{events:?}");
        talk.reconnect("CONNACK present");
        talk.sends_nothing();
        assert_eq!(talk.session().queued_messages(), 0);
    }
}

/// The exchange goes on, so that the identifier is not used for another message while the server may know it.
#[test]
fn a_message_that_was_sent_is_indeterminate_and_its_late_answer_ends_nothing_twice() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish_within(QoS::AtLeastOnce, "x", secs(5));
        talk.publish_within(QoS::ExactlyOnce, "y", secs(5));
        talk.take_bytes();
        talk.wait(secs(4));
        talk.no_events();
        talk.wait(secs(1));
        talk.events(["ended 2 indeterminate TimedOut", "ended 3 indeterminate TimedOut"]);
        assert_eq!(talk.session().messages_in_flight(), 2);
        talk.publish("a", QoS::AtLeastOnce, "z");
        talk.sends(["PUBLISH a qos1 id3 \"z\""]);
        talk.server_says("PUBACK id1");
        talk.server_says("PUBREC id2");
        talk.sends(["PUBREL id2"]);
        talk.server_says("PUBCOMP id2");
        talk.no_events();
        assert_eq!(talk.session().messages_in_flight(), 1);
    }
}

#[test]
fn a_message_that_timed_out_is_repeated_all_the_same() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish_within(QoS::AtLeastOnce, "x", secs(5));
        talk.take_bytes();
        talk.wait(secs(5));
        talk.events(["ended 2 indeterminate TimedOut"]);
        talk.cut_and_reconnect("CONNACK present");
        talk.sends(["PUBLISH a qos1 id1 dup \"x\""]);
        talk.server_says("PUBACK id1");
        talk.no_events();
    }
}

#[test]
fn a_timeout_between_pubrec_and_pubcomp_is_indeterminate() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish_within(QoS::ExactlyOnce, "x", secs(5));
        talk.take_bytes();
        talk.server_says("PUBREC id1");
        talk.wait(secs(5));
        talk.events(["ended 2 indeterminate TimedOut"]);
        talk.server_says("PUBCOMP id1");
        talk.no_events();
    }
}

#[test]
fn an_answer_in_time_leaves_no_deadline() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish_within(QoS::AtLeastOnce, "x", secs(5));
        talk.take_bytes();
        assert_eq!(talk.due_in(), Some(secs(5)));
        talk.server_says("PUBACK id1");
        talk.events(["ended 2 done 0x00"]);
        assert_eq!(talk.due_in(), Some(secs(59)), "only the ping is left");
        talk.wait(secs(30));
        talk.no_events();
    }
}

#[test]
fn the_timeout_is_ignored_for_qos_0() {
    let mut talk = Talk::online(V5_0);
    talk.publish_within(QoS::AtMostOnce, "x", secs(1));
    assert_eq!(talk.due_in(), Some(secs(59)));
}

#[test]
fn a_withdrawn_message_gives_its_place_in_the_queue_back() {
    let config = persistent(V5_0).queue_messages_max(1);
    let mut talk = Talk::online_with(config, "CONNACK receive_max=1");
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.take_bytes();
    talk.publish_within(QoS::AtLeastOnce, "2", secs(5));
    talk.wait(secs(5));
    talk.events(["ended 3 rejected TimedOut"]);
    talk.publish("a", QoS::AtLeastOnce, "3");
    talk.server_says("PUBACK id1");
    talk.sends(["PUBLISH a qos1 id2 \"3\""]);
}

#[test]
fn a_timeout_may_be_set_later_and_set_again() {
    let mut talk = Talk::online(V5_0);
    let ticket = talk.publish("a", QoS::AtLeastOnce, "x");
    talk.take_bytes();
    talk.set_timeout(ticket, secs(5));
    talk.wait(secs(4));
    talk.set_timeout(ticket, secs(5));
    talk.wait(secs(4));
    talk.no_events();
    talk.wait(secs(1));
    talk.events(["ended 2 indeterminate TimedOut"]);
    talk.set_timeout(ticket, secs(1));
    talk.set_timeout(1, secs(1));
    talk.wait(secs(2));
    talk.no_events();
}

/// A bound that is set later is ignored with QoS 0 as one that was set at once.
#[test]
fn a_timeout_set_later_leaves_qos_0_alone() {
    let mut talk = Talk::new(persistent(V5_0));
    talk.connect();
    let ticket = talk.publish("a", QoS::AtMostOnce, "x");
    talk.set_timeout(ticket, secs(1));
    talk.wait(secs(2));
    assert_eq!(talk.session().queued_messages(), 1);
    talk.no_events();
}

#[test]
fn what_was_never_sent_can_be_withdrawn_and_nothing_else() {
    let mut talk = Talk::online(V5_0);
    let sent = talk.publish("a", QoS::AtLeastOnce, "sent");
    talk.take_bytes();
    let queued = [QoS::AtMostOnce, QoS::ExactlyOnce].map(|qos| talk.publish("a", qos, "queued"));
    for ticket in queued {
        assert_eq!(talk.withdraw(ticket), Ok(()));
        talk.events([&format!("ended {ticket} rejected TimedOut")]);
    }
    for ticket in [sent, queued[0], 1] {
        assert_eq!(talk.withdraw(ticket), Err(SessionRefusal::NotWaiting));
    }
    talk.sends_nothing();
    talk.no_events();
}
