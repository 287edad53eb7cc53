//! Who takes the messages of one filter, in the order in which they came. One of many goes as fast as one of few.

use std::collections::BTreeMap;

use super::{Taker, Target};

/// The takers of a filter, each once.
#[derive(Debug, Default)]
pub(super) struct Takers {
    /// In their order; those that have gone leave gaps, and never more than takers.
    list: Vec<Option<Target>>,
    /// No taker is in front of this index.
    first: usize,
    /// Where in `list` each is, once there are more than [`FEW`].
    indexes: BTreeMap<Taker, usize>,
    gaps: usize,
}

/// So many are looked through.
const FEW: usize = 8;

impl Takers {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The one that came first.
    pub(super) fn first(&self) -> Option<Target> {
        self.list.get(self.first).copied().flatten()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Target> {
        self.list[self.first..].iter().copied().flatten()
    }

    pub(super) fn contains(&self, taker: Taker) -> bool {
        self.index(taker).is_some()
    }

    fn index(&self, taker: Taker) -> Option<usize> {
        if self.list.len() > FEW {
            return self.indexes.get(&taker).copied();
        }
        self.list.iter().position(|target| target.is_some_and(|target| target.taker == taker))
    }

    /// Adds a taker at the end, or changes it where it is.
    pub(super) fn set(&mut self, target: Target) {
        match self.index(target.taker) {
            Some(index) => self.list[index] = Some(target),
            None => {
                self.list.push(Some(target));
                if self.list.len() == FEW + 1 {
                    self.index_all();
                } else if self.list.len() > FEW {
                    self.indexes.insert(target.taker, self.list.len() - 1);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, taker: Taker) {
        let Some(index) = self.index(taker) else { return };
        self.list[index] = None;
        self.indexes.remove(&taker);
        self.gaps += 1;
        if self.gaps * 2 > self.list.len() || self.list.len() <= FEW {
            self.close_up();
        }
        while self.list.get(self.first).is_some_and(Option::is_none) {
            self.first += 1;
        }
    }

    fn close_up(&mut self) {
        self.list.retain(Option::is_some);
        (self.first, self.gaps) = (0, 0);
        self.index_all();
    }

    fn index_all(&mut self) {
        self.indexes.clear();
        if self.list.len() > FEW {
            let targets = self.list.iter().enumerate();
            self.indexes.extend(targets.filter_map(|(index, target)| Some(((*target)?.taker, index))));
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Takers::default();
    }
}

#[cfg(test)]
mod tests;
