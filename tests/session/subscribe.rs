//! Subscriptions while the connection lasts: requests, answers, and requests that overtake one another.

use mqtt_proto::{
    QoS, ReasonCode, RetainHandling, SubscribeOptions,
    Version::{V3_1, V3_1_1, V5_0},
};
use mqtt_session::SubscriptionStatus::{Granted, Pending, Refused, Wanted};

use crate::harness::{BOTH, Talk};

#[test]
fn a_subscription_is_done_with_its_granted_qos() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.subscribe("a", QoS::ExactlyOnce);
        assert_eq!(talk.subscription("a"), Some(Wanted));
        assert_eq!(talk.pending_subscriptions(), 1);
        talk.sends(["SUBSCRIBE id1 a:2"]);
        assert_eq!(talk.subscription("a"), Some(Pending));
        talk.server_says("SUBACK id1 0x01");
        talk.events(["ended 2 done 0x01"]);
        assert_eq!(talk.subscription("a"), Some(Granted(QoS::AtLeastOnce)));
        assert_eq!(talk.pending_subscriptions(), 0);
    }
}

#[test]
fn filters_wanted_together_travel_together_and_each_has_its_code() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.subscribe("a", QoS::AtMostOnce);
        talk.subscribe("b", QoS::AtLeastOnce);
        talk.subscribe("c", QoS::ExactlyOnce);
        talk.sends(["SUBSCRIBE id1 a:0 b:1 c:2"]);
        assert_eq!(talk.pending_subscriptions(), 3);
        talk.server_says("SUBACK id1 0x00 0x80 0x02");
        talk.events([
            "ended 2 done 0x00",
            "ended 3 rejected ByServer(UnspecifiedError)",
            "ended 4 done 0x02",
        ]);
        assert_eq!(talk.pending_subscriptions(), 0);
        assert_eq!(talk.subscription("a"), Some(Granted(QoS::AtMostOnce)));
        assert_eq!(talk.subscription("b"), Some(Refused(ReasonCode::UnspecifiedError)));
        assert_eq!(talk.subscription("c"), Some(Granted(QoS::ExactlyOnce)));
        assert_eq!(talk.subscription("d"), None);
    }
}

#[test]
fn many_filters_travel_in_several_packets_in_their_order() {
    let mut talk = Talk::online(V5_0);
    for number in 0..150 {
        talk.subscribe(&format!("t/{number:03}"), QoS::AtMostOnce);
    }
    let sent = talk.take_sent();
    assert_eq!(sent.len(), 3);
    let filters: Vec<&str> = sent.iter().flat_map(|packet| packet.split_whitespace().skip(2)).collect();
    assert_eq!(filters.len(), 150);
    assert!(filters.is_sorted());
}

#[test]
fn answers_may_come_in_any_order_and_what_is_unanswered_goes_out_again_in_its_own() {
    let mut talk = Talk::online(V5_0);
    for filter in ["a", "b", "c", "d"] {
        talk.subscribe(filter, QoS::AtMostOnce);
        talk.take_bytes();
    }
    talk.server_says("SUBACK id3 0x00");
    talk.events(["ended 4 done 0x00"]);
    talk.server_says("SUBACK id1 0x00");
    talk.events(["ended 2 done 0x00"]);
    talk.subscribe("e", QoS::AtMostOnce);
    talk.take_bytes();
    assert_eq!(talk.pending_subscriptions(), 3);
    talk.cut();
    talk.take_events();
    talk.reconnect("CONNACK");
    let sent = talk.take_sent().concat();
    let places: Vec<_> = ["b:0", "d:0", "e:0"].map(|filter| sent.find(filter)).to_vec();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{sent}");
}

#[test]
fn subscription_options_travel_with_the_filter() {
    let mut talk = Talk::online(V5_0);
    let options = SubscribeOptions {
        qos: QoS::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::Never,
    };
    talk.try_subscribe("a", options).expect("accepted");
    assert_eq!(talk.take_bytes().last(), Some(&0b0010_1101));
}

#[test]
fn unsubscribe_is_done_with_its_unsuback() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.subscribe("a", QoS::AtMostOnce);
        talk.take_bytes();
        talk.server_says("SUBACK id1 0x00");
        talk.unsubscribe("a");
        talk.unsubscribe("b");
        assert_eq!(talk.subscription("a"), None);
        talk.sends(["UNSUBSCRIBE id2 a b"]);
        talk.server_says("UNSUBACK id2 0x00 0x11");
        let second = if version == V5_0 { "ended 4 done 0x11" } else { "ended 4 done 0x00" };
        talk.events(["ended 2 done 0x00", "ended 3 done 0x00", second]);
    }
}

#[test]
fn an_unsubscribe_that_the_server_refuses_is_rejected() {
    let mut talk = Talk::online(V5_0);
    talk.unsubscribe("a");
    talk.take_bytes();
    talk.server_says("UNSUBACK id1 0x87");
    talk.events(["ended 2 rejected ByServer(NotAuthorized)"]);
}

#[test]
fn subscribe_and_unsubscribe_keep_their_order() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.subscribe("a", QoS::AtMostOnce);
        talk.unsubscribe("b");
        talk.unsubscribe("c");
        talk.subscribe("b", QoS::AtMostOnce);
        talk.sends(["SUBSCRIBE id1 a:0", "UNSUBSCRIBE id2 b c", "SUBSCRIBE id3 b:0"]);
        talk.server_says("SUBACK id3 0x00");
        talk.server_says("UNSUBACK id2 0x00 0x00");
        talk.server_says("SUBACK id1 0x00");
        talk.events(["ended 5 done 0x00", "ended 3 done 0x00", "ended 4 done 0x00", "ended 2 done 0x00"]);
    }
}

#[test]
fn only_the_last_request_for_a_filter_is_sent_and_ends_all_of_them() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.subscribe("a", QoS::AtMostOnce);
        talk.subscribe("b", QoS::AtMostOnce);
        talk.subscribe("a", QoS::ExactlyOnce);
        assert_eq!(talk.pending_subscriptions(), 2);
        talk.sends(["SUBSCRIBE id1 b:0 a:2"]);
        talk.server_says("SUBACK id1 0x00 0x02");
        talk.events(["ended 3 done 0x00", "ended 2 done 0x02", "ended 4 done 0x02"]);
        assert_eq!(talk.pending_subscriptions(), 0);
    }
}

#[test]
fn a_superseded_requests_answer_does_not_stand_for_the_later_one() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.subscribe("a", QoS::AtMostOnce);
        talk.sends(["SUBSCRIBE id1 a:0"]);
        talk.subscribe("a", QoS::ExactlyOnce);
        talk.sends(["SUBSCRIBE id2 a:2"]);
        talk.server_says("SUBACK id1 0x00");
        talk.no_events();
        assert_eq!(talk.subscription("a"), Some(Pending));
        assert_eq!(talk.pending_subscriptions(), 1);
        talk.server_says("SUBACK id2 0x02");
        talk.events(["ended 2 done 0x02", "ended 3 done 0x02"]);
        assert_eq!(talk.subscription("a"), Some(Granted(QoS::ExactlyOnce)));
    }
}

#[test]
fn unsubscribe_supersedes_a_subscription_that_waits() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.subscribe("a", QoS::AtMostOnce);
        talk.sends(["SUBSCRIBE id1 a:0"]);
        talk.subscribe("b", QoS::AtMostOnce);
        talk.unsubscribe("a");
        talk.unsubscribe("b");
        talk.events(["ended 2 rejected Superseded", "ended 3 rejected Superseded"]);
        assert_eq!(talk.pending_subscriptions(), 0);
        talk.sends(["UNSUBSCRIBE id2 a b"]);
        talk.server_says("SUBACK id1 0x00");
        talk.no_events();
        talk.server_says("UNSUBACK id2 0x00 0x00");
        talk.events(["ended 4 done 0x00", "ended 5 done 0x00"]);
        assert_eq!(talk.subscription("a"), None);
    }
}

/// [5.0 MQTT-2.2.1-3] [3.1.1 MQTT-2.3.1-2]
#[test]
fn requests_and_messages_never_share_an_identifier() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.publish("a", QoS::AtLeastOnce, "1");
        talk.take_bytes();
        talk.subscribe("a", QoS::AtMostOnce);
        talk.publish("a", QoS::ExactlyOnce, "2");
        talk.sends(["SUBSCRIBE id2 a:0", "PUBLISH a qos2 id3 \"2\""]);
        talk.unsubscribe("b");
        talk.sends(["UNSUBSCRIBE id4 b"]);
        talk.cut_and_reconnect("CONNACK present");
        let sent = talk.take_sent();
        let mut ids: Vec<&str> = sent
            .iter()
            .filter_map(|packet| packet.split_whitespace().find(|word| word.starts_with("id")))
            .collect();
        assert_eq!(ids.len(), 4, "{sent:?}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 4, "{sent:?}");
    }
}

#[test]
fn a_refused_filter_may_be_asked_for_again() {
    // 3.1 lists no code for it, and servers say it all the same.
    for version in [V3_1, V3_1_1, V5_0] {
        let mut talk = Talk::online(version);
        talk.subscribe("a", QoS::AtLeastOnce);
        talk.take_bytes();
        talk.server_says("SUBACK id1 0x80");
        talk.subscribe("a", QoS::AtMostOnce);
        assert_eq!(talk.pending_subscriptions(), 1);
        talk.sends(["SUBSCRIBE id2 a:0"]);
        talk.server_says("SUBACK id2 0x00");
        talk.events(["ended 2 rejected ByServer(UnspecifiedError)", "ended 3 done 0x00"]);
    }
}
