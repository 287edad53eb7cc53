//! How many messages go before another one: those that wait, and those that are to be repeated.
//!
//! They are counted for each block of positions, so that a question adds up blocks and looks at the messages of one
//! block, and a message that changes its place changes one number.

use alloc::collections::VecDeque;

/// Counts by blocks of positions.
#[derive(Debug)]
pub(super) struct Ahead {
    /// That of the first block, in blocks.
    first: u64,
    /// None behind the last block in which one was ever counted.
    blocks: VecDeque<u16>,
}

/// Positions of a block.
pub(super) const BLOCK: u64 = 512;

impl Ahead {
    pub(super) const fn new() -> Ahead {
        Ahead { first: 0, blocks: VecDeque::new() }
    }

    /// One more message, at that position.
    #[inline]
    pub(super) fn add(&mut self, position: u64) {
        let index = self.index(position);
        if index >= self.blocks.len() {
            self.blocks.resize(index + 1, 0);
        }
        self.blocks[index] += 1;
    }

    /// One message less, at that position.
    #[inline]
    pub(super) fn remove_one(&mut self, position: u64) {
        let index = self.index(position);
        self.blocks[index] -= 1;
    }

    /// `count` messages less, from that position on.
    pub(super) fn remove(&mut self, position: u64, count: u64) {
        let (mut from, end) = (position, position + count);
        while from < end {
            let to = end.min((from / BLOCK + 1) * BLOCK);
            let index = self.index(from);
            self.blocks[index] -= (to - from) as u16;
            from = to;
        }
    }

    /// No message is in front of that position any more.
    #[inline]
    pub(super) fn advance(&mut self, position: u64) {
        let first = position / BLOCK;
        while self.first < first {
            let count = self.blocks.pop_front();
            debug_assert!(count.is_none_or(|count| count == 0), "what is counted is still there");
            self.first += 1;
            if self.blocks.is_empty() {
                self.first = first;
            }
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
    }

    /// Messages in front of the block in which that position is.
    pub(super) fn in_front(&self, position: u64) -> usize {
        self.blocks.iter().take(self.index(position)).map(|count| usize::from(*count)).sum()
    }

    #[inline]
    fn index(&self, position: u64) -> usize {
        debug_assert!(position / BLOCK >= self.first, "blocks in front are forgotten");
        (position / BLOCK - self.first) as usize
    }
}
