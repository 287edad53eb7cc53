//! Where arriving messages go: to streams, to callbacks, to `receive`, or to wait for a taker that comes later.
//!
//! A message is acknowledged when all of its takers have taken it, and not before: ending a program, dropping a guard or
//! a panic acknowledges nothing. What waits is bounded in bytes. Messages that are dropped, left to the server or given
//! up are counted, and reported by events.

mod stall;
mod notices;
mod queues;
mod ending;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use mqtt_proto::{ReasonCode, TopicFilter, TopicName};
use mqtt_session::{Input, Instant, Message, Ticket};

use crate::explanation::OldestUnacknowledged;
use crate::filters::{CallbackId, Claim, Filters, StreamId, Taker, Target, has_match};
use crate::flow::Flow;
use crate::machine::Machine;
use crate::unclaimed::Unclaimed;
use crate::waiting::{Part, Waiting, size};
use crate::wakers::WakerQueue;
use notices::Notices;
pub(crate) use queues::Queue;
use stall::Stall;

/// What a change of the routes may use: lent for one call.
pub(crate) struct Env<'a> {
    pub(crate) now: Instant,
    pub(crate) session: &'a mut Machine,
    /// To be woken once no lock is held.
    pub(crate) wakers: &'a mut Vec<Waker>,
}

/// Everything that waits to be taken by the application.
#[derive(Debug)]
pub(crate) struct Routes {
    filters: Filters,
    waiting: Waiting,
    unclaimed: Unclaimed,
    flow: Flow,
    streams: Vec<Option<Stream>>,
    streams_free: Vec<usize>,
    /// Streams whose SUBSCRIBE has not ended.
    subscribing: BTreeMap<Ticket, StreamId>,
    callbacks: BTreeMap<CallbackId, Callback>,
    callback_ids: u64,
    /// Callbacks that will not be called again.
    ended_callbacks: Vec<CallbackId>,
    /// Messages for callbacks, in order of arrival.
    calls: VecDeque<(CallbackId, Part)>,
    /// Messages for `receive`, in order of arrival.
    received: VecDeque<Part>,
    pub(crate) runners: WakerQueue,
    pub(crate) receivers: WakerQueue,
    stall: Stall,
    pub(crate) notices: Notices,
    /// Whether the application has dropped its last handle: nobody takes anything, and nothing is given up.
    is_abandoned: bool,
    /// Targets of the message being routed; reused for its memory.
    targets: Vec<Target>,
}

struct Stream {
    filter: Arc<str>,
    /// Names the subscription that it waits for.
    ticket: Ticket,
    parts: VecDeque<Part>,
    waker: Option<Waker>,
    /// Nothing more comes.
    is_ended: bool,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("filter", &self.filter)
            .field("waiting", &self.parts.len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Callback {
    filter: Arc<str>,
    /// Messages that wait for it, or that it is being called for.
    open: usize,
    /// Nothing more comes.
    is_ended: bool,
}

impl Routes {
    pub(crate) fn new(bytes_max: usize, grace: Duration) -> Routes {
        Routes {
            filters: Filters::default(),
            waiting: Waiting::default(),
            unclaimed: Unclaimed::new(grace),
            flow: Flow::new(bytes_max),
            streams: Vec::new(),
            streams_free: Vec::new(),
            subscribing: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            callback_ids: 0,
            ended_callbacks: Vec::new(),
            calls: VecDeque::new(),
            received: VecDeque::new(),
            runners: WakerQueue::default(),
            receivers: WakerQueue::default(),
            stall: Stall::default(),
            notices: Notices::default(),
            is_abandoned: false,
            targets: Vec::new(),
        }
    }

    /// Messages that wait to be taken, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.waiting.messages(), self.waiting.bytes())
    }

    /// A stream of the messages of a filter.
    pub(crate) fn add_stream(
        &mut self,
        filter: TopicFilter<'_>,
        identifier: Option<u32>,
        ticket: Ticket,
        target: impl FnOnce(Taker) -> Target,
        env: &mut Env<'_>,
    ) -> StreamId {
        let id = StreamId(self.streams_free.pop().unwrap_or(self.streams.len()));
        if id.0 == self.streams.len() {
            self.streams.push(None);
        }
        let target = target(Taker::Stream(id));
        let text = self.filters.add(filter, identifier, target);
        let parts = VecDeque::new();
        self.streams[id.0] = Some(Stream { filter: text, ticket, parts, waker: None, is_ended: false });
        self.subscribing.insert(ticket, id);
        self.claim_waiting(filter, target, env);
        id
    }

    /// What names the callback for the messages of a filter: the one that it has, or a new one.
    pub(crate) fn callback_id(&mut self, filter: TopicFilter<'_>) -> CallbackId {
        let old = self.filters.takers(filter).find_map(|target| match target.taker {
            Taker::Callback(id) => Some(id),
            Taker::Stream(_) | Taker::Receive => None,
        });
        old.unwrap_or_else(|| {
            self.callback_ids += 1;
            CallbackId(self.callback_ids)
        })
    }

    /// That callback takes the messages of a filter, also those that waited for the one in whose place it is.
    pub(crate) fn set_callback(
        &mut self,
        filter: TopicFilter<'_>,
        identifier: Option<u32>,
        target: Target,
        env: &mut Env<'_>,
    ) {
        let text = self.filters.add(filter, identifier, target);
        if let Taker::Callback(id) = target.taker {
            self.callbacks.entry(id).or_insert(Callback { filter: text, open: 0, is_ended: false });
        }
        self.claim_waiting(filter, target, env);
    }

    /// `receive` takes the messages of a filter.
    pub(crate) fn add_receive(
        &mut self,
        filter: TopicFilter<'_>,
        identifier: Option<u32>,
        target: impl FnOnce(Taker) -> Target,
        env: &mut Env<'_>,
    ) {
        let target = target(Taker::Receive);
        self.filters.add(filter, identifier, target);
        self.claim_waiting(filter, target, env);
    }

    /// What has waited for somebody to come for the filter.
    fn claim_waiting(&mut self, filter: TopicFilter<'_>, target: Target, env: &mut Env<'_>) {
        if self.unclaimed.is_empty() {
            return;
        }
        let is_meant =
            |topic: &str| TopicName::new(topic).is_ok_and(|topic| has_match(filter.as_str(), topic));
        for part in self.unclaimed.claim(&self.waiting, is_meant) {
            self.waiting.set_taker(part.key, target.taker);
            self.put(target.taker, part, env.wakers);
        }
    }

    /// Puts a message into every queue that it belongs to.
    pub(crate) fn route(&mut self, message: Message, env: &mut Env<'_>) {
        // A program that has ended acknowledges nothing more; what is not acknowledged comes again.
        if self.is_abandoned || self.waiting.is_repetition(&message, env.session) {
            return;
        }
        if !self.flow.takes(self.waiting.bytes(), size(&message)) {
            return self.refuse(&message, env);
        }
        let mut targets = std::mem::take(&mut self.targets);
        match self.filters.claim(&message, env.session, &mut targets) {
            Claim::Takers => self.deliver(message, &targets, env),
            Claim::Nobody(nobody) => {
                let until = self.unclaimed.deadline(Some(nobody), env.now);
                self.park(message, until, env);
            }
            Claim::Unknown => {
                let until = self.unclaimed.deadline(None, env.now);
                self.park(message, until, env);
            }
        }
        targets.clear();
        self.targets = targets;
    }

    fn deliver(&mut self, message: Message, targets: &[Target], env: &mut Env<'_>) {
        let key = self.waiting.add(message, env.now);
        let mut is_owed = false;
        for target in targets {
            let part = self.waiting.queue(key, target.owes(), Some(target.taker));
            is_owed |= part.owes;
            self.put(target.taker, part, env.wakers);
        }
        if !is_owed {
            self.waiting.acknowledge(key, env.session);
        }
    }

    fn park(&mut self, message: Message, until: Option<Instant>, env: &mut Env<'_>) {
        let key = self.waiting.add(message, env.now);
        let part = self.waiting.queue(key, true, None);
        match until {
            Some(until) => self.unclaimed.park(self.waiting.sequence(key), until, part),
            None => self.give_up(part, env),
        }
    }

    /// There is no room for a message. What a persistent session has, comes again.
    fn refuse(&mut self, message: &Message, env: &mut Env<'_>) {
        match message.receipt() {
            Some(receipt) if env.session.is_persistent() => {
                env.session.notify(env.now, Input::Leave(receipt));
                self.notices.on_left();
            }
            receipt => {
                if let Some(receipt) = receipt {
                    env.session.acknowledge(receipt, ReasonCode::Success);
                }
                self.notices.on_dropped();
            }
        }
    }

    fn give_up(&mut self, part: Part, env: &mut Env<'_>) {
        let message = self.waiting.take(part, env.session);
        self.notices.on_given_up(message.topic());
    }

    /// Whether the link is to be read.
    pub(crate) fn wants_read(&mut self, now: Instant) -> bool {
        self.flow.wants_read(self.waiting.bytes(), now)
    }

    /// Until when the link is left unread at the longest, if it is.
    pub(crate) fn unread_until(&self) -> Option<Instant> {
        self.flow.deadline()
    }

    /// Whether there is room again for what the driver waits with: reading the link, or fetching what was left.
    pub(crate) fn has_room_again(&self, session: &Machine) -> bool {
        let bytes = self.waiting.bytes();
        let may_read = self.flow.is_unread() && self.flow.has_room(bytes);
        may_read || session.is_stuck() && self.flow.is_half_empty(bytes)
    }

    /// What is due by now: graces that are over, messages that were left, stalls.
    pub(crate) fn handle_timeout(&mut self, env: &mut Env<'_>) {
        if self.is_abandoned {
            return;
        }
        while let Some(part) = self.unclaimed.pop_over(env.now) {
            self.give_up(part, env);
        }
        if env.session.is_stuck() && self.flow.is_half_empty(self.waiting.bytes()) {
            env.session.notify(env.now, Input::FetchLeft);
        }
        self.look_for_stall(env);
    }

    /// When [`Routes::handle_timeout`] is due at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.is_abandoned {
            return None;
        }
        self.unclaimed.next_deadline().into_iter().chain(self.stall.deadline()).min()
    }

    /// Whether the oldest message holds back the acknowledgements of others; after a while an event says so.
    fn look_for_stall(&mut self, env: &Env<'_>) {
        let unacknowledged = env.session.messages_unacknowledged();
        let is_held_back = unacknowledged > self.waiting.owing();
        let is_full = unacknowledged >= env.session.messages_unacknowledged_max();
        let is_stalling = unacknowledged > 0 && !env.session.is_stuck() && (is_held_back || is_full);
        let oldest = if is_stalling { self.waiting.oldest_sequence() } else { None };
        if !self.stall.is_due(oldest, env.now) {
            return;
        }
        if let Some(OldestUnacknowledged { filter, topic, .. }) = self.oldest(env.now) {
            self.stall.on_notified();
            self.notices.on_stalled(filter, topic, unacknowledged);
        }
    }

    /// The oldest message that is not acknowledged.
    pub(crate) fn oldest(&mut self, now: Instant) -> Option<OldestUnacknowledged> {
        let oldest = self.waiting.oldest()?;
        let filter = match oldest.taker {
            Some(Taker::Stream(id)) => self.streams[id.0].as_ref().map(|stream| &stream.filter),
            Some(Taker::Callback(id)) => self.callbacks.get(&id).map(|callback| &callback.filter),
            Some(Taker::Receive) | None => None,
        };
        let age = now.since(oldest.arrived);
        Some(OldestUnacknowledged { filter: filter.cloned(), topic: oldest.topic, age })
    }

    /// The application has dropped its last handle.
    pub(crate) fn on_abandoned(&mut self) {
        self.is_abandoned = true;
    }

    /// The connection is gone.
    pub(crate) fn on_connection_lost(&mut self) {
        self.flow.on_connection_lost();
    }
}
