//! Mosquitto is stopped and started again in the middle of things; sessions are persistent on both sides.

use std::collections::BTreeMap;

use mqtt_smol::{Publish, QoS, ReasonCode, Subscribe, Version};

use crate::peers::{connect, options, run};
use crate::server::Mosquitto;

/// Messages at each QoS.
const MESSAGES: usize = 1000;

/// Acknowledged messages after which the server is stopped.
const STOP_AFTER: usize = 300;

#[test]
fn a_restart_in_the_middle_loses_nothing_and_doubles_no_qos_2_in_3_1_1() {
    restart_in_the_middle(Version::V3_1_1);
}

#[test]
fn a_restart_in_the_middle_loses_nothing_and_doubles_no_qos_2_in_5_0() {
    restart_in_the_middle(Version::V5_0);
}

fn restart_in_the_middle(version: Version) {
    let Some(mut server) = Mosquitto::start() else { return };
    run(async {
        let reader = connect(options(&server, "reader", version).clean_session(false)).await;
        let mut inbox = reader.subscribe(Subscribe::new("n/#").qos(QoS::ExactlyOnce)).expect("accepted");
        inbox.granted().await.expect("granted");
        let writer = connect(options(&server, "writer", version).clean_session(false)).await;

        let mut tokens = Vec::new();
        for number in 0..MESSAGES {
            for (topic, qos) in [("n/1", QoS::AtLeastOnce), ("n/2", QoS::ExactlyOnce)] {
                let message = Publish::new(topic, number.to_string()).qos(qos);
                tokens.push(writer.publish(message).expect("accepted"));
            }
        }
        for (index, token) in tokens.into_iter().enumerate() {
            if index == STOP_AFTER {
                server.stop();
                server.start_again();
            }
            assert_eq!(token.await, Ok(ReasonCode::Success), "message {index}");
        }

        let mut arrived = BTreeMap::new();
        let is_last =
            |(topic, payload): &(String, String)| topic == "n/2" && *payload == (MESSAGES - 1).to_string();
        loop {
            let message = inbox.next().await.expect("the subscription goes on");
            let payload = String::from_utf8(message.payload().to_vec()).expect("a number");
            let key = (message.topic().to_owned(), payload);
            let is_end = is_last(&key);
            *arrived.entry(key).or_insert(0) += 1;
            if is_end && arrived.len() == 2 * MESSAGES {
                break;
            }
        }
        // Whatever the server still had to repeat comes before the answer to this.
        let barrier = reader.publish(Publish::new("barrier", "").qos(QoS::ExactlyOnce)).expect("accepted");
        barrier.await.expect("published");
        while let Some(message) = inbox.try_next() {
            let payload = String::from_utf8(message.payload().to_vec()).expect("a number");
            *arrived.entry((message.topic().to_owned(), payload)).or_insert(0) += 1;
        }
        assert_eq!(arrived.len(), 2 * MESSAGES, "nothing is lost");
        let doubled: Vec<_> =
            arrived.iter().filter(|((topic, _), count)| topic == "n/2" && **count != 1).collect();
        assert!(doubled.is_empty(), "QoS 2 arrived more than once: {doubled:?}");
        assert!(
            writer.stats().disconnections >= 1 && reader.stats().disconnections >= 1,
            "there was an outage"
        );
    });
}

/// What is published while the server is away waits; what is subscribed is there again.
#[test]
fn messages_published_during_an_outage_arrive_after_it() {
    let Some(mut server) = Mosquitto::start() else { return };
    run(async {
        for version in [Version::V3_1_1, Version::V5_0] {
            // Sessions end with their connection: the subscription must be asked for anew.
            let client = connect(options(&server, "patient", version)).await;
            let mut inbox = client.subscribe("later").expect("accepted");
            inbox.granted().await.expect("granted");
            let mut events = client.events();
            server.stop();
            events.next().await.expect("the client notices");
            assert!(!client.is_connected());
            let token =
                client.publish(Publish::new("later", "at last").qos(QoS::AtLeastOnce)).expect("accepted");
            assert_eq!((client.messages_queued(), client.pending_subscriptions()), (1, 0), "{version}");
            server.start_again();
            token.await.expect("published");
            assert_eq!(inbox.next().await.expect("the message").payload(), b"at last");
            client.disconnect().expect("it is connected").await;
        }
    });
}
