//! Which packet identifiers are in use: one set over the whole space of 16 bits, for all kinds of request.
//!
//! The set grows by 64 identifiers whenever all that it knows are taken, so that memory follows the largest number
//! of requests that were under way at once. Within that, identifiers are handed out round robin.

use alloc::vec::Vec;

use mqtt_proto::PacketId;

/// Identifiers of the requests that are under way.
#[derive(Clone, Debug, Default)]
pub struct PacketIds {
    /// One bit for each identifier, set while it is taken.
    words: Vec<u64>,
    /// Where the search for a free one starts.
    next: u16,
    taken: u32,
}

/// All identifiers and the reserved 0, in words of 64.
const WORDS_MAX: usize = 1024;

impl PacketIds {
    /// A set in which all identifiers are free; allocates nothing.
    pub const fn new() -> PacketIds {
        PacketIds { words: Vec::new(), next: 0, taken: 0 }
    }

    /// How many are taken.
    pub const fn len(&self) -> usize {
        self.taken as usize
    }

    /// Whether all are free.
    pub const fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Whether this one is taken.
    #[inline]
    pub fn contains(&self, id: PacketId) -> bool {
        let (word, bit) = position(id);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Takes a free identifier, if one of the 65,535 is left. [5.0 MQTT-2.2.1-3] [3.1.1 MQTT-2.3.1-2]
    pub fn take(&mut self) -> Option<PacketId> {
        if self.is_full() {
            self.grow()?;
        }
        let start = usize::from(self.next) / 64 % self.words.len();
        let behind = u64::MAX << (self.next % 64);
        let first = core::iter::once((start, !self.words[start] & behind));
        let others = (1..=self.words.len()).map(|step| {
            let word = (start + step) % self.words.len();
            (word, !self.words[word])
        });
        let (word, free) = first.chain(others).find(|(_, free)| *free != 0)?;
        let bit = free.trailing_zeros();
        self.words[word] |= 1 << bit;
        self.taken += 1;
        let number = (word * 64) as u16 + bit as u16;
        self.next = number.wrapping_add(1);
        PacketId::new(number)
    }

    /// Takes this identifier; false if it is taken already.
    #[inline]
    pub fn claim(&mut self, id: PacketId) -> bool {
        let (word, bit) = position(id);
        if self.words.len() <= word {
            self.grow_to(word);
        }
        let is_free = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.taken += u32::from(is_free);
        is_free
    }

    /// Frees an identifier; false if it was free. [3.1.1 MQTT-2.3.1-3]
    #[inline]
    pub fn release(&mut self, id: PacketId) -> bool {
        let (word, bit) = position(id);
        let Some(word) = self.words.get_mut(word).filter(|word| **word & bit != 0) else { return false };
        *word &= !bit;
        self.taken -= 1;
        true
    }

    /// Frees all of these identifiers.
    pub fn release_all(&mut self, ids: impl IntoIterator<Item = PacketId>) {
        for id in ids {
            self.release(id);
        }
    }

    /// Frees all and keeps the memory.
    pub fn clear(&mut self) {
        self.words.fill(0);
        if let Some(first) = self.words.first_mut() {
            *first = 1;
        }
        self.taken = 0;
    }

    #[cold]
    fn grow_to(&mut self, word: usize) {
        while self.words.len() <= word {
            self.words.push(u64::from(self.words.is_empty()));
        }
    }

    fn is_full(&self) -> bool {
        // Identifier 0 is never handed out; its bit counts as taken.
        self.taken as usize + 1 >= self.words.len() * 64
    }

    fn grow(&mut self) -> Option<()> {
        if self.words.len() == WORDS_MAX {
            return None;
        }
        self.next = (self.words.len() * 64) as u16;
        self.words.push(u64::from(self.words.is_empty()));
        Some(())
    }
}

const fn position(id: PacketId) -> (usize, u64) {
    (id.get() as usize / 64, 1 << (id.get() % 64))
}

#[cfg(test)]
mod tests;
