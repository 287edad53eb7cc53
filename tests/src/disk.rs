//! A disk that loses, tears and reorders what was written and not synced.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use mqtt_store_redb::StorageBackend;

use crate::dice::Dice;

/// A disk, as a store sees it. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    /// What a crash leaves for certain.
    synced: Vec<u8>,
    /// What the system shows.
    shown: Vec<u8>,
    /// Since the last sync, in order.
    unsynced: Vec<Write>,
    /// Operations so far.
    operations: u64,
    /// At which operation the machine loses power.
    fails_at: Option<u64>,
}

#[derive(Clone, Debug)]
enum Write {
    Len(usize),
    Bytes(usize, Vec<u8>),
}

/// What a disk writes in one piece.
const SECTOR: usize = 512;

impl Disk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics inside")
    }

    /// Loses power at that operation from now on.
    pub fn fail_after(&self, operations: u64) {
        let mut state = self.lock();
        state.fails_at = Some(state.operations + operations);
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Whether it has lost its power.
    pub fn has_failed(&self) -> bool {
        let state = self.lock();
        state.fails_at.is_some_and(|at| state.operations >= at)
    }

    /// What the system shows of it.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().shown.clone()
    }

    /// The disk after a crash: of what was not synced each sector may be there or not, in any order.
    pub fn crashed(&self, dice: &mut Dice) -> Disk {
        let state = self.lock();
        let mut bytes = state.synced.clone();
        let mut lens = BTreeMap::new();
        for (index, write) in state.unsynced.iter().enumerate() {
            match write {
                Write::Len(len) => _ = lens.insert(index, *len),
                Write::Bytes(at, written) => {
                    let kind = dice.below(4);
                    for (sector, piece) in written.chunks(SECTOR).enumerate() {
                        let is_there = match kind {
                            0 => true,
                            1 => false,
                            _ => dice.below(2) == 0,
                        };
                        let start = at + sector * SECTOR;
                        if is_there {
                            bytes.resize(bytes.len().max(start + piece.len()), 0);
                            bytes[start..start + piece.len()].copy_from_slice(piece);
                        }
                    }
                }
            }
        }
        // A file that has grown may be as long as it was; one that was cut may still be whole.
        let last = lens.into_values().last().filter(|_| dice.below(2) == 0);
        bytes.resize(last.unwrap_or(bytes.len()).max(state.synced.len()), 0);
        let state = State { synced: bytes.clone(), shown: bytes, ..State::default() };
        Disk(Arc::new(Mutex::new(state)))
    }
}

impl State {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fails_at {
            Some(at) if self.operations >= at => Err(io::Error::other("the machine has lost its power")),
            Some(_) | None => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().shown.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.lock();
        let start = usize::try_from(offset).expect("it is small");
        let found = state.shown.get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.lock();
        let len = usize::try_from(len).expect("it is small");
        state.unsynced.push(Write::Len(len));
        state.operate()?;
        state.shown.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.operate()?;
        state.synced = state.shown.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        let start = usize::try_from(offset).expect("it is small");
        // What fails may have reached the disk in part.
        state.unsynced.push(Write::Bytes(start, data.to_vec()));
        state.operate()?;
        let end = start + data.len();
        let len = state.shown.len().max(end);
        state.shown.resize(len, 0);
        state.shown[start..end].copy_from_slice(data);
        Ok(())
    }
}
