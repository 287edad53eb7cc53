//! A queue in pieces of one size: it grows without moving what is in it, and gives memory back as it shrinks.

use alloc::collections::VecDeque;
use core::ops::{Index, IndexMut};

/// A queue of any length.
#[derive(Debug)]
pub(super) struct Segments<T> {
    /// The first segment, on its own since it is all that a short queue has. It is empty only if the queue is.
    first: VecDeque<T>,
    /// All but the last are full, and none is empty.
    rest: VecDeque<VecDeque<T>>,
    /// An empty one, to be used next.
    spare: Option<VecDeque<T>>,
    len: usize,
}

/// Values of a full segment.
const SEGMENT: usize = 1024;

impl<T> Segments<T> {
    pub(super) const fn new() -> Segments<T> {
        Segments { first: VecDeque::new(), rest: VecDeque::new(), spare: None, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn push_back(&mut self, value: T) {
        self.len += 1;
        if self.rest.is_empty() && self.first.len() < SEGMENT {
            self.first.push_back(value);
        } else {
            self.push_behind(value);
        }
    }

    #[cold]
    fn push_behind(&mut self, value: T) {
        match self.rest.back_mut() {
            Some(last) if last.len() < SEGMENT => last.push_back(value),
            _ => {
                let mut segment = self.spare.take().unwrap_or_else(|| VecDeque::with_capacity(SEGMENT));
                segment.push_back(value);
                self.rest.push_back(segment);
            }
        }
    }

    /// The value so far behind the first segment.
    #[cold]
    fn behind(&self, index: usize) -> &T {
        &self.rest[index / SEGMENT][index % SEGMENT]
    }

    #[cold]
    fn behind_mut(&mut self, index: usize) -> &mut T {
        &mut self.rest[index / SEGMENT][index % SEGMENT]
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&T> {
        self.first.front()
    }

    #[inline]
    pub(super) fn back(&self) -> Option<&T> {
        self.rest.back().unwrap_or(&self.first).back()
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<T> {
        let value = self.first.pop_front()?;
        self.len -= 1;
        self.refill_first();
        Some(value)
    }

    #[inline]
    fn refill_first(&mut self) {
        if self.first.is_empty() && !self.rest.is_empty() {
            self.take_next();
        }
    }

    #[cold]
    fn take_next(&mut self) {
        let next = self.rest.pop_front().unwrap_or_default();
        self.spare = Some(core::mem::replace(&mut self.first, next));
    }

    pub(super) fn pop_back(&mut self) -> Option<T> {
        let value = match self.rest.back_mut() {
            Some(last) => last.pop_back(),
            None => self.first.pop_back(),
        }?;
        self.len -= 1;
        if self.rest.back().is_some_and(VecDeque::is_empty) {
            self.spare = self.rest.pop_back();
        }
        Some(value)
    }

    /// Takes off the first `count` values.
    #[inline]
    pub(super) fn drain_front(&mut self, count: usize, mut taken: impl FnMut(T)) {
        let mut left = count.min(self.len);
        self.len -= left;
        while left > 0 {
            let from_first = left.min(self.first.len());
            self.first.drain(..from_first).for_each(&mut taken);
            left -= from_first;
            self.refill_first();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(self.rest.iter().flatten())
    }

    /// The values from that index on, as far as one segment has them.
    #[inline]
    pub(super) fn run(&self, from: usize) -> impl Iterator<Item = &T> {
        match from.checked_sub(self.first.len()) {
            None => self.first.range(from..),
            Some(behind) => self.rest[behind / SEGMENT].range(behind % SEGMENT..),
        }
    }

    /// The index of the value that has this key; keys ascend.
    pub(super) fn find_by_key<K: Ord>(&self, key: &K, key_of: impl Fn(&T) -> K) -> Option<usize> {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if key_of(&self[middle]) < *key { low = middle + 1 } else { high = middle }
        }
        (low < self.len && key_of(&self[low]) == *key).then_some(low)
    }
}

impl<T> Index<usize> for Segments<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        let first_len = self.first.len();
        if index < first_len { &self.first[index] } else { self.behind(index - first_len) }
    }
}

impl<T> IndexMut<usize> for Segments<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        let first_len = self.first.len();
        if index < first_len { &mut self.first[index] } else { self.behind_mut(index - first_len) }
    }
}
