//! Rows and files have the same bytes on every machine, whatever the order of its bytes and the size of its addresses,
//! so that a store may move: the digests below are of one machine, and hold wherever this suite is run.

use std::time::Duration;

use mqtt_client::{Options, Publish, QoS, Subscribe};
use mqtt_memory::World;
use mqtt_store::{MemoryStore, Store};
use mqtt_store_redb::RedbStore;
use tests::digest::digest;
use tests::disk::Disk;

/// A client that has messages under way, others that wait, and a subscription.
fn live_with(store: impl Store) {
    let world = World::calm(1);
    let handle = world.store(store, Duration::from_micros(200)).expect("it is new");
    let options = Options::new("h").client_id("door-7").clean_session(false).retry_first(true).store(handle);
    let client = world.client(options);
    drop(client.connect().expect("it is accepted"));
    drop(client.subscribe(Subscribe::new("doors/#").qos(QoS::ExactlyOnce)).expect("it is accepted"));
    let publish = |text: &str, qos| {
        drop(client.publish(Publish::new("doors/7", text.to_owned()).qos(qos)).expect("it is accepted"));
    };
    publish("one", QoS::AtLeastOnce);
    publish("two", QoS::ExactlyOnce);
    world.run_for(Duration::from_secs(1));
    world.stop_broker(true);
    publish("three", QoS::ExactlyOnce);
    publish(&"four".repeat(3000), QoS::AtLeastOnce);
    world.run_for(Duration::from_secs(1));
}

/// Rows one after the other, each with the lengths of its key and its value.
fn rows(store: &mut impl Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut add = |part: &[u8]| {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    };
    let mut row = |key: &[u8], value: &[u8]| [key, value].into_iter().for_each(&mut add);
    store.read(b"", &mut row).expect("it is readable");
    bytes
}

#[test]
fn a_journal_has_the_same_rows_on_every_machine() {
    let mut store = MemoryStore::new();
    live_with(store.clone());
    let rows = rows(&mut store);
    assert_eq!(
        format!("{} bytes, {}", rows.len(), digest(&rows)),
        "12714 bytes, 76c724fd9a9367ef",
        "{MEANT}"
    );
}

#[test]
fn a_file_has_the_same_bytes_on_every_machine() {
    let disk = Disk::default();
    live_with(RedbStore::with_backend("disk", disk.clone()).expect("it is new"));
    let file = disk.bytes();
    assert_eq!(
        format!("{} bytes, {}", file.len(), digest(&file)),
        "77824 bytes, 05e0f70f86268e2a",
        "{MEANT}"
    );
}

const MEANT: &str =
    "whoever means to change what is stored, or a release of redb, writes the new numbers here";
