//! Who subscribed to what: the filters in a trie, and under each filter its subscribers.
//!
//! A shared subscription is a filter of its own, whose members take turns. [5.0 MQTT-4.5.0-1]

use alloc::vec::Vec;

use mqtt_proto::{FilterTrie, SubscribeOptions, TopicFilter, TopicName};

use crate::ids::SessionKey;

/// One session's subscription with one filter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription {
    pub(crate) session: SessionKey,
    /// As granted.
    pub(crate) options: SubscribeOptions,
    pub(crate) identifier: Option<u32>,
}

/// A subscription that a message is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Match {
    pub(crate) subscription: Subscription,
    /// Shared subscriptions bring a message of their own.
    pub(crate) is_shared: bool,
}

/// All subscriptions of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    trie: FilterTrie,
    /// By the number that the trie gives a filter.
    groups: Vec<Group>,
    len: usize,
    size: usize,
}

/// The subscribers of one filter, in the order in which they came.
#[derive(Debug, Default)]
struct Group {
    members: Vec<Subscription>,
    is_shared: bool,
    /// Of a shared subscription: whose turn it is.
    next: usize,
}

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The sum of what [`cost`] says of each.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Adds a subscription or replaces the one that the session has with this very filter; true if it is new.
    ///
    /// [5.0 MQTT-3.8.4-3] [3.1.1 MQTT-3.8.4-3]
    pub(crate) fn insert(&mut self, filter: TopicFilter<'_>, subscription: Subscription) -> bool {
        let index = self.trie.insert(filter).index();
        if index >= self.groups.len() {
            self.groups.resize_with(index + 1, Group::default);
        }
        let group = &mut self.groups[index];
        group.is_shared = filter.is_shared();
        match group.position(subscription.session) {
            Some(at) => {
                group.members[at] = subscription;
                false
            }
            None => {
                group.members.push(subscription);
                self.len += 1;
                self.size += cost(filter);
                true
            }
        }
    }

    /// Removes a session's subscription; false if there is none with this very filter. [5.0 MQTT-3.10.4-1]
    pub(crate) fn remove(&mut self, filter: TopicFilter<'_>, session: SessionKey) -> bool {
        let Some(id) = self.trie.get(filter) else { return false };
        let group = &mut self.groups[id.index()];
        let Some(at) = group.position(session) else { return false };
        group.members.remove(at);
        if at < group.next {
            group.next -= 1;
        }
        self.len -= 1;
        self.size -= cost(filter);
        if group.members.is_empty() {
            *group = Group::default();
            self.trie.remove(filter);
        }
        true
    }

    /// Puts all that `topic` is for into `found`, those of one session side by side.
    ///
    /// Of a shared subscription this is one member, if possible one that `is_online`. [5.0 MQTT-3.3.2-3]
    /// [5.0 MQTT-4.7.2-1] [5.0 MQTT-4.7.3-4] [3.1.1 MQTT-3.3.2-3] [3.1.1 MQTT-4.7.2-1] [3.1.1 MQTT-4.7.3-4]
    pub(crate) fn find(
        &mut self,
        topic: TopicName<'_>,
        is_online: impl Fn(SessionKey) -> bool,
        found: &mut Vec<Match>,
    ) {
        found.clear();
        let groups = &mut self.groups;
        self.trie.for_each_match(topic, |id| {
            let group = &mut groups[id.index()];
            if group.is_shared {
                let taken = group.take_turn(&is_online);
                found.extend(taken.map(|subscription| Match { subscription, is_shared: true }));
            } else {
                let all = group.members.iter();
                found.extend(all.map(|subscription| Match { subscription: *subscription, is_shared: false }));
            }
        });
        found.sort_by_key(|found| (found.subscription.session, found.is_shared));
    }

    pub(crate) fn clear(&mut self) {
        *self = Subscriptions::default();
    }
}

/// What a subscription may take in memory: its filter with the session and in the trie, and a node for each level.
pub(crate) fn cost(filter: TopicFilter<'_>) -> usize {
    2 * filter.as_str().len() + LEVEL_COST * filter.levels().split('/').count()
}

const LEVEL_COST: usize = 128;

impl Group {
    fn position(&self, session: SessionKey) -> Option<usize> {
        self.members.iter().position(|member| member.session == session)
    }

    /// The next member that is online; if none is, the next, for which the message waits. [5.0 MQTT-4.8.2-4]
    fn take_turn(&mut self, is_online: &impl Fn(SessionKey) -> bool) -> Option<Subscription> {
        let len = self.members.len();
        let turns = (self.next..len).chain(0..self.next.min(len));
        let online = turns.clone().find(|at| is_online(self.members[*at].session));
        let at = online.or_else(|| turns.clone().next())?;
        self.next = (at + 1) % len;
        Some(self.members[at])
    }
}
