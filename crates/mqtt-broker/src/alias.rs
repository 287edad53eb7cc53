//! Topic aliases of one connection: numbers that a client set for topics, and numbers that we set for it.

use alloc::collections::BTreeMap;

use bytes::Bytes;

/// What a client's aliases stand for.
#[derive(Debug, Default)]
pub(crate) struct AliasesIn(BTreeMap<u16, Bytes>);

impl AliasesIn {
    pub(crate) fn get(&self, alias: u16) -> Option<&Bytes> {
        self.0.get(&alias)
    }

    /// Keeps a topic in memory of its own; that `alias` is not above the maximum is for the caller to check.
    pub(crate) fn set(&mut self, alias: u16, topic: &[u8]) {
        if self.0.get(&alias).is_none_or(|kept| kept != topic) {
            self.0.insert(alias, Bytes::copy_from_slice(topic));
        }
    }
}

/// How a topic is named in a message to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By its name alone.
    Name,
    /// By its name, which the alias stands for from now on.
    NameAndAlias(u16),
    /// By the alias alone.
    Alias(u16),
}

/// Aliases that a client was told.
#[derive(Debug, Default)]
pub(crate) struct AliasesOut {
    /// At most the client's Topic Alias Maximum, which is 0 before 5.0. [5.0 MQTT-3.1.2-26] [5.0 MQTT-3.1.2-27]
    pub(crate) max: u16,
    topics: BTreeMap<Bytes, u16>,
}

impl AliasesOut {
    /// How to name a topic; a new alias is only set by [`AliasesOut::commit`]. [5.0 MQTT-3.3.2-11]
    pub(crate) fn naming(&self, topic: &[u8]) -> Naming {
        if self.max == 0 || topic.len() <= ALIAS_SIZE {
            return Naming::Name;
        }
        match self.topics.get(topic) {
            Some(alias) => Naming::Alias(*alias),
            None if self.topics.len() < usize::from(self.max) => {
                Naming::NameAndAlias(self.topics.len() as u16 + 1)
            }
            None => Naming::Name,
        }
    }

    /// Remembers that a message with this naming was sent.
    pub(crate) fn commit(&mut self, naming: Naming, topic: &[u8]) {
        if let Naming::NameAndAlias(alias) = naming {
            self.topics.insert(Bytes::copy_from_slice(topic), alias);
        }
    }
}

/// Size of a topic alias in bytes; a topic that is no longer gains nothing.
const ALIAS_SIZE: usize = 3;
