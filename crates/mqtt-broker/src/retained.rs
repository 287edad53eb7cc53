//! The last retained message of each topic, for those who subscribe later.
//!
//! A store bounded by count and bytes. Retained messages have memory of their own. [5.0 MQTT-3.3.1-5] [3.1.1 MQTT-3.1.2-7]

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{TopicFilter, TopicName};

use crate::account::Account;
use crate::config::Config;
use crate::message::Message;

/// Retained messages by topic.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    messages: BTreeMap<Bytes, Arc<Message>>,
    size: usize,
}

/// A message would be one too many, or too large for what is left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Retained {
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Bytes of topics, payloads and properties.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Replaces the message of its topic; an empty payload only clears.
    ///
    /// [5.0 MQTT-3.3.1-6] [5.0 MQTT-3.3.1-7] [3.1.1 MQTT-3.3.1-5] [3.1.1 MQTT-3.3.1-7] [3.1.1 MQTT-3.3.1-10]
    /// [3.1.1 MQTT-3.3.1-11]
    pub(crate) fn set(
        &mut self,
        now: Instant,
        message: &Message,
        config: &Config,
        account: &Account,
    ) -> Result<(), Full> {
        if message.payload.is_empty() {
            self.remove(message.topic());
            return Ok(());
        }
        if !self.has_room(message, config) {
            self.remove_expired(now);
            if !self.has_room(message, config) {
                return Err(Full);
            }
        }
        let is_too_much = || account.bytes() + message.size() > config.messages_bytes_max;
        if is_too_much() {
            self.remove_expired(now);
            if is_too_much() {
                return Err(Full);
            }
        }
        self.remove(message.topic());
        let message = message.detached(account);
        self.size += message.size();
        self.messages.insert(message.topic().clone(), Arc::new(message));
        Ok(())
    }

    /// All that match and are not expired, ascending by topic.
    pub(crate) fn matching(&self, now: Instant, filter: TopicFilter<'_>) -> Vec<Arc<Message>> {
        let is_wanted = |message: &&Arc<Message>| {
            let is_internal = message.topic().starts_with(b"$") && filter.levels().starts_with(['+', '#']);
            !is_internal && !message.is_expired(now) && filter.matches(message.topic_name())
        };
        if !filter.has_wildcard() {
            return self
                .messages
                .get(filter.levels().as_bytes())
                .filter(is_wanted)
                .cloned()
                .into_iter()
                .collect();
        }
        let prefix = literal_prefix(filter);
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let candidates =
            self.messages.range::<[u8], _>(from).take_while(|(topic, _)| topic.starts_with(prefix));
        candidates.map(|(_, message)| message).filter(is_wanted).cloned().collect()
    }

    /// The message of a topic.
    pub(crate) fn get(&self, now: Instant, topic: TopicName<'_>) -> Option<&Message> {
        let message = self.messages.get(topic.as_str().as_bytes())?;
        if message.is_expired(now) { None } else { Some(message) }
    }

    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.size = 0;
    }

    fn has_room(&self, message: &Message, config: &Config) -> bool {
        let old = self.messages.get(message.topic());
        let count = self.messages.len() + usize::from(old.is_none());
        let size = self.size - old.map_or(0, |old| old.size()) + message.size();
        count <= config.retained_max && size <= config.retained_bytes_max
    }

    fn remove(&mut self, topic: &Bytes) {
        if let Some(old) = self.messages.remove(topic) {
            self.size -= old.size();
        }
    }

    fn remove_expired(&mut self, now: Instant) {
        self.messages.retain(|_, message| !message.is_expired(now));
        self.size = self.messages.values().map(|message| message.size()).sum();
    }
}

/// What every topic that matches begins with: all before the first wildcard, without the `/` in front of it, since
/// `a/#` matches `a`.
fn literal_prefix(filter: TopicFilter<'_>) -> &[u8] {
    let levels = filter.levels();
    let literal = levels.split(['+', '#']).next().unwrap_or_default();
    literal.strip_suffix('/').unwrap_or(literal).as_bytes()
}

#[cfg(test)]
mod tests;
