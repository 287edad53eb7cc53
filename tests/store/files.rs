//! Files that are no good: each is refused with an error that names file, reason and next step, and none is changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mqtt_client::{StoreErrorKind, StoreHandle};
use mqtt_memory::World;
use mqtt_store::{Change, Store, inspect, salvage};
use mqtt_store_redb::RedbStore;

/// A folder that goes when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("mqtt-store-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("it can be made");
        Folder(folder)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn options(store: &StoreHandle) -> mqtt_client::Options {
    mqtt_client::Options::new("h").client_id("door-7").clean_session(false).store(store.clone())
}

/// A file with three messages of a client that has never been online.
fn make(path: &Path) {
    let store = mqtt_store_redb::open(path).expect("it is new");
    let world = World::calm(1);
    world.stop_broker(true);
    let client = world.client(options(&store).retry_first(true));
    drop(client.connect().expect("it is accepted"));
    for text in ["one", "two", "three"] {
        let publish = mqtt_client::Publish::new("doors/7", text).qos(mqtt_client::QoS::ExactlyOnce);
        drop(client.publish(publish).expect("it is accepted"));
    }
    world.run_for(std::time::Duration::from_millis(1));
    drop((client, world));
    store.close().expect("it is stored");
}

fn kind_of(path: &Path) -> StoreErrorKind {
    let error = mqtt_store_redb::open(path).expect_err("it is refused");
    let text = error.to_string();
    assert!(text.starts_with(&path.display().to_string()), "it names the file: {text}");
    assert!(text.contains(';'), "it says what to do: {text}");
    error.kind()
}

#[test]
fn a_new_file_belongs_to_its_owner_alone() {
    let folder = Folder::new("owner");
    let path = folder.file("a.store");
    make(&path);
    let mode = fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(&folder.0).expect("it is there").collect();
    assert_eq!(names.len(), 1, "nothing else is left: {names:?}");
}

#[test]
fn what_was_stored_is_found_again() {
    let folder = Folder::new("found");
    let path = folder.file("a.store");
    make(&path);
    let reports = inspect(&mut RedbStore::open_existing(&path).expect("it is good")).expect("it is good");
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].client, "door-7");
    let payloads: Vec<_> = reports[0].messages.iter().map(|message| message.payload.as_slice()).collect();
    assert_eq!(payloads, [&b"one"[..], b"two", b"three"]);
}

#[test]
fn a_file_that_is_open_elsewhere_is_locked() {
    let folder = Folder::new("locked");
    let path = folder.file("a.store");
    let _open = mqtt_store_redb::open(&path).expect("it is new");
    assert_eq!(kind_of(&path), StoreErrorKind::Locked);
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let folder = Folder::new("foreign");
    for (name, bytes) in [("text", &b"# Notes\n"[..]), ("sqlite", b"SQLite format 3\0"), ("short", b"x")] {
        let path = folder.file(name);
        fs::write(&path, bytes).expect("it can be written");
        assert_eq!(kind_of(&path), StoreErrorKind::Foreign, "{name}");
        assert_eq!(fs::read(&path).expect("it is there"), bytes);
    }
    assert_eq!(kind_of(&folder.0), StoreErrorKind::Foreign, "a folder");
    assert_eq!(kind_of(&folder.file("no/such/folder.store")), StoreErrorKind::NotFound);
}

#[test]
fn a_later_layout_is_refused() {
    let folder = Folder::new("newer");
    let path = folder.file("a.store");
    let mut store = RedbStore::open(&path).expect("it is new");
    store.commit(&[Change { key: b"f".to_vec(), value: Some(vec![99]) }]).expect("it is stored");
    drop(store);
    assert_eq!(kind_of(&path), StoreErrorKind::Newer);
}

#[test]
fn a_damaged_file_is_refused_unchanged_and_shows_what_is_left() {
    let folder = Folder::new("damaged");
    let path = folder.file("a.store");
    make(&path);
    let good = fs::read(&path).expect("it is there");
    let mut refused = 0;
    for step in 0..400 {
        let mut bytes = good.clone();
        let at = (step * 7919) % bytes.len();
        match step % 3 {
            0 => bytes[at] ^= 0x41,
            1 => bytes.truncate(at),
            _ => bytes[at..].iter_mut().take(4096).for_each(|byte| *byte = 0),
        }
        fs::write(&path, &bytes).expect("it can be written");
        // Without a thread, so that it is closed when it is dropped.
        let opened = RedbStore::open(&path).and_then(StoreHandle::with_committer);
        match opened.and_then(|(store, _)| store.open("door-7", || ()).map(|(_, recovered)| recovered)) {
            Ok(recovered) => {
                let records = recovered.records.len();
                assert_eq!(records, 3, "step {step}: what opens is whole");
            }
            Err(error) => {
                refused += 1;
                let kind = error.kind();
                let is_expected = matches!(kind, StoreErrorKind::Damaged | StoreErrorKind::Foreign);
                assert!(is_expected, "step {step}: {error}");
                if kind == StoreErrorKind::Damaged {
                    let now = fs::read(&path).expect("it is there");
                    let left = |bytes: &[u8]| {
                        salvage(bytes).iter().map(|report| report.messages.len()).sum::<usize>()
                    };
                    assert_eq!(left(&now), left(&bytes), "step {step}: nothing readable is lost by opening");
                }
            }
        }
    }
    assert!(refused > 50, "damage is noticed: {refused}");
    assert_eq!(salvage(&good)[0].messages.len(), 3);
}

#[test]
fn an_empty_file_is_damaged_and_not_filled() {
    let folder = Folder::new("empty");
    let path = folder.file("a.store");
    fs::write(&path, b"").expect("it can be written");
    assert_eq!(kind_of(&path), StoreErrorKind::Damaged);
    assert_eq!(fs::read(&path).expect("it is there"), b"");
}
