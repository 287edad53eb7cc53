//! What an application sees of a store: in a world with a virtual clock, where programs end at any moment.

use std::time::Duration;

use mqtt_client::{
    Client, ConnectErrorKind, ConnectionEvent, Ended, KeyError, MemoryStore, Options, OptionsError, Publish,
    PublishError, QoS, ReasonCode, StoreErrorKind, StoreFailure, StoreHandle, Subscribe, ValueError,
};
use mqtt_memory::World;

const FAST: Duration = Duration::from_micros(200);

fn options(id: &str) -> Options {
    Options::new("h").client_id(id).clean_session(false).retry_first(true)
}

fn with_store(world: &World, store: &MemoryStore) -> Options {
    let handle = world.store(store.clone(), FAST).expect("it is readable");
    options("door").store(handle)
}

/// A client that connects as soon as it can.
fn start(world: &World, options: Options) -> Client {
    let client = world.client(options);
    drop(client.connect().expect("it is accepted"));
    client
}

fn message(text: &str) -> Publish<'_> {
    Publish::new("doors/1", text.to_string()).qos(QoS::ExactlyOnce)
}

/// A listener without a store, which hears what the broker has.
async fn listener(world: &World) -> (Client, mqtt_client::Subscription) {
    let client = world.connect(options("listener")).await.expect("it is reachable");
    let doors = client.subscribe(Subscribe::new("doors/#").qos(QoS::ExactlyOnce)).expect("it is accepted");
    world.until(|| client.pending_subscriptions() == 0).await;
    (client, doors)
}

async fn hear(doors: &mut mqtt_client::Subscription, count: usize) -> Vec<String> {
    let mut heard = Vec::new();
    for _ in 0..count {
        let message = doors.next().await.expect("one more comes");
        heard.push(String::from_utf8_lossy(message.payload()).into_owned());
    }
    heard
}

#[test]
fn what_was_accepted_offline_is_sent_by_the_next_program() {
    let world = World::calm(1);
    let disk = MemoryStore::new();
    world
        .run_until(async {
            world.stop_broker(true);
            let client = world.client(with_store(&world, &disk));
            drop(client.connect().expect("it is accepted"));
            for text in ["1", "2", "3"] {
                let token = client.publish(message(text)).expect("it is accepted");
                token.stored().await.expect("the disk is good");
            }
            // This one is accepted, and the program ends before it is stored.
            drop(client.publish(message("never stored")).expect("it is accepted"));
            let stored = disk.snapshot();
            assert_eq!(world.kill("door"), 1);
            drop(client);
            world.start_broker();

            let (_listener, mut doors) = listener(&world).await;
            let client = world.client(with_store(&world, &stored));
            client.connect().expect("it is accepted").await.expect("it is reachable");
            drop(client.publish(message("4")).expect("it is accepted"));
            assert_eq!(hear(&mut doors, 4).await, ["1", "2", "3", "4"], "in order, and each once");
        })
        .expect("it does not stall");
}

#[test]
fn what_a_program_leaves_that_ends_in_order_is_sent_by_the_next_one() {
    for ends_by_disconnect in [true, false] {
        let world = World::calm(11);
        let disk = MemoryStore::new();
        world
            .run_until(async {
                world.stop_broker(true);
                let client = start(&world, with_store(&world, &disk));
                let token = client.publish(message("1").key("k")).expect("it is accepted");
                if ends_by_disconnect {
                    client.disconnect_within(Duration::from_secs(1)).expect("it is accepted").await;
                    assert!(token.await.is_err_and(|error| error.may_have_arrived()), "it goes on");
                } else {
                    drop(token);
                }
                drop(client);
                world.sleep(Duration::from_secs(60)).await;
                world.start_broker();
                let (_listener, mut doors) = listener(&world).await;
                let client = start(&world, with_store(&world, &disk));
                let publication = client.publication("k").expect("it is known");
                assert_eq!(hear(&mut doors, 1).await, ["1"]);
                assert_eq!(publication.await, Ok(Ended::Done(ReasonCode::Success)), "it is known in the end");
                assert!(client.is_connected());
            })
            .expect("it does not stall");
    }
}

#[test]
fn a_message_is_found_again_by_its_key() {
    let world = World::calm(2);
    let disk = MemoryStore::new();
    world
        .run_until(async {
            world.stop_broker(true);
            let client = start(&world, with_store(&world, &disk));
            let token = client.publish(message("a").key("order-1")).expect("it is accepted");
            token.stored().await.expect("the disk is good");
            let again = client.publish(message("a").key("order-1")).expect_err("it has been accepted");
            assert_eq!(again, PublishError::Key(KeyError::InUse));
            assert!(!client.forget("order-1"), "it has not ended");
            let stored = disk.snapshot();
            world.kill("door");
            world.start_broker();

            let client = world.client(with_store(&world, &stored));
            client.stored().await.expect("there is nothing new to be stored");
            assert_eq!(client.publications(), ["order-1"]);
            let publication = client.publication("order-1").expect("it is known");
            assert_eq!(publication.ended(), None);
            drop(client.connect().expect("it is accepted"));
            assert_eq!(publication.await, Ok(Ended::Done(ReasonCode::NoMatchingSubscribers)));
            world.sleep(Duration::from_secs(1)).await;
            let stored = stored.snapshot();
            world.kill("door");

            // The program after that learns how it has ended, for as long as it is not forgotten.
            let client = world.client(with_store(&world, &stored));
            let publication = client.publication("order-1").expect("it is known still");
            assert_eq!(publication.ended(), Some(Ended::Done(ReasonCode::NoMatchingSubscribers)));
            assert!(client.forget("order-1"));
            assert!(client.publication("order-1").is_none());
            world.sleep(Duration::from_secs(1)).await;
            let stored = stored.snapshot();
            world.kill("door");
            let client = start(&world, with_store(&world, &stored));
            assert!(client.publications().is_empty());
            drop(client.publish(message("b").key("order-1")).expect("the key is free"));
        })
        .expect("it does not stall");
}

#[test]
fn keys_need_a_store_and_more_than_qos_0() {
    let world = World::calm(3);
    let client = start(&world, options("plain"));
    let refused = client.publish(message("a").key("k")).expect_err("there is no store");
    assert!(matches!(refused, PublishError::NotAccepted(_)), "{refused}");
    let client = start(&world, with_store(&world, &MemoryStore::new()).queue_messages_max(2));
    let refused = client.publish(Publish::new("t", "x").key("k")).expect_err("nothing of it is stored");
    assert_eq!(refused, PublishError::Key(KeyError::NeedsQoS1));
    for key in ["1", "2"] {
        drop(client.publish(message("a").key(key)).expect("it is accepted"));
    }
    let refused = client.publish(message("a").key("3")).expect_err("keys are bounded");
    assert_eq!(refused, PublishError::Key(KeyError::TooMany { keys_max: 2 }));
}

#[test]
fn an_effect_is_stored_with_its_acknowledgement_or_not_at_all() {
    let mut crashes = 0;
    for step in 0..40 {
        let world = World::calm(100 + step);
        let mut disk = MemoryStore::new();
        world
            .run_until(async {
                let publisher = world.connect(options("publisher")).await.expect("it is reachable");
                let setup = world.connect(with_store(&world, &disk)).await.expect("it is reachable");
                setup
                    .subscribe(Subscribe::new("doors/#").qos(QoS::ExactlyOnce))
                    .expect("it is accepted")
                    .leave_for(&world)
                    .await;
                for number in 0..10 {
                    publisher
                        .publish(message(&number.to_string()))
                        .expect("it is accepted")
                        .await
                        .expect("it arrives");
                }
                world.kill("door");
                let mut is_last = false;
                let mut deadline = step * 150;
                loop {
                    let client = world.client(with_store(&world, &disk));
                    let mut doors = client
                        .subscribe(Subscribe::new("doors/#").qos(QoS::ExactlyOnce))
                        .expect("it is accepted");
                    drop(client.connect().expect("it is accepted"));
                    let counter = client.clone();
                    let count = world.spawn(async move {
                        while let Some(mut held) = doors.next_held().await {
                            let number = counter.stored_value("count").map_or(0, |value| value[0]);
                            held.acknowledge_with("count", [number + 1]).expect("the disk is good");
                        }
                    });
                    if is_last {
                        world
                            .until(|| client.stored_value("count").is_some_and(|value| value[0] >= 10))
                            .await;
                        world.sleep(Duration::from_secs(5)).await;
                        assert_eq!(client.stored_value("count"), Some(vec![10]), "each is counted once");
                        break;
                    }
                    world.sleep(Duration::from_micros(deadline)).await;
                    disk = disk.snapshot();
                    world.kill("door");
                    drop((client, count));
                    crashes += 1;
                    is_last = deadline == 0;
                    deadline /= 2;
                }
            })
            .expect("it does not stall");
    }
    assert!(crashes > 200, "{crashes}");
}

/// Waits until the subscription is granted and stored, then drops it as a program that ends does.
trait LeaveFor {
    async fn leave_for(self, world: &World);
}

impl LeaveFor for mqtt_client::Subscription {
    async fn leave_for(self, world: &World) {
        world.sleep(Duration::from_secs(1)).await;
    }
}

#[test]
fn a_value_needs_a_store_and_a_message_of_ones_own() {
    let world = World::calm(4);
    world
        .run_until(async {
            let client = world.connect(options("plain")).await.expect("it is reachable");
            assert!(matches!(client.store_value("k", "v"), Err(ValueError::NotAccepted(_))));
            let client =
                world.connect(with_store(&world, &MemoryStore::new())).await.expect("it is reachable");
            client.store_value("k", "v").expect("there is a store");
            assert_eq!(client.stored_value("k"), Some(b"v".to_vec()));
            client.store_value("k", "").expect("there is a store");
            assert_eq!(client.stored_value("k"), None);
            let mut one =
                client.subscribe(Subscribe::new("doors/#").qos(QoS::ExactlyOnce)).expect("it is accepted");
            let mut other =
                client.subscribe(Subscribe::new("doors/1").qos(QoS::ExactlyOnce)).expect("it is accepted");
            world.until(|| client.pending_subscriptions() == 0).await;
            drop(client.publish(message("x")).expect("it is accepted"));
            let mut held = one.next_held().await.expect("it comes");
            let mut also_held = other.next_held().await.expect("it comes here too");
            // Which of both is sent with which identifiers is the server's; alone is neither while both hold it.
            if held.acknowledge_with("k", "1") == Err(ValueError::NotAlone) {
                drop(also_held.acknowledge_with("k", "2"));
            }
        })
        .expect("it does not stall");
}

#[test]
fn a_slow_disk_delays_messages_and_never_pings_or_other_clients() {
    let world = World::calm(5);
    world
        .run_until(async {
            let slow = world.store(MemoryStore::new(), Duration::from_secs(40)).expect("it is readable");
            let client = world.client(options("door").keep_alive(Duration::from_secs(10)).store(slow));
            drop(client.connect().expect("it is accepted"));
            world.until(|| client.is_connected()).await;
            let other = world.connect(options("other")).await.expect("it is reachable");
            let began = world.now();
            let token = client.publish(message("slow")).expect("it is accepted");
            other.publish(message("fast")).expect("it is accepted").await.expect("it arrives");
            assert!(world.now().since(began) < Duration::from_secs(1), "others do not wait");
            token.await.expect("it arrives");
            assert!(world.now().since(began) >= Duration::from_secs(35), "it waits for the disk");
            let stats = client.stats();
            assert!(stats.pings_sent >= 3, "pings go on: {}", stats.pings_sent);
            assert_eq!(stats.disconnections, 0, "the server has nothing to complain about");
        })
        .expect("it does not stall");
}

#[test]
fn a_store_that_fails_stops_the_client_loudly() {
    let world = World::calm(6);
    let disk = MemoryStore::new();
    world
        .run_until(async {
            let client = world.connect(with_store(&world, &disk)).await.expect("it is reachable");
            let mut events = client.events();
            let before = client.publish(message("stored")).expect("it is accepted");
            before.stored().await.expect("the disk is good");
            disk.set_full(true);
            let token = client.publish(message("never stored").key("k")).expect("it is accepted");
            let publication = client.publication("k").expect("it is known");
            let error = token.stored().await.expect_err("the disk is full");
            assert_eq!(error.kind(), StoreErrorKind::Full);
            assert_eq!(token.await, Err(PublishError::StoreFailed), "nobody can say");
            assert_eq!(publication.await, Err(PublishError::StoreFailed));
            assert!(!client.is_connected());
            assert_eq!(client.publish(message("x")).map(drop), Err(PublishError::StoreFailed));
            let refused = client.connect().map(drop).expect_err("it has stopped");
            assert_eq!(refused.kind(), ConnectErrorKind::StoreFailed);
            let mut is_told = false;
            while let Some(event) = events.next().await {
                is_told |= matches!(event, ConnectionEvent::StoreFailed { goes_on: false, .. });
            }
            assert!(is_told, "an event says so");
            assert_eq!(client.store_value("k", "v"), Err(ValueError::Stopped));
        })
        .expect("it does not stall");
}

#[test]
fn by_policy_the_client_goes_on_without_its_store() {
    let world = World::calm(7);
    let disk = MemoryStore::new();
    world
        .run_until(async {
            let (_listener, mut doors) = listener(&world).await;
            let options = with_store(&world, &disk).store_failure(StoreFailure::GoOn);
            let client = world.connect(options).await.expect("it is reachable");
            let mut events = client.events();
            disk.set_full(true);
            let token = client.publish(message("1").key("k")).expect("it is accepted");
            token.stored().await.expect_err("the disk is full");
            token.await.expect("it arrives all the same");
            client.publish(message("2")).expect("it is accepted").await.expect("it arrives");
            assert_eq!(hear(&mut doors, 2).await, ["1", "2"]);
            assert!(client.is_connected());
            let event = events.next().await.expect("one comes");
            assert!(matches!(event, ConnectionEvent::StoreFailed { goes_on: true, .. }), "{event:?}");
            let after = client.publish(message("3")).expect("it is accepted");
            assert_eq!(after.stored().await.expect_err("there is no store").kind(), StoreErrorKind::Full);
        })
        .expect("it does not stall");
}

#[test]
fn options_that_do_not_fit_a_store_are_refused() {
    let world = World::calm(8);
    let handle = world.store(MemoryStore::new(), FAST).expect("it is readable");
    let refused = world.try_client(Options::new("h").store(handle.clone())).expect_err("it has no name");
    assert_eq!(refused, OptionsError::StoreNeedsClientId);
    let long = "d".repeat(65_536);
    let refused = world.try_client(options(&long).store(handle.clone())).expect_err("it is too long");
    let is_named = |error: &mqtt_client::StoreError| error.kind() == StoreErrorKind::ClientIdentifier;
    assert!(matches!(&refused, OptionsError::Store(error) if is_named(error)), "{refused}");
    let first = world.client(options("door").store(handle.clone()));
    let refused = world.try_client(options("door").store(handle.clone())).expect_err("it has a double");
    assert!(
        matches!(&refused, OptionsError::Store(error) if error.kind() == StoreErrorKind::InUse),
        "{refused}"
    );
    let _other = world.client(options("window").store(handle.clone()));
    drop(first);
    world.run_for(Duration::from_secs(1));
    let _again = world.try_client(options("door").store(handle)).expect("the first is gone");
}

#[test]
fn several_clients_share_a_store_and_keep_apart() {
    let world = World::calm(9);
    let disk = MemoryStore::new();
    world
        .run_until(async {
            world.stop_broker(true);
            let handle: StoreHandle = world.store(disk.clone(), FAST).expect("it is readable");
            let clients = ["a", "b", "c"].map(|id| (id, start(&world, options(id).store(handle.clone()))));
            for (id, client) in &clients {
                let token = client.publish(message(id)).expect("it is accepted");
                token.stored().await.expect("the disk is good");
            }
            let stored = disk.snapshot();
            ["a", "b", "c"].iter().for_each(|id| assert_eq!(world.kill(id), 1));
            world.start_broker();
            let (_listener, mut doors) = listener(&world).await;
            let handle = world.store(stored, FAST).expect("it is readable");
            for id in ["c", "a", "b"] {
                let client = world.client(options(id).store(handle.clone()));
                drop(client.connect().expect("it is accepted"));
                assert_eq!(hear(&mut doors, 1).await, [id]);
                world.kill(id);
            }
        })
        .expect("it does not stall");
}

#[test]
fn a_store_is_no_larger_than_what_it_must_remember() {
    let world = World::calm(10);
    let disk = MemoryStore::new();
    world
        .run_until(async {
            let (_listener, mut doors) = listener(&world).await;
            let client = world.connect(with_store(&world, &disk)).await.expect("it is reachable");
            let mut sizes = Vec::new();
            for round in 0..200 {
                let tokens =
                    (0..50).map(|_| client.publish(message("some payload")).expect("it is accepted"));
                for token in tokens.collect::<Vec<_>>() {
                    token.await.expect("it arrives");
                }
                hear(&mut doors, 50).await;
                if round % 20 == 19 {
                    world.sleep(Duration::from_secs(1)).await;
                    sizes.push(disk.size());
                }
            }
            assert!(sizes.iter().all(|size| *size < 2_000), "{sizes:?}");
        })
        .expect("it does not stall");
}
