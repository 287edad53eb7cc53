//! One seed, one client with a store whose program crashes again and again, and a verdict: is anything lost or doubled?
//!
//! The client publishes, counts what comes, asks and unsubscribes, over a bad network and with a broker that restarts; its
//! disk loses, tears and reorders what was not synced. Whatever it was told is stored must arrive, QoS 2 once, in order;
//! whatever the broker has acknowledged to its peer must be counted, QoS 2 once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU8;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use mqtt_client::{
    Client, ConnectErrorKind, ConnectionEvent, Events, MemoryStore, Options, Publish, QoS, Reconnect,
    StoreHandle, Subscribe, Subscription,
};
use mqtt_memory::World;
use mqtt_store_redb::RedbStore;

use crate::dice::Dice;
use crate::disk::Disk;

/// What became of one seed.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// Crashes of the program.
    pub crashes: u64,
    /// Messages in both directions that had to arrive.
    pub messages: u64,
    /// Promises that were broken.
    pub violations: Vec<String>,
    /// The last events, if a promise was broken.
    pub evidence: String,
}

/// What is known outside of the program that crashes.
#[derive(Debug, Default)]
struct Facts {
    /// Number of the last message that the program has published.
    published: Cell<u64>,
    /// What it was told is stored.
    stored: RefCell<BTreeSet<u64>>,
    /// What its peer has heard, in order.
    heard: RefCell<Vec<String>>,
    /// Number of the last message that the peer has published, how many have ended, and those that were acknowledged.
    sent: Cell<u64>,
    ended: Cell<u64>,
    acknowledged: RefCell<BTreeSet<u64>>,
}

/// Where the rows are.
enum Rows {
    Memory(MemoryStore),
    Disk(Disk),
}

/// How many of the newest events are shown.
const LAST_EVENTS: usize = 60;

/// Simulates one seed.
pub fn run(seed: u64) -> Verdict {
    let world = World::new(seed);
    let facts = Rc::new(Facts::default());
    let crashes = Rc::new(Cell::new(0));
    let lived = catch_unwind(AssertUnwindSafe(|| {
        world.run_until(live(&world, &facts, &crashes)).unwrap_or_else(|stalled| vec![stalled.to_string()])
    }));
    let violations = lived.unwrap_or_else(|_| vec!["a panic".into()]);
    let evidence = if violations.is_empty() { String::new() } else { world.trace_tail(LAST_EVENTS) };
    let messages = facts.stored.borrow().len() + facts.acknowledged.borrow().len();
    if violations.iter().any(|text| text == "a panic") {
        std::mem::forget(world);
    }
    Verdict { seed, crashes: crashes.get(), messages: messages as u64, violations, evidence }
}

async fn live(world: &World, facts: &Rc<Facts>, crashes: &Cell<u64>) -> Vec<String> {
    let mut dice = Dice(world.seed());
    let mut rows = match world.random(4) {
        0 => Rows::Disk(Disk::default()),
        _ => Rows::Memory(MemoryStore::new()),
    };
    let peer = start_peer(world, facts).await;
    // There is a subscription before the first message comes.
    let mut client = start(world, &rows);
    let subscription = subscribe(&client);
    world.until(|| client.pending_subscriptions() == 0).await;
    world.sleep(Duration::from_secs(1)).await;
    let all = 1 + world.random(5);
    for _crash in 0..all {
        run_program(world, &client, facts);
        publish_to(world, &peer, facts);
        if world.random(4) == 0 {
            world.restart_broker(true);
        }
        if let (Rows::Disk(disk), 0) = (&rows, world.random(2)) {
            disk.fail_after(1 + world.random(60));
        }
        world.sleep(Duration::from_millis(world.random(4_000))).await;
        rows = match &rows {
            Rows::Memory(store) => Rows::Memory(store.snapshot()),
            Rows::Disk(disk) => Rows::Disk(disk.crashed(&mut dice)),
        };
        world.kill("door");
        drop(client);
        crashes.set(crashes.get() + 1);
        client = start(world, &rows);
        if client.subscription_status("in/#").is_none() {
            return vec!["the subscription is forgotten".into()];
        }
    }
    drop(subscription);
    world.heal();
    run_program(world, &client, facts);
    let settled = async {
        world.until(|| settled(&client, facts)).await;
        // What is doubled may come later.
        world.sleep(Duration::from_secs(120)).await;
    };
    let limit = world.now() + Duration::from_secs(3_600);
    let late = world.until(|| world.now() >= limit);
    futures_lite::future::or(settled, late).await;
    judge(&client, facts)
}

fn options(id: &str) -> Options {
    let reconnect = Reconnect::default().after(Duration::from_millis(500)).retry_first(true);
    Options::new("h").client_id(id).clean_session(false).reconnect(reconnect)
}

/// The program that has crashed begins anew.
fn start(world: &World, rows: &Rows) -> Client {
    let latency = Duration::from_micros(50 + world.random(20_000));
    let store: StoreHandle = match rows {
        Rows::Memory(store) => world.store(store.clone(), latency).expect("it is readable"),
        Rows::Disk(disk) => {
            let store = RedbStore::with_backend("disk", disk.clone()).expect("it opens after a crash");
            world.store(store, latency).expect("it is readable")
        }
    };
    let quarantine = NonZeroU8::new(3).filter(|_| world.random(3) == 0);
    let client = world.client(options("door").store(store).quarantine_after(quarantine));
    world.spawn(supervise(client.events(), client.clone()));
    drop(client.connect().expect("it is accepted"));
    client
}

/// What is quarantined goes out again: here it was the network. A link that was given up may still reach the broker,
/// and take the session over from the one that is there: whoever has no double connects again.
async fn supervise(mut events: Events, client: Client) {
    while let Some(event) = events.next().await {
        match event {
            ConnectionEvent::Quarantined { ticket, .. } => _ = client.retry(ticket),
            ConnectionEvent::Offline { will_retry: false, .. } => _ = client.connect().map(drop),
            _ => {}
        }
    }
}

fn subscribe(client: &Client) -> Subscription {
    client.subscribe(Subscribe::new("in/#").qos(QoS::ExactlyOnce)).expect("it is accepted")
}

/// What the program does until it crashes: its tasks end when its client has no driver any more.
fn run_program(world: &World, client: &Client, facts: &Rc<Facts>) {
    let late = Duration::from_millis(world.random(3) * world.random(1_500));
    world.spawn(count(world.clone(), client.clone(), late));
    world.spawn(publish(world.clone(), client.clone(), Rc::clone(facts)));
}

async fn publish(world: World, client: Client, facts: Rc<Facts>) {
    for _message in 0..world.random(12) {
        let number = facts.published.get() + 1;
        let qos = qos_of(number);
        let (text, key) = (format!("{number}"), format!("key {number}"));
        let mut message = Publish::new("out/n", text).qos(qos);
        if world.random(3) == 0 {
            message = message.key(&key);
        }
        let Ok(token) = client.publish(message) else { return };
        facts.published.set(number);
        let facts = Rc::clone(&facts);
        world.spawn(async move {
            if token.stored().await.is_ok() {
                facts.stored.borrow_mut().insert(number);
            }
        });
        match world.random(8) {
            0 => _ = client.request(Publish::new("peer/ask", "?").qos(QoS::AtLeastOnce)).map(drop),
            1 => _ = client.subscribe("noise/#").map(drop),
            2 => _ = client.unsubscribe("noise/#").map(drop),
            _ => world.sleep(Duration::from_millis(world.random(400))).await,
        }
    }
}

/// Counts what comes, together with each acknowledgement; a taker may come late, and drop what it holds.
async fn count(world: World, client: Client, late: Duration) {
    world.sleep(late).await;
    let Ok(mut numbers) = client.subscribe(Subscribe::new("in/#").qos(QoS::ExactlyOnce)) else { return };
    loop {
        let Some(mut held) = numbers.next_held().await else {
            if connects_again(&world, &client).await {
                continue;
            }
            return;
        };
        match world.random(6) {
            0 => continue,
            1 => world.sleep(Duration::from_millis(world.random(300))).await,
            _ => {}
        }
        let key = [b"seen ", held.payload()].concat();
        let count = client.stored_value(&key).map_or(0, |value| value[0]);
        if held.acknowledge_with(&key, [count + 1]).is_err() {
            return;
        }
    }
}

/// A client that was stopped has no more messages until it is connected again; false if it has no driver.
async fn connects_again(world: &World, client: &Client) -> bool {
    let gone = [ConnectErrorKind::DriverGone, ConnectErrorKind::StoreFailed];
    if client.connect().is_err_and(|error| gone.contains(&error.kind())) {
        return false;
    }
    world.sleep(Duration::from_millis(500)).await;
    true
}

async fn start_peer(world: &World, facts: &Rc<Facts>) -> Client {
    let peer = world.client(options("peer"));
    world.spawn(supervise(peer.events(), peer.clone()));
    drop(peer.connect().expect("it is accepted"));
    let mut out = peer.subscribe(Subscribe::new("out/#").qos(QoS::ExactlyOnce)).expect("it is accepted");
    drop(peer.respond("peer/ask", |_| "!").expect("it is accepted"));
    world.until(|| peer.pending_subscriptions() == 0).await;
    let (facts, hearing, world_here) = (Rc::clone(facts), peer.clone(), world.clone());
    world.spawn(async move {
        loop {
            match out.next().await {
                Some(message) => {
                    facts.heard.borrow_mut().push(String::from_utf8_lossy(message.payload()).into_owned());
                }
                None => _ = connects_again(&world_here, &hearing).await,
            }
        }
    });
    let running = peer.clone();
    world.spawn(async move { running.run().await });
    peer
}

fn publish_to(world: &World, peer: &Client, facts: &Rc<Facts>) {
    for _message in 0..world.random(8) {
        let number = facts.sent.get() + 1;
        let message = Publish::new("in/n", number.to_string()).qos(qos_of(number));
        // It is refused only while the peer is about to connect again.
        let Ok(token) = peer.publish(message) else { return };
        facts.sent.set(number);
        let facts = Rc::clone(facts);
        world.spawn(async move {
            if token.await.is_ok() {
                facts.acknowledged.borrow_mut().insert(number);
            }
            facts.ended.set(facts.ended.get() + 1);
        });
    }
}

/// Even numbers have QoS 2.
const fn qos_of(number: u64) -> QoS {
    if number.is_multiple_of(2) { QoS::ExactlyOnce } else { QoS::AtLeastOnce }
}

fn counted(client: &Client, number: u64) -> u8 {
    client.stored_value(format!("seen {number}")).map_or(0, |value| value[0])
}

/// Whether everything has arrived that has to.
fn settled(client: &Client, facts: &Facts) -> bool {
    let heard = facts.heard.borrow();
    let heard: BTreeSet<u64> = heard.iter().filter_map(|text| text.parse().ok()).collect();
    facts.stored.borrow().is_subset(&heard)
        && facts.ended.get() == facts.sent.get()
        && facts.acknowledged.borrow().iter().all(|number| counted(client, *number) > 0)
}

fn judge(client: &Client, facts: &Facts) -> Vec<String> {
    let mut violations = Vec::new();
    let heard = facts.heard.borrow();
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    let mut firsts: [Vec<u64>; 2] = Default::default();
    for text in heard.iter() {
        let number: u64 = text.parse().unwrap_or(0);
        let count = counts.entry(number).or_default();
        *count += 1;
        if *count == 1 {
            firsts[(number % 2) as usize].push(number);
        }
        if number == 0 || number > facts.published.get() {
            violations.push(format!("out {text:?} was never published"));
        }
    }
    for number in facts.stored.borrow().iter().filter(|number| !counts.contains_key(number)) {
        violations.push(format!("out {number} was stored and is lost"));
    }
    for (number, count) in counts.iter().filter(|(number, count)| *number % 2 == 0 && **count > 1) {
        violations.push(format!("out {number} has QoS 2 and came {count} times"));
    }
    for first in firsts.iter().filter(|first| !first.is_sorted()) {
        violations.push(format!("out of order: {first:?}"));
    }
    for number in 1..=facts.sent.get() {
        let count = counted(client, number);
        if count == 0 && facts.acknowledged.borrow().contains(&number) {
            violations.push(format!("in {number} is lost"));
        }
        if count > 1 && qos_of(number) == QoS::ExactlyOnce {
            violations.push(format!("in {number} has QoS 2 and was counted {count} times"));
        }
    }
    let open = client.publications();
    let open = open.iter().filter(|key| client.publication(key).is_some_and(|it| it.ended().is_none()));
    violations.extend(open.map(|key| format!("{key} has no end")));
    violations
}
