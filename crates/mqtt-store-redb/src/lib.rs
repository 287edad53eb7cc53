//! A store in one file for the sessions of MQTT clients, so that nothing that was accepted is lost when the process dies.
//!
//! [`open`] returns what the options of a client take; any number of clients of one process share the file. The file is
//! a redb database that only its owner can read; what has not been committed when the machine loses power is as if it
//! had never been written.
//!
//! ```
//! # let folder = std::env::temp_dir().join(format!("mqtt-store-redb-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let file = folder.join("door.store");
//! let store = mqtt_store_redb::open(&file)?;
//! // mqtt_tokio::Options::from_url("mqtt://broker.example")?.client_id("door-7").store(store)
//! assert_eq!(store.name(), file.display().to_string());
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod fault;
mod file;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use mqtt_store::{Change, Store, StoreError, StoreErrorKind, StoreHandle};
use redb::{Builder, Database, ReadableDatabase, TableDefinition, TableError, TableHandle};

pub use mqtt_store as store;
pub use redb::StorageBackend;

use crate::fault::{Fault, damaged};

/// All rows.
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

/// Memory that reads and writes may use, in bytes.
const CACHE_SIZE: usize = 8 * 1024 * 1024;

/// A store in one file.
#[derive(Debug)]
pub struct RedbStore {
    database: Database,
    name: String,
}

/// Opens a store for clients, or makes one if there is no file of that name. A thread of its own writes to it.
///
/// Reads the whole file to see whether it is what was written, so it may block: some tenths of a second for 100,000
/// messages. Fails, and changes nothing, if the file is open elsewhere, of another kind, damaged or of a later version,
/// or cannot be opened by this user.
pub fn open(path: impl AsRef<Path>) -> Result<StoreHandle, StoreError> {
    StoreHandle::new(RedbStore::open(path)?)
}

impl RedbStore {
    /// Form of [`open`] for those who want the store itself.
    pub fn open(path: impl AsRef<Path>) -> Result<RedbStore, StoreError> {
        let path = path.as_ref();
        if path.exists() {
            RedbStore::open_existing(path)
        } else {
            file::create(path, |backend| RedbStore::with_backend(path.display().to_string(), backend))
        }
    }

    /// Opens a store that is there.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<RedbStore, StoreError> {
        let path = path.as_ref();
        let backend = file::open(path)?;
        RedbStore::with_backend(path.display().to_string(), backend)
    }

    /// A store on any backend, such as one that fails; errors call it by that name.
    pub fn with_backend(
        name: impl Into<String>,
        backend: impl StorageBackend,
    ) -> Result<RedbStore, StoreError> {
        let name = name.into();
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_SIZE).set_check_integrity_on_open(true);
        let database = guarded(&name, || Ok(builder.create_with_backend(backend)?))?;
        let store = RedbStore { database, name };
        store.check_tables()?;
        Ok(store)
    }

    fn check_tables(&self) -> Result<(), StoreError> {
        let mut others = Vec::new();
        guarded(&self.name, || {
            let read = self.database.begin_read()?;
            let tables = read.list_tables()?.map(|table| table.name().to_string());
            others.extend(tables.filter(|name| name != ROWS.name()));
            Ok(())
        })?;
        match others.first() {
            Some(other) => {
                let detail = format!("a redb database with the table {other:?}");
                Err(StoreError::new(self.name.as_str(), StoreErrorKind::Foreign, detail))
            }
            None => Ok(()),
        }
    }
}

impl Store for RedbStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self, prefix: &[u8], row: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        guarded(&self.name, || {
            let read = self.database.begin_read()?;
            let table = match read.open_table(ROWS) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            for found in table.range(prefix..)? {
                let (key, value) = found?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                row(key.value(), value.value());
            }
            Ok(())
        })
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        guarded(&self.name, || {
            let mut write = self.database.begin_write()?;
            // The file then says which commit was the last, so that damage to it is an error instead of being taken for
            // a commit that a crash has cut short.
            write.set_two_phase_commit(true);
            {
                let mut table = write.open_table(ROWS)?;
                for Change { key, value } in changes {
                    match value {
                        Some(value) => table.insert(key.as_slice(), value.as_slice())?,
                        None => table.remove(key.as_slice())?,
                    };
                }
            }
            write.commit()?;
            Ok(())
        })
    }
}

/// A file that is not what was written may make the database panic; that is an error like any other.
fn guarded<T>(name: &str, run: impl FnOnce() -> Result<T, Fault>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|fault| fault.of(name)),
        Err(_) => Err(damaged(name, "reading it panicked")),
    }
}
