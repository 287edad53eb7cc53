//! Subscriptions across connections: what is asked for again, and what happened to requests that a cut met.

use mqtt_proto::{QoS, Version::V5_0};
use mqtt_session::SubscriptionStatus::{Granted, Pending, Refused, Wanted};

use crate::harness::{BOTH, Talk, clean, persistent};

/// Three filters, granted at once.
fn subscribed(version: mqtt_proto::Version) -> Talk {
    let mut talk = Talk::online(version);
    talk.subscribe("z", QoS::AtMostOnce);
    talk.subscribe("a", QoS::AtLeastOnce);
    talk.subscribe("m/#", QoS::ExactlyOnce);
    talk.take_bytes();
    talk.server_says("SUBACK id1 0x00 0x01 0x02");
    talk.take_events();
    talk
}

#[test]
fn a_kept_session_needs_no_new_subscription() {
    for version in BOTH {
        let mut talk = subscribed(version);
        talk.cut_and_reconnect("CONNACK present");
        talk.sends_nothing();
        assert_eq!(talk.subscription("a"), Some(Granted(QoS::AtLeastOnce)));
        assert_eq!(talk.pending_subscriptions(), 0);
    }
}

#[test]
fn a_lost_session_is_subscribed_anew_in_the_original_order() {
    for version in BOTH {
        let mut talk = subscribed(version);
        talk.cut_and_reconnect("CONNACK");
        assert_eq!(talk.pending_subscriptions(), 3);
        assert_eq!(talk.subscription("z"), Some(Wanted));
        talk.sends(["SUBSCRIBE id2 z:0 a:1 m/#:2"]);
        assert_eq!(talk.subscription("z"), Some(Pending));
        talk.server_says("SUBACK id2 0x00 0x80 0x02");
        talk.events(["SubscriptionRefused { filter: \"a\", why: ByServer(UnspecifiedError) }"]);
        assert_eq!(talk.pending_subscriptions(), 0);
        assert!(matches!(talk.subscription("a"), Some(Refused(_))));
        talk.cut_and_reconnect("CONNACK");
        let sent = talk.take_sent();
        assert!(
            sent.len() == 1 && sent[0].ends_with(" z:0 m/#:2"),
            "what was refused is not wanted: {sent:?}"
        );
    }
}

#[test]
fn subscriptions_come_before_waiting_messages() {
    let mut talk = subscribed(V5_0);
    talk.cut();
    talk.publish("z", QoS::AtMostOnce, "x");
    talk.reconnect("CONNACK");
    talk.sends(["SUBSCRIBE id2 z:0 a:1 m/#:2", "PUBLISH z qos0 \"x\""]);
}

#[test]
fn a_request_met_by_a_cut_goes_out_again_and_keeps_its_ticket() {
    for version in BOTH {
        for (connack, has_granted) in [("CONNACK present", false), ("CONNACK", true)] {
            let mut talk = subscribed(version);
            let first = talk.subscribe("n", QoS::AtMostOnce);
            talk.take_bytes();
            talk.subscribe("o", QoS::AtMostOnce);
            talk.take_bytes();
            talk.cut();
            assert_eq!(talk.subscription("n"), Some(Wanted));
            talk.reconnect(connack);
            assert_eq!(talk.take_events().len(), 2, "nothing has ended");
            let sent = talk.take_sent().remove(0);
            let id = sent.split_whitespace().nth(1).expect("an identifier").to_owned();
            let filters = if has_granted { "z:0 a:1 m/#:2 n:0 o:0" } else { "n:0 o:0" };
            assert_eq!(sent, format!("SUBSCRIBE {id} {filters}"));
            let codes = if has_granted { "0x00 0x01 0x02 0x00 0x00" } else { "0x00 0x00" };
            talk.server_says(&format!("SUBACK {id} {codes}"));
            assert_eq!(first, 5);
            talk.events(["ended 5 done 0x00", "ended 6 done 0x00"]);
            assert_eq!(talk.pending_subscriptions(), 0);
        }
    }
}

#[test]
fn an_unsubscribe_met_by_a_cut_goes_out_again_if_the_session_is_kept() {
    for version in BOTH {
        let mut talk = subscribed(version);
        talk.unsubscribe("a");
        talk.take_bytes();
        talk.cut_and_reconnect("CONNACK present");
        let sent = talk.take_sent().remove(0);
        let id = sent.split_whitespace().nth(1).expect("an identifier").to_owned();
        assert_eq!(sent, format!("UNSUBSCRIBE {id} a"));
        talk.server_says(&format!("UNSUBACK {id} 0x11"));
        let code = if version == V5_0 { "0x11" } else { "0x00" };
        assert_eq!(talk.take_events(), [format!("ended 5 done {code}")]);
    }
}

#[test]
fn an_unsubscribe_is_done_when_the_session_is_lost() {
    for version in BOTH {
        let mut talk = subscribed(version);
        talk.unsubscribe("a");
        talk.take_bytes();
        talk.cut();
        talk.unsubscribe("m/#");
        talk.reconnect("CONNACK");
        let events = talk.take_events();
        assert_eq!(events[1..], ["online", "ended 5 done 0x00", "ended 6 done 0x00"]);
        let sent = talk.take_sent();
        assert!(sent.len() == 1 && sent[0].ends_with(" z:0"), "{sent:?}");
    }
}

/// Nothing is subscribed any more once the session has ended with its connection.
#[test]
fn an_unsubscribe_ends_with_the_connection_if_the_session_is_not_kept() {
    for version in BOTH {
        let mut talk = Talk::online_with(clean(version), "CONNACK");
        talk.unsubscribe("a");
        talk.take_bytes();
        talk.take_events();
        talk.cut();
        assert!(talk.take_events().contains(&"ended 2 done 0x00".to_owned()));
    }
}

#[test]
fn requests_made_while_offline_go_out_in_their_order() {
    for version in BOTH {
        let mut talk = subscribed(version);
        talk.cut();
        talk.unsubscribe("a");
        talk.subscribe("a", QoS::ExactlyOnce);
        talk.subscribe("b", QoS::AtMostOnce);
        talk.unsubscribe("z");
        talk.reconnect("CONNACK present");
        let sent: Vec<String> = talk
            .take_sent()
            .into_iter()
            .map(|packet| {
                packet.split_whitespace().filter(|word| !word.starts_with("id")).collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(sent, ["UNSUBSCRIBE a", "SUBSCRIBE a:2 b:0", "UNSUBSCRIBE z"]);
    }
}

#[test]
fn what_is_wanted_before_the_first_connection_is_subscribed_on_it() {
    for version in BOTH {
        let mut talk = Talk::new(persistent(version));
        talk.subscribe("a", QoS::AtLeastOnce);
        talk.connect();
        talk.accept("CONNACK");
        talk.sends(["SUBSCRIBE id1 a:1"]);
        talk.server_says("SUBACK id1 0x01");
        talk.events(["online", "ended 2 done 0x00", "ended 1 done 0x01"]);
    }
}

/// The answer breaks the protocol; what it was the answer to is still wanted.
#[test]
fn a_wrong_number_of_codes_does_not_swallow_the_requests() {
    let mut talk = Talk::online(V5_0);
    talk.subscribe("a", QoS::AtMostOnce);
    talk.subscribe("b", QoS::AtMostOnce);
    talk.take_bytes();
    talk.server_says("SUBACK id1 0x00");
    talk.sends(["DISCONNECT 0x82"]);
    talk.events(["offline: the server broke the protocol: 1 codes for 2 filters; retry"]);
    talk.reconnect("CONNACK present");
    talk.sends(["SUBSCRIBE id2 a:0 b:0"]);
    talk.server_says("SUBACK id2 0x00 0x00");
    talk.events(["online present", "ended 2 done 0x00", "ended 3 done 0x00"]);
    talk.unsubscribe("a");
    talk.take_bytes();
    talk.server_says("UNSUBACK id3 0x00 0x00");
    talk.take_events();
    talk.sends(["DISCONNECT 0x82"]);
    talk.reconnect("CONNACK present");
    talk.sends(["UNSUBSCRIBE id4 a"]);
    talk.server_says("UNSUBACK id4 0x00");
    talk.events(["online present", "ended 4 done 0x00"]);
}

#[test]
fn the_order_after_a_loss_is_that_of_the_last_requests() {
    let mut talk = subscribed(V5_0);
    talk.subscribe("z", QoS::AtLeastOnce);
    talk.take_bytes();
    talk.server_says("SUBACK id2 0x01");
    talk.take_events();
    talk.cut_and_reconnect("CONNACK");
    talk.sends(["SUBSCRIBE id3 a:1 m/#:2 z:1"]);
}
