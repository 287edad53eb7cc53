//! What becomes of messages between the socket and the application, through every adapter: nothing is acknowledged that
//! nobody has taken, and what is given up is an event.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mqtt_smol::{Acknowledge, ConnectionEvent, Publish, QoS, Subscribe, Version, broker};

use crate::adapter::ALL;
use crate::bench::{BOTH, Bench, event, expect, leave, next, options, subscribed, until};
use crate::scenario::TOO_LONG;

/// The program of the front page, run twice: connect, then subscribe.
#[test]
fn a_message_that_arrives_before_its_stream_waits_for_it() {
    Bench::each(|bench| {
        bench.subscribe_and_go("a/#");
        bench.publish_all("a/b", 0..30);
        let reader = bench.connect(bench.persistent());
        until("all have arrived", || reader.messages_waiting().0 == 30 || bench.version == Version::V3_1_1);
        until("some have arrived", || reader.messages_waiting().0 > 0);
        let mut stream = reader.subscribe("a/#").expect("accepted");
        bench.publish_all("a/b", 30..40);
        expect(&mut stream, 0..40);
        assert_eq!(reader.messages_waiting(), (0, 0));
        assert_eq!(reader.stats().messages_given_up, 0);
    });
}

#[test]
fn a_message_that_arrives_before_its_callback_or_listen_waits_for_it() {
    Bench::each(|bench| {
        bench.subscribe_and_go("#");
        bench.publish_all("called", 0..5);
        bench.publish_all("received", 0..5);
        let reader = bench.connect(bench.persistent());
        until("they arrive", || reader.messages_waiting().0 == 10);
        let (sender, seen) = mpsc::channel();
        let on = reader.on("called", move |_, message| {
            sender.send(message.payload().to_vec()).expect("the test listens");
        });
        drop(on.expect("accepted"));
        drop(reader.listen("received").expect("accepted"));
        let runner = reader.clone();
        let run = thread::spawn(move || runner.wait_run());
        for number in 0..5u32 {
            let called = seen.recv_timeout(TOO_LONG).expect("the callback is called");
            assert_eq!(called, number.to_string().as_bytes());
            let message = reader.wait_receive_for(TOO_LONG).expect("in time").expect("it goes on");
            assert_eq!(message.payload(), number.to_string().as_bytes());
        }
        leave(&reader);
        run.join().expect("no panic").expect("it was asked to disconnect");
    });
}

/// A filter of an earlier release is still in the session.
#[test]
fn what_nobody_comes_for_is_given_up_after_the_grace_and_reported() {
    Bench::each(|bench| {
        bench.subscribe_and_go("old");
        bench.subscribe_and_go("new");
        bench.publish_all("old", 0..50);
        let reader = bench.connect(bench.persistent().unclaimed_grace(Duration::from_millis(300)));
        let mut events = reader.events();
        let mut stream = reader.subscribe("new").expect("accepted");
        bench.publish_all("new", 0..50);
        expect(&mut stream, 0..50);
        let given_up = event(&mut events, |event| matches!(event, ConnectionEvent::MessagesGivenUp { .. }));
        assert!(matches!(given_up, ConnectionEvent::MessagesGivenUp { topic, .. } if &*topic == "old"));
        until("all are given up", || reader.stats().messages_given_up == 50);
        // After the grace nothing waits for nobody any more.
        bench.publish("old", "later");
        bench.publish("new", "50");
        expect(&mut stream, 50..51);
        until("the later one too", || reader.stats().messages_given_up == 51);
        until("all are acknowledged", || bench.broker.stats().inflight == 0);
    });
}

/// Unsubscribing gets rid of it at once.
#[test]
fn a_filter_of_an_earlier_program_can_be_unsubscribed() {
    Bench::each(|bench| {
        bench.subscribe_and_go("old");
        bench.publish_all("old", 0..5);
        let reader = bench.connect(bench.persistent());
        until("they arrive", || reader.messages_waiting().0 == 5);
        reader.unsubscribe("old").expect("accepted").wait_for(TOO_LONG).expect("in time").expect("done");
        until("they are given up", || reader.stats().messages_given_up == 5);
        assert_eq!(bench.broker.stats().subscriptions, 0);
        until("all are acknowledged", || bench.broker.stats().inflight == 0);
    });
}

#[test]
fn ending_a_program_changes_nothing_at_the_server() {
    Bench::each(|bench| {
        {
            let reader = bench.connect(bench.persistent());
            let mut stream = subscribed(&reader, "a");
            bench.publish_all("a", 0..3);
            expect(&mut stream, 0..1);
            until("two are unread", || reader.messages_waiting().0 == 2);
        }
        until("it has gone", || bench.broker.stats().connections == 1);
        assert_eq!(bench.broker.stats().subscriptions, 1);
        bench.publish_all("a", 3..5);
        let reader = bench.connect(bench.persistent());
        let mut stream = reader.subscribe("a").expect("accepted");
        expect(&mut stream, 1..5);
    });
}

#[test]
fn what_a_dropped_stream_has_not_taken_goes_to_the_next_one() {
    Bench::each(|bench| {
        let reader = bench.connect(bench.persistent());
        let mut stream = subscribed(&reader, "a");
        bench.publish_all("a", 0..5);
        expect(&mut stream, 0..1);
        drop(stream);
        // What comes while there is no stream waits, too.
        bench.publish_all("a", 5..8);
        let mut stream = reader.subscribe("a").expect("accepted");
        expect(&mut stream, 1..8);
        // A new stream that takes the place of an old one is there before the old one is dropped.
        bench.publish_all("a", 8..10);
        until("they arrive", || reader.messages_waiting().0 == 2);
        let other = reader.subscribe("a").expect("accepted");
        drop(std::mem::replace(&mut stream, other));
        expect(&mut stream, 8..10);
        assert_eq!(reader.stats().messages_given_up, 0);
    });
}

/// Rounds enough to use a server's whole window up, if one message of each stayed unacknowledged.
#[test]
fn streams_that_are_dropped_in_a_clean_session_leave_nothing_unacknowledged() {
    Bench::each(|bench| {
        let reader = bench.connect(bench.clean());
        for round in 0..60u32 {
            let stream = subscribed(&reader, "a");
            let token = bench.writer.publish(Publish::new("a", "unread").qos(QoS::AtLeastOnce));
            // It is on its way, or unread in the stream.
            drop(stream);
            token.expect("accepted").wait_for(TOO_LONG).expect("in time").expect("published");
            let _ = round;
        }
        let mut stream = subscribed(&reader, "a");
        bench.publish_all("a", 0..60);
        let mut came: Vec<String> = Vec::new();
        while came.len() < 60 {
            came.extend(Some(next(&mut stream)).filter(|payload| payload != "unread"));
        }
        until("all are acknowledged", || bench.broker.stats().inflight == 0);
        assert_eq!(bench.broker.stats().subscriptions, 1);
    });
}

#[test]
fn unsubscribe_ends_a_stream_after_what_it_has() {
    Bench::each(|bench| {
        let reader = bench.connect(bench.persistent());
        let mut stream = subscribed(&reader, "a");
        bench.publish_all("a", 0..3);
        until("they arrive", || reader.messages_waiting().0 == 3);
        let waiting = thread::scope(|scope| {
            let waiting = scope.spawn(|| std::iter::from_fn(|| stream.wait_next()).count());
            reader.unsubscribe("a").expect("accepted").wait_for(TOO_LONG).expect("in time").expect("done");
            waiting.join().expect("no panic")
        });
        assert_eq!(waiting, 3);
        assert!(stream.try_next().is_none());
    });
}

#[test]
fn a_callback_that_panics_acknowledges_nothing() {
    Bench::each(|bench| {
        let reader = bench.connect(bench.persistent());
        drop(
            reader
                .on("a", |_, message| assert!(message.payload() != b"1", "the handler fails"))
                .expect("accepted"),
        );
        until("it is granted", || reader.pending_subscriptions() == 0);
        let mut events = reader.events();
        let runner = reader.clone();
        let run = thread::spawn(move || runner.wait_run().map(drop));
        bench.publish_all("a", 0..3);
        assert!(run.join().is_err(), "the panic goes through");
        event(
            &mut events,
            |event| matches!(event, ConnectionEvent::MessageHandedBack { topic } if &**topic == "a"),
        );
        assert_eq!(reader.stats().messages_handed_back, 1);
        leave(&reader);
        let reader = bench.connect(bench.persistent());
        let mut stream = reader.subscribe("a").expect("accepted");
        expect(&mut stream, 1..3);
    });
}

#[test]
fn a_guard_that_is_dropped_without_a_word_hands_its_message_back() {
    Bench::each(|bench| {
        let reader = bench.connect(bench.persistent());
        let mut stream = subscribed(&reader, "a");
        drop(reader.listen("b").expect("accepted"));
        bench.publish_all("a", 0..2);
        drop(stream.wait_next_held().expect("it goes on"));
        let parsed = || -> Option<u32> {
            let held = stream.wait_next_held()?;
            let number: u32 = std::str::from_utf8(held.payload()).ok()?.strip_prefix('x')?.parse().ok()?;
            held.acknowledge();
            Some(number)
        };
        let mut parsed = parsed;
        assert_eq!(parsed(), None);
        let _ = parsed;
        expect(&mut stream, 0..2);
        bench.publish("b", "y");
        drop(reader.wait_receive_held().expect("it goes on"));
        assert_eq!(reader.wait_receive_held().expect("again").acknowledge().payload(), b"y");
        assert_eq!(reader.stats().messages_handed_back, 3);
        until("all are acknowledged", || bench.broker.stats().inflight == 0);
    });
}

/// What is acknowledged on arrival holds back nobody, and is there to be read.
#[test]
fn a_subscription_can_acknowledge_on_arrival() {
    Bench::each(|bench| {
        let reader = bench.connect(bench.persistent());
        let subscribe = Subscribe::new("log/#").qos(QoS::AtLeastOnce).acknowledge(Acknowledge::OnArrival);
        let mut log = reader.subscribe(subscribe).expect("accepted");
        let mut wanted = subscribed(&reader, "wanted");
        bench.publish_all("log/a", 0..100);
        bench.publish_all("wanted", 0..3);
        expect(&mut wanted, 0..3);
        until("all are acknowledged", || bench.broker.stats().inflight == 0);
        expect(&mut log, 0..100);
    });
}

/// Retained messages come all at once.
#[test]
fn a_burst_at_qos_0_reaches_a_reader_that_takes_each() {
    for adapter in ALL {
        let config = broker::Config::default().retained_max(30_000);
        let broker = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
        let writer = adapter.connect(options(&broker, "writer", Version::V5_0)).expect("accepted");
        let tokens: Vec<_> = (0..20_000u32)
            .map(|number| {
                let topic = format!("r/{number}");
                let publish = Publish::new(&topic, number.to_string()).qos(QoS::AtLeastOnce).retain(true);
                writer.publish(publish).expect("accepted")
            })
            .collect();
        for token in tokens {
            token.wait_for(TOO_LONG).expect("in time").expect("published");
        }
        // A tenth of what comes at once fits.
        let options = options(&broker, "reader", Version::V5_0).incoming_bytes_max(300_000);
        let reader = adapter.connect(options).expect("accepted");
        let mut stream = reader.subscribe(Subscribe::new("r/#").qos(QoS::AtMostOnce)).expect("accepted");
        for _message in 0..20_000 {
            stream.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
        }
        assert_eq!(reader.stats().messages_dropped, 0, "{adapter:?}");
    }
}

#[test]
fn what_is_repeated_after_reconnects_waits_once() {
    Bench::each(|bench| {
        let reader = bench.connect(bench.persistent());
        let mut stream = subscribed(&reader, "a");
        let mut events = reader.events();
        bench.publish_all("a", 0..10);
        until("they arrive", || reader.messages_waiting().0 == 10);
        let (_, bytes) = reader.messages_waiting();
        for _cut in 0..8 {
            bench.broker.cut("reader");
            event(&mut events, |event| matches!(event, ConnectionEvent::Online { session_present: true }));
            // Its answer comes behind what is repeated.
            let token = reader.publish(Publish::new("b", "x").qos(QoS::ExactlyOnce)).expect("accepted");
            token.wait_for(TOO_LONG).expect("in time").expect("published");
            assert_eq!(reader.messages_waiting(), (10, bytes));
        }
        expect(&mut stream, 0..10);
        until("all are acknowledged", || bench.broker.stats().inflight == 0);
        assert!(stream.try_next().is_none());
    });
}

#[test]
fn large_messages_are_taken_without_an_option() {
    for adapter in ALL {
        let config = broker::Config::default().packet_size_max(64 << 20);
        let broker = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
        for version in BOTH {
            let client = adapter.connect(options(&broker, "large", version)).expect("accepted");
            let mut stream = subscribed(&client, "large");
            let payload: Vec<u8> = (0..5 << 20).map(|index| (index % 251) as u8).collect();
            let token = client.publish(Publish::new("large", payload.clone()).qos(QoS::AtLeastOnce));
            token.expect("accepted").wait_for(TOO_LONG).expect("in time").expect("published");
            let message = stream.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
            assert!(message.payload() == payload, "{adapter:?} {version}");
        }
    }
}

/// Both ends have more to write than they let wait, and both still read.
#[test]
fn two_full_directions_do_not_wait_for_each_other() {
    for adapter in ALL {
        let broker = broker::start("127.0.0.1:0").expect("there is a free port");
        let client = adapter.connect(options(&broker, "echo", Version::V5_0)).expect("accepted");
        let mut stream = subscribed(&client, "echo");
        let tokens: Vec<_> = (0..100u8)
            .map(|number| {
                let publish = Publish::new("echo", vec![number; 300_000]).qos(QoS::AtLeastOnce);
                client.publish(publish).expect("accepted")
            })
            .collect();
        for number in 0..100u8 {
            let message = stream.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
            assert_eq!(message.payload()[0], number, "{adapter:?}");
        }
        for token in tokens {
            token.wait_for(TOO_LONG).expect("in time").expect("published");
        }
        assert_eq!(client.stats().disconnections, 0, "{adapter:?}");
    }
}

/// With nothing left to send it never dials again, and does not take the name back from its successor.
#[test]
fn a_client_that_is_dropped_while_offline_stays_away() {
    Bench::each(|bench| {
        let old = bench.connect(bench.clean().reconnect_after(Duration::from_millis(300)));
        let stream = subscribed(&old, "a");
        let mut events = old.events();
        bench.broker.cut("reader");
        event(&mut events, |event| matches!(event, ConnectionEvent::Offline { .. }));
        drop((stream, old));
        // The events of a client end with its driver.
        while events.wait_next_for(TOO_LONG).expect("it ends in time").is_some() {}
        let new = bench.connect(bench.clean());
        assert_eq!(bench.broker.stats().connections_opened, 3);
        assert_eq!(new.stats().disconnections, 0);
    });
}

/// With something left to send it says so, and sends it.
#[test]
fn a_client_that_is_dropped_with_messages_left_says_so_and_sends_them() {
    Bench::each(|bench| {
        let mut stream = subscribed(&bench.writer, "last");
        let old = bench.connect(bench.persistent());
        let mut events = old.events();
        bench.broker.cut("reader");
        event(&mut events, |event| matches!(event, ConnectionEvent::Offline { .. }));
        drop(old.publish(Publish::new("last", "word").qos(QoS::ExactlyOnce)).expect("accepted"));
        drop(old);
        event(&mut events, |event| matches!(event, ConnectionEvent::Draining { unfinished: 1 }));
        assert_eq!(next(&mut stream), "word");
        while events.wait_next_for(TOO_LONG).expect("it ends in time").is_some() {}
    });
}

/// Each message wakes one of those who wait, and any number may wait.
#[test]
fn any_number_of_threads_wait_in_receive_and_run() {
    Bench::each(|bench| {
        let reader = bench.connect(bench.clean());
        reader.listen("r").expect("accepted").wait_for(TOO_LONG).expect("in time").expect("granted");
        let (sender, called) = mpsc::channel();
        let on = reader.on("c", move |_, _| sender.send(thread::current().id()).expect("the test listens"));
        on.expect("accepted").wait_for(TOO_LONG).expect("in time").expect("granted");
        thread::scope(|scope| {
            let receivers: Vec<_> = (0..4).map(|_| scope.spawn(|| reader.wait_receive())).collect();
            let runners: Vec<_> = (0..4).map(|_| scope.spawn(|| reader.wait_run())).collect();
            bench.publish_all("r", 0..4);
            bench.publish_all("c", 0..4);
            for receiver in receivers {
                assert!(receiver.join().expect("no panic").is_some());
            }
            for _call in 0..4 {
                called.recv_timeout(TOO_LONG).expect("a callback is called");
            }
            leave(&reader);
            for runner in runners {
                runner.join().expect("no panic").expect("it was asked to disconnect");
            }
        });
    });
}
