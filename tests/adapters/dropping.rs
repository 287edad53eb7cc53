//! Futures and handles that are dropped at any point lose nothing and leave nothing behind.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mqtt_smol::{Options, Publish, QoS, Subscribe, broker};

use crate::adapter::ALL;
use crate::scenario::TOO_LONG;

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

/// Polls a future that often and drops it, unless it is ready before.
fn poll_and_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Nothing));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    for _poll in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

#[test]
fn messages_survive_readers_that_give_up() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    for adapter in ALL {
        let options = Options::from_url(&broker.url()).expect("a good URL");
        let client = adapter.connect(options).expect("the broker accepts");
        let filter = format!("drop/{adapter:?}");
        let mut messages = client.subscribe(Subscribe::new(&filter).qos(QoS::ExactlyOnce)).expect("accepted");
        let _ = poll_and_drop(messages.granted(), 1);
        messages.wait_granted().expect("granted");
        let mut received = Vec::new();
        for number in 0..50u8 {
            let publish = Publish::new(&filter, vec![number]).qos(QoS::ExactlyOnce);
            let token = client.publish(publish).expect("accepted");
            // Nobody waits for every other message; it is published all the same.
            match number % 2 {
                0 => drop(token),
                _ => _ = poll_and_drop(token, usize::from(number % 3)),
            }
            for polls in 0..3 {
                received.extend(poll_and_drop(messages.next(), polls).flatten());
                received.extend(
                    poll_and_drop(messages.next_held(), polls).flatten().map(mqtt_smol::Held::acknowledge),
                );
            }
        }
        while received.len() < 50 {
            received.push(messages.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on"));
        }
        let numbers: Vec<u8> = received.iter().map(|message| message.payload()[0]).collect();
        assert_eq!(numbers, (0..50).collect::<Vec<u8>>(), "{adapter:?}");
        assert!(messages.try_next().is_none());
    }
}

#[test]
fn a_connection_ends_with_its_last_handle() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    for adapter in ALL {
        let options = Options::from_url(&broker.url()).expect("a good URL");
        let client = adapter.connect(options).expect("the broker accepts");
        let messages = client.subscribe("a").expect("accepted");
        drop(client.publish(Publish::new("b", "x").qos(QoS::ExactlyOnce)).expect("accepted"));
        drop(client.receive());
        drop(client);
        drop(messages);
        let until = std::time::Instant::now() + TOO_LONG;
        while broker.stats().connections > 0 && std::time::Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        assert_eq!(broker.stats().connections, 0, "{adapter:?} still is connected");
    }
}

/// A reader that never comes stops neither pings nor acknowledgements nor outgoing messages.
#[test]
fn a_reader_that_never_comes_stops_nothing() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    for adapter in ALL {
        let options =
            Options::from_url(&broker.url()).expect("a good URL").keep_alive(Duration::from_secs(1));
        let client = adapter.connect(options).expect("the broker accepts");
        let mut ignored =
            client.subscribe(Subscribe::new("ignored").qos(QoS::AtLeastOnce)).expect("accepted");
        ignored.wait_granted().expect("granted");
        for number in 0..2_000u16 {
            let publish = Publish::new("ignored", number.to_be_bytes().to_vec()).qos(QoS::AtLeastOnce);
            client
                .publish(publish)
                .expect("accepted")
                .wait_for(TOO_LONG)
                .expect("in time")
                .expect("published");
        }
        let pings = client.stats().pings_sent;
        let until = std::time::Instant::now() + TOO_LONG;
        while client.stats().pings_sent == pings && std::time::Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        assert!(client.is_connected() && client.stats().pings_sent > pings, "{adapter:?}");
        assert_eq!(client.stats().disconnections, 0);
    }
}
