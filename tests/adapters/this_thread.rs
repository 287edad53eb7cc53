//! `ThisThread` of mqtt-std: one future and its clients on one thread.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_lite::future::{or, poll_once, yield_now};
use mqtt_smol::broker;
use mqtt_std::{Client, Options, Publish, PublishError, QoS, Subscribe, ThisThread};

fn options(broker: &broker::Running, name: &str) -> Options {
    let options = Options::from_url(&broker.url()).expect("a good URL").client_id(name);
    options.network_timeout(Duration::from_secs(20))
}

async fn connect(clients: &mqtt_std::Clients, options: Options) -> Client {
    let client = clients.client(options).expect("good options");
    client.connect().expect("it is not connected yet").await.expect("the broker accepts");
    client
}

#[test]
fn a_future_and_two_clients_share_a_thread() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let mut this = ThisThread::new().expect("there are descriptors");
    let clients = this.clients();
    let own = thread::current().id();
    let (sender, woken) = mpsc::channel();
    let arrived = this.block_on(async {
        let (reader, writer) =
            (connect(&clients, options(&broker, "r")).await, connect(&clients, options(&broker, "w")).await);
        let mut stream = reader.subscribe(Subscribe::new("a").qos(QoS::ExactlyOnce)).expect("a filter");
        stream.granted().await.expect("it is granted");
        let callback = move |_: &Client, _| sender.send(thread::current().id()).expect("the test waits");
        reader.on("b", callback).expect("a filter").await.expect("it is granted");
        let mut tokens = Vec::new();
        for number in 0..2000 {
            let message = Publish::new("a", number.to_string()).qos(QoS::ExactlyOnce);
            tokens.push(writer.publish(message).expect("there is room"));
        }
        for token in tokens {
            token.await.expect("it arrives");
        }
        writer
            .publish(Publish::new("b", "x").qos(QoS::AtLeastOnce))
            .expect("a topic")
            .await
            .expect("it arrives");
        let mut arrived = Vec::new();
        while arrived.len() < 2000 {
            arrived.push(stream.next().await.expect("it comes").payload().to_vec());
        }
        or(async { _ = reader.run().await }, async {
            while woken.try_recv().map(|id| assert_eq!(id, own)).is_err() {
                yield_now().await;
            }
        })
        .await;
        for client in [&reader, &writer] {
            client.disconnect().expect("it is connected").await;
        }
        arrived
    });
    let expected: Vec<Vec<u8>> = (0..2000).map(|number: u32| number.to_string().into_bytes()).collect();
    assert_eq!(arrived, expected, "each once, in order");
}

#[test]
fn another_thread_wakes_it_and_clients_go_on_with_the_next_future() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let mut this = ThisThread::new().expect("there are descriptors");
    let clients = this.clients();
    let client = this.block_on(connect(&clients, options(&broker, "c")));
    // Nothing moves its bytes now.
    let token = client.publish(Publish::new("a", "x").qos(QoS::AtLeastOnce)).expect("a topic");
    let publisher = client.clone();
    let other = thread::spawn(move || {
        let message = Publish::new("a", "y").qos(QoS::AtLeastOnce);
        publisher.publish(message).expect("a topic").wait()
    });
    this.block_on(token).expect("it arrives");
    // The wait of the other thread ends only while bytes are moved here.
    let mut other = Some(other);
    let ended = this.block_on(async {
        loop {
            if other.as_ref().is_some_and(thread::JoinHandle::is_finished) {
                return other.take().expect("it is there").join();
            }
            yield_now().await;
        }
    });
    ended.expect("no panic").expect("it arrives");
    let idle = this.block_on(poll_once(std::future::pending::<()>()));
    assert!(idle.is_none());
    this.block_on(async { client.disconnect().expect("it is connected").await });
    assert_eq!(broker.stats().messages_in, 2);
}

/// Clients that outlive their thread know it, and none can be made for it any more.
#[test]
fn clients_know_that_their_thread_is_gone() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let mut this = ThisThread::new().expect("there are descriptors");
    let clients = this.clients();
    let client = this.block_on(connect(&clients, options(&broker, "c")));
    let token = client.publish(Publish::new("a", "x").qos(QoS::AtLeastOnce)).expect("a topic");
    drop(this);
    assert_eq!(token.wait().expect_err("nobody sends it"), PublishError::DriverGone);
    assert_eq!(client.publish(Publish::new("a", "y")).err(), Some(PublishError::DriverGone));
    assert!(!client.is_connected());
    assert!(clients.client(options(&broker, "late")).is_err());
}

/// What is cut comes back while the future waits for something else.
#[test]
fn a_client_reconnects_while_the_future_waits() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let mut this = ThisThread::new().expect("there are descriptors");
    let clients = this.clients();
    this.block_on(async {
        let options = options(&broker, "c").clean_session(false).reconnect_after(Duration::ZERO);
        let client = connect(&clients, options).await;
        for _ in 0..3 {
            assert!(broker.cut("c"));
            let message = Publish::new("a", "x").qos(QoS::ExactlyOnce);
            client.publish(message).expect("a topic").await.expect("it arrives");
        }
        client.disconnect().expect("it is connected").await;
    });
    assert_eq!(broker.stats().messages_in, 3);
}
