//! Messages that have arrived and are not done with: each is here once, however many takers it has.
//!
//! A message is *queued* for each taker that has yet to take it, and *held* by each that has taken it under a guard. It
//! is acknowledged when all who owe it are done. What is queued counts in bytes.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use mqtt_proto::{QoS, ReasonCode};
use mqtt_session::{Instant, Message, Receipt};

use crate::filters::Taker;
use crate::machine::Machine;
use crate::waiters::NumberHasher;

/// Names a message that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u32);

/// The part of one taker in a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) key: Key,
    /// Whether the acknowledgement waits for this taker.
    pub(crate) owes: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Waiting {
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Bytes of everything that is queued.
    bytes: usize,
    /// Messages that are queued.
    messages: usize,
    /// Messages whose acknowledgement is owed.
    owing: usize,
    sequence: u64,
    /// Messages with an acknowledgement in the order of arrival; some are done since.
    order: VecDeque<(u64, Key)>,
    /// QoS 1 messages that are not acknowledged, by their exchange: the server may repeat them.
    exchanges: HashMap<u16, (u64, Key), BuildHasherDefault<NumberHasher>>,
}

#[derive(Debug)]
struct Entry {
    message: Option<Message>,
    receipt: Option<Receipt>,
    /// Of repetitions on one connection.
    more: Vec<Receipt>,
    queued: u32,
    held: u32,
    owing: u32,
    /// Whether one of its takers has taken it.
    is_taken: bool,
    refusal: Option<ReasonCode>,
    /// Counts arrivals, so that another message in the same place is told apart.
    sequence: u64,
    arrived: Instant,
    /// The first of its takers; none while nobody has claimed it.
    taker: Option<Taker>,
}

/// A message counts as so many bytes more than its packet has.
const OVERHEAD: usize = 128;

/// What a message counts as, in bytes.
pub(crate) fn size(message: &Message) -> usize {
    message.packet_size() + OVERHEAD
}

/// The oldest message that is not acknowledged.
#[derive(Debug)]
pub(crate) struct Oldest {
    pub(crate) arrived: Instant,
    pub(crate) topic: Arc<str>,
    pub(crate) taker: Option<Taker>,
}

impl Waiting {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Messages whose acknowledgement is owed.
    pub(crate) fn owing(&self) -> usize {
        self.owing
    }

    /// A message that is not queued yet.
    pub(crate) fn add(&mut self, message: Message, now: Instant) -> Key {
        self.sequence += 1;
        let entry = Entry {
            receipt: message.receipt(),
            message: Some(message),
            more: Vec::new(),
            queued: 0,
            held: 0,
            owing: 0,
            is_taken: false,
            refusal: None,
            sequence: self.sequence,
            arrived: now,
            taker: None,
        };
        let key = match self.free.pop() {
            Some(index) => {
                self.entries[index as usize] = entry;
                Key(index)
            }
            None => {
                self.entries.push(entry);
                Key(u32::try_from(self.entries.len() - 1).expect("memory ends before"))
            }
        };
        if let Some(receipt) = self.entry(key).receipt {
            self.trim();
            self.order.push_back((self.sequence, key));
            if self.message(key).qos() == QoS::AtLeastOnce {
                self.exchanges.insert(receipt.exchange(), (self.sequence, key));
            }
        }
        key
    }

    fn entry(&mut self, key: Key) -> &mut Entry {
        &mut self.entries[key.0 as usize]
    }

    /// The message itself.
    pub(crate) fn message(&self, key: Key) -> &Message {
        self.entries[key.0 as usize].message.as_ref().expect("it is here while it has a part")
    }

    /// Whether another taker has taken it, or still has it.
    pub(crate) fn has_other(&self, key: Key) -> bool {
        let entry = &self.entries[key.0 as usize];
        entry.is_taken || entry.queued + entry.held > 1
    }

    /// One more taker waits for it, or nobody does yet.
    pub(crate) fn queue(&mut self, key: Key, owes: bool, taker: Option<Taker>) -> Part {
        let entry = self.entry(key);
        let is_first_part = entry.queued == 0;
        let owes = owes && entry.receipt.is_some();
        entry.taker = entry.taker.or(taker);
        entry.queued += 1;
        entry.owing += u32::from(owes);
        let is_first_owed = owes && entry.owing == 1;
        self.owing += usize::from(is_first_owed);
        if is_first_part {
            self.count(key, true);
        }
        Part { key, owes }
    }

    fn count(&mut self, key: Key, is_queued: bool) {
        let size = size(self.message(key));
        if is_queued {
            self.bytes += size;
            self.messages += 1;
        } else {
            self.bytes -= size;
            self.messages -= 1;
        }
    }

    fn unqueue(&mut self, part: Part) {
        let entry = self.entry(part.key);
        entry.queued -= 1;
        if entry.queued == 0 {
            self.count(part.key, false);
        }
    }

    /// A taker goes that has not taken it, and another has it.
    pub(crate) fn release(&mut self, part: Part, session: &mut Machine) {
        self.unqueue(part);
        let entry = self.entry(part.key);
        let was_taken = entry.is_taken;
        entry.held += 1;
        self.settle(part, Some(ReasonCode::Success), session);
        self.entry(part.key).is_taken = was_taken;
    }

    /// A taker has taken it for good, or it is given up.
    pub(crate) fn take(&mut self, part: Part, session: &mut Machine) -> Message {
        self.unqueue(part);
        let entry = self.entry(part.key);
        entry.held += 1;
        let message = match entry.queued == 0 && entry.held == 1 {
            true => entry.message.take(),
            false => entry.message.clone(),
        };
        self.settle(part, Some(ReasonCode::Success), session);
        message.expect("it is here while it has a part")
    }

    /// A taker has taken it under a guard.
    pub(crate) fn hold(&mut self, part: Part) -> Message {
        self.unqueue(part);
        let entry = self.entry(part.key);
        entry.held += 1;
        entry.message.clone().expect("it is here while it has a part")
    }

    /// A guard goes without a word: its message is queued again.
    pub(crate) fn hand_back(&mut self, part: Part) {
        let entry = self.entry(part.key);
        entry.held -= 1;
        entry.queued += 1;
        if entry.queued == 1 {
            self.count(part.key, true);
        }
    }

    /// A taker is done with it, which acknowledges it if it was the last that owed it; without a reason it stays
    /// unacknowledged.
    pub(crate) fn settle(&mut self, part: Part, reason: Option<ReasonCode>, session: &mut Machine) {
        let entry = self.entry(part.key);
        entry.held -= 1;
        entry.is_taken |= reason.is_some();
        if let Some(reason) = reason.filter(|_| part.owes) {
            if reason != ReasonCode::Success {
                entry.refusal.get_or_insert(reason);
            }
            entry.owing -= 1;
            if entry.owing == 0 {
                self.owing -= 1;
                self.acknowledge(part.key, session);
            }
        }
        self.free_if_done(part.key);
    }

    /// Whether it is acknowledged as soon as this part is settled.
    pub(crate) fn is_alone(&mut self, part: Part) -> bool {
        part.owes && self.entry(part.key).owing == 1
    }

    /// Acknowledges it now, whoever is still to take it.
    pub(crate) fn acknowledge(&mut self, key: Key, session: &mut Machine) {
        let entry = self.entry(key);
        let reason = entry.refusal.unwrap_or(ReasonCode::Success);
        let more = std::mem::take(&mut entry.more);
        let sequence = entry.sequence;
        let receipt = entry.receipt.take();
        self.forget_exchange(receipt, sequence);
        for receipt in receipt.into_iter().chain(more) {
            // A receipt of a lost connection changes nothing.
            session.acknowledge(receipt, reason);
        }
    }

    fn free_if_done(&mut self, key: Key) {
        let entry = self.entry(key);
        if entry.queued > 0 || entry.held > 0 {
            return;
        }
        entry.message = None;
        let (receipt, sequence) = (entry.receipt.take(), entry.sequence);
        let is_owed = std::mem::take(&mut entry.owing) > 0;
        self.owing -= usize::from(is_owed);
        self.free.push(key.0);
        self.forget_exchange(receipt, sequence);
    }

    fn forget_exchange(&mut self, receipt: Option<Receipt>, sequence: u64) {
        let Some(receipt) = receipt.filter(|receipt| receipt.qos() == QoS::AtLeastOnce) else { return };
        if self.exchanges.get(&receipt.exchange()).is_some_and(|(of, _)| *of == sequence) {
            self.exchanges.remove(&receipt.exchange());
        }
    }

    /// Whether a message repeats one that is still here; then its acknowledgement stands for both.
    pub(crate) fn is_repetition(&mut self, message: &Message, session: &Machine) -> bool {
        if !message.dup() || message.qos() != QoS::AtLeastOnce {
            return false;
        }
        let Some(receipt) = message.receipt() else { return false };
        let Some((sequence, key)) = self.exchanges.get(&receipt.exchange()).copied() else { return false };
        let entry = self.entry(key);
        // A server may have given the identifier to another message, when that of before had expired.
        let is_same = entry.sequence == sequence
            && entry.receipt.is_some_and(|earlier| receipt.repeats(&earlier))
            && entry.message.as_ref().is_some_and(|earlier| {
                earlier.topic() == message.topic() && earlier.payload() == message.payload()
            });
        if !is_same {
            return false;
        }
        let earlier = entry.receipt.replace(receipt);
        entry.more.extend(earlier.filter(|earlier| session.is_current(*earlier)));
        true
    }

    fn trim(&mut self) {
        while let Some((sequence, key)) = self.order.front() {
            let entry = &self.entries[key.0 as usize];
            if entry.sequence == *sequence && entry.receipt.is_some() {
                break;
            }
            self.order.pop_front();
        }
        if self.order.len() > 2 * self.owing + ORDER_SPARE {
            let entries = &self.entries;
            self.order.retain(|(sequence, key)| {
                let entry = &entries[key.0 as usize];
                entry.sequence == *sequence && entry.receipt.is_some()
            });
        }
    }

    /// What names the oldest message that is not acknowledged.
    pub(crate) fn oldest_sequence(&mut self) -> Option<u64> {
        self.trim();
        self.order.front().map(|(sequence, _)| *sequence)
    }

    /// The oldest message that is not acknowledged.
    pub(crate) fn oldest(&mut self) -> Option<Oldest> {
        self.trim();
        let (_, key) = *self.order.front()?;
        let topic = self.message(key).topic().into();
        let entry = &self.entries[key.0 as usize];
        Some(Oldest { arrived: entry.arrived, topic, taker: entry.taker })
    }

    /// Where a message stands among all that have arrived.
    pub(crate) fn sequence(&self, key: Key) -> u64 {
        self.entries[key.0 as usize].sequence
    }

    /// Somebody has claimed it.
    pub(crate) fn set_taker(&mut self, key: Key, taker: Taker) {
        self.entry(key).taker = Some(taker);
    }

    /// Nobody claims it any more.
    pub(crate) fn clear_taker(&mut self, key: Key) {
        self.entry(key).taker = None;
    }
}

/// Messages that are done which may stand in the order besides one for each that is not.
const ORDER_SPARE: usize = 64;
