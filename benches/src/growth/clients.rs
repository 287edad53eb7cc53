//! Many subscriptions or messages of one client.

use std::time::{Duration, Instant};

use mqtt_client::{Client, Options, Publish, PublishToken, QoS, Subscribe, Subscription};
use mqtt_memory::World;

use crate::fleet::{each, world, world_with_window};

/// Messages or questions of a row that is about one of them.
const CALLS: usize = 1_000;

/// So long that everything has ended.
const LONG: Duration = Duration::from_secs(60);

fn options(is_clean: bool) -> Options {
    Options::new("broker")
        .client_id("c")
        .clean_session(is_clean)
        .queue_messages_max(usize::MAX)
        .queue_bytes_max(usize::MAX)
}

fn connected(world: &World, options: Options) -> Client {
    world.run_until(world.connect(options)).expect("no stall").expect("the broker accepts")
}

/// A client that has lost its broker.
fn offline() -> (World, Client) {
    let world = world();
    let client = connected(&world, options(false));
    stop(&world);
    (world, client)
}

fn stop(world: &World) {
    world.stop_broker(true);
    world.run_for(Duration::from_secs(1));
}

/// Streams, each of a filter of its own.
fn streams(client: &Client, count: usize) -> Vec<Subscription> {
    (0..count)
        .map(|number| client.subscribe(Subscribe::new(&format!("t/{number}"))).expect("accepted"))
        .collect()
}

pub(crate) fn subscribe(count: usize) -> f64 {
    let world = world();
    let client = connected(&world, options(true));
    let start = Instant::now();
    let streams = streams(&client, count);
    world.run_for(LONG);
    let cost = each(start, count);
    assert_eq!(client.pending_subscriptions(), 0, "all are granted");
    drop(streams);
    cost
}

/// Messages to some of the streams, through the broker.
pub(crate) fn route(count: usize) -> f64 {
    let world = world();
    let client = connected(&world, options(true));
    let mut streams = streams(&client, count);
    world.run_for(LONG);
    let topics: Vec<_> = (0..CALLS).map(|number| format!("t/{}", number * count / CALLS)).collect();
    let start = Instant::now();
    for topic in &topics {
        drop(client.publish(Publish::new(topic, "x")).expect("accepted"));
    }
    world.run_for(LONG);
    let cost = each(start, CALLS);
    for number in 0..CALLS {
        assert!(streams[number * count / CALLS].try_next().is_some(), "it has arrived");
    }
    cost
}

pub(crate) fn drop_streams(count: usize, is_clean: bool, is_online: bool) -> f64 {
    let world = world();
    let client = connected(&world, options(is_clean));
    let streams = streams(&client, count);
    world.run_for(LONG);
    assert_eq!(client.pending_subscriptions(), 0, "all are granted");
    if !is_online {
        stop(&world);
    }
    drop_all(&world, count, streams)
}

/// The streams of a client that was never connected.
pub(crate) fn drop_ungranted(count: usize) -> f64 {
    let world = world();
    let client = world.client(options(true));
    let streams = streams(&client, count);
    drop_all(&world, count, streams)
}

pub(crate) fn drop_of_one_filter(count: usize) -> f64 {
    let world = world();
    let client = connected(&world, options(true));
    let streams: Vec<_> =
        (0..count).map(|_| client.subscribe(Subscribe::new("t")).expect("accepted")).collect();
    world.run_for(LONG);
    drop_all(&world, count, streams)
}

fn drop_all(world: &World, count: usize, streams: Vec<Subscription>) -> f64 {
    let start = Instant::now();
    drop(streams);
    world.run_for(LONG);
    each(start, count)
}

fn submit(client: &Client) -> PublishToken {
    client.publish(Publish::new("t", "x").qos(QoS::AtLeastOnce)).expect("accepted")
}

/// With so many messages in front of the one in question.
pub(crate) fn explain(count: usize) -> f64 {
    let (_world, client) = offline();
    let tokens: Vec<_> = (0..=count).map(|_| submit(&client)).collect();
    let last = tokens.last().expect("there are some");
    let start = Instant::now();
    for _call in 0..CALLS {
        std::hint::black_box(last.explain());
    }
    each(start, CALLS)
}

/// What a message costs on average, and the longest.
pub(crate) fn submit_offline(count: usize) -> (f64, f64) {
    let (_world, client) = offline();
    let mut tokens = Vec::with_capacity(count);
    let mut longest = Duration::ZERO;
    let start = Instant::now();
    for _message in 0..count {
        let start = Instant::now();
        tokens.push(submit(&client));
        longest = longest.max(start.elapsed());
    }
    (each(start, count), longest.as_secs_f64() * 1e9)
}

/// Queued without a connection, and sent once there is one.
pub(crate) fn send_queued(count: usize) -> f64 {
    let world = world_with_window(20);
    let client = connected(&world, options(false));
    stop(&world);
    let tokens: Vec<_> = (0..count).map(|_| submit(&client)).collect();
    let start = Instant::now();
    world.start_broker();
    let all = async {
        for token in tokens {
            token.await.expect("the broker accepts it");
        }
    };
    world.run_until(all).expect("they end");
    each(start, count)
}
