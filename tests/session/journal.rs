//! The journal: what is recorded, what waits for it, and what is rebuilt from it.

mod crash;
mod encoding;

use mqtt_proto::{QoS, ReasonCode, Version, Version::V5_0};
use mqtt_session::{Config, Instant, RecordErrorKind, SessionRefusal, SubscriptionStatus, Transport};

use crate::harness::{BOTH, Talk, payload, persistent, secs};

/// A session with a journal that is online; what it has recorded so far is stored.
fn online(config: Config) -> (Talk, Vec<Vec<u8>>) {
    let mut talk = Talk::rebuilt(config, &[]).expect("there is nothing to read");
    talk.connect();
    talk.accept("CONNACK");
    talk.events(["online", "ended 1 done 0x00"]);
    let log = talk.store();
    (talk, log)
}

/// A program that begins where the records end, online with the session still there.
fn restarted(config: Config, log: &[Vec<u8>], connack: &str) -> Talk {
    let mut talk = Talk::rebuilt(config, log).expect("the records are good");
    talk.connect();
    talk.accept(connack);
    talk.take_events();
    talk.store();
    talk
}

#[test]
fn without_a_journal_nothing_is_recorded_or_waits() {
    let mut talk = Talk::online(V5_0);
    talk.publish("a", QoS::ExactlyOnce, "x");
    assert_eq!(talk.take_records(), (vec![], None));
    assert_eq!(talk.session().mark(), None);
    talk.sends(["PUBLISH a qos2 id1 \"x\""]);
}

#[test]
fn a_message_leaves_only_when_its_record_is_stored() {
    for version in BOTH {
        let (mut talk, _) = online(persistent(version));
        talk.publish("a", QoS::AtLeastOnce, "x");
        talk.sends_nothing();
        let (accepted, accepted_mark) = talk.take_records();
        assert_eq!(accepted.len(), 2, "it was accepted, and it has an identifier");
        talk.sends_nothing();
        talk.stored(accepted_mark.expect("it has a mark"));
        talk.sends(["PUBLISH a qos1 id1 \"x\""]);
        talk.server_says("PUBACK id1");
        talk.events(["ended 2 done 0x00"]);
        assert_eq!(talk.store().len(), 1, "it is over");
    }
}

#[test]
fn each_answer_of_qos_2_waits_for_what_it_says() {
    for version in BOTH {
        let (mut talk, _) = online(persistent(version));
        talk.publish("a", QoS::ExactlyOnce, "x");
        talk.take_bytes();
        talk.store();
        talk.sends(["PUBLISH a qos2 id1 \"x\""]);
        talk.server_says("PUBREC id1");
        talk.sends_nothing();
        talk.store();
        talk.sends(["PUBREL id1"]);
        talk.server_says("PUBCOMP id1");
        talk.events(["ended 2 done 0x00"]);
        talk.store();

        talk.server_says("PUBLISH b qos2 id7 \"y\"");
        talk.events(["message b qos2 \"y\""]);
        assert!(talk.store().is_empty(), "the server keeps it");
        talk.acknowledge(0);
        talk.sends_nothing();
        talk.store();
        talk.sends(["PUBREC id7"]);
        talk.server_says("PUBREL id7");
        talk.sends_nothing();
        talk.store();
        talk.sends(["PUBCOMP id7"]);
    }
}

#[test]
fn bytes_wait_in_their_order_and_none_overtakes() {
    let (mut talk, _) = online(persistent(V5_0));
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.sends_nothing();
    talk.publish("a", QoS::AtMostOnce, "2");
    talk.sends_nothing();
    let (_, first) = talk.take_records();
    talk.publish("a", QoS::AtLeastOnce, "3");
    talk.sends_nothing();
    talk.stored(first.expect("it has a mark"));
    talk.sends(["PUBLISH a qos1 id1 \"1\"", "PUBLISH a qos0 \"2\""]);
    talk.store();
    talk.sends(["PUBLISH a qos1 id2 \"3\""]);
}

#[test]
fn a_mark_of_what_was_not_taken_stores_nothing() {
    let (mut talk, _) = online(persistent(V5_0));
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.sends_nothing();
    let mark = talk.session().mark().expect("there is a journal");
    talk.stored(mark);
    talk.sends_nothing();
    talk.store();
    talk.sends(["PUBLISH a qos1 id1 \"1\""]);
}

#[test]
fn a_link_that_is_lost_takes_what_waited_with_it() {
    let (mut talk, _) = online(persistent(V5_0));
    talk.publish("a", QoS::AtLeastOnce, "1");
    talk.sends_nothing();
    talk.cut();
    talk.wait_for_dial();
    talk.opened();
    talk.store();
    let sent = talk.take_sent();
    assert!(sent.len() == 1 && sent[0].starts_with("CONNECT "), "{sent:?}");
    talk.server_says("CONNACK present");
    talk.sends(["PUBLISH a qos1 id1 dup \"1\""]);
}

#[test]
fn a_disconnect_waits_behind_what_waits_for_the_store() {
    let (mut talk, _) = online(persistent(V5_0));
    talk.server_says("PUBLISH b qos2 id7 \"y\"");
    talk.take_events();
    talk.acknowledge(0);
    talk.disconnect(secs(5));
    talk.sends_nothing();
    assert!(matches!(talk.transport(), Transport::Open { .. }), "the link is not shut down yet");
    talk.store();
    talk.sends(["PUBREC id7"]);
    talk.server_says("PUBREL id7");
    talk.sends_nothing();
    talk.store();
    talk.sends(["PUBCOMP id7", "DISCONNECT"]);
    assert_eq!(talk.transport(), Transport::Flush);
}

#[test]
fn messages_go_on_from_where_they_were() {
    for version in BOTH {
        let (mut talk, mut log) = online(persistent(version));
        for (qos, text) in
            [(QoS::ExactlyOnce, "released"), (QoS::ExactlyOnce, "sent"), (QoS::AtLeastOnce, "one")]
        {
            talk.publish("a", qos, text);
        }
        talk.take_bytes();
        log.extend(talk.store());
        talk.take_bytes();
        talk.server_says("PUBREC id1");
        let queued = talk.publish("a", QoS::AtLeastOnce, "queued");
        talk.publish("a", QoS::AtMostOnce, "gone");
        log.extend(talk.store());

        let mut talk = restarted(persistent(version), &log, "CONNACK present");
        talk.sends_nothing();
        talk.store();
        talk.sends([
            "PUBREL id1",
            "PUBLISH a qos2 id2 dup \"sent\"",
            "PUBLISH a qos1 id3 dup \"one\"",
            "PUBLISH a qos1 id4 \"queued\"",
        ]);
        talk.server_says("PUBCOMP id1");
        talk.server_says("PUBACK id3");
        talk.server_says("PUBACK id4");
        talk.events(["ended 2 done 0x00", "ended 4 done 0x00", &format!("ended {queued} done 0x00")]);
        let next = talk.publish("a", QoS::AtMostOnce, "new");
        assert!(next > queued, "tickets count on");
    }
}

#[test]
fn a_server_without_the_session_is_told_anew() {
    let (mut talk, mut log) = online(persistent(V5_0));
    talk.publish("a", QoS::AtLeastOnce, "one");
    talk.publish("a", QoS::ExactlyOnce, "two");
    talk.take_bytes();
    log.extend(talk.store());
    let mut talk = Talk::rebuilt(persistent(V5_0), &log).expect("the records are good");
    talk.connect();
    talk.accept("CONNACK");
    talk.events(["online", "ended 4 done 0x00", "ended 3 indeterminate SessionLost"]);
    talk.take_bytes();
    log.extend(talk.store());
    talk.sends(["PUBLISH a qos1 id1 \"one\""]);
    // Once more, behind the loss.
    let mut talk = restarted(persistent(V5_0), &log, "CONNACK present");
    talk.sends(["PUBLISH a qos1 id1 dup \"one\""]);
}

#[test]
fn what_was_taken_is_not_delivered_again() {
    for version in BOTH {
        let (mut talk, mut log) = online(persistent(version));
        talk.server_says("PUBLISH b qos2 id7 \"taken\"");
        talk.server_says("PUBLISH b qos2 id8 \"held\"");
        talk.take_events();
        talk.acknowledge(0);
        log.extend(talk.store());

        let mut talk = restarted(persistent(version), &log, "CONNACK present");
        talk.server_says("PUBLISH b qos2 id7 dup \"taken\"");
        talk.server_says("PUBLISH b qos2 id8 dup \"held\"");
        talk.events(["message b qos2 dup \"held\""]);
        talk.sends(["PUBREC id7"]);
        talk.server_says("PUBREL id7");
        log.extend(talk.store());
        // The identifier is free for another message.
        let mut talk = restarted(persistent(version), &log, "CONNACK present");
        talk.server_says("PUBLISH b qos2 id7 \"another\"");
        talk.events(["message b qos2 \"another\""]);
    }
}

#[test]
fn a_refused_message_is_answered_alike_after_a_restart() {
    let (mut talk, mut log) = online(persistent(V5_0));
    talk.server_says("PUBLISH b qos2 id7 \"first\"");
    talk.server_says("PUBLISH b qos2 id8 \"second\"");
    talk.take_events();
    talk.acknowledge_with(1, ReasonCode::QuotaExceeded).expect("PUBREC may say that");
    log.extend(talk.store());
    let mut talk = restarted(persistent(V5_0), &log, "CONNACK present");
    talk.server_says("PUBLISH b qos2 id8 dup \"second\"");
    talk.no_events();
    talk.take_bytes();
    log.extend(talk.store());
    talk.sends(["PUBREC id8 0x97"]);
    let mut talk = restarted(persistent(V5_0), &log, "CONNACK present");
    talk.server_says("PUBLISH b qos2 id8 \"another\"");
    talk.events(["message b qos2 \"another\""]);
}

#[test]
fn filters_are_wanted_on_and_asked_for_only_if_they_were_not_answered() {
    for version in BOTH {
        let (mut talk, mut log) = online(persistent(version).subscription_identifiers(true));
        for filter in ["granted", "refused", "asked", "dropped"] {
            talk.subscribe(filter, QoS::AtLeastOnce);
        }
        talk.take_bytes();
        log.extend(talk.store());
        talk.take_bytes();
        match version {
            V5_0 => {
                talk.server_says("SUBACK id1 0x01");
                talk.server_says("SUBACK id2 0x80");
            }
            _ => talk.server_says("SUBACK id1 0x01 0x80 0x01 0x01"),
        }
        talk.unsubscribe("dropped");
        log.extend(talk.store());

        let config = persistent(version).subscription_identifiers(true);
        let mut talk = restarted(config, &log, "CONNACK present");
        let granted = Some(SubscriptionStatus::Granted(QoS::AtLeastOnce));
        assert_eq!(talk.subscription("granted"), granted);
        assert!(matches!(talk.subscription("refused"), Some(SubscriptionStatus::Refused(_))));
        assert_eq!(talk.subscription("dropped"), None);
        match version {
            V5_0 => {
                assert_eq!(talk.pending_subscriptions(), 1);
                talk.sends(["SUBSCRIBE id1 asked:1 SubscriptionIdentifier(1)", "UNSUBSCRIBE id2 dropped"]);
            }
            _ => talk.sends(["UNSUBSCRIBE id1 dropped"]),
        }
    }
}

#[test]
fn identifiers_of_subscriptions_are_not_given_out_twice() {
    let config = || persistent(V5_0).subscription_identifiers(true);
    let (mut talk, mut log) = online(config());
    talk.subscribe("a", QoS::AtLeastOnce);
    talk.take_bytes();
    log.extend(talk.store());
    talk.take_bytes();
    talk.server_says("SUBACK id1 0x01");
    log.extend(talk.store());
    let mut talk = restarted(config(), &log, "CONNACK present");
    talk.subscribe("b", QoS::AtLeastOnce);
    talk.take_bytes();
    talk.store();
    // 94 follows from the filter `a`, 57 from `b`.
    talk.sends(["SUBSCRIBE id1 b:1 SubscriptionIdentifier(57)"]);
    let filter = mqtt_proto::TopicFilter::new("a").expect("a filter");
    assert_eq!(talk.session().subscription_identifier(filter), Some(94));
}

#[test]
fn how_a_late_message_has_ended_is_known_in_the_end() {
    let (mut talk, mut log) = online(persistent(V5_0));
    talk.publish_within(QoS::ExactlyOnce, "late", secs(2));
    talk.take_bytes();
    log.extend(talk.store());
    talk.take_bytes();
    talk.wait(secs(2));
    talk.events(["ended 2 indeterminate TimedOut"]);
    log.extend(talk.store());
    let mut talk = restarted(persistent(V5_0), &log, "CONNACK present");
    talk.sends(["PUBLISH a qos2 id1 dup \"late\""]);
    talk.server_says("PUBREC id1");
    talk.server_says("PUBCOMP id1");
    talk.events(["ended 2 done 0x00"]);
}

#[test]
fn what_was_withdrawn_or_refused_is_gone() {
    let (mut talk, mut log) = online(persistent(V5_0));
    talk.cut();
    talk.publish_within(QoS::AtLeastOnce, "late", secs(1));
    talk.publish("a", QoS::AtLeastOnce, &"x".repeat(100));
    talk.publish("a", QoS::AtLeastOnce, "good");
    talk.wait(secs(1));
    talk.wait_for_dial();
    talk.opened();
    log.extend(talk.store());
    talk.take_bytes();
    talk.server_says("CONNACK present packet_max=50");
    talk.take_bytes();
    log.extend(talk.store());
    talk.sends(["PUBLISH a qos1 id1 \"good\""]);
    let mut talk = restarted(persistent(V5_0), &log, "CONNACK present");
    talk.sends(["PUBLISH a qos1 id1 dup \"good\""]);
    talk.sends_nothing();
}

#[test]
fn the_name_that_the_server_gave_is_kept() {
    let config = || persistent(V5_0).client_id(String::new());
    let mut talk = Talk::rebuilt(config(), &[]).expect("there is nothing to read");
    talk.connect();
    talk.opened();
    talk.take_bytes();
    talk.server_says("CONNACK client_id=given");
    let log = talk.store();
    let mut talk = Talk::rebuilt(config(), &log).expect("the records are good");
    talk.connect();
    talk.opened();
    let sent = talk.take_sent();
    assert!(sent[0].starts_with("CONNECT 5.0 'given' keep"), "it goes on with the session: {sent:?}");
}

#[test]
fn an_expiry_interval_counts_on_if_the_clock_does() {
    let properties = [mqtt_proto::Property::MessageExpiryInterval(60)];
    let (mut talk, mut log) = online(persistent(V5_0));
    talk.cut();
    talk.publish_saying(QoS::AtLeastOnce, "x", mqtt_proto::Properties::new(&properties));
    log.extend(talk.store());
    let mut talk = Talk::rebuilt(persistent(V5_0), &log).expect("the records are good");
    talk.now = Instant::from_millis(21_000);
    talk.connect();
    talk.accept("CONNACK present");
    talk.sends_nothing();
    talk.store();
    talk.sends(["PUBLISH a qos1 id1 MessageExpiryInterval(40) \"x\""]);
}

#[test]
fn large_payloads_survive_and_leave_without_a_copy() {
    let (mut talk, mut log) = online(persistent(V5_0));
    let topic = mqtt_proto::TopicName::new("a").expect("a topic name");
    let publish = mqtt_session::Publish {
        qos: QoS::AtLeastOnce,
        ..mqtt_session::Publish::new(topic, payload(100_000))
    };
    talk.try_publish(publish).expect("accepted");
    talk.take_bytes();
    log.extend(talk.store());
    talk.sends(["PUBLISH a qos1 id1 100000 bytes"]);
    let mut talk = restarted(persistent(V5_0), &log, "CONNACK present");
    talk.sends(["PUBLISH a qos1 id1 dup 100000 bytes"]);
}

#[test]
fn a_store_that_takes_nothing_is_no_reason_to_grow() {
    let config = persistent(V5_0).queue_bytes_max(2_000);
    let (mut talk, _) = online(config);
    let mut refused = None;
    for _message in 0..1_000 {
        let publish = mqtt_session::Publish {
            timeout: Some(secs(1)),
            ..crate::harness::message("a", QoS::AtLeastOnce, "0123456789")
        };
        if let Err(reason) = talk.try_publish(publish) {
            refused = Some(reason);
            break;
        }
        // It is withdrawn, and its record still waits to be taken.
        talk.cut_if_online();
        talk.wait(secs(1));
    }
    assert_eq!(refused, Some(SessionRefusal::QueueBytesFull { bytes_max: 2_000 }));
    talk.store();
    talk.publish("a", QoS::AtLeastOnce, "there is room again");
}

#[test]
fn a_session_goes_on_in_another_version_as_far_as_it_can() {
    let (mut talk, mut log) = online(persistent(Version::V3_1_1));
    talk.publish("a", QoS::AtLeastOnce, "x");
    talk.subscribe("f", QoS::AtLeastOnce);
    log.extend(talk.store());
    let mut talk = restarted(persistent(V5_0), &log, "CONNACK");
    talk.take_bytes();
    talk.store();
    let sent = talk.take_sent();
    assert_eq!(sent, ["SUBSCRIBE id1 f:1", "PUBLISH a qos1 id2 \"x\""]);

    let (mut talk, mut log) = online(persistent(V5_0));
    let properties = [mqtt_proto::Property::ContentType("text")];
    talk.publish_saying(QoS::AtLeastOnce, "x", mqtt_proto::Properties::new(&properties));
    log.extend(talk.store());
    let error =
        Talk::rebuilt(persistent(Version::V3_1_1), &log).map(|_| ()).expect_err("3.1.1 has no properties");
    assert!(matches!(error.kind, RecordErrorKind::Version(_)), "{error}");
}
