//! How messages reach the application: streams, callbacks, `receive`, and readers that are slow.

use std::sync::{Arc, Mutex};

use mqtt_smol::{Publish, QoS, ReasonCode, Rejected, Subscribe, SubscribeError, SubscriptionStatus, broker};

use crate::harness::{clean, connect, persistent, run, start_broker};

#[test]
fn each_subscription_gets_the_messages_of_its_filter() {
    let broker = start_broker();
    run(async {
        let client = connect(clean(&broker, "c")).await;
        let mut all = client.subscribe("home/#").expect("accepted");
        let mut doors =
            client.subscribe(Subscribe::new("home/+/door").qos(QoS::ExactlyOnce)).expect("accepted");
        assert_eq!(all.granted().await, Ok(QoS::AtLeastOnce));
        assert_eq!(doors.granted().await, Ok(QoS::ExactlyOnce));
        assert_eq!(client.pending_subscriptions(), 0);
        for (topic, qos) in [("home/hall/lamp", QoS::AtMostOnce), ("home/hall/door", QoS::ExactlyOnce)] {
            client.publish(Publish::new(topic, "on").qos(qos)).expect("accepted").await.expect("published");
        }
        assert_eq!(all.next().await.expect("the first").topic(), "home/hall/lamp");
        assert_eq!(all.next().await.expect("the second").topic(), "home/hall/door");
        assert_eq!(doors.next().await.expect("only the door").topic(), "home/hall/door");
        assert!(all.try_next().is_none() && doors.try_next().is_none());
    });
}

#[test]
fn callbacks_run_in_run_and_may_call_everything() {
    let broker = start_broker();
    run(async {
        let client = connect(clean(&broker, "c")).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let on = client.on("ask", move |client, message| {
            record.lock().expect("nobody panics").push(message.topic().to_owned());
            let answer = Publish::new("answer", message.payload_bytes()).qos(QoS::AtLeastOnce);
            drop(client.publish(answer).expect("accepted"));
        });
        on.expect("accepted").await.expect("granted");
        let record = Arc::clone(&seen);
        let on = client.on("answer", move |client, message| {
            record.lock().expect("nobody panics").push(message.topic().to_owned());
            drop(client.disconnect().expect("it is connected"));
        });
        on.expect("accepted").await.expect("granted");
        drop(client.publish(Publish::new("ask", "?").qos(QoS::AtLeastOnce)).expect("accepted"));
        client.run().await.expect("it was asked to disconnect");
        assert_eq!(*seen.lock().expect("nobody panics"), ["ask", "answer"]);
    });
}

#[test]
fn a_later_callback_takes_the_place_of_an_earlier_one() {
    let broker = start_broker();
    run(async {
        let client = connect(clean(&broker, "c")).await;
        let first = client.on("a", |_, _| panic!("the first callback was replaced")).expect("accepted");
        let second = client.on("a", |client, _| drop(client.disconnect())).expect("accepted");
        first.await.expect("granted");
        second.await.expect("granted");
        drop(client.publish(Publish::new("a", "x").qos(QoS::AtLeastOnce)).expect("accepted"));
        client.run().await.expect("it was asked to disconnect");
    });
}

#[test]
fn receive_takes_what_no_stream_and_no_callback_takes() {
    let broker = start_broker();
    run(async {
        let client = connect(clean(&broker, "c")).await;
        client.listen("plain/#").expect("accepted").await.expect("granted");
        let mut stream = client.subscribe("stream").expect("accepted");
        stream.granted().await.expect("granted");
        for topic in ["stream", "plain/a"] {
            let message = Publish::new(topic, "x").qos(QoS::AtLeastOnce);
            client.publish(message).expect("accepted").await.expect("published");
        }
        assert_eq!(client.receive().await.expect("a message").topic(), "plain/a");
        assert!(client.try_receive().is_none());
        assert_eq!(stream.next().await.expect("a message").topic(), "stream");
    });
}

/// Nobody takes the messages, and yet everything else goes on; then they are all there, in order.
#[test]
fn a_slow_reader_stops_nothing_and_loses_nothing() {
    let broker = start_broker();
    run(async {
        let reader = connect(persistent(&broker, "slow")).await;
        let mut inbox = reader.subscribe(Subscribe::new("much").qos(QoS::ExactlyOnce)).expect("accepted");
        inbox.granted().await.expect("granted");
        let writer = connect(clean(&broker, "writer")).await;
        let mut tokens = Vec::new();
        for number in 0..3000u32 {
            let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            let message = Publish::new("much", number.to_string()).qos(qos);
            tokens.push(writer.publish(message).expect("accepted"));
        }
        for token in tokens {
            token.await.expect("published");
        }
        let message = Publish::new("other", "x").qos(QoS::ExactlyOnce);
        let outcome = reader.publish(message).expect("accepted").await;
        assert_eq!(outcome, Ok(ReasonCode::NoMatchingSubscribers));
        for number in 0..3000u32 {
            let message = inbox.next().await.expect("the message");
            assert_eq!(message.payload(), number.to_string().as_bytes());
        }
        assert_eq!((reader.stats().disconnections, reader.stats().messages_dropped), (0, 0));
    });
}

#[test]
fn a_refused_subscription_says_why_and_ends() {
    let rules = vec![broker::Rule::deny(broker::Action::Read, "secret/#").expect("a good filter")];
    let config = broker::Config::default().rules(rules);
    let broker = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
    run(async {
        let client = connect(clean(&broker, "c")).await;
        let mut inbox = client.subscribe("secret/a").expect("accepted");
        let refused = SubscribeError::Rejected(Rejected::ByServer(ReasonCode::NotAuthorized));
        assert_eq!(inbox.granted().await, Err(refused));
        assert!(inbox.next().await.is_none());
        let status = client.subscription_status("secret/a");
        assert_eq!(status, Some(SubscriptionStatus::Refused(ReasonCode::NotAuthorized)));
    });
}

#[test]
fn dropping_a_subscription_unsubscribes() {
    let broker = start_broker();
    run(async {
        let client = connect(clean(&broker, "c")).await;
        let first = client.subscribe("a").expect("accepted");
        let mut second = client.subscribe("a").expect("accepted");
        second.granted().await.expect("granted");
        assert_eq!(broker.stats().subscriptions, 1);
        drop(first);
        client
            .publish(Publish::new("a", "x").qos(QoS::AtLeastOnce))
            .expect("accepted")
            .await
            .expect("published");
        assert_eq!(second.next().await.expect("the second is still there").payload(), b"x");
        drop(second);
        let outcome = client.publish(Publish::new("a", "y").qos(QoS::AtLeastOnce)).expect("accepted").await;
        assert_eq!(outcome, Ok(ReasonCode::NoMatchingSubscribers));
        assert_eq!(broker.stats().subscriptions, 0);
    });
}

/// A message in two streams is acknowledged when both have taken it, and only then.
#[test]
fn a_message_in_two_streams_is_acknowledged_once_both_have_it() {
    let broker = start_broker();
    run(async {
        let client = connect(persistent(&broker, "c")).await;
        let mut first = client.subscribe(Subscribe::new("a/+").qos(QoS::AtLeastOnce)).expect("accepted");
        let mut second = client.subscribe(Subscribe::new("a/#").qos(QoS::AtLeastOnce)).expect("accepted");
        first.granted().await.expect("granted");
        second.granted().await.expect("granted");
        client
            .publish(Publish::new("a/b", "x").qos(QoS::AtLeastOnce))
            .expect("accepted")
            .await
            .expect("published");
        assert!(first.next().await.is_some());
        let mut events = client.events();
        broker.cut("c");
        events.next().await.expect("offline");
        events.next().await.expect("online");
        // It was not acknowledged, so it comes once more. Each has it already: the one that has taken it does not get
        // it twice, and its acknowledgement is that of the repetition.
        assert!(second.next().await.is_some_and(|message| !message.dup()));
        client
            .publish(Publish::new("a/b", "y").qos(QoS::AtLeastOnce))
            .expect("accepted")
            .await
            .expect("published");
        for stream in [&mut first, &mut second] {
            assert_eq!(stream.next().await.expect("the next one").payload(), b"y");
        }
    });
}
