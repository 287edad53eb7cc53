//! What is recorded replays equal, and whatever becomes of a log, there is an answer.

use mqtt_proto::{Properties, Property, QoS, ReasonCode, TopicName};
use mqtt_session::{Command, Config, OfflineCause, Publish, Subscribe};

use super::*;
use crate::redact::Redact;

/// A client with a message of that size, and how its link ends.
fn record(payload_size: usize, cause: OfflineCause) -> Vec<u8> {
    let config = Config::new("door");
    let mut recorder = Recorder::new(&config, 7, Redact::default());
    let mut session = Session::new(config, 7);
    let topic = TopicName::new("a/b").expect("a name");
    let illegal = [Property::ServerKeepAlive(1)];
    let publish = Publish { qos: QoS::AtLeastOnce, ..Publish::new(topic, vec![0; payload_size]) };
    let refused = Publish { properties: Properties::new(&illegal), ..publish.clone() };
    let subscribe =
        Subscribe { filter: TopicFilter::new("in/+").expect("a filter"), options: Default::default() };
    let mut received = BytesMut::from(&b"\x20\x03\0\0\0\x32\x08\0\x01t\0\x01\0hi\x30\x09\0\x01"[..]);
    let mut out = TransmitBuf::new();
    for input in [
        Input::Submit(&Command::Connect),
        Input::Opened,
        Input::Bytes(&mut received),
        Input::Submit(&Command::Publish(publish.clone())),
        Input::Submit(&Command::Publish(refused)),
        Input::Submit(&Command::Subscribe(subscribe)),
        Input::Withdraw(Ticket::from_number(2).expect("not 0")),
        Input::Submit(&Command::Publish(publish)),
        Input::SetTimeout { ticket: Ticket::from_number(2).expect("not 0"), timeout: Duration::MAX },
        Input::Abandon(subscribe.filter),
        Input::Closed(cause),
        Input::Timeout,
    ] {
        let now = session.poll_timeout().unwrap_or(Instant::from_millis(3));
        _ = recorder.apply(&mut session, now, input);
        recorder.poll_transmit(&mut session, now, &mut out);
        while let Some(event) = recorder.poll_event(&mut session) {
            if let Event::Message(message) = event {
                let receipt = message.receipt().expect("it has QoS 1");
                let acknowledge = Input::Acknowledge { receipt, reason: ReasonCode::Success };
                recorder.apply(&mut session, now, acknowledge).expect("it is legal");
            }
        }
    }
    recorder.finish(&session);
    recorder.take()
}

#[test]
fn a_log_replays_equal_and_masks_are_short() {
    let log = record(1 << 20, OfflineCause::TransportClosed);
    let replayed = replay(&log).expect("it is equal");
    assert_eq!((replayed.end, replayed.packets_in), (End::Complete, 2), "{replayed}");
    assert!(log.len() < 3000, "{} bytes", log.len());
    let obscured = replay(&record(1, OfflineCause::MessagesLeft)).expect("it is equal up to there");
    assert_eq!(obscured.end, End::Obscured);
}

#[test]
fn damaged_logs_have_an_answer() {
    let log = record(100, OfflineCause::TransportClosed);
    for at in 0..log.len() {
        match replay(&log[..at]) {
            Ok(replayed) => assert_eq!(replayed.end, End::CutOff),
            Err(ReplayError::NotACapture | ReplayError::Malformed { .. }) => assert!(at < 100),
            Err(error) => panic!("{at} bytes: {error}"),
        }
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut changed = log.clone();
            changed[at] ^= flip;
            _ = replay(&changed);
        }
    }
}
