//! What a driver may rely on: buffers of any filling, and calls that nobody needed.

use mqtt_proto::{QoS, Version::V5_0};
use mqtt_session::{Publish, TransmitBuf, Transport};

use crate::harness::{Talk, message, payload};

/// Fifty messages of 10 kB, of which one call takes about 64 KiB.
fn busy() -> Talk {
    let mut talk = Talk::online(V5_0);
    for _message in 0..50 {
        let publish = Publish { payload: payload(10_000), ..message("a", QoS::AtLeastOnce, "") };
        talk.try_publish(publish).expect("accepted");
    }
    talk
}

#[test]
fn one_call_fills_a_buffer_up_to_its_batch_and_no_further() {
    let mut talk = busy();
    let mut out = TransmitBuf::new();
    assert!(talk.poll_into(&mut out));
    assert!((64 * 1024..80 * 1024).contains(&out.len()), "{}", out.len());
    let filled = out.len();
    assert!(!talk.poll_into(&mut out), "a full buffer takes no more messages");
    assert_eq!(out.len(), filled);
    assert_eq!(talk.session().messages_in_flight(), 7);
}

#[test]
fn a_full_buffer_does_not_hold_back_acknowledgements() {
    let mut talk = busy();
    let mut out = TransmitBuf::new();
    talk.poll_into(&mut out);
    talk.server_says("PUBLISH b qos1 id9 \"x\"");
    talk.events(["message b qos1 \"x\""]);
    talk.acknowledge(0);
    let filled = out.len();
    assert!(talk.poll_into(&mut out));
    assert_eq!(out.len(), filled + 4);
}

#[test]
fn what_was_appended_counts_as_sent() {
    let mut talk = busy();
    let mut out = TransmitBuf::new();
    while talk.poll_into(&mut out) {
        out.clear();
    }
    talk.cut_and_reconnect("CONNACK present");
    assert_eq!(talk.take_sent().len(), 50);
}

#[test]
fn nothing_happens_unasked() {
    let mut talk = Talk::new(crate::harness::persistent(V5_0));
    talk.early_timeout();
    talk.opened();
    talk.cut();
    talk.server_says("CONNACK");
    talk.sends_nothing();
    talk.no_events();
    assert_eq!(talk.transport(), Transport::Closed);
    assert_eq!(talk.due_in(), None);
}
