//! Topic aliases of one connection: numbers that the peer set for topics, and numbers that we set for it.
//!
//! Numbers that we set are given to the topics that were sent last: when all are in use, the one that was not sent
//! for longest is set anew. Looking a topic up and setting an alias cost the same however many there are, and
//! memory of topics is used again.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What the peer's aliases stand for, each kept as a `T` in memory of its own.
#[derive(Debug)]
pub struct AliasesIn<T>(BTreeMap<u16, T>);

impl<T> Default for AliasesIn<T> {
    fn default() -> AliasesIn<T> {
        AliasesIn::new()
    }
}

impl<T> AliasesIn<T> {
    /// No alias; allocates nothing.
    pub const fn new() -> AliasesIn<T> {
        AliasesIn(BTreeMap::new())
    }
}

impl<T: AsRef<[u8]>> AliasesIn<T> {
    /// The topic that an alias stands for.
    pub fn get(&self, alias: u16) -> Option<&T> {
        self.0.get(&alias)
    }

    /// Keeps a topic; that `alias` is not above the maximum is for the caller to check.
    pub fn set(&mut self, alias: u16, topic: &[u8], keep: impl FnOnce(&[u8]) -> T) {
        if self.0.get(&alias).is_none_or(|kept| kept.as_ref() != topic) {
            self.0.insert(alias, keep(topic));
        }
    }

    /// Forgets all: aliases end with their connection. [5.0 MQTT-3.3.2-7]
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// How a topic is named in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// By its name alone.
    Name,
    /// By its name, which the alias stands for from now on.
    NameAndAlias(u16),
    /// By the alias alone.
    Alias(u16),
}

/// Aliases that the peer knows.
#[derive(Debug, Default)]
pub struct AliasesOut {
    max: u16,
    /// That of alias `n` is the one at `n - 1`.
    entries: Vec<Entry>,
    /// First entry of each chain of topics whose hashes end alike; as many as a power of two.
    chains: Vec<Option<u16>>,
    /// The entry that was sent last, and the one that was not sent for longest.
    newest: u16,
    oldest: u16,
}

#[derive(Debug)]
struct Entry {
    topic: Vec<u8>,
    hash: u64,
    next_in_chain: Option<u16>,
    /// The entry that was sent just after this one, and the one just before; meaningless at the ends.
    newer: u16,
    older: u16,
}

impl AliasesOut {
    /// No aliases are set, and none may be.
    pub const fn new() -> AliasesOut {
        AliasesOut { max: 0, entries: Vec::new(), chains: Vec::new(), newest: 0, oldest: 0 }
    }

    /// Forgets all and sets at most `max` from now on: what the peer takes, 0 before 5.0.
    ///
    /// [5.0 MQTT-3.1.2-26] [5.0 MQTT-3.2.2-17] [5.0 MQTT-3.3.2-7]
    pub fn reset(&mut self, max: u16) {
        self.max = max;
        self.entries.clear();
        self.chains.fill(None);
    }

    /// How to name a topic; nothing changes until [`AliasesOut::commit`]. [5.0 MQTT-3.3.2-11]
    #[inline]
    pub fn naming(&self, topic: &[u8]) -> Naming {
        if self.max == 0 || topic.len() <= ALIAS_SIZE {
            return Naming::Name;
        }
        let hash = hash_of(topic);
        match self.find(topic, hash) {
            Some(index) => Naming::Alias(index + 1),
            None if self.entries.len() < usize::from(self.max) => {
                Naming::NameAndAlias(self.entries.len() as u16 + 1)
            }
            None => Naming::NameAndAlias(self.oldest + 1),
        }
    }

    fn find(&self, topic: &[u8], hash: u64) -> Option<u16> {
        let mut next = *self.chains.get(self.chain_of(hash)?)?;
        while let Some(index) = next {
            let entry = &self.entries[usize::from(index)];
            if entry.hash == hash && entry.topic == topic {
                return Some(index);
            }
            next = entry.next_in_chain;
        }
        None
    }

    fn chain_of(&self, hash: u64) -> Option<usize> {
        let mask = self.chains.len().checked_sub(1)?;
        Some(hash as usize & mask)
    }

    /// Remembers that a message with this naming was sent.
    #[inline]
    pub fn commit(&mut self, naming: Naming, topic: &[u8]) {
        match naming {
            Naming::Name => {}
            Naming::Alias(alias) => self.touch(alias - 1),
            Naming::NameAndAlias(alias) => self.set(alias - 1, topic),
        }
    }

    fn touch(&mut self, index: u16) {
        if index == self.newest {
            return;
        }
        let Entry { newer, older, .. } = self.entries[usize::from(index)];
        self.entries[usize::from(newer)].older = older;
        if index == self.oldest {
            self.oldest = newer;
        } else {
            self.entries[usize::from(older)].newer = newer;
        }
        self.put_in_front(index);
    }

    fn put_in_front(&mut self, index: u16) {
        self.entries[usize::from(self.newest)].newer = index;
        self.entries[usize::from(index)].older = self.newest;
        self.newest = index;
    }

    fn set(&mut self, index: u16, topic: &[u8]) {
        let hash = hash_of(topic);
        if usize::from(index) < self.entries.len() {
            self.leave_chain(index);
            self.touch(index);
        } else {
            self.grow_chains();
            self.entries.push(Entry { topic: Vec::new(), hash, next_in_chain: None, newer: 0, older: 0 });
            if index == 0 {
                (self.newest, self.oldest) = (0, 0);
            } else {
                self.put_in_front(index);
            }
        }
        let entry = &mut self.entries[usize::from(index)];
        entry.topic.clear();
        entry.topic.extend_from_slice(topic);
        entry.hash = hash;
        self.join_chain(index);
    }

    fn join_chain(&mut self, index: u16) {
        let Some(chain) = self.chain_of(self.entries[usize::from(index)].hash) else { return };
        self.entries[usize::from(index)].next_in_chain = self.chains[chain].replace(index);
    }

    fn leave_chain(&mut self, index: u16) {
        let next = self.entries[usize::from(index)].next_in_chain.take();
        let Some(chain) = self.chain_of(self.entries[usize::from(index)].hash) else { return };
        let mut link = &mut self.chains[chain];
        while let Some(at) = *link {
            if at == index {
                *link = next;
                return;
            }
            link = &mut self.entries[usize::from(at)].next_in_chain;
        }
    }

    fn grow_chains(&mut self) {
        if self.entries.len() < self.chains.len() {
            return;
        }
        let len = (self.chains.len() * 2).max(CHAINS_MIN);
        self.chains.clear();
        self.chains.resize(len, None);
        for index in 0..self.entries.len() {
            self.join_chain(index as u16);
        }
    }
}

/// Size of a topic alias in bytes; a topic that is no longer gains nothing.
const ALIAS_SIZE: usize = 3;

/// Chains that the first alias makes room for.
const CHAINS_MIN: usize = 16;

/// Eight bytes at a time: topics are the application's own, so that nobody picks them to collide.
fn hash_of(topic: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut chunks = topic.chunks_exact(8);
    let mut hash = topic.len() as u64;
    let mut mix = |word: [u8; 8]| {
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
        hash ^= hash >> 32;
    };
    for chunk in &mut chunks {
        mix(chunk.try_into().unwrap_or_default());
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    mix(last);
    hash
}

#[cfg(test)]
mod tests;
