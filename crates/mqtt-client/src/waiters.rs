//! The tasks that wait for the ends of operations.
//!
//! An entry exists from the submission until its token has seen the end or was dropped. An operation whose token
//! is gone still goes on to its end; nobody is notified.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::task::Waker;

use mqtt_session::{Outcome, Ticket};

/// The operations that somebody holds a token for.
///
/// Tickets that were given out one after the other are in one block, so that no table ever grows large: a table that
/// grows moves all that is in it, under the client's lock.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// Ascending by number; none is empty.
    blocks: VecDeque<Block>,
    /// The table of a block that has ended, to be used next.
    spare: Option<Table>,
}

#[derive(Debug)]
struct Block {
    /// That of its tickets, in blocks.
    number: u64,
    table: Table,
}

type Table = HashMap<Ticket, Waiter, BuildHasherDefault<NumberHasher>>;

/// Tickets of a block.
const BLOCK: u64 = 1024;

/// A table of an older block that has so many places for each entry gives them back.
const SPARSE: usize = 16;

/// The newest blocks, whose tables are left as large as they are.
const NEWEST: usize = 4;

/// Spreads small numbers: nobody gains anything by picking them to collide.
#[derive(Debug, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

#[derive(Debug)]
enum Waiter {
    /// Not ended; the waker is that of the last poll.
    Open(Option<Waker>),
    Ended(Outcome),
}

impl Waiters {
    pub(crate) fn register(&mut self, ticket: Ticket) {
        let index = match self.index(ticket) {
            Ok(index) => index,
            Err(index) => {
                let table = self.spare.take().unwrap_or_default();
                self.blocks.insert(index, Block { number: ticket.get() / BLOCK, table });
                index
            }
        };
        self.blocks[index].table.insert(ticket, Waiter::Open(None));
    }

    /// Where the block of a ticket is, or would be.
    fn index(&self, ticket: Ticket) -> Result<usize, usize> {
        let number = ticket.get() / BLOCK;
        match self.blocks.back() {
            Some(last) if last.number == number => Ok(self.blocks.len() - 1),
            _ => self.blocks.binary_search_by_key(&number, |block| block.number),
        }
    }

    fn get(&self, ticket: Ticket) -> Option<&Waiter> {
        self.blocks[self.index(ticket).ok()?].table.get(&ticket)
    }

    fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Waiter> {
        let index = self.index(ticket).ok()?;
        self.blocks[index].table.get_mut(&ticket)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Waiter> {
        let index = self.index(ticket).ok()?;
        let is_older = index + NEWEST < self.blocks.len();
        let table = &mut self.blocks[index].table;
        let waiter = table.remove(&ticket);
        if table.is_empty() {
            self.spare = self.blocks.remove(index).map(|block| block.table);
        } else if is_older && table.len() * SPARSE < table.capacity() {
            table.shrink_to_fit();
        }
        waiter
    }

    /// The end of an operation; the waker is to be woken once no lock is held.
    pub(crate) fn on_ended(&mut self, ticket: Ticket, outcome: Outcome) -> Option<Waker> {
        let entry = self.get_mut(ticket)?;
        match std::mem::replace(entry, Waiter::Ended(outcome)) {
            Waiter::Open(waker) => waker,
            Waiter::Ended(before) => {
                // With a store it may become known later. In a panic the driver is dropped wherever it stood.
                let is_known_later = matches!(before, Outcome::Indeterminate(_)) || std::thread::panicking();
                debug_assert!(
                    is_known_later,
                    "ticket {} has ended before: {before}, now {outcome}",
                    ticket.get()
                );
                None
            }
        }
    }

    /// Whether somebody holds a token for it.
    pub(crate) fn is_awaited(&self, ticket: Ticket) -> bool {
        self.get(ticket).is_some()
    }

    /// How an operation has ended.
    pub(crate) fn outcome(&self, ticket: Ticket) -> Option<Outcome> {
        match self.get(ticket) {
            Some(Waiter::Ended(outcome)) => Some(*outcome),
            Some(Waiter::Open(_)) | None => None,
        }
    }

    /// The waker of the task that waits for the end of an operation.
    pub(crate) fn waker(&mut self, ticket: Ticket) -> Option<&mut Option<Waker>> {
        match self.get_mut(ticket) {
            Some(Waiter::Open(waker)) => Some(waker),
            Some(Waiter::Ended(_)) | None => None,
        }
    }

    /// Nobody waits any more; the waker is to be dropped once no lock is held.
    pub(crate) fn forget(&mut self, ticket: Ticket) -> Option<Waker> {
        match self.remove(ticket) {
            Some(Waiter::Open(waker)) => waker,
            Some(Waiter::Ended(_)) | None => None,
        }
    }

    /// All who wait; each finds out for itself what has changed.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        let entries = self.blocks.iter_mut().flat_map(|block| &mut block.table);
        let mut open: Vec<(Ticket, Waker)> = entries
            .filter_map(|(ticket, entry)| match entry {
                Waiter::Open(waker) => Some((*ticket, waker.take()?)),
                Waiter::Ended(_) => None,
            })
            .collect();
        // In the order of submission: a hash map has another order in each run.
        open.sort_unstable_by_key(|(ticket, _)| *ticket);
        open.into_iter().map(|(_, waker)| waker).collect()
    }
}
