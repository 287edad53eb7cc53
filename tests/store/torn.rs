//! The machine loses power inside a write: what was committed is there, whatever the disk did with the rest.

use mqtt_client::StoreErrorKind;
use mqtt_store::{Change, Store};
use mqtt_store_redb::RedbStore;

use tests::dice::Dice;
use tests::disk::Disk;

/// Rows as they were after each commit.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn rows(store: &mut RedbStore) -> Rows {
    let mut rows = Vec::new();
    store.read(b"", &mut |key, value| rows.push((key.to_vec(), value.to_vec()))).expect("it can be read");
    rows
}

fn changes(dice: &mut Dice) -> Vec<Change> {
    (0..1 + dice.below(6))
        .map(|_| {
            let key = vec![b'r', dice.below(20) as u8];
            let value = (dice.below(3) > 0).then(|| vec![dice.below(256) as u8; dice.below(3000) as usize]);
            Change { key, value }
        })
        .collect()
}

/// One run that ends at the given operation of the disk; false if it has come to its end before.
fn run(seed: u64, fails_after: u64) -> bool {
    let mut dice = Dice(seed);
    let disk = Disk::default();
    let mut store = RedbStore::with_backend("disk", disk.clone()).expect("it is new");
    let mut committed = vec![rows(&mut store)];
    disk.fail_after(fails_after);
    for _commit in 0..6 {
        let changes = changes(&mut dice);
        let result = store.commit(&changes);
        if result.is_ok() {
            committed.push(rows(&mut store));
            continue;
        }
        // What failed may be there, or not.
        let mut model = committed
            .last()
            .expect("there is one")
            .iter()
            .cloned()
            .collect::<std::collections::BTreeMap<_, _>>();
        for Change { key, value } in changes {
            match value {
                Some(value) => _ = model.insert(key, value),
                None => _ = model.remove(&key),
            }
        }
        let after = disk.crashed(&mut dice);
        drop(store);
        let mut store = RedbStore::with_backend("disk", after).expect("it opens after a crash");
        let found = rows(&mut store);
        let attempted: Rows = model.into_iter().collect();
        let last = committed.last().expect("there is one");
        assert!(
            found == *last || found == attempted,
            "seed {seed}, operation {fails_after}: a part of a commit"
        );
        return true;
    }
    disk.has_failed()
}

#[test]
fn a_commit_is_there_whole_or_not_at_all() {
    let mut crashes = 0;
    for seed in 0..12 {
        let mut operation = 1;
        while run(seed, operation) {
            operation += 1;
            crashes += 1;
        }
    }
    println!("{crashes} crashes inside writes and between them");
    assert!(crashes > 100, "the runs have grown too short: {crashes}");
}

#[test]
fn a_store_that_has_failed_says_so_from_then_on() {
    let disk = Disk::default();
    let mut store = RedbStore::with_backend("disk", disk.clone()).expect("it is new");
    disk.fail_after(1);
    let change = [Change { key: b"k".to_vec(), value: Some(b"v".to_vec()) }];
    store.commit(&change).expect_err("there is no power");
    let error = store.commit(&change).expect_err("it has failed before");
    assert!(matches!(error.kind(), StoreErrorKind::Failed | StoreErrorKind::Io), "{error}");
    assert!(disk.operations() > 0);
}
