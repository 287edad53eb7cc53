//! What becomes of messages that nobody takes, on the virtual clock: graces, stalls, and the bound in bytes.

use std::time::Duration;

use mqtt_memory::{
    Client, ConnectionEvent, Options, Publish, QoS, Subscribe, Subscription, Version, World, broker,
};

const BOTH: [Version; 2] = [Version::V3_1_1, Version::V5_0];

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn options(name: &str, version: Version) -> Options {
    Options::new("broker").client_id(name).version(version).reconnect_after(Duration::from_millis(50))
}

fn online(world: &World, options: Options) -> Client {
    let client = world.client(options);
    let connecting = client.connect().expect("it is idle");
    world.run_until(connecting).expect("in time").expect("accepted");
    client
}

fn subscribed(world: &World, client: &Client, filter: &str, qos: QoS) -> Subscription {
    let mut stream = client.subscribe(Subscribe::new(filter).qos(qos)).expect("accepted");
    world.run_until(stream.granted()).expect("in time").expect("granted");
    stream
}

fn publish(world: &World, client: &Client, topic: &str, payload: Vec<u8>, qos: QoS) {
    let token = client.publish(Publish::new(topic, payload).qos(qos)).expect("accepted");
    world.run_until(token).expect("in time").expect("published");
}

/// What came since the last time.
fn drain(events: &mut mqtt_memory::Events) -> Vec<ConnectionEvent> {
    std::iter::from_fn(|| events.try_next()).collect()
}

/// The window of a server is full of messages for one stream, so that another one starves.
#[test]
fn a_stream_that_is_not_read_is_reported_when_it_holds_back_others() {
    for version in BOTH {
        let world = World::calm(1);
        let writer = online(&world, options("writer", version));
        let reader = online(&world, options("reader", version));
        let mut events = reader.events();
        let mut unread = subscribed(&world, &reader, "unread", QoS::AtLeastOnce);
        let mut read = subscribed(&world, &reader, "read", QoS::AtLeastOnce);
        publish(&world, &writer, "unread", vec![1], QoS::AtLeastOnce);
        world.run_for(secs(60));
        assert_eq!(drain(&mut events), [], "a message that holds back nobody is no stall");
        publish(&world, &writer, "read", vec![2], QoS::AtLeastOnce);
        world.run_until(read.next()).expect("in time").expect("it goes on");
        world.run_for(secs(60));
        let seen = drain(&mut events);
        let [ConnectionEvent::Stalled { filter: Some(filter), topic, unacknowledged: 2 }] = &seen[..] else {
            panic!("{version}: {seen:?}");
        };
        assert_eq!((&**filter, &**topic), ("unread", "unread"));
        assert_eq!(reader.stats().stalls, 1);
        let explained = read.explain();
        let oldest = explained.oldest.as_ref().expect("one holds back the others");
        assert_eq!((oldest.filter.as_deref(), explained.unacknowledged), (Some("unread"), 2));
        assert!(explained.to_string().contains("the taker of \"unread\" has not taken it"), "{explained}");
        // It goes on, and stalls once more.
        world.run_until(unread.next()).expect("in time").expect("it goes on");
        world.run_for(secs(1));
        assert_eq!(read.explain().unacknowledged, 0);
        publish(&world, &writer, "unread", vec![3], QoS::AtLeastOnce);
        publish(&world, &writer, "read", vec![4], QoS::AtLeastOnce);
        world.run_until(read.next()).expect("in time").expect("it goes on");
        world.run_for(secs(60));
        assert_eq!(drain(&mut events).len(), 1);
    }
}

/// The grace of unknown filters begins with their first message and does not begin anew.
#[test]
fn messages_that_nobody_claims_are_given_up_after_ten_seconds() {
    for version in BOTH {
        let world = World::calm(1);
        let writer = online(&world, options("writer", version));
        let first = online(&world, options("reader", version).clean_session(false));
        drop(subscribed(&world, &first, "old", QoS::AtLeastOnce));
        drop(first);
        world.run_for(secs(20));
        publish(&world, &writer, "old", vec![1], QoS::AtLeastOnce);
        let reader = online(&world, options("reader", version).clean_session(false));
        let mut events = reader.events();
        world.run_for(secs(9));
        assert_eq!((drain(&mut events), reader.messages_waiting().0), (vec![], 1));
        world.run_for(secs(2));
        let topic = "old".into();
        assert_eq!(drain(&mut events), [ConnectionEvent::MessagesGivenUp { topic, count: 1 }]);
        for _message in 0..3 {
            publish(&world, &writer, "old", vec![2], QoS::AtLeastOnce);
        }
        world.run_for(secs(1));
        assert_eq!((reader.stats().messages_given_up, reader.messages_waiting()), (4, (0, 0)));
        assert_eq!(world.broker(|broker, _| broker.stats().inflight), 0);
        // Somebody who comes later gets what comes later.
        let mut stream = reader.subscribe("old").expect("accepted");
        publish(&world, &writer, "old", vec![3], QoS::AtLeastOnce);
        assert_eq!(world.run_until(stream.next()).expect("in time").expect("it goes on").payload(), [3]);
    }
}

/// A client of 100 bytes each beside the constant of 128.
fn burst(world: &World, writer: &Client, topic: &str, messages: usize, qos: QoS) {
    let mut last = None;
    for _message in 0..messages {
        last = Some(writer.publish(Publish::new(topic, vec![7; 1000]).qos(qos)).expect("accepted"));
    }
    if let Some(token) = last {
        world.run_until(token).expect("in time").expect("published");
    }
}

/// The link is left unread for a while, pings go on, and only then QoS 0 is dropped, with an event that counts.
#[test]
fn qos_0_beyond_the_bound_of_a_reader_that_takes_nothing_is_dropped_and_reported() {
    for version in BOTH {
        let world = World::calm(1);
        let writer = online(&world, options("writer", version));
        let bound = 500_000;
        let reader = online(
            &world,
            options("reader", version).incoming_bytes_max(bound).keep_alive(secs(2)).network_timeout(secs(1)),
        );
        let mut events = reader.events();
        let mut stream = subscribed(&world, &reader, "a", QoS::AtMostOnce);
        for _round in 0..30 {
            burst(&world, &writer, "a", 100, QoS::AtMostOnce);
            world.run_for(Duration::from_millis(100));
        }
        assert_eq!(drain(&mut events), [], "{version}: the link is left unread");
        let pings = reader.stats().pings_sent;
        world.run_for(secs(6));
        assert!(reader.stats().pings_sent >= pings + 2, "{version}: pings go on");
        assert_eq!(reader.stats().messages_dropped, 0);
        world.run_for(secs(20));
        let dropped = reader.stats().messages_dropped;
        let seen: u64 = drain(&mut events)
            .iter()
            .map(|event| match event {
                ConnectionEvent::MessagesDropped { count } => *count,
                other => panic!("{version}: {other:?}"),
            })
            .sum();
        assert_eq!(seen, dropped);
        let (waiting, bytes) = reader.messages_waiting();
        assert!(bytes <= bound + 256 * 1024, "{bytes} bytes wait");
        assert_eq!(waiting as u64 + dropped, 3000);
        let taken = std::iter::from_fn(|| stream.try_next()).count();
        assert_eq!((taken, reader.messages_waiting()), (waiting, (0, 0)));
        assert_eq!(reader.stats().disconnections, 0);
    }
}

/// What was left is fetched once there is room, although nothing is acknowledged by what is taken and no ping is due.
#[test]
fn what_was_left_comes_when_messages_of_qos_0_make_room() {
    for version in BOTH {
        let mut config = mqtt_memory::WorldConfig::new(1);
        config.faults = mqtt_memory::Faults::none();
        let world = World::with(config);
        let writer = online(&world, options("writer", version));
        let quiet = options("reader", version).clean_session(false).keep_alive(Duration::ZERO);
        let reader = online(&world, quiet.incoming_bytes_max(300_000));
        let mut filling = subscribed(&world, &reader, "fill", QoS::AtMostOnce);
        let mut late = subscribed(&world, &reader, "late", QoS::AtLeastOnce);
        for _message in 0..900 {
            publish(&world, &writer, "fill", vec![7; 1000], QoS::AtMostOnce);
        }
        // The link was left unread for as long as it may be, and what finds no room is left to the server.
        world.run_for(secs(30));
        publish(&world, &writer, "late", vec![1; 1000], QoS::AtLeastOnce);
        world.run_for(secs(5));
        assert_eq!(reader.stats().messages_left, 1, "{version}");
        while filling.try_next().is_some() {}
        world.run_for(secs(5));
        assert!(late.try_next().is_some(), "{version}: it has come again");
    }
}

/// QoS 1 and 2 of a persistent session are left to the server, and come again once there is room: none is lost, and
/// with QoS 2 none is doubled.
#[test]
fn qos_1_and_2_beyond_the_bound_come_again_once_there_is_room() {
    for version in BOTH {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let broker = broker::Config::default().inflight_max(1000);
            let mut config = mqtt_memory::WorldConfig::new(1);
            (config.faults, config.broker) = (mqtt_memory::Faults::none(), broker);
            let world = World::with(config);
            let writer = online(&world, options("writer", version));
            let bound = 300_000;
            let reader =
                online(&world, options("reader", version).clean_session(false).incoming_bytes_max(bound));
            let mut events = reader.events();
            let mut stream = subscribed(&world, &reader, "a", QoS::ExactlyOnce);
            for number in 0..900u32 {
                let mut payload = vec![7; 1000];
                payload[..4].copy_from_slice(&number.to_be_bytes());
                publish(&world, &writer, "a", payload, qos);
            }
            world.run_for(secs(30));
            let (_, bytes) = reader.messages_waiting();
            assert!(bytes <= bound + 256 * 1024, "{bytes} bytes wait");
            assert!(reader.stats().messages_left > 0, "{version} {qos}");
            assert!(
                drain(&mut events).iter().all(|event| matches!(
                    event,
                    ConnectionEvent::MessagesLeft { .. } | ConnectionEvent::Stalled { .. }
                )),
                "{version} {qos}"
            );
            for number in 0..900u32 {
                let message = world.run_until(stream.next()).expect("in time").expect("it goes on");
                assert_eq!(message.payload()[..4], number.to_be_bytes(), "{version} {qos}");
            }
            world.run_for(secs(5));
            assert!(stream.try_next().is_none());
            assert_eq!(world.broker(|broker, _| broker.stats().inflight), 0);
            assert_eq!(reader.stats().messages_dropped + reader.stats().messages_given_up, 0);
        }
    }
}

/// In a session that ends with its connection nothing comes again: what finds no room is dropped, and seen.
#[test]
fn qos_1_beyond_the_bound_of_a_clean_session_is_dropped_and_reported() {
    let mut config = mqtt_memory::WorldConfig::new(1);
    config.faults = mqtt_memory::Faults::none();
    let world = World::with(config);
    let writer = online(&world, options("writer", Version::V5_0));
    let reader = online(&world, options("reader", Version::V5_0).incoming_bytes_max(200_000));
    let mut events = reader.events();
    let mut stream = subscribed(&world, &reader, "a", QoS::AtLeastOnce);
    burst(&world, &writer, "a", 900, QoS::AtLeastOnce);
    world.run_for(secs(30));
    let dropped = reader.stats().messages_dropped;
    assert!(dropped > 0);
    let seen: u64 = drain(&mut events)
        .iter()
        .filter_map(|event| match event {
            ConnectionEvent::MessagesDropped { count } => Some(*count),
            _ => None,
        })
        .sum();
    assert_eq!(seen, dropped);
    let taken = std::iter::from_fn(|| stream.try_next()).count() as u64;
    assert_eq!(taken + dropped, 900);
    world.run_for(secs(5));
    assert_eq!(world.broker(|broker, _| broker.stats().inflight), 0);
}

/// A zero in `reconnect_after` is a short wait, not none.
#[test]
fn reconnect_after_zero_does_not_spin() {
    let world = World::calm(1);
    let client = online(&world, options("c", Version::V5_0).reconnect_after(Duration::ZERO));
    world.stop_broker(true);
    let before = world.links_dialled();
    world.run_for(secs(60));
    let dials = world.links_dialled() - before;
    assert!((40..400).contains(&dials), "{dials} dials in a minute");
    drop(client);
}

/// Every wait takes the longest time that there is.
#[test]
fn duration_max_is_a_wait_without_end() {
    let world = World::calm(1);
    let longest = Duration::MAX;
    let options = options("c", Version::V5_0)
        .keep_alive(longest)
        .network_timeout(longest)
        .reconnect_after(longest)
        .unclaimed_grace(longest)
        .session_expiry(longest);
    let client = online(&world, options);
    let mut stream = subscribed(&world, &client, "a", QoS::AtLeastOnce);
    let token = client
        .publish(Publish::new("a", "x").qos(QoS::AtLeastOnce).timeout(longest))
        .expect("accepted")
        .timeout(longest);
    world.run_until(token).expect("in time").expect("published");
    world.run_until(stream.next()).expect("in time").expect("it goes on");
    let disconnecting = client.disconnect_within(longest).expect("online");
    world.run_until(disconnecting).expect("in time");
}
