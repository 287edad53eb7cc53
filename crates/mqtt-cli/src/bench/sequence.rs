//! Which messages of one publisher a subscriber has had: duplicates, gaps, and those that came late.

/// The messages of one publisher at one subscriber. What came before the first message is no gap.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    /// One more than the highest number that came.
    next: u64,
    /// Of the last numbers before `next`, which came: bit `n % WINDOW`.
    seen: [u64; WORDS],
    /// The first number that came.
    first: u64,
    /// Numbers below `next` that have not come.
    pub(crate) missing: u64,
    /// Messages that came again; what is older than the window counts here too.
    pub(crate) duplicates: u64,
    /// Messages that came after one with a higher number.
    pub(crate) late: u64,
}

const WORDS: usize = 16;

/// How far back a late message is told from a duplicate.
pub(crate) const WINDOW: u64 = 64 * WORDS as u64;

impl Sequence {
    pub(crate) fn new(first: u64) -> Sequence {
        Sequence { next: first, seen: [0; WORDS], first, missing: 0, duplicates: 0, late: 0 }
    }

    /// Notes a message that came.
    pub(crate) fn take(&mut self, number: u64) {
        if number >= self.next {
            let gap = number - self.next;
            self.missing += gap;
            // Bits of numbers that were skipped are those of numbers one window before.
            for skipped in 0..gap.min(WINDOW) {
                self.set(self.next + skipped, false);
            }
            self.set(number, true);
            self.next = number.saturating_add(1);
        } else if number < self.first {
            self.late += 1;
        } else if self.next - number > WINDOW || self.is_seen(number) {
            self.duplicates += 1;
        } else {
            self.set(number, true);
            self.missing -= 1;
            self.late += 1;
        }
    }

    fn is_seen(&self, number: u64) -> bool {
        let place = number % WINDOW;
        self.seen[(place / 64) as usize] >> (place % 64) & 1 == 1
    }

    fn set(&mut self, number: u64, came: bool) {
        let place = number % WINDOW;
        let (word, bit) = ((place / 64) as usize, 1 << (place % 64));
        self.seen[word] = if came { self.seen[word] | bit } else { self.seen[word] & !bit };
    }
}

#[cfg(test)]
mod tests;
