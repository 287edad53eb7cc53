//! The filters of this client, who takes their messages, and which of them a message is for.
//!
//! In 5.0 the Subscription Identifiers of a message decide, wherever they can only be ours; otherwise every filter that
//! matches the topic gets it. A filter without takers is remembered: of a persistent session its messages wait for a
//! new taker, of any other they are not wanted.

mod takers;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use mqtt_proto::{FilterTrie, TopicFilter, TopicName};
use mqtt_session::{Instant, Message, Session};

use takers::Takers;

/// Names a callback; the client knows what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallbackId(pub(crate) u64);

/// Names a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId(pub(crate) usize);

/// Who takes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Taker {
    Stream(StreamId),
    Callback(CallbackId),
    /// `Client::receive`.
    Receive,
}

/// A taker of a filter, and when what it takes is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) taker: Taker,
    pub(crate) acknowledge: Acknowledge,
}

impl Target {
    /// Whether the acknowledgement of a message waits for this taker.
    pub(crate) fn owes(self) -> bool {
        self.acknowledge == Acknowledge::WhenTaken
    }
}

/// When messages of QoS 1 and 2 are acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acknowledge {
    /// When the application takes a message: `next` returns it, the callback returns, the guard says so. What is not
    /// taken when the program ends comes again. Acknowledgements go out in the order of arrival
    /// [5.0 MQTT-4.6.0-2], so a message that is not taken holds back those of every other subscription.
    #[default]
    WhenTaken,
    /// When a message has found room in memory. It holds back nobody, and is lost if the program ends before the
    /// application takes it.
    OnArrival,
}

/// What becomes of messages for which there is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nobody {
    /// They wait for a taker; counted from then on.
    Since(Instant),
    /// The application has unsubscribed, or nobody can come for them.
    Unwanted,
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The targets that were found.
    Takers,
    /// A filter that nobody takes any more.
    Nobody(Nobody),
    /// No filter of this client: one of an earlier program may have brought it.
    Unknown,
}

/// All filters.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    trie: FilterTrie,
    /// By filter of the trie: which filters of ours lead there.
    by_trie: Vec<Vec<usize>>,
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    /// Filters by the Subscription Identifiers of their subscriptions.
    identified: HashMap<u32, usize>,
    /// Filters that are not wanted, the oldest first; some are wanted again since.
    unwanted: VecDeque<usize>,
}

#[derive(Debug)]
struct Entry {
    text: Arc<str>,
    takers: Takers,
    identifiers: Vec<u32>,
    /// While there are no takers.
    nobody: Nobody,
}

/// Filters that are not wanted any more and whose late messages are still known.
const UNWANTED_MAX: usize = 1024;

/// What some servers put in front of a filter: messages come under a topic that matches what follows it.
const SERVER_PREFIXES: [&str; 2] = ["$queue/", "$exclusive/"];

impl Filters {
    /// One more taker of a filter.
    pub(crate) fn add(
        &mut self,
        filter: TopicFilter<'_>,
        identifier: Option<u32>,
        target: Target,
    ) -> Arc<str> {
        let number = self.number(filter).unwrap_or_else(|| self.insert(filter));
        self.identified.extend(identifier.map(|identifier| (identifier, number)));
        let entry = self.entries[number].as_mut().expect("it was found or inserted");
        entry.identifiers.extend(identifier.filter(|identifier| !entry.identifiers.contains(identifier)));
        entry.takers.set(target);
        Arc::clone(&entry.text)
    }

    fn number(&self, filter: TopicFilter<'_>) -> Option<usize> {
        let numbers = self.by_trie.get(self.trie.get(filter)?.index())?;
        let is_meant = |number: &&usize| {
            self.entries[**number].as_ref().is_some_and(|entry| *entry.text == *filter.as_str())
        };
        numbers.iter().find(is_meant).copied()
    }

    fn insert(&mut self, filter: TopicFilter<'_>) -> usize {
        let text: Arc<str> = filter.as_str().into();
        let entry =
            Entry { text, takers: Takers::default(), identifiers: Vec::new(), nobody: Nobody::Unwanted };
        let number = self.free.pop().unwrap_or(self.entries.len());
        if number == self.entries.len() {
            self.entries.push(None);
        }
        self.entries[number] = Some(entry);
        for key in keys(filter) {
            let index = self.trie.insert(key).index();
            if self.by_trie.len() <= index {
                self.by_trie.resize_with(index + 1, Vec::new);
            }
            self.by_trie[index].push(number);
        }
        number
    }

    /// The takers of a filter.
    pub(crate) fn takers(&self, filter: TopicFilter<'_>) -> impl Iterator<Item = Target> {
        self.entry(filter).into_iter().flat_map(|entry| entry.takers.iter())
    }

    /// The one of them that came first.
    pub(crate) fn first_taker(&self, filter: TopicFilter<'_>) -> Option<Taker> {
        self.entry(filter)?.takers.first().map(|target| target.taker)
    }

    pub(crate) fn has_taker(&self, filter: TopicFilter<'_>, taker: Taker) -> bool {
        self.entry(filter).is_some_and(|entry| entry.takers.contains(taker))
    }

    fn entry(&self, filter: TopicFilter<'_>) -> Option<&Entry> {
        self.entries[self.number(filter)?].as_ref()
    }

    /// One taker of a filter less; true if there is none left, and what becomes of messages from now on.
    pub(crate) fn remove(&mut self, filter: TopicFilter<'_>, taker: Taker, nobody: Nobody) -> bool {
        let Some(number) = self.number(filter) else { return true };
        let Some(entry) = &mut self.entries[number] else { return true };
        entry.takers.remove(taker);
        let is_last = entry.takers.is_empty();
        if is_last {
            self.set_nobody(number, nobody);
        }
        is_last
    }

    /// A filter is not wanted any more, whether or not it ever was.
    pub(crate) fn unsubscribe(&mut self, filter: TopicFilter<'_>) {
        let number = self.number(filter).unwrap_or_else(|| self.insert(filter));
        if let Some(entry) = &mut self.entries[number] {
            entry.takers.clear();
        }
        self.set_nobody(number, Nobody::Unwanted);
    }

    fn set_nobody(&mut self, number: usize, nobody: Nobody) {
        if let Some(entry) = &mut self.entries[number] {
            entry.nobody = nobody;
        }
        if nobody != Nobody::Unwanted {
            return;
        }
        self.unwanted.push_back(number);
        while self.unwanted.len() > UNWANTED_MAX {
            let Some(oldest) = self.unwanted.pop_front() else { return };
            let is_again = self.unwanted.contains(&oldest);
            let entry = self.entries[oldest].as_ref();
            let is_unwanted =
                entry.is_some_and(|entry| entry.takers.is_empty() && entry.nobody == Nobody::Unwanted);
            if is_unwanted && !is_again {
                self.forget(oldest);
            }
        }
    }

    fn forget(&mut self, number: usize) {
        let Some(entry) = self.entries[number].take() else { return };
        self.free.push(number);
        for identifier in entry.identifiers {
            self.identified.remove(&identifier);
        }
        let Ok(filter) = TopicFilter::new(&entry.text) else { return };
        for key in keys(filter) {
            let Some(id) = self.trie.get(key) else { continue };
            let numbers = &mut self.by_trie[id.index()];
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.trie.remove(key);
            }
        }
    }

    /// Whom a message is for; takers are added to `targets`, each once.
    pub(crate) fn claim(&self, message: &Message, session: &Session, targets: &mut Vec<Target>) -> Claim {
        let mut found = Found { targets, nobody: None };
        let Ok(topic) = TopicName::new(message.topic()) else { return Claim::Unknown };
        let mut is_decided = false;
        let mut last = None;
        for identifier in message.subscription_identifiers() {
            if last.replace(identifier) == Some(identifier) {
                continue;
            }
            let is_ours = session.was_subscription_identifier(identifier);
            let entry = self.identified.get(&identifier).and_then(|number| self.entries[*number].as_ref());
            match entry {
                // An identifier that another program gave to this session may mean another filter.
                Some(entry) if is_ours || has_match(&entry.text, topic) => {
                    is_decided = true;
                    found.add(entry);
                }
                Some(_) => {}
                None if is_ours => {
                    is_decided = true;
                    found.nobody.get_or_insert(Nobody::Unwanted);
                }
                None => {}
            }
        }
        if !is_decided {
            self.trie.for_each_match(topic, |id| {
                let numbers = self.by_trie.get(id.index()).map_or(&[][..], Vec::as_slice);
                numbers
                    .iter()
                    .filter_map(|number| self.entries[*number].as_ref())
                    .for_each(|entry| found.add(entry));
            });
        }
        match found.nobody {
            _ if !found.targets.is_empty() => Claim::Takers,
            Some(nobody) => Claim::Nobody(nobody),
            None => Claim::Unknown,
        }
    }
}

struct Found<'a> {
    targets: &'a mut Vec<Target>,
    nobody: Option<Nobody>,
}

impl Found<'_> {
    fn add(&mut self, entry: &Entry) {
        for target in entry.takers.iter() {
            if self.targets.iter().all(|other| other.taker != target.taker) {
                self.targets.push(target);
            }
        }
        if entry.takers.is_empty() {
            self.nobody = match (self.nobody, entry.nobody) {
                (Some(Nobody::Since(one)), Nobody::Since(other)) => Some(Nobody::Since(one.max(other))),
                (Some(since @ Nobody::Since(_)), Nobody::Unwanted) => Some(since),
                (Some(Nobody::Unwanted) | None, nobody) => Some(nobody),
            };
        }
    }
}

/// What a filter is found by: itself, and what follows the prefix of a server.
fn keys<'a>(filter: TopicFilter<'a>) -> impl Iterator<Item = TopicFilter<'a>> {
    let behind = SERVER_PREFIXES.iter().find_map(|prefix| filter.as_str().strip_prefix(prefix));
    [Some(filter), behind.and_then(|text| TopicFilter::new(text).ok())].into_iter().flatten()
}

/// Whether a filter matches a topic, perhaps behind a prefix of the server's own.
pub(crate) fn has_match(filter: &str, topic: TopicName<'_>) -> bool {
    let is_match = |text: &str| TopicFilter::new(text).is_ok_and(|filter| filter.matches(topic));
    let behind = filter.strip_prefix('$').and_then(|text| text.split_once('/')).map(|(_, behind)| behind);
    is_match(filter) || behind.is_some_and(is_match)
}
