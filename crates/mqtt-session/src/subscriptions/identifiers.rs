//! Subscription Identifiers: which number names the subscription to a filter.
//!
//! A session that ends with its connection counts up, so that no number is given twice. A persistent session has
//! messages under the numbers of an earlier program; there the number follows from the filter, so that each program
//! gives a filter the same one, as long as it is free.

use alloc::collections::BTreeSet;

/// The numbers that were given out.
#[derive(Debug)]
pub(crate) struct Identifiers {
    /// Counted up, from 1.
    given: u32,
    /// Those that follow from filters that are wanted.
    used: BTreeSet<u32>,
}

/// How filters get their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// They have none.
    None,
    Counted,
    ByFilter,
}

/// The highest identifier that the standard allows.
const IDENTIFIER_MAX: u32 = 268_435_455;

/// The identifiers of one, two and three bytes: where a number is looked for, the shortest first.
const RANGES: [(u32, u32); 3] = [(1, 127), (128, 16_256), (16_384, 2_080_768)];

impl Identifiers {
    pub(super) const fn new() -> Identifiers {
        Identifiers { given: 0, used: BTreeSet::new() }
    }

    /// The number for a filter that is new; none once all were given out.
    pub(super) fn next(&mut self, filter: &str, naming: Naming) -> Option<u32> {
        match naming {
            Naming::None => None,
            Naming::Counted => {
                let next = self.given.checked_add(1).filter(|next| *next <= IDENTIFIER_MAX)?;
                self.given = next;
                Some(next)
            }
            Naming::ByFilter => self.next_by_filter(filter),
        }
    }

    fn next_by_filter(&mut self, filter: &str) -> Option<u32> {
        let hash = hash(filter);
        let mut wanted = RANGES.iter().map(|(first, count)| first + hash % count);
        let last = RANGES[2].0;
        let found = wanted.find(|number| !self.used.contains(number));
        let found = found.or_else(|| (last..=IDENTIFIER_MAX).find(|number| !self.used.contains(number)))?;
        self.used.insert(found);
        Some(found)
    }

    /// An earlier program has given it to a filter that is wanted.
    pub(super) fn rebuild(&mut self, identifier: u32, naming: Naming) {
        match naming {
            Naming::None => {}
            Naming::Counted => self.given = self.given.max(identifier),
            Naming::ByFilter => drop(self.used.insert(identifier)),
        }
    }

    /// Its filter is not wanted any more.
    pub(super) fn release(&mut self, identifier: u32) {
        self.used.remove(&identifier);
    }

    /// Whether it was counted up to, so that it can only be ours.
    pub(super) fn was_counted(&self, identifier: u32) -> bool {
        (1..=self.given).contains(&identifier)
    }
}

/// FNV-1a: the same on every machine and for ever, since sessions outlive programs.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
