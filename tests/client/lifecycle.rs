//! From the first connection to the last: connecting, outages, disconnecting, and dropping handles.

use std::time::Duration;

use mqtt_smol::{
    ConnectError, ConnectErrorKind, ConnectionEvent, DisconnectError, OfflineCause, Options, Publish,
    PublishError, QoS, SessionRefusal, Status, SubscribeError,
};

use crate::harness::{clean, connect, connect_with_task, persistent, run, spawn, start_broker, try_connect};

#[test]
fn a_client_connects_and_disconnects_and_connects_again() {
    let broker = start_broker();
    run(async {
        let client = connect(clean(&broker, "a")).await;
        assert!(client.is_connected());
        let twice = client.connect().map(drop).expect_err("it is connected already");
        assert_eq!(twice.kind(), ConnectErrorKind::Options);
        client.disconnect().expect("it is connected").await;
        assert_eq!(client.status(), Status::Idle);

        let refused = client.publish(Publish::new("a", "x")).map(drop);
        assert_eq!(refused, Err(PublishError::NotAccepted(SessionRefusal::Disconnected)));
        client.connect().expect("it is idle").await.expect("the broker accepts");
        assert!(client.is_connected());
        assert_eq!(client.stats().connections, 2);
    });
}

#[test]
fn callers_that_block_their_thread_need_no_runtime() {
    let broker = start_broker();
    let (client, drive) = mqtt_smol::client(clean(&broker, "blocking")).expect("good options");
    let driver = std::thread::spawn(|| smol::block_on(drive));
    client.connect().expect("it is idle").wait().expect("the broker accepts");
    let mut inbox = client.subscribe("a").expect("accepted");
    assert_eq!(inbox.wait_granted(), Ok(QoS::AtLeastOnce));
    client
        .publish(Publish::new("a", "x").qos(QoS::AtLeastOnce))
        .expect("accepted")
        .wait()
        .expect("published");
    assert_eq!(inbox.wait_next().expect("the message").payload(), b"x");
    client.disconnect().expect("it is connected").wait();
    assert!(inbox.wait_next().is_none());
    drop((client, inbox));
    driver.join().expect("the driver ends once all handles are gone");
}

#[test]
fn events_report_an_outage_and_its_end() {
    let broker = start_broker();
    run(async {
        let client = connect(persistent(&broker, "watched")).await;
        let mut events = client.events();
        assert!(broker.cut("watched"));
        let cause = OfflineCause::TransportClosed;
        assert_eq!(events.next().await, Some(ConnectionEvent::Offline { cause, will_retry: true }));
        assert_eq!(events.next().await, Some(ConnectionEvent::Online { session_present: true }));
        client.disconnect().expect("it is connected").await;
        let cause = OfflineCause::Requested;
        assert_eq!(events.next().await, Some(ConnectionEvent::Offline { cause, will_retry: false }));
    });
}

/// Two clients of one name would throw each other out for ever; the older one gives up instead.
#[test]
fn a_session_that_is_taken_over_is_not_taken_back() {
    let broker = start_broker();
    run(async {
        let first = connect(clean(&broker, "twin")).await;
        let _second = connect(clean(&broker, "twin")).await;
        let error = first.run().await.expect_err("the session was taken over");
        assert_eq!(error.kind(), ConnectErrorKind::NotAuthorized);
        assert_eq!(first.status(), Status::Idle);
    });
}

#[test]
fn dropping_the_last_handle_lets_what_was_accepted_go_out() {
    let broker = start_broker();
    run(async {
        let reader = connect(clean(&broker, "reader")).await;
        let mut inbox = reader.subscribe("last/#").expect("accepted");
        inbox.granted().await.expect("granted");
        let (writer, task) = connect_with_task(clean(&broker, "writer")).await;
        for number in 0..100 {
            let message = Publish::new("last/words", number.to_string()).qos(QoS::AtLeastOnce);
            drop(writer.publish(message).expect("accepted"));
        }
        drop(writer);
        for number in 0..100 {
            let message = inbox.next().await.expect("the message");
            assert_eq!(message.payload(), number.to_string().as_bytes());
        }
        task.await;
    });
}

/// A subscription keeps the client alive, since its messages are still wanted.
#[test]
fn a_subscription_outlives_the_handle_it_came_from() {
    let broker = start_broker();
    run(async {
        let reader = connect(clean(&broker, "reader")).await;
        let mut inbox = reader.subscribe("a").expect("accepted");
        drop(reader);
        inbox.granted().await.expect("granted");
        let writer = connect(clean(&broker, "writer")).await;
        writer
            .publish(Publish::new("a", "x").qos(QoS::AtLeastOnce))
            .expect("accepted")
            .await
            .expect("published");
        assert_eq!(inbox.next().await.expect("the message").payload(), b"x");
    });
}

#[test]
fn a_dropped_driver_leaves_nobody_waiting() {
    let broker = start_broker();
    run(async {
        let (client, task) = connect_with_task(clean(&broker, "orphan")).await;
        let mut inbox = client.subscribe("a").expect("accepted");
        inbox.granted().await.expect("granted");
        let mut events = client.events();
        let token = client.publish(Publish::new("b", "x").qos(QoS::AtLeastOnce)).expect("accepted");
        task.cancel().await;
        if let Err(error) = token.await {
            assert_eq!(error, PublishError::DriverGone);
        }
        assert!(inbox.next().await.is_none());
        assert!(client.receive().await.is_none());
        let gone = ConnectionEvent::Offline { cause: OfflineCause::DriverGone, will_retry: false };
        assert_eq!((events.next().await, events.next().await), (Some(gone), None));
    });
}

/// The runtime is gone: the client is offline, and each call says the same.
#[test]
fn a_client_whose_driver_is_gone_takes_nothing_more() {
    let broker = start_broker();
    run(async {
        let (client, task) = connect_with_task(clean(&broker, "orphan")).await;
        task.cancel().await;
        assert!(!client.is_connected());
        assert_eq!(client.status(), Status::Idle);
        let publish = || Publish::new("a", "x").qos(QoS::AtLeastOnce);
        assert_eq!(client.publish(publish()).map(drop), Err(PublishError::DriverGone));
        assert_eq!(client.request(publish()).map(drop), Err(PublishError::DriverGone));
        assert_eq!(client.subscribe("a").map(drop), Err(SubscribeError::DriverGone));
        assert_eq!(client.listen("a").map(drop), Err(SubscribeError::DriverGone));
        assert_eq!(client.on("a", |_, _| ()).map(drop), Err(SubscribeError::DriverGone));
        assert_eq!(client.unsubscribe("a").map(drop), Err(SubscribeError::DriverGone));
        let kind = |result: Result<(), ConnectError>| result.expect_err("nothing drives it").kind();
        assert_eq!(kind(client.connect().map(drop)), ConnectErrorKind::DriverGone);
        assert!(matches!(client.disconnect(), Err(DisconnectError::DriverGone)));
        assert_eq!(kind(client.run().await), ConnectErrorKind::DriverGone);
    });
}

#[test]
fn a_host_without_an_address_is_unavailable() {
    run(async {
        let error =
            try_connect(Options::new("no-such-host.invalid")).await.expect_err("there is no such host");
        assert_eq!(error.kind(), ConnectErrorKind::ServerUnavailable);
        assert!(error.to_string().starts_with("mqtt://no-such-host.invalid:1883: "), "{error}");
    });
}

#[test]
fn a_first_connection_is_tried_again_if_the_options_say_so() {
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it has an address");
        drop(listener);
        let options = Options::new("127.0.0.1").port(address.port()).retry_first(true);
        let options = options.reconnect_after(Duration::from_millis(20));
        let (client, drive) = mqtt_smol::client(options).expect("good options");
        spawn(drive);
        let mut events = client.events();
        let connecting = client.connect().expect("it is idle");
        let failed = events.next().await;
        assert!(matches!(failed, Some(ConnectionEvent::Offline { will_retry: true, .. })), "{failed:?}");
        let _broker = mqtt_smol::broker::start(address).expect("the port is still free");
        connecting.await.expect("the broker accepts at last");
    });
}

/// A stopped client takes no requests whose end nobody could name, and forgets what was dropped meanwhile.
#[test]
fn a_subscription_dropped_while_disconnected_is_not_asked_for_again() {
    let broker = start_broker();
    run(async {
        let client = connect(clean(&broker, "a")).await;
        let mut wanted = client.subscribe("wanted").expect("accepted");
        let mut dropped = client.subscribe("dropped").expect("accepted");
        wanted.granted().await.expect("granted");
        dropped.granted().await.expect("granted");
        client.disconnect().expect("it is connected").await;
        let refused = client.subscribe("late").map(drop);
        assert_eq!(refused, Err(SubscribeError::NotAccepted(SessionRefusal::Disconnected)));
        drop(dropped);
        client.connect().expect("it is idle").await.expect("the broker accepts");
        let token = client.publish(Publish::new("wanted", "x").qos(QoS::AtLeastOnce)).expect("accepted");
        token.await.expect("published");
        assert_eq!(wanted.next().await.expect("the message").topic(), "wanted");
        assert_eq!(broker.stats().subscriptions, 1);
    });
}
