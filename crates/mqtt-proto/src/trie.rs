//! Routes one topic to many filters, in time that depends on the topic's depth and not on the number of filters.
//!
//! A tree of levels whose edges live in one hash table, keyed by parent and level. A filter that is inserted gets
//! a small number, under which its owner keeps whatever belongs to it. Shared subscriptions are matched by what
//! follows `$share/NAME/`, and are told apart by their whole text.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::topic::{TopicFilter, TopicName};

/// Names a filter in a [`FilterTrie`]; numbers are dense and used again after a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilterId(u32);

impl FilterId {
    /// The number, for use as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of topic filters that is asked which of them match a topic.
#[derive(Clone, Debug)]
pub struct FilterTrie {
    /// The first is the root; none before the first filter.
    nodes: Vec<Node>,
    free_nodes: Vec<u32>,
    /// Open addressing, at most half full; an entry is the child's index plus one, 0 is empty.
    edges: Vec<u32>,
    edge_count: usize,
    filters: Vec<Option<Entry>>,
    free_filters: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Node {
    parent: u32,
    level: Box<[u8]>,
    children: u32,
    plus: Option<u32>,
    hash: Option<u32>,
    /// First of the filters that end here; they are linked.
    filters: Option<u32>,
}

#[derive(Clone, Debug)]
struct Entry {
    text: Box<str>,
    node: u32,
    next: Option<u32>,
}

const ROOT: u32 = 0;

impl Default for FilterTrie {
    fn default() -> FilterTrie {
        FilterTrie::new()
    }
}

impl FilterTrie {
    /// A set without filters; allocates nothing.
    pub const fn new() -> FilterTrie {
        FilterTrie {
            nodes: Vec::new(),
            free_nodes: Vec::new(),
            edges: Vec::new(),
            edge_count: 0,
            filters: Vec::new(),
            free_filters: Vec::new(),
        }
    }

    /// How many filters there are.
    pub fn len(&self) -> usize {
        self.filters.len() - self.free_filters.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of a filter, which is inserted if it is new.
    pub fn insert(&mut self, filter: TopicFilter<'_>) -> FilterId {
        if self.nodes.is_empty() {
            self.nodes.push(Node::new(ROOT, b""));
        }
        let mut node = ROOT;
        for level in levels(filter) {
            node = match self.child(node, level) {
                Some(child) => child,
                None => self.add_child(node, level),
            };
        }
        match self.find_at(node, filter) {
            Some(id) => FilterId(id),
            None => FilterId(self.add_filter(node, filter)),
        }
    }

    /// The number of a filter, if it is there.
    pub fn get(&self, filter: TopicFilter<'_>) -> Option<FilterId> {
        self.find_at(self.node_of(filter)?, filter).map(FilterId)
    }

    /// The text of a filter that is there.
    pub fn filter(&self, id: FilterId) -> Option<&str> {
        self.filters.get(id.index())?.as_ref().map(|entry| &*entry.text)
    }

    /// All filters with their numbers, ascending by number.
    pub fn iter(&self) -> impl Iterator<Item = (FilterId, &str)> {
        let entries = self.filters.iter().enumerate();
        entries.filter_map(|(index, entry)| Some((FilterId(index as u32), &*entry.as_ref()?.text)))
    }

    /// Removes a filter and returns the number that it had.
    pub fn remove(&mut self, filter: TopicFilter<'_>) -> Option<FilterId> {
        let node = self.node_of(filter)?;
        let id = self.find_at(node, filter)?;
        self.unlink_filter(node, id);
        self.filters[id as usize] = None;
        self.free_filters.push(id);
        self.prune(node);
        Some(FilterId(id))
    }

    /// Calls `found` once for each filter that matches, in no particular but repeatable order.
    ///
    /// A filter that begins with a wildcard does not match names that begin with `$`. [5.0 MQTT-4.7.2-1]
    pub fn for_each_match(&self, topic: TopicName<'_>, mut found: impl FnMut(FilterId)) {
        let is_internal = topic.as_bytes().starts_with(b"$");
        let mut pending = Pending::new();
        let mut next = (!self.nodes.is_empty()).then_some((ROOT, Some(topic.as_bytes())));
        while let Some((index, rest)) = next {
            let node = &self.nodes[index as usize];
            let wildcards_match = index != ROOT || !is_internal;
            if let Some(hash) = node.hash.filter(|_| wildcards_match) {
                self.for_each_filter_at(hash, &mut found);
            }
            let Some(rest) = rest else {
                self.for_each_filter_at(index, &mut found);
                next = pending.pop();
                continue;
            };
            let (level, rest) = match rest.iter().position(|byte| *byte == b'/') {
                Some(end) => (&rest[..end], Some(&rest[end + 1..])),
                None => (rest, None),
            };
            let plus = node.plus.filter(|_| wildcards_match).map(|plus| (plus, rest));
            let exact = if node.children > 0 { self.edge(index, level) } else { None };
            next = match (exact, plus) {
                (Some(exact), plus) => {
                    pending.extend(plus);
                    Some((exact, rest))
                }
                (None, Some(plus)) => Some(plus),
                (None, None) => pending.pop(),
            };
        }
    }

    fn for_each_filter_at(&self, node: u32, found: &mut impl FnMut(FilterId)) {
        let mut next = self.nodes[node as usize].filters;
        while let Some(id) = next {
            found(FilterId(id));
            next = self.filters[id as usize].as_ref().and_then(|entry| entry.next);
        }
    }

    fn node_of(&self, filter: TopicFilter<'_>) -> Option<u32> {
        self.nodes.first()?;
        levels(filter).try_fold(ROOT, |node, level| self.child(node, level))
    }

    fn find_at(&self, node: u32, filter: TopicFilter<'_>) -> Option<u32> {
        let mut next = self.nodes[node as usize].filters;
        while let Some(id) = next {
            let entry = self.filters[id as usize].as_ref()?;
            if entry.text.as_bytes() == filter.as_bytes() {
                return Some(id);
            }
            next = entry.next;
        }
        None
    }

    fn child(&self, parent: u32, level: &[u8]) -> Option<u32> {
        match level {
            b"+" => self.nodes[parent as usize].plus,
            b"#" => self.nodes[parent as usize].hash,
            _ => self.edge(parent, level),
        }
    }

    fn add_child(&mut self, parent: u32, level: &[u8]) -> u32 {
        let node = Node::new(parent, level);
        let index = match self.free_nodes.pop() {
            Some(index) => {
                self.nodes[index as usize] = node;
                index
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        };
        let parent_node = &mut self.nodes[parent as usize];
        match level {
            b"+" => parent_node.plus = Some(index),
            b"#" => parent_node.hash = Some(index),
            _ => {
                parent_node.children += 1;
                self.add_edge(index);
            }
        }
        index
    }

    fn add_filter(&mut self, node: u32, filter: TopicFilter<'_>) -> u32 {
        let next = self.nodes[node as usize].filters;
        let entry = Some(Entry { text: filter.as_str().into(), node, next });
        let id = match self.free_filters.pop() {
            Some(id) => {
                self.filters[id as usize] = entry;
                id
            }
            None => {
                self.filters.push(entry);
                self.filters.len() as u32 - 1
            }
        };
        self.nodes[node as usize].filters = Some(id);
        id
    }

    fn unlink_filter(&mut self, node: u32, id: u32) {
        let after = self.filters[id as usize].as_ref().and_then(|entry| entry.next);
        let mut next = self.nodes[node as usize].filters;
        if next == Some(id) {
            self.nodes[node as usize].filters = after;
            return;
        }
        while let Some(entry) = next.and_then(|id| self.filters[id as usize].as_mut()) {
            debug_assert_eq!(entry.node, node, "filters are linked per node");
            if entry.next == Some(id) {
                entry.next = after;
                return;
            }
            next = entry.next;
        }
    }

    /// Removes a node that holds nothing any more, and then its ancestors likewise.
    fn prune(&mut self, mut index: u32) {
        while index != ROOT && self.nodes[index as usize].is_bare() {
            let parent = self.nodes[index as usize].parent;
            let parent_node = &mut self.nodes[parent as usize];
            if parent_node.plus == Some(index) {
                parent_node.plus = None;
            } else if parent_node.hash == Some(index) {
                parent_node.hash = None;
            } else {
                parent_node.children -= 1;
                self.remove_edge(index);
            }
            self.nodes[index as usize].level = Box::default();
            self.free_nodes.push(index);
            index = parent;
        }
    }

    fn edge(&self, parent: u32, level: &[u8]) -> Option<u32> {
        if self.edges.is_empty() {
            return None;
        }
        let mask = self.edges.len() - 1;
        let mut slot = edge_hash(parent, level) & mask;
        loop {
            let child = self.edges[slot].checked_sub(1)?;
            let node = &self.nodes[child as usize];
            if node.parent == parent && *node.level == *level {
                return Some(child);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn add_edge(&mut self, child: u32) {
        if (self.edge_count + 1) * 2 > self.edges.len() {
            self.grow_edges();
        }
        self.edge_count += 1;
        self.place_edge(child);
    }

    fn place_edge(&mut self, child: u32) {
        let mask = self.edges.len() - 1;
        let mut slot = self.edge_slot(child);
        while self.edges[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.edges[slot] = child + 1;
    }

    fn edge_slot(&self, child: u32) -> usize {
        let node = &self.nodes[child as usize];
        edge_hash(node.parent, &node.level) & (self.edges.len() - 1)
    }

    fn grow_edges(&mut self) {
        let len = (self.edges.len() * 2).max(16);
        let old = core::mem::replace(&mut self.edges, alloc::vec![0; len]);
        for child in old.into_iter().filter_map(|entry| entry.checked_sub(1)) {
            self.place_edge(child);
        }
    }

    /// Empties the child's slot and moves up what stands behind it and would no longer be found.
    fn remove_edge(&mut self, child: u32) {
        let mask = self.edges.len() - 1;
        let mut hole = self.edge_slot(child);
        while self.edges[hole] != child + 1 {
            hole = (hole + 1) & mask;
        }
        let mut slot = hole;
        loop {
            slot = (slot + 1) & mask;
            let Some(other) = self.edges[slot].checked_sub(1) else { break };
            let home = self.edge_slot(other);
            let is_reachable_over_hole = (slot.wrapping_sub(home) & mask) >= (slot.wrapping_sub(hole) & mask);
            if is_reachable_over_hole {
                self.edges[hole] = self.edges[slot];
                hole = slot;
            }
        }
        self.edges[hole] = 0;
        self.edge_count -= 1;
    }
}

impl Node {
    fn new(parent: u32, level: &[u8]) -> Node {
        Node { parent, level: level.into(), children: 0, plus: None, hash: None, filters: None }
    }

    fn is_bare(&self) -> bool {
        self.children == 0 && self.plus.is_none() && self.hash.is_none() && self.filters.is_none()
    }
}

fn levels<'a>(filter: TopicFilter<'a>) -> impl Iterator<Item = &'a [u8]> {
    filter.level_bytes().split(|byte| *byte == b'/')
}

/// FNV-1a over parent and level, with the high bits mixed in.
fn edge_hash(parent: u32, level: &[u8]) -> usize {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ u64::from(parent).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for &byte in level {
        hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    }
    (hash ^ hash >> 32) as usize
}

/// A place to go on: a node, and what is left of the topic.
type Step<'t> = (u32, Option<&'t [u8]>);

/// Places where a `+` branched off, still to be followed: one for each level at most.
struct Pending<'t> {
    near: [Step<'t>; NEAR_STEPS],
    near_len: usize,
    far: Vec<Step<'t>>,
}

/// Branches that are kept without allocating.
const NEAR_STEPS: usize = 16;

impl<'t> Pending<'t> {
    fn new() -> Pending<'t> {
        Pending { near: [(ROOT, None); NEAR_STEPS], near_len: 0, far: Vec::new() }
    }

    fn extend(&mut self, step: Option<Step<'t>>) {
        let Some(step) = step else { return };
        match self.near.get_mut(self.near_len) {
            Some(slot) => {
                *slot = step;
                self.near_len += 1;
            }
            None => self.far.push(step),
        }
    }

    fn pop(&mut self) -> Option<Step<'t>> {
        if let Some(step) = self.far.pop() {
            return Some(step);
        }
        self.near_len = self.near_len.checked_sub(1)?;
        Some(self.near[self.near_len])
    }
}

#[cfg(test)]
mod tests;
