//! Messages each way: between our clients, from us to mosquitto_sub, from mosquitto_pub to us, retained and as wills.

use mqtt_smol::{Publish, QoS, ReasonCode, Subscribe, Version, Will};

use crate::peers::{
    MosquittoSub, QOS, VERSIONS, connect, connect_with_task, mosquitto_pub, next, options, run,
};
use crate::server::Mosquitto;

#[test]
fn a_message_arrives_at_each_qos_in_each_version() {
    let Some(server) = Mosquitto::start() else { return };
    run(async {
        for version in VERSIONS {
            let client = connect(options(&server, "both", version)).await;
            for qos in QOS {
                let mut inbox = client.subscribe(Subscribe::new("a/+").qos(qos)).expect("accepted");
                assert_eq!(inbox.granted().await, Ok(qos), "{version}");
                let token = client.publish(Publish::new("a/b", "payload").qos(qos)).expect("accepted");
                assert_eq!(token.await, Ok(ReasonCode::Success), "{version} QoS {qos}");
                assert_eq!(next(&mut inbox).await, ("a/b".into(), b"payload".to_vec(), qos), "{version}");
                drop(inbox);
                client.unsubscribe("a/+").expect("accepted").await.expect("unsubscribed");
            }
            client.disconnect().expect("it is connected").await;
        }
    });
}

#[test]
fn mosquitto_sub_reads_what_we_publish() {
    let Some(server) = Mosquitto::start() else { return };
    run(async {
        for version in [Version::V3_1_1, Version::V5_0] {
            let client = connect(options(&server, "writer", version)).await;
            for qos in QOS {
                let reader = MosquittoSub::start(&server, version, "from/us", QoS::ExactlyOnce);
                let token =
                    client.publish(Publish::new("from/us", "hello there").qos(qos)).expect("accepted");
                token.await.expect("published");
                assert_eq!(reader.message(), format!("from/us {qos} 0 hello there"), "{version}");
            }
        }
    });
}

#[test]
fn mosquitto_pub_feeds_us() {
    let Some(server) = Mosquitto::start() else { return };
    run(async {
        for version in [Version::V3_1_1, Version::V5_0] {
            let client = connect(options(&server, "reader", version)).await;
            let mut inbox =
                client.subscribe(Subscribe::new("to/us").qos(QoS::ExactlyOnce)).expect("accepted");
            inbox.granted().await.expect("granted");
            for qos in QOS {
                mosquitto_pub(&server, version, "to/us", qos, &["-m", "good morning"]);
                assert_eq!(next(&mut inbox).await, ("to/us".into(), b"good morning".to_vec(), qos));
            }
            client.disconnect().expect("it is connected").await;
        }
    });
}

/// A payload far larger than one read, one write and one copy.
#[test]
fn a_payload_of_a_megabyte_travels_whole() {
    let Some(server) = Mosquitto::start() else { return };
    run(async {
        let payload: Vec<u8> = (0..1_000_000u32).map(|number| (number % 251) as u8).collect();
        for version in VERSIONS {
            let client = connect(options(&server, "large", version)).await;
            let mut inbox =
                client.subscribe(Subscribe::new("large").qos(QoS::ExactlyOnce)).expect("accepted");
            inbox.granted().await.expect("granted");
            for qos in QOS {
                let token =
                    client.publish(Publish::new("large", payload.clone()).qos(qos)).expect("accepted");
                token.await.expect("published");
                let (_, arrived, _) = next(&mut inbox).await;
                assert!(arrived == payload, "{version} QoS {qos}: {} bytes arrived", arrived.len());
            }
            client.disconnect().expect("it is connected").await;
        }
    });
}

#[test]
fn a_retained_message_greets_later_subscribers() {
    let Some(server) = Mosquitto::start() else { return };
    run(async {
        for version in VERSIONS {
            let client = connect(options(&server, "keeper", version)).await;
            let retained = Publish::new("retained", "still here").qos(QoS::AtLeastOnce).retain(true);
            client.publish(retained).expect("accepted").await.expect("published");
            let mut inbox = client.subscribe("retained").expect("accepted");
            let message = inbox.next().await.expect("the retained message");
            assert_eq!((message.payload(), message.retain()), (&b"still here"[..], true), "{version}");
            let cleared = Publish::new("retained", "").qos(QoS::AtLeastOnce).retain(true);
            client.publish(cleared).expect("accepted").await.expect("published");
            client.disconnect().expect("it is connected").await;
        }
    });
}

/// The task that moves the bytes is cancelled: the socket closes without a DISCONNECT.
#[test]
fn a_will_is_published_when_the_connection_is_aborted() {
    let Some(server) = Mosquitto::start() else { return };
    run(async {
        for version in VERSIONS {
            let watcher = connect(options(&server, "watcher", version)).await;
            let mut inbox = watcher.subscribe("wills/#").expect("accepted");
            inbox.granted().await.expect("granted");

            let will = Will::new("wills/gone", "it was cut").qos(QoS::AtLeastOnce);
            let (_mortal, task) = connect_with_task(options(&server, "mortal", version).will(will)).await;
            task.cancel().await;
            let expected = ("wills/gone".into(), b"it was cut".to_vec(), QoS::AtLeastOnce);
            assert_eq!(next(&mut inbox).await, expected, "{version}");

            // A graceful end leaves no will: the next message is the one published afterwards.
            let will = Will::new("wills/never", "it should not come");
            let polite = connect(options(&server, "polite", version).will(will)).await;
            polite.disconnect().expect("it is connected").await;
            let after = Publish::new("wills/after", "").qos(QoS::AtLeastOnce);
            watcher.publish(after).expect("accepted").await.expect("published");
            assert_eq!(next(&mut inbox).await.0, "wills/after", "{version}");
            watcher.disconnect().expect("it is connected").await;
        }
    });
}

/// What the publisher says about a message in 5.0 arrives with it.
#[test]
fn properties_arrive_with_the_message() {
    use mqtt_smol::{Properties, Property};
    let Some(server) = Mosquitto::start() else { return };
    run(async {
        let client = connect(options(&server, "properties", Version::V5_0)).await;
        let mut inbox = client.subscribe("p").expect("accepted");
        inbox.granted().await.expect("granted");
        let said = [
            Property::ContentType("text/plain"),
            Property::ResponseTopic("answers"),
            Property::CorrelationData(b"7"),
            Property::UserProperty("first", "1"),
            Property::UserProperty("second", "2"),
        ];
        let message = Publish::new("p", "x").qos(QoS::AtLeastOnce).properties(Properties::new(&said));
        client.publish(message).expect("accepted").await.expect("published");
        let message = inbox.next().await.expect("the message");
        let properties = message.properties();
        assert_eq!(properties.content_type(), Some("text/plain"));
        assert_eq!(properties.response_topic(), Some("answers"));
        assert_eq!(properties.correlation_data(), Some(&b"7"[..]));
        assert_eq!(properties.user_properties().collect::<Vec<_>>(), [("first", "1"), ("second", "2")]);
    });
}
