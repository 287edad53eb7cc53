//! Deadlines, at most one for each key, earliest first.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::time::Instant;

/// What is due when.
#[derive(Debug)]
pub struct Deadlines<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K: Copy + Ord> Deadlines<K> {
    /// Nothing is due.
    pub const fn new() -> Deadlines<K> {
        Deadlines { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// Sets or replaces the deadline of a key; none removes it.
    pub fn set(&mut self, key: K, at: impl Into<Option<Instant>>) {
        self.remove(key);
        if let Some(at) = at.into() {
            self.by_time.insert((at, key));
            self.by_key.insert(key, at);
        }
    }

    /// Removes the deadline of a key, if it has one.
    #[inline]
    pub fn remove(&mut self, key: K) {
        if self.by_key.is_empty() {
            return;
        }
        if let Some(at) = self.by_key.remove(&key) {
            self.by_time.remove(&(at, key));
        }
    }

    /// Whether the key has a deadline.
    pub fn contains(&self, key: K) -> bool {
        self.by_key.contains_key(&key)
    }

    /// All keys that have a deadline.
    pub fn keys(&self) -> impl Iterator<Item = K> {
        self.by_key.keys().copied()
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The next key whose deadline has passed; its deadline is removed.
    pub fn pop_passed(&mut self, now: Instant) -> Option<K> {
        let (_, key) = *self.by_time.first().filter(|(at, _)| *at <= now)?;
        self.remove(key);
        Some(key)
    }
}

impl<K: Copy + Ord> Default for Deadlines<K> {
    fn default() -> Deadlines<K> {
        Deadlines::new()
    }
}
