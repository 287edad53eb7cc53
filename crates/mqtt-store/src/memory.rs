//! A store for tests: its rows outlive a client, not the program.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Change, Store};

/// Rows in memory. Clones share them, so that what one client has stored is there for the next.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    fails: bool,
    commits: u64,
}

impl MemoryStore {
    /// A store without rows.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether commits fail from now on, as on a full disk.
    pub fn set_full(&self, is_full: bool) {
        self.lock().fails = is_full;
    }

    /// Commits so far.
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// Bytes of all keys and values.
    pub fn size(&self) -> usize {
        self.lock().rows.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// A store with the rows that this one has now, which shares nothing with it.
    pub fn snapshot(&self) -> MemoryStore {
        let rows = self.lock().rows.clone();
        MemoryStore(Arc::new(Mutex::new(Memory { rows, ..Memory::default() })))
    }
}

impl Store for MemoryStore {
    fn name(&self) -> &str {
        "store in memory"
    }

    fn read(&mut self, prefix: &[u8], row: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        let memory = self.lock();
        let rows = memory.rows.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        rows.for_each(|(key, value)| row(key, value));
        Ok(())
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut memory = self.lock();
        if memory.fails {
            return Err(StoreError::new(self.name(), StoreErrorKind::Full, ""));
        }
        memory.commits += 1;
        for Change { key, value } in changes {
            match value {
                Some(value) => memory.rows.insert(key.clone(), value.clone()),
                None => memory.rows.remove(key),
            };
        }
        Ok(())
    }
}
