//! Many clients of one simulated world.

use std::time::Instant;

use mqtt_client::{Client, Options};
use mqtt_memory::{Faults, World, WorldConfig};

/// No faults, and a broker that has room for all.
fn config() -> WorldConfig {
    let mut config = WorldConfig::new(1);
    config.faults = Faults::none();
    config.broker.connections_max = usize::MAX;
    config.broker.sessions_max = usize::MAX;
    config.broker.subscriptions_max = usize::MAX;
    config
}

pub(crate) fn world() -> World {
    World::with(config())
}

/// One whose broker takes so many messages at once.
pub(crate) fn world_with_window(receive_max: u16) -> World {
    let mut config = config();
    config.broker.receive_max = receive_max;
    World::with(config)
}

/// Clients, all connected.
struct Fleet {
    world: World,
    names: Vec<String>,
    _clients: Vec<Client>,
}

impl Fleet {
    fn connect(world: World, count: usize) -> Fleet {
        let names: Vec<_> = (0..count).map(|number| format!("c{number}")).collect();
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
        Fleet { world, names, _clients: clients }
    }
}

pub(crate) fn connect(count: usize) -> f64 {
    let start = Instant::now();
    let fleet = Fleet::connect(world(), count);
    let cost = each(start, count);
    drop(fleet);
    cost
}

pub(crate) fn cut(count: usize) -> f64 {
    let fleet = Fleet::connect(world(), count);
    let start = Instant::now();
    let cut: usize = fleet.names.iter().map(|name| fleet.world.cut(name)).sum();
    assert_eq!(cut, count);
    each(start, count)
}

pub(crate) fn part(count: usize) -> f64 {
    let fleet = Fleet::connect(world(), count);
    let start = Instant::now();
    fleet.names.iter().for_each(|name| fleet.world.partition(name, true));
    fleet.world.heal();
    each(start, count)
}

/// What is allocated for a client, its driver, its link, and the broker's side of it. Records are not counted: their
/// number is bounded, however many clients there are.
pub(crate) fn memory(count: usize) -> f64 {
    let mut fleet = None;
    let mut config = config();
    config.trace_max = 0;
    let world = World::with(config);
    let counted = allocation_counter::measure(|| fleet = Some(Fleet::connect(world, count)));
    drop(fleet);
    counted.bytes_current as f64 / count as f64
}

/// Nanoseconds that each of so many has taken since then.
pub(crate) fn each(start: Instant, count: usize) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / count as f64
}
