//! The barrier between a store and the wire: bytes wait until the records that they follow from are stored.
//!
//! Bytes are made in batches. Each batch follows from all records that were made before it was closed, and batches
//! go out in their order; so nothing on the wire is ever ahead of the store.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use mqtt_parts::TransmitBuf;

use crate::record::Record;

/// Numbers a record of a session, from 1; later ones have higher numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(u64);

impl Mark {
    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Records on their way to the store, and bytes that wait for it.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Records made so far, with those of before a restart.
    made: u64,
    stored: u64,
    /// Records that the store has not taken, one behind the other.
    bytes: Vec<u8>,
    lens: VecDeque<usize>,
    /// Where the first of them begins.
    first_at: usize,
    batches: VecDeque<Batch>,
    /// Bytes in all batches.
    held: usize,
    /// Memory for the next batches.
    spare: Vec<TransmitBuf>,
    /// Whether a PINGREQ is to go out, which waits for nothing.
    is_ping_due: bool,
}

#[derive(Debug)]
struct Batch {
    /// The last record that the bytes follow from.
    mark: u64,
    bytes: TransmitBuf,
}

/// Buffers that are kept for the next batches.
const SPARE_MAX: usize = 4;

impl Journal {
    /// A journal behind so many records that are stored already.
    pub(crate) fn behind(records: u64) -> Journal {
        Journal {
            made: records,
            stored: records,
            bytes: Vec::new(),
            lens: VecDeque::new(),
            first_at: 0,
            batches: VecDeque::new(),
            held: 0,
            spare: Vec::new(),
            is_ping_due: false,
        }
    }

    pub(crate) fn record(&mut self, record: &Record<'_>) {
        let start = self.bytes.len();
        record.encode(&mut self.bytes);
        self.lens.push_back(self.bytes.len() - start);
        self.made += 1;
    }

    /// The last record that was made.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.made)
    }

    /// Bytes of records that the store has not taken.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len() - self.first_at
    }

    /// Appends the next record to `out`.
    pub(crate) fn poll(&mut self, out: &mut Vec<u8>) -> Option<Mark> {
        let mark = Mark(self.made - self.lens.len() as u64 + 1);
        let end = self.first_at + self.lens.pop_front()?;
        out.extend_from_slice(&self.bytes[self.first_at..end]);
        self.first_at = end;
        if self.lens.is_empty() {
            self.bytes.clear();
            self.first_at = 0;
        } else if self.first_at * 2 > self.bytes.len() {
            self.bytes.drain(..self.first_at);
            self.first_at = 0;
        }
        Some(mark)
    }

    /// Records up to that one are safe; one that was not taken cannot be.
    pub(crate) fn on_stored(&mut self, mark: Mark) {
        let taken = self.made - self.lens.len() as u64;
        self.stored = self.stored.max(mark.0.min(taken));
    }

    /// Bytes that wait for the store.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    pub(crate) fn ping(&mut self) {
        self.is_ping_due = true;
    }

    pub(crate) fn take_ping(&mut self) -> bool {
        core::mem::take(&mut self.is_ping_due)
    }

    /// Memory for a batch.
    pub(crate) fn begin_batch(&mut self) -> TransmitBuf {
        self.spare.pop().unwrap_or_default()
    }

    /// A batch is whole: it goes out when all records that were made so far are stored.
    pub(crate) fn hold(&mut self, bytes: TransmitBuf) {
        if bytes.is_empty() {
            self.keep(bytes);
            return;
        }
        self.held += bytes.len();
        self.batches.push_back(Batch { mark: self.made, bytes });
    }

    /// Appends what may go out.
    pub(crate) fn release(&mut self, out: &mut TransmitBuf) {
        while self.batches.front().is_some_and(|batch| batch.mark <= self.stored) {
            let Some(mut batch) = self.batches.pop_front() else { return };
            debug_assert!(batch.mark <= self.made, "bytes follow from records that were made");
            self.held -= batch.bytes.len();
            out.append(&mut batch.bytes);
            self.keep(batch.bytes);
        }
    }

    /// The link that the bytes were for is gone.
    pub(crate) fn forget_batches(&mut self) {
        self.is_ping_due = false;
        while let Some(mut batch) = self.batches.pop_front() {
            batch.bytes.clear();
            self.keep(batch.bytes);
        }
        self.held = 0;
    }

    /// The bytes of all batches.
    pub(crate) fn into_held(self) -> Vec<u8> {
        let chunks = self.batches.iter().flat_map(|batch| batch.bytes.chunks());
        chunks.flatten().copied().collect()
    }

    fn keep(&mut self, bytes: TransmitBuf) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(bytes);
        }
    }
}
