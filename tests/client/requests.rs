//! Requests and responses over the embedded broker: many at once, across an outage, and when nobody answers.

use std::time::Duration;

use mqtt_smol::{Client, Indeterminate, Publish, PublishError, QoS, Rejected, Version};

use crate::harness::{clean, connect, persistent, run, spawn_run, start_broker};

/// A client that answers everything below `ask/` with the text in reverse.
async fn responder(client: &Client) {
    let answer = |request: &mqtt_smol::Message| request.payload().iter().rev().copied().collect::<Vec<u8>>();
    client.respond("ask/#", answer).expect("accepted").await.expect("granted");
    spawn_run(client);
}

#[test]
fn many_requests_under_way_get_each_its_own_response() {
    run(async {
        let broker = start_broker();
        let server = connect(clean(&broker, "responder")).await;
        responder(&server).await;
        let client = connect(clean(&broker, "asker")).await;
        let mut tokens = Vec::new();
        for number in 0..300 {
            let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][number % 3];
            let request = Publish::new("ask/reverse", format!("request {number:03}")).qos(qos);
            tokens.push(client.request(request).expect("accepted").timeout(Duration::from_secs(20)));
        }
        for (number, token) in tokens.into_iter().enumerate() {
            let response = token.await.expect("it is answered");
            let expected: String = format!("request {number:03}").chars().rev().collect();
            assert_eq!(response.payload(), expected.as_bytes());
        }
        assert_eq!(client.stats().responses_dropped, 0);
    });
}

#[test]
fn a_request_waits_for_a_responder_that_is_late_and_a_link_that_is_cut() {
    run(async {
        let broker = start_broker();
        let server = connect(persistent(&broker, "responder")).await;
        responder(&server).await;
        server.disconnect().expect("it is online").await;
        let client = connect(persistent(&broker, "asker")).await;
        let token = client.request(Publish::new("ask/x", "abc").qos(QoS::AtLeastOnce)).expect("accepted");
        broker.cut("asker");
        server.connect().expect("it is disconnected").await.expect("the server accepts");
        spawn_run(&server);
        assert_eq!(token.await.expect("it is answered").payload(), b"cba");
    });
}

#[test]
fn a_request_that_nobody_answers_says_why() {
    run(async {
        let broker = start_broker();
        let client = connect(clean(&broker, "asker")).await;
        let nobody =
            client.request(Publish::new("nobody", "x").qos(QoS::AtLeastOnce)).expect("accepted").await;
        assert_eq!(nobody.map(drop), Err(PublishError::Rejected(Rejected::NoResponder)));

        let silent = connect(clean(&broker, "silent")).await;
        silent.listen("silent").expect("accepted").await.expect("granted");
        let token = client.request(Publish::new("silent", "x").qos(QoS::AtLeastOnce)).expect("accepted");
        let waited = token.timeout(Duration::from_millis(50)).await;
        assert_eq!(waited.map(drop), Err(PublishError::TimedOut { withdrawn: false }));
        let token = client.request(Publish::new("silent", "x")).expect("accepted");
        client.disconnect().expect("it is online").await;
        assert_eq!(token.await.map(drop), Err(PublishError::Indeterminate(Indeterminate::Disconnected)));
    });
}

#[test]
fn a_token_that_is_dropped_leaves_nothing_behind() {
    run(async {
        let broker = start_broker();
        let server = connect(clean(&broker, "responder")).await;
        responder(&server).await;
        let client = connect(clean(&broker, "asker")).await;
        drop(client.request(Publish::new("ask/x", "dropped").qos(QoS::AtLeastOnce)).expect("accepted"));
        let token = client.request(Publish::new("ask/x", "kept").qos(QoS::AtLeastOnce)).expect("accepted");
        assert_eq!(token.await.expect("it is answered").payload(), b"tpek");
        assert!(client.try_receive().is_none(), "a response is nobody else's message");
    });
}

#[test]
fn before_5_0_there_are_no_requests() {
    run(async {
        let broker = start_broker();
        let client = connect(clean(&broker, "asker").version(Version::V3_1_1)).await;
        let error = client.request(Publish::new("ask/x", "x")).expect_err("3.1.1 has no properties");
        assert!(matches!(error, PublishError::NotAccepted(_)), "{error}");
    });
}
