//! What the session says about an operation that has not ended.

use mqtt_proto::{PacketKind, QoS, Version::V5_0};
use mqtt_session::{OfflineCause, Status, Waits};

use crate::harness::{Talk, clean, persistent, secs};

#[test]
fn each_step_of_a_message_is_told() {
    let mut talk = Talk::online_with(persistent(V5_0), "CONNACK receive_max=1");
    let first = talk.publish("a", QoS::ExactlyOnce, "1");
    let second = talk.publish("a", QoS::AtLeastOnce, "2");
    assert_eq!(talk.explain(second).waits, Waits::Turn { ahead: 1, qos: Some(QoS::AtLeastOnce) });
    talk.take_bytes();
    assert_eq!(talk.explain(first).waits, Waits::Answer(PacketKind::Pubrec));
    let text = talk.explain(second).to_string();
    assert_eq!(
        text,
        "it was never sent; 0 go before it; 1 messages are under way and the server takes 1, so an \
         acknowledgement must come first"
    );
    talk.server_says("PUBREC id1");
    assert_eq!(talk.explain(first).waits, Waits::Answer(PacketKind::Pubcomp));
    let text = talk.explain(first).to_string();
    assert_eq!(
        text,
        "it was sent; the server's PUBCOMP is awaited, and it is repeated if the connection is lost"
    );
    talk.server_says("PUBCOMP id1");
    assert_eq!(talk.explain(first).waits, Waits::Ended);
    talk.take_bytes();
    assert_eq!(talk.explain(second).waits, Waits::Answer(PacketKind::Puback));
    talk.cut();
    let explanation = talk.explain(second);
    assert_eq!(explanation.last_cause, Some(OfflineCause::TransportClosed));
    assert!(matches!(explanation.status, Status::Waiting { .. }));
    let text = explanation.to_string();
    assert!(
        text.starts_with("it was sent; the server's PUBACK did not come before the connection was lost; ")
    );
    assert!(text.ends_with(", because the connection was lost"), "{text}");
    talk.reconnect("CONNACK present");
    assert_eq!(talk.explain(second).waits, Waits::Repetition);
}

#[test]
fn a_message_of_a_lost_session_is_told() {
    let mut talk = Talk::online(V5_0);
    let ticket = talk.publish("a", QoS::AtLeastOnce, "1");
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK");
    assert_eq!(talk.explain(ticket).waits, Waits::SendingAnew);
    talk.take_bytes();
    assert_eq!(talk.explain(ticket).waits, Waits::Answer(PacketKind::Puback));
}

#[test]
fn connections_and_requests_are_told() {
    let mut talk = Talk::new(clean(V5_0));
    let connect = talk.connect();
    assert_eq!(talk.explain(connect).to_string(), "no connection was accepted yet; the link is being opened");
    let subscribe = talk.subscribe("a", QoS::AtLeastOnce);
    talk.accept("CONNACK");
    assert_eq!(talk.explain(connect).waits, Waits::Ended);
    let unsubscribe = talk.unsubscribe("b");
    assert_eq!(talk.explain(unsubscribe).waits, Waits::Turn { ahead: 1, qos: None });
    talk.take_bytes();
    assert_eq!(talk.explain(subscribe).waits, Waits::Answer(PacketKind::Suback));
    assert_eq!(talk.explain(unsubscribe).waits, Waits::Answer(PacketKind::Unsuback));
    talk.publish("a", QoS::AtLeastOnce, "x");
    let disconnect = talk.disconnect(secs(10));
    let until = talk.now + secs(10);
    assert_eq!(talk.explain(disconnect).waits, Waits::Drain { messages: 1, requests: 2, until });
}

/// What is said of each message is the number of those in front of it that are still to go out.
fn check_ahead(talk: &Talk, tickets: &[u64]) {
    let mut in_front = 0;
    for ticket in tickets {
        match talk.explain(*ticket).waits {
            Waits::Turn { ahead, .. } => {
                assert_eq!(ahead, in_front, "of ticket {ticket}");
                in_front += 1;
            }
            Waits::Repetition => in_front += 1,
            _ => {}
        }
    }
}

#[test]
fn messages_ahead_are_counted_among_many_wherever_some_end() {
    let mut talk = Talk::online_with(persistent(V5_0), "CONNACK receive_max=3");
    let all = [QoS::AtLeastOnce, QoS::AtMostOnce, QoS::ExactlyOnce];
    let mut tickets: Vec<u64> = (0..1_500).map(|number| talk.publish("a", all[number % 3], "1")).collect();
    check_ahead(&talk, &tickets);
    talk.take_bytes();
    check_ahead(&talk, &tickets);
    for ticket in tickets.iter().skip(700).step_by(3) {
        talk.withdraw(*ticket).expect("it waits");
    }
    check_ahead(&talk, &tickets);
    talk.take_events();
    talk.cut_and_reconnect("CONNACK present receive_max=1");
    check_ahead(&talk, &tickets);
    talk.take_bytes();
    check_ahead(&talk, &tickets);
    // So many end in the middle that the rest closes up.
    for ticket in tickets.iter().skip(10).take(1_400) {
        let _ = talk.withdraw(*ticket);
    }
    tickets.extend((0..600).map(|_| talk.publish("a", QoS::AtMostOnce, "1")));
    check_ahead(&talk, &tickets);
    talk.server_says("PUBACK id1");
    talk.take_bytes();
    check_ahead(&talk, &tickets);
}
