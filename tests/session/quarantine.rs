//! Operations that break the connection whenever they are under way: found out, quarantined, and decided about.

use std::num::NonZeroU8;

use mqtt_proto::{QoS, ReasonCode, Version, Version::V5_0};
use mqtt_session::{Config, Lost, OfflineCause, SessionLoss, Waits};

use crate::harness::{BOTH, Talk, persistent, secs};

fn config(version: Version, limit: u8) -> Config {
    persistent(version).quarantine_after(NonZeroU8::new(limit))
}

fn online(version: Version, limit: u8) -> Talk {
    Talk::online_with(config(version, limit), "CONNACK")
}

/// A session in which the second operation, a QoS 1 message, is quarantined.
fn with_one_quarantined() -> Talk {
    let mut talk = online(V5_0, 1);
    talk.publish("a", QoS::AtLeastOnce, "poison");
    talk.take_bytes();
    talk.cut();
    talk.reconnect("CONNACK present");
    talk.events([
        "quarantined 2 PUBLISH 1 alone: the connection was lost",
        "offline: the connection was lost; retry",
        "online present",
    ]);
    talk.sends_nothing();
    talk
}

#[test]
fn the_one_that_breaks_connections_is_found_and_the_rest_flows() {
    for version in BOTH {
        let mut talk = online(version, 3);
        for text in ["poison", "1", "2"] {
            talk.publish("a", QoS::AtLeastOnce, text);
        }
        talk.sends(["PUBLISH a qos1 id1 \"poison\"", "PUBLISH a qos1 id2 \"1\"", "PUBLISH a qos1 id3 \"2\""]);
        talk.cut_and_reconnect("CONNACK present");
        // All at once still: two more closes are to come.
        assert_eq!(talk.take_sent().len(), 3);
        talk.cut_and_reconnect("CONNACK present");
        // One close short, each goes alone, and nothing new goes with it.
        talk.publish("a", QoS::AtMostOnce, "new");
        talk.sends(["PUBLISH a qos1 id1 dup \"poison\""]);
        talk.sends_nothing();
        talk.cut();
        talk.events([
            "quarantined 2 PUBLISH 3 alone: the connection was lost",
            "offline: the connection was lost; retry",
        ]);
        talk.reconnect("CONNACK present");
        talk.events(["online present"]);
        talk.sends(["PUBLISH a qos1 id2 dup \"1\""]);
        talk.server_says("PUBACK id2");
        talk.sends(["PUBLISH a qos1 id3 dup \"2\""]);
        talk.server_says("PUBACK id3");
        talk.sends(["PUBLISH a qos0 \"new\""]);
        talk.events(["ended 3 done 0x00", "ended 4 done 0x00", "ended 5 done 0x00"]);
    }
}

#[test]
fn without_a_limit_it_is_repeated_for_ever() {
    let mut talk = Talk::online(V5_0);
    talk.publish("a", QoS::AtLeastOnce, "x");
    for _cut in 0..300 {
        assert_eq!(talk.take_sent().len(), 1);
        talk.cut_and_reconnect("CONNACK present");
    }
}

#[test]
fn a_pubrel_can_be_the_one_and_waits_for_quiet_too() {
    let mut talk = online(V5_0, 2);
    talk.publish("a", QoS::ExactlyOnce, "poison");
    talk.publish("a", QoS::ExactlyOnce, "good");
    talk.take_bytes();
    talk.server_says("PUBREC id1");
    talk.server_says("PUBREC id2");
    talk.sends(["PUBREL id1", "PUBREL id2"]);
    talk.cut_and_reconnect("CONNACK present");
    talk.sends(["PUBREL id1"]);
    talk.cut();
    let events = talk.take_events();
    assert_eq!(events[0], "quarantined 2 PUBREL 2 alone: the connection was lost");
    talk.reconnect("CONNACK present");
    talk.sends(["PUBREL id2"]);
    talk.server_says("PUBCOMP id2");
    assert!(talk.take_events().contains(&"ended 3 done 0x00".to_owned()));
    assert!(talk.retry(2));
    talk.sends(["PUBREL id1"]);
    talk.server_says("PUBCOMP id1");
    talk.events(["ended 2 done 0x00"]);
}

#[test]
fn a_retried_message_goes_out_under_its_identifier_and_ends() {
    let mut talk = with_one_quarantined();
    assert_eq!(talk.explain(2).waits, Waits::Decision);
    assert!(talk.explain(2).to_string().contains("retry it or give it up"));
    talk.publish("a", QoS::AtLeastOnce, "other");
    talk.sends(["PUBLISH a qos1 id2 \"other\""]);
    assert!(talk.retry(2));
    assert!(!talk.retry(2), "it is under way");
    talk.sends(["PUBLISH a qos1 id1 dup \"poison\""]);
    talk.server_says("PUBACK id1");
    talk.server_says("PUBACK id2");
    talk.events(["ended 2 done 0x00", "ended 3 done 0x00"]);
    assert!(!talk.retry(2) && !talk.give_up(2), "it has ended");
}

#[test]
fn one_that_is_retried_without_a_connection_comes_in_its_place() {
    let mut talk = online(V5_0, 2);
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK present");
    talk.sends(["PUBLISH a qos1 id1 dup \"1\""]);
    talk.publish("a", QoS::AtLeastOnce, "2");
    talk.sends_nothing();
    talk.cut();
    talk.take_events();
    assert!(talk.retry(2));
    talk.reconnect("CONNACK present");
    talk.sends(["PUBLISH a qos1 id1 dup \"1\"", "PUBLISH a qos1 id2 \"2\""]);
}

#[test]
fn one_that_is_given_up_ends_and_its_identifier_is_free_or_kept() {
    let mut talk = with_one_quarantined();
    assert!(talk.give_up(2));
    talk.events(["ended 2 indeterminate GivenUp"]);
    assert_eq!(talk.explain(2).waits, Waits::Ended);
    for _message in 0..70 {
        talk.publish("a", QoS::AtLeastOnce, "x");
    }
    assert!(talk.take_sent().iter().any(|packet| packet.contains(" id1 ")), "it is used again");

    let mut talk = online(V5_0, 1);
    talk.publish("a", QoS::ExactlyOnce, "poison");
    talk.take_bytes();
    talk.cut();
    talk.reconnect("CONNACK present");
    talk.take_events();
    assert!(talk.give_up(2));
    talk.events(["ended 2 indeterminate GivenUp"]);
    // The server may know identifier 1, so that no other message may have it.
    for _message in 0..70 {
        talk.publish("a", QoS::AtLeastOnce, "x");
    }
    let sent = talk.take_sent();
    assert!(sent.len() == 70 && sent.iter().all(|packet| !packet.contains(" id1 ")), "{sent:?}");
}

#[test]
fn an_end_in_good_order_acquits() {
    let mut talk = online(V5_0, 2);
    talk.publish("a", QoS::AtLeastOnce, "x");
    for reason in ["0x8b", "0x89", "0x98"] {
        talk.take_bytes();
        talk.cut();
        talk.reconnect("CONNACK present");
        assert_eq!(talk.take_sent().len(), 1);
        talk.server_says(&format!("DISCONNECT {reason}"));
        talk.reconnect("CONNACK present");
    }
    assert!(talk.take_events().iter().all(|event| !event.starts_with("quarantined")));
}

#[test]
fn a_server_that_names_the_fault_is_reported() {
    let mut talk = online(V5_0, 1);
    talk.publish("a", QoS::AtLeastOnce, "x");
    talk.publish("a", QoS::AtLeastOnce, "y");
    talk.take_bytes();
    talk.server_says("DISCONNECT 0x95");
    let events = talk.take_events();
    assert_eq!(events[0], "quarantined 2 PUBLISH 1: the server disconnected: packet too large (0x95)");
    assert_eq!(events[1], "quarantined 3 PUBLISH 1: the server disconnected: packet too large (0x95)");
}

#[test]
fn silence_counts_as_breaking() {
    let mut talk = online(V5_0, 1);
    talk.publish("a", QoS::AtLeastOnce, "x");
    talk.take_bytes();
    talk.closed(OfflineCause::PingTimedOut);
    assert_eq!(talk.take_events()[0], "quarantined 2 PUBLISH 1 alone: the server did not answer a ping");
}

#[test]
fn what_was_not_repeated_yet_is_not_blamed() {
    let config = config(V5_0, 2).in_flight_max(std::num::NonZeroU16::new(1));
    let mut talk = Talk::online_with(config, "CONNACK");
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.publish("a", QoS::AtLeastOnce, "2");
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK present");
    talk.take_bytes();
    talk.cut();
    assert_eq!(talk.take_events().iter().filter(|event| event.starts_with("quarantined")).count(), 1);
}

#[test]
fn a_filter_can_be_the_one() {
    for version in BOTH {
        let mut talk = online(version, 2);
        let ticket = talk.subscribe("poison", QoS::AtMostOnce);
        talk.subscribe("good", QoS::AtMostOnce);
        talk.publish("a", QoS::AtLeastOnce, "x");
        assert_eq!(talk.take_sent().len(), 2, "one SUBSCRIBE for both");
        talk.cut_and_reconnect("CONNACK present");
        talk.sends(["SUBSCRIBE id3 poison:0"]);
        talk.sends_nothing();
        talk.cut();
        let events = talk.take_events();
        assert_eq!(events[0], format!("quarantined {ticket} SUBSCRIBE 2 alone: the connection was lost"));
        talk.reconnect("CONNACK present");
        talk.take_events();
        talk.sends(["SUBSCRIBE id4 good:0"]);
        talk.server_says("SUBACK id4 0x00");
        talk.events(["ended 3 done 0x00"]);
        talk.sends(["PUBLISH a qos1 id2 dup \"x\""]);
        assert_eq!(talk.explain(ticket).waits, Waits::Decision);
        assert_eq!(talk.pending_subscriptions(), 1);
        assert!(talk.give_up(ticket));
        talk.events([&format!("ended {ticket} indeterminate GivenUp")]);
        assert_eq!((talk.subscription("poison"), talk.pending_subscriptions()), (None, 0));
    }
}

#[test]
fn a_filter_that_is_quarantined_stays_so_when_the_session_is_lost_and_can_be_retried() {
    let mut talk = online(V5_0, 1);
    let ticket = talk.subscribe("poison", QoS::AtMostOnce);
    talk.take_bytes();
    talk.cut();
    talk.reconnect("CONNACK");
    talk.take_events();
    talk.sends_nothing();
    assert!(talk.retry(ticket));
    talk.sends(["SUBSCRIBE id2 poison:0"]);
    talk.server_says("SUBACK id2 0x00");
    talk.events([&format!("ended {ticket} done 0x00")]);
}

#[test]
fn a_later_request_takes_the_place_of_one_that_is_quarantined() {
    let mut talk = online(V5_0, 1);
    let first = talk.subscribe("f", QoS::AtMostOnce);
    talk.take_bytes();
    talk.cut();
    talk.reconnect("CONNACK present");
    talk.take_events();
    let second = talk.subscribe("f", QoS::AtLeastOnce);
    talk.sends(["SUBSCRIBE id2 f:1"]);
    talk.server_says("SUBACK id2 0x01");
    talk.events([&format!("ended {first} done 0x01"), &format!("ended {second} done 0x01")]);
    assert!(!talk.retry(first));
}

#[test]
fn a_lost_session_ends_or_keeps_what_is_quarantined() {
    for fate in [Lost::Resend, Lost::End] {
        let session_loss = SessionLoss::default().at_least_once(fate);
        let mut talk = Talk::online_with(config(V5_0, 1).session_loss(session_loss), "CONNACK");
        talk.publish("a", QoS::AtLeastOnce, "poison");
        talk.take_bytes();
        talk.cut();
        talk.reconnect("CONNACK");
        let events = talk.take_events();
        let is_lost = events.contains(&"ended 2 indeterminate SessionLost".to_owned());
        assert_eq!(is_lost, fate == Lost::End, "{events:?}");
        talk.sends_nothing();
        assert_eq!(talk.retry(2), fate == Lost::Resend);
        if fate == Lost::Resend {
            talk.sends(["PUBLISH a qos1 id2 \"poison\""]);
        }
    }
}

#[test]
fn a_client_that_stops_leaves_nobody_waiting() {
    let mut talk = with_one_quarantined();
    talk.disconnect(secs(5));
    talk.sends(["DISCONNECT"]);
    talk.closed(OfflineCause::TransportClosed);
    talk.events([
        "offline: disconnected as asked; stop",
        "ended 2 indeterminate Disconnected",
        "ended 3 done 0x00",
    ]);
    // The exchange goes on with the next connection, so that nothing is doubled.
    talk.connect();
    talk.accept("CONNACK present");
    talk.sends(["PUBLISH a qos1 id1 dup \"poison\""]);
}

#[test]
fn a_timeout_ends_what_is_quarantined() {
    let mut talk = online(V5_0, 1);
    let ticket = talk.publish_within(QoS::AtLeastOnce, "poison", secs(3));
    talk.take_bytes();
    talk.cut();
    talk.reconnect("CONNACK present");
    talk.take_events();
    talk.wait(secs(3));
    talk.events([&format!("ended {ticket} indeterminate TimedOut")]);
    assert!(talk.give_up(ticket), "it is quarantined still, though nobody waits for it");
    talk.no_events();
}

#[test]
fn a_refused_message_was_no_poison() {
    let mut talk = online(V5_0, 2);
    talk.publish("a", QoS::AtLeastOnce, "x");
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK present");
    talk.take_bytes();
    talk.server_says("PUBACK id1 0x97");
    let refused = format!("ended 2 rejected ByServer({:?})", ReasonCode::QuotaExceeded);
    talk.events([&refused]);
}
