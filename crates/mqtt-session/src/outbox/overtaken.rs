//! How many messages go before another one, without counting them.
//!
//! Messages are sent in their order, so in front of one that waits there are others that wait, without a gap, apart from
//! those that ended before it was their turn. Only these are counted, for each block of positions: a question adds up
//! blocks and looks at the messages of two, and a message that is sent in its turn costs nothing here.

use alloc::collections::VecDeque;

/// Counts messages that left the queue before others in front of them, by blocks of positions.
#[derive(Debug)]
pub(super) struct Overtaken {
    /// Behind this position all messages wait that are not counted here.
    from: u64,
    /// The number of the first block.
    first: u64,
    /// None behind the last block in which one was ever counted.
    blocks: VecDeque<u16>,
}

/// Positions of a block.
const BLOCK: u64 = 512;

impl Overtaken {
    pub(super) const fn new() -> Overtaken {
        Overtaken { from: 0, first: 0, blocks: VecDeque::new() }
    }

    /// From which position on all messages wait that are not counted here.
    pub(super) const fn from(&self) -> u64 {
        self.from
    }

    /// The first of all messages that wait, at that position, waits no more.
    #[inline]
    pub(super) fn on_first_left(&mut self, position: u64) {
        self.from = self.from.max(position + 1);
    }

    /// A message at that position waits no more, though others in front of it do.
    #[cold]
    pub(super) fn on_left(&mut self, position: u64) {
        if position < self.from {
            return;
        }
        if self.blocks.is_empty() {
            self.first = position / BLOCK;
        }
        while position / BLOCK < self.first {
            self.blocks.push_front(0);
            self.first -= 1;
        }
        let index = (position / BLOCK - self.first) as usize;
        if index >= self.blocks.len() {
            self.blocks.resize(index + 1, 0);
        }
        self.blocks[index] += 1;
    }

    /// A message at that position waits again.
    #[cold]
    pub(super) fn on_returned(&mut self, position: u64) {
        if position >= self.from
            && let Some(index) = (position / BLOCK).checked_sub(self.first)
            && let Some(count) = self.blocks.get_mut(index as usize)
        {
            *count -= 1;
        }
    }

    /// No message is in front of that position any more.
    #[inline]
    pub(super) fn advance(&mut self, position: u64) {
        if !self.blocks.is_empty() {
            self.forget_before(position);
        }
    }

    #[cold]
    fn forget_before(&mut self, position: u64) {
        while !self.blocks.is_empty() && self.first < position / BLOCK {
            self.blocks.pop_front();
            self.first += 1;
        }
    }

    /// Messages from that position on are gone: what comes next has their positions.
    pub(super) fn truncate(&mut self, position: u64) {
        if self.from > position {
            self.from = position;
            let len = (position / BLOCK).saturating_sub(self.first) as usize;
            self.blocks.truncate(len);
        }
    }

    /// Whatever was counted, all messages from that position on wait.
    pub(super) fn restart(&mut self, position: u64) {
        (self.from, self.blocks) = (position, VecDeque::new());
    }

    /// Messages between two positions that wait; `is_waiting` looks at one, and looks at few.
    pub(super) fn waiting(&self, from: u64, to: u64, is_waiting: impl Fn(u64) -> bool) -> usize {
        let full = from.next_multiple_of(BLOCK)..to - to % BLOCK;
        if full.is_empty() {
            return (from..to).filter(|position| is_waiting(*position)).count();
        }
        let left = (full.start / BLOCK..full.end / BLOCK).filter_map(|block| {
            let index = block.checked_sub(self.first)?;
            self.blocks.get(index as usize)
        });
        let left: usize = left.map(|count| usize::from(*count)).sum();
        let ends = (from..full.start).chain(full.end..to).filter(|position| is_waiting(*position)).count();
        ends + (full.end - full.start) as usize - left
    }
}
