//! The records of one client as rows: appends them in chunks, marks what is needless, and writes chunks anew of which
//! little is left.

use std::collections::BTreeMap;

use mqtt_session::Record;

use crate::chunk::{Chunk, ChunkBuf, Row, chunk_key, client_prefix, dead_key};
use crate::error::{StoreError, StoreErrorKind};
use crate::live::Live;
use crate::store::{Change, Store};

/// A chunk takes no further record once it has so many bytes.
const CHUNK_FULL: usize = 256 * 1024;

/// A chunk is written anew when less than a quarter of its records are needed, unless it has no more than this.
const REWRITTEN_FROM: u32 = 16;

/// The records of one client.
#[derive(Debug)]
pub(crate) struct ClientLog {
    client: String,
    prefix: Vec<u8>,
    /// Number of the next record.
    next: u64,
    live: Live,
    /// By the number of their first record.
    chunks: BTreeMap<u64, ChunkInfo>,
    /// Memory for the numbers of needless records.
    dead: Vec<u64>,
    /// Chunks in which something has become needless since the last commit.
    changed: Vec<u64>,
}

#[derive(Debug)]
struct ChunkInfo {
    /// Records in its row.
    written: u32,
    needed: u32,
    /// One bit for each needless number.
    dead: Vec<u8>,
    is_changed: bool,
}

/// What an earlier program has left of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Records, in their order: what [`mqtt_session::Session::rebuild`] takes.
    pub records: Vec<Vec<u8>>,
    /// What [`mqtt_session::Input::Note`] has had remembered.
    pub notes: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl ChunkInfo {
    fn new(written: u32, dead: Vec<u8>) -> ChunkInfo {
        ChunkInfo { written, needed: written, dead, is_changed: false }
    }

    fn is_dead(&self, offset: u64) -> bool {
        let byte = usize::try_from(offset / 8).ok().and_then(|index| self.dead.get(index));
        byte.is_some_and(|byte| byte & 1 << (offset % 8) != 0)
    }

    fn set_dead(&mut self, offset: u64) {
        let index = usize::try_from(offset / 8).expect("a chunk has fewer numbers");
        if self.dead.len() <= index {
            self.dead.resize(index + 1, 0);
        }
        self.dead[index] |= 1 << (offset % 8);
        self.needed -= 1;
    }
}

impl ClientLog {
    /// Reads what there is.
    pub(crate) fn open(store: &mut dyn Store, client: &str) -> Result<(ClientLog, Recovered), StoreError> {
        let prefix = client_prefix(client);
        let log = ClientLog {
            client: client.into(),
            prefix: prefix.clone(),
            next: 1,
            live: Live::default(),
            chunks: BTreeMap::new(),
            dead: Vec::new(),
            changed: Vec::new(),
        };
        let mut records = Vec::new();
        let mut marks = Vec::new();
        let mut fault = None;
        store.read(&prefix, &mut |key, value| {
            let read = match Row::of(key, prefix.len()) {
                Some(Row::Chunk(_)) => read_chunk(value, &mut records),
                Some(Row::Dead(first)) => {
                    marks.push((first, value.to_vec()));
                    Ok(())
                }
                None => Err((StoreErrorKind::Damaged, format!("client {client:?}: a row of unknown kind"))),
            };
            fault = fault.take().or(read.err());
        })?;
        if let Some((kind, detail)) = fault {
            return Err(StoreError::new(store.name(), kind, detail));
        }
        log.recover(records, marks)
            .map_err(|detail| StoreError::new(store.name(), StoreErrorKind::Damaged, detail))
    }

    /// Finds out what is needed of all records, which are known by the chunk that they lie in, and their number.
    fn recover(
        mut self,
        records: Vec<(u64, u64, Vec<u8>)>,
        marks: Vec<(u64, Vec<u8>)>,
    ) -> Result<(ClientLog, Recovered), String> {
        for (chunk, ..) in &records {
            self.chunks.entry(*chunk).or_insert_with(|| ChunkInfo::new(0, Vec::new())).written += 1;
        }
        for chunk in self.chunks.values_mut() {
            chunk.needed = chunk.written;
        }
        for (first, mark) in marks {
            if let Some(chunk) = self.chunks.get_mut(&first) {
                chunk.dead = mark;
            }
        }
        let mut recovered = BTreeMap::new();
        for (first, number, bytes) in records {
            self.next = self.next.max(number + 1);
            let chunk = self.chunks.get_mut(&first).expect("it was made above");
            if chunk.is_dead(number - first) {
                chunk.needed -= 1;
                continue;
            }
            let record = Record::decode(&bytes).map_err(|error| format!("record {number}: {error}"))?;
            let is_needed = self.live.on_record(number, &record, &mut self.dead);
            let is_needed = is_needed.ok_or_else(|| format!("record {number}: its packet is malformed"))?;
            if is_needed {
                recovered.insert(number, bytes);
            } else {
                self.dead.push(number);
            }
            for dead in std::mem::take(&mut self.dead) {
                recovered.remove(&dead);
                self.mark_dead(dead);
            }
        }
        let mut found = Recovered::default();
        for bytes in recovered.into_values() {
            if let Ok(Record::Note { key, value }) = Record::decode(&bytes) {
                found.notes.insert(key.0.to_vec(), value.to_vec());
            } else {
                found.records.push(bytes);
            }
        }
        Ok((self, found))
    }

    fn mark_dead(&mut self, number: u64) {
        let chunk = self.chunks.range_mut(..=number).next_back();
        let (first, chunk) = chunk.expect("a needless record lies in a chunk");
        if !chunk.is_dead(number - first) {
            if !std::mem::replace(&mut chunk.is_changed, true) {
                self.changed.push(*first);
            }
            chunk.set_dead(number - first);
        }
    }

    /// What further records change. They are needless at once where a later one of them says so.
    pub(crate) fn append<'a>(
        &mut self,
        store: &mut dyn Store,
        records: impl Iterator<Item = &'a [u8]>,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let from = self.next;
        let mut new: Vec<Option<&[u8]>> = Vec::new();
        let mut dead = std::mem::take(&mut self.dead);
        for bytes in records {
            let record = Record::decode(bytes).ok();
            let is_needed = record.and_then(|record| self.live.on_record(self.next, &record, &mut dead));
            debug_assert!(is_needed.is_some(), "a session makes readable records");
            new.push(is_needed.unwrap_or(true).then_some(bytes));
            self.next += 1;
        }
        for number in dead.drain(..) {
            match number.checked_sub(from).and_then(|index| usize::try_from(index).ok()) {
                Some(index) => new[index] = None,
                None => self.mark_dead(number),
            }
        }
        self.dead = dead;
        self.put_chunks(from, &new, changes);
        self.put_marks(store, changes)
    }

    fn put_chunks(&mut self, from: u64, new: &[Option<&[u8]>], changes: &mut Vec<Change>) {
        let mut chunk: Option<(u64, u32, ChunkBuf)> = None;
        for (number, record) in (from..).zip(new) {
            let Some(record) = record else { continue };
            let (_, written, buf) =
                chunk.get_or_insert_with(|| (number, 0, ChunkBuf::new(&self.client, number)));
            buf.push(number, record);
            *written += 1;
            if buf.len() >= CHUNK_FULL {
                self.put_chunk(chunk.take(), changes);
            }
        }
        self.put_chunk(chunk, changes);
    }

    fn put_chunk(&mut self, chunk: Option<(u64, u32, ChunkBuf)>, changes: &mut Vec<Change>) {
        if let Some((first, written, buf)) = chunk {
            let key = chunk_key(&self.prefix, first);
            changes.push(Change { key, value: Some(buf.into_bytes()) });
            self.chunks.insert(first, ChunkInfo::new(written, Vec::new()));
        }
    }

    /// Chunks of which nothing is needed go, those of which little is left are written anew.
    fn put_marks(&mut self, store: &mut dyn Store, changes: &mut Vec<Change>) -> Result<(), StoreError> {
        for first in std::mem::take(&mut self.changed) {
            let chunk = self.chunks.get_mut(&first).expect("it was found a moment ago");
            chunk.is_changed = false;
            let (key, dead) = (chunk_key(&self.prefix, first), dead_key(&self.prefix, first));
            if chunk.needed == 0 {
                self.chunks.remove(&first);
                changes.push(Change { key, value: None });
                changes.push(Change { key: dead, value: None });
            } else if chunk.written > REWRITTEN_FROM && chunk.needed * 4 < chunk.written {
                let value = rewritten(store, &self.client, &key, first, chunk)?;
                chunk.written = chunk.needed;
                changes.push(Change { key, value: Some(value) });
                changes.push(Change { key: dead, value: None });
            } else {
                changes.push(Change { key: dead, value: Some(chunk.dead.clone()) });
            }
        }
        Ok(())
    }
}

/// Adds the records of a chunk, each with the number of the chunk and its own.
fn read_chunk(value: &[u8], records: &mut Vec<(u64, u64, Vec<u8>)>) -> Result<(), (StoreErrorKind, String)> {
    let chunk = Chunk::parse(value);
    let chunk = chunk.ok_or_else(|| (StoreErrorKind::Damaged, "a row does not fit its checksum".into()))?;
    records.extend(chunk.records().map(|(number, record)| (chunk.first, number, record.to_vec())));
    Ok(())
}

/// What is needed of a chunk. Numbers stay what they are, so marks of records that are left out still hold.
fn rewritten(
    store: &mut dyn Store,
    client: &str,
    key: &[u8],
    first: u64,
    info: &ChunkInfo,
) -> Result<Vec<u8>, StoreError> {
    let mut buf = ChunkBuf::new(client, first);
    store.read(key, &mut |row, value| {
        if row == key {
            let chunk = Chunk::parse(value).into_iter().flat_map(|chunk| chunk.records());
            let needed = chunk.filter(|(number, _)| !info.is_dead(number - first));
            needed.for_each(|(number, record)| buf.push(number, record));
        }
    })?;
    if buf.is_empty() {
        let detail = format!("client {client:?}: a row that was written is gone");
        return Err(StoreError::new(store.name(), StoreErrorKind::Damaged, detail));
    }
    Ok(buf.into_bytes())
}
