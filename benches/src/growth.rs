//! Prints what things cost at three sizes, and how that grows: a cost for each that stays the same has the exponent 0.
//!
//! Fails if an exponent is above its bound. An argument chooses the rows whose name holds it.

use std::time::{Duration, Instant};

use mqtt_client::{Client, Options, Subscribe};
use mqtt_memory::{Faults, World, WorldConfig};

/// How many of each.
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// What an exponent may be: what fits no cache is up to six times slower for each, which is 0.4. A walk over all for each
/// would be 1.
const BOUND: f64 = 0.5;

/// Runs of each size, of which the shortest counts, since what disturbs only adds.
const ROUNDS: usize = 3;

/// The name of a row, and what it costs with so many.
type Row = (&'static str, fn(usize) -> Duration);

const ROWS: [Row; 6] = [
    ("simulation: connect a client", |count| Fleet::connect(count).1),
    ("simulation: cut the link of a client", cut),
    ("simulation: part and heal a client", part),
    ("subscribe", |count| subscribed(count, true).1),
    ("drop a stream, clean session, online", |count| drop_streams(count, true)),
    ("drop a stream, persistent session, offline", |count| drop_streams(count, false)),
];

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    println!("| µs for each of | {} | {} | {} | exponent |", SIZES[0], SIZES[1], SIZES[2]);
    println!("|---|---|---|---|---|");
    let mut growing = Vec::new();
    for (name, run) in ROWS.into_iter().filter(|(name, _)| name.contains(&wanted)) {
        let costs = SIZES.map(|size| {
            let best = (0..ROUNDS).map(|_| run(size)).min().expect("there are rounds");
            best.as_secs_f64() * 1e6 / size as f64
        });
        let exponent = (costs[2] / costs[0]).ln() / (SIZES[2] as f64 / SIZES[0] as f64).ln();
        println!("| {name} | {:.2} | {:.2} | {:.2} | {exponent:.2} |", costs[0], costs[1], costs[2]);
        if exponent > BOUND {
            growing.push(name);
        }
    }
    assert!(growing.is_empty(), "above {BOUND}: {growing:?}");
}

/// A world without faults, whose broker has room for all.
fn world() -> World {
    let mut config = WorldConfig::new(1);
    config.faults = Faults::none();
    config.broker.connections_max = usize::MAX;
    config.broker.sessions_max = usize::MAX;
    config.broker.subscriptions_max = usize::MAX;
    World::with(config)
}

/// Clients of a simulated world, all connected.
struct Fleet {
    world: World,
    names: Vec<String>,
    _clients: Vec<Client>,
}

impl Fleet {
    fn connect(count: usize) -> (Fleet, Duration) {
        let world = world();
        let names: Vec<_> = (0..count).map(|number| format!("c{number}")).collect();
        let start = Instant::now();
        let connect = async {
            let clients: Vec<_> = names
                .iter()
                .map(|name| world.client(Options::new("broker").client_id(name.as_str())))
                .collect();
            let tokens: Vec<_> = clients.iter().map(|client| client.connect().expect("accepted")).collect();
            for token in tokens {
                token.await.expect("the broker accepts");
            }
            clients
        };
        let clients = world.run_until(connect).expect("they connect");
        let time = start.elapsed();
        (Fleet { world, names, _clients: clients }, time)
    }
}

fn cut(count: usize) -> Duration {
    let (fleet, _) = Fleet::connect(count);
    let start = Instant::now();
    let cut: usize = fleet.names.iter().map(|name| fleet.world.cut(name)).sum();
    assert_eq!(cut, count);
    start.elapsed()
}

fn part(count: usize) -> Duration {
    let (fleet, _) = Fleet::connect(count);
    let start = Instant::now();
    fleet.names.iter().for_each(|name| fleet.world.partition(name, true));
    fleet.world.heal();
    start.elapsed()
}

/// A client with so many streams, each of a filter of its own.
fn subscribed(count: usize, is_online: bool) -> ((World, Client, Vec<mqtt_client::Subscription>), Duration) {
    let world = world();
    let options = Options::new("broker").client_id("c").clean_session(is_online);
    let client = world.run_until(world.connect(options)).expect("no stall").expect("the broker accepts");
    let start = Instant::now();
    let mut streams = Vec::with_capacity(count);
    for number in 0..count {
        streams.push(client.subscribe(Subscribe::new(&format!("t/{number}"))).expect("accepted"));
    }
    world.run_for(Duration::from_secs(60));
    let time = start.elapsed();
    assert_eq!(client.pending_subscriptions(), 0, "all are granted");
    if !is_online {
        world.stop_broker(true);
        world.run_for(Duration::from_secs(1));
    }
    ((world, client, streams), time)
}

fn drop_streams(count: usize, is_online: bool) -> Duration {
    let ((world, client, streams), _) = subscribed(count, is_online);
    let start = Instant::now();
    drop(streams);
    if is_online {
        world.run_for(Duration::from_secs(60));
    }
    let time = start.elapsed();
    drop(client);
    time
}
