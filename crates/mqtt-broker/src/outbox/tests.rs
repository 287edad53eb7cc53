//! The three places of a message, without a broker around them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{PacketId, QoS};

use super::{Acknowledged, Fit, Outbox, Step};
use crate::config::Config;
use crate::message::{Delivery, Message};

const NOW: Instant = Instant::ORIGIN;

fn delivery(qos: QoS) -> Delivery {
    let (topic, payload) = (Bytes::from_static(b"t"), Bytes::from_static(b"x"));
    let message = Arc::new(Message::new("me".into(), topic, payload, qos, false));
    Delivery { message, qos, retain: false, identifiers: Vec::new(), charge: None }
}

fn filled(qos: QoS, count: usize) -> Outbox {
    let mut outbox = Outbox::default();
    for _ in 0..count {
        assert_eq!(outbox.push(NOW, delivery(qos), &Config::default()), Ok(()));
    }
    outbox
}

/// Sends one message and says with which identifier, and whether again.
fn send(outbox: &mut Outbox, window_max: u16) -> Option<(u16, bool)> {
    let mut sent = None;
    let step = outbox.send_next(NOW, window_max, |_, packet_id, dup| {
        sent = packet_id.map(|packet_id| (packet_id.get(), dup));
        Fit::Sent
    });
    assert_eq!(step == Step::Sent, sent.is_some());
    sent
}

fn pid(id: u16) -> PacketId {
    PacketId::new(id).expect("not 0")
}

/// [5.0 MQTT-2.2.1-4] [3.1.1 MQTT-2.3.1-4] [5.0 MQTT-4.3.3-1]
#[test]
fn identifiers_are_unused_and_all_of_them_are_used() {
    let mut outbox = filled(QoS::AtLeastOnce, 65_536);
    let mut seen: Vec<_> = core::iter::from_fn(|| send(&mut outbox, u16::MAX)).map(|(id, _)| id).collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=u16::MAX).collect::<Vec<_>>());
    assert_eq!(outbox.on_puback(pid(700)), Acknowledged::Expected);
    assert_eq!(send(&mut outbox, u16::MAX), Some((700, false)));
}

/// [5.0 MQTT-3.3.4-9]
#[test]
fn a_completion_of_an_earlier_connection_opens_no_window() {
    let mut outbox = filled(QoS::ExactlyOnce, 5);
    assert_eq!(send(&mut outbox, 2), Some((1, false)));
    assert_eq!(send(&mut outbox, 2), Some((2, false)));
    assert_eq!(outbox.on_pubrec(pid(1), false), Acknowledged::Expected);
    assert_eq!(outbox.on_online().collect::<Vec<_>>(), [pid(1)]);
    assert_eq!(send(&mut outbox, 1), Some((2, true)));
    assert_eq!(send(&mut outbox, 1), None);
    assert_eq!(outbox.on_pubcomp(pid(1)), Acknowledged::Expected);
    assert_eq!(send(&mut outbox, 1), None);
    assert_eq!(outbox.on_pubrec(pid(2), false), Acknowledged::Expected);
    assert_eq!(outbox.on_pubcomp(pid(2)), Acknowledged::Expected);
    assert_eq!(send(&mut outbox, 1), Some((3, false)));
}

#[test]
fn a_break_during_repetition_begins_it_again() {
    let mut outbox = filled(QoS::AtLeastOnce, 3);
    for id in 1..=3 {
        assert_eq!(send(&mut outbox, 9), Some((id, false)));
    }
    for connection in 0..3 {
        assert_eq!(outbox.on_online().count(), 0);
        for id in 1..=connection {
            assert_eq!(send(&mut outbox, 9), Some((id, true)));
        }
    }
    assert_eq!(outbox.on_puback(pid(3)), Acknowledged::Expected);
    assert_eq!(outbox.on_puback(pid(1)), Acknowledged::Expected);
    assert_eq!(outbox.on_online().count(), 0);
    assert_eq!(send(&mut outbox, 9), Some((2, true)));
    assert_eq!(send(&mut outbox, 9), None);
}
