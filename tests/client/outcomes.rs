//! How published messages end: timeouts, outages, refusals; each exactly once.

use std::time::Duration;

use mqtt_smol::{Indeterminate, Publish, PublishError, QoS, ReasonCode, Rejected, Version, broker};

use crate::harness::{ScriptedServer, clean, connect, persistent, run, start_broker};

/// An accepted connection, in 5.0, from a server that then says nothing.
const CONNACK: &[u8] = b"\x20\x03\x00\x00\x00";

#[test]
fn a_message_without_acknowledgement_in_time_may_have_arrived() {
    let server = ScriptedServer::start(&[&[CONNACK]]);
    run(async {
        let client = connect(server.options(Version::V5_0)).await;
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let message = Publish::new("a", "x").qos(qos).timeout(Duration::from_millis(20));
            let error = client.publish(message).expect("accepted").await.expect_err("nobody acknowledges");
            assert_eq!(error, PublishError::TimedOut { withdrawn: false });
            assert!(error.is_timeout() && error.may_have_arrived());
        }
        let token = client.publish(Publish::new("a", "x").qos(QoS::AtLeastOnce)).expect("accepted");
        let late = token.timeout(Duration::from_millis(20)).await;
        assert_eq!(late, Err(PublishError::TimedOut { withdrawn: false }));
        let ignored = client.publish(Publish::new("a", "x").timeout(Duration::ZERO)).expect("accepted");
        assert_eq!(ignored.await, Ok(ReasonCode::Success), "QoS 0 ignores a timeout");
    });
}

#[test]
fn a_message_that_was_never_sent_is_withdrawn_at_its_timeout() {
    let broker = start_broker();
    run(async {
        let reader = connect(clean(&broker, "reader")).await;
        let mut inbox = reader.subscribe("a").expect("accepted");
        inbox.granted().await.expect("granted");
        let options = persistent(&broker, "writer").reconnect_after(Duration::from_secs(3600));
        let writer = connect(options).await;
        let mut events = writer.events();
        broker.cut("writer");
        events.next().await.expect("offline");
        let message = Publish::new("a", "x").qos(QoS::AtLeastOnce).timeout(Duration::from_millis(20));
        let error = writer.publish(message).expect("accepted").await.expect_err("there is no connection");
        assert_eq!(error, PublishError::TimedOut { withdrawn: true });
        assert!(!error.may_have_arrived());
        assert_eq!(writer.messages_queued(), 0);
    });
}

#[test]
fn what_was_under_way_when_the_client_gives_up_is_told_apart_from_what_was_not() {
    let server = ScriptedServer::start(&[&[CONNACK]]);
    run(async {
        let mut options = server.options(Version::V5_0);
        options.config.in_flight_max = std::num::NonZeroU16::new(1);
        let client = connect(options).await;
        let sent = client.publish(Publish::new("a", "1").qos(QoS::AtLeastOnce)).expect("accepted");
        let never = client.publish(Publish::new("a", "2").qos(QoS::AtLeastOnce)).expect("accepted");
        server.heard_packet(0x32).await;
        client.disconnect_within(Duration::from_millis(10)).expect("it is connected").await;
        assert_eq!(sent.await, Err(PublishError::Indeterminate(Indeterminate::Disconnected)));
        assert_eq!(never.await, Err(PublishError::Rejected(Rejected::Disconnected)));
    });
}

#[test]
fn a_topic_that_is_forbidden_is_rejected_by_the_server() {
    let rules = vec![broker::Rule::deny(broker::Action::Write, "secret/#").expect("a good filter")];
    let config = broker::Config::default().rules(rules);
    let broker = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
    run(async {
        let client = connect(clean(&broker, "c")).await;
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let token = client.publish(Publish::new("secret/a", "x").qos(qos)).expect("accepted");
            let error = token.await.expect_err("the server forbids it");
            assert_eq!(error.reason_code(), Some(ReasonCode::NotAuthorized));
            assert!(!error.may_have_arrived());
        }
        let token = client.publish(Publish::new("open/a", "x").qos(QoS::ExactlyOnce)).expect("accepted");
        assert!(token.await.is_ok(), "the window is free again");
    });
}

/// Cuts at every stage: all that was accepted is acknowledged in the end, and QoS 2 arrives once.
#[test]
fn outages_in_the_middle_lose_nothing_and_double_no_qos_2() {
    let broker = start_broker();
    run(async {
        let reader = connect(persistent(&broker, "reader")).await;
        let mut inbox =
            reader.subscribe(mqtt_smol::Subscribe::new("n").qos(QoS::ExactlyOnce)).expect("accepted");
        inbox.granted().await.expect("granted");
        let writer = connect(persistent(&broker, "writer")).await;
        let mut tokens = Vec::new();
        for number in 0..1000 {
            let message = Publish::new("n", number.to_string()).qos(QoS::ExactlyOnce);
            tokens.push(writer.publish(message).expect("accepted"));
        }
        for (index, token) in tokens.into_iter().enumerate() {
            if index % 100 == 50 {
                broker.cut(if index % 200 == 50 { "writer" } else { "reader" });
            }
            assert_eq!(token.await, Ok(ReasonCode::Success), "message {index}");
        }
        for number in 0..1000 {
            let message = inbox.next().await.expect("the message");
            assert_eq!(message.payload(), number.to_string().as_bytes());
        }
        assert!(inbox.try_next().is_none());
    });
}
