//! A queue in pieces of one size: it grows without moving what is in it, and gives memory back as it shrinks.

use alloc::collections::VecDeque;
use core::ops::{Index, IndexMut};

/// A queue of any length.
#[derive(Debug)]
pub(super) struct Segments<T> {
    /// All but the first and the last are full. None is empty, unless it is the only one.
    segments: VecDeque<VecDeque<T>>,
    /// An empty one, to be used next.
    spare: Option<VecDeque<T>>,
    len: usize,
}

/// Values of a full segment.
const SEGMENT: usize = 1024;

impl<T> Segments<T> {
    pub(super) const fn new() -> Segments<T> {
        Segments { segments: VecDeque::new(), spare: None, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn push_back(&mut self, value: T) {
        self.len += 1;
        match self.segments.back_mut() {
            Some(last) if last.len() < SEGMENT => last.push_back(value),
            _ => self.push_segment(value),
        }
    }

    #[cold]
    fn push_segment(&mut self, value: T) {
        // The first grows with what is in it: most queues are short.
        let capacity = if self.segments.is_empty() { 0 } else { SEGMENT };
        let mut segment = self.spare.take().unwrap_or_else(|| VecDeque::with_capacity(capacity));
        segment.push_back(value);
        self.segments.push_back(segment);
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&T> {
        self.segments.front()?.front()
    }

    #[inline]
    pub(super) fn back(&self) -> Option<&T> {
        self.segments.back()?.back()
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<T> {
        let value = self.segments.front_mut()?.pop_front()?;
        self.len -= 1;
        self.drop_empty_front();
        Some(value)
    }

    #[inline]
    fn drop_empty_front(&mut self) {
        if self.segments.len() > 1 && self.segments[0].is_empty() {
            self.spare = self.segments.pop_front();
        }
    }

    pub(super) fn pop_back(&mut self) -> Option<T> {
        let last = self.segments.back_mut()?;
        let value = last.pop_back()?;
        self.len -= 1;
        if last.is_empty() && self.segments.len() > 1 {
            self.spare = self.segments.pop_back();
        }
        Some(value)
    }

    /// Takes off the first `count` values.
    #[inline]
    pub(super) fn drain_front(&mut self, count: usize, mut taken: impl FnMut(T)) {
        let mut left = count;
        while left > 0 {
            let Some(first) = self.segments.front_mut() else { return };
            let from_first = left.min(first.len());
            first.drain(..from_first).for_each(&mut taken);
            left -= from_first;
            self.len -= from_first;
            self.drop_empty_front();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.segments.iter().flatten()
    }

    /// The values from that index on, as far as one segment has them.
    #[inline]
    pub(super) fn run(&self, from: usize) -> impl Iterator<Item = &T> {
        let (segment, index) = self.place(from);
        self.segments[segment].range(index..)
    }

    /// The values between two indices.
    pub(super) fn range(&self, from: usize, to: usize) -> impl Iterator<Item = &T> {
        (from..to).map(|index| &self[index])
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

    /// Which segment has that index, and where.
    #[inline]
    fn place(&self, index: usize) -> (usize, usize) {
        let first_len = self.segments.front().map_or(0, VecDeque::len);
        match index.checked_sub(first_len) {
            None => (0, index),
            Some(behind) => (1 + behind / SEGMENT, behind % SEGMENT),
        }
    }
}

impl<T> Index<usize> for Segments<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        let (segment, index) = self.place(index);
        &self.segments[segment][index]
    }
}

impl<T> IndexMut<usize> for Segments<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        let (segment, index) = self.place(index);
        &mut self.segments[segment][index]
    }
}
