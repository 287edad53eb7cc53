//! Where arriving messages go: queues of subscriptions, callbacks, and one queue for everything else.
//!
//! A message goes to the subscriptions and callbacks that its Subscription Identifiers name; where there are none,
//! to all whose filter matches. It is acknowledged when all of them have taken it. Queues are bounded: a QoS 0 message that finds its queue full is dropped and counted; a QoS 1 or
//! 2 message is never dropped, because it stays unacknowledged and the receive maximum bounds how many there are.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::task::{Context, Poll, Waker};

use mqtt_proto::{FilterId, FilterTrie, QoS, ReasonCode, TopicFilter, TopicName};
use mqtt_session::{Message, Receipt, Session, Ticket};

use crate::waiters::keep_waker;

/// Names a callback; the client knows what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallbackId(u64);

/// Names a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueId(usize);

/// Everything that waits to be taken by the application.
pub(crate) struct Routes {
    filters: FilterTrie,
    /// By filter: who wants its messages.
    targets: Vec<Vec<Target>>,
    /// Filters by the Subscription Identifier of their subscription.
    identified: HashMap<u32, FilterId>,
    queues: Vec<Option<Queue>>,
    queues_free: Vec<usize>,
    /// Queues whose SUBSCRIBE has not ended.
    subscribing: BTreeMap<Ticket, QueueId>,
    /// Messages for callbacks, in order of arrival.
    calls: VecDeque<(CallbackId, Delivery)>,
    callback_ids: u64,
    calls_waker: Option<Waker>,
    /// Messages by how many queues they are still in.
    shared: Vec<Shared>,
    shared_free: Vec<usize>,
    waiting_max: usize,
    dropped: u64,
    /// Targets of the message being routed; kept for its memory.
    matched: Vec<Target>,
}

#[derive(Clone, Copy)]
enum Target {
    Queue(QueueId),
    Call(CallbackId),
}

struct Queue {
    /// None for the queue of everything else.
    filter: Option<String>,
    messages: VecDeque<Delivery>,
    waker: Option<Waker>,
    /// Nothing more will come.
    is_closed: bool,
}

/// A message in a queue.
struct Delivery {
    message: Message,
    /// Its place in `shared`, if it wants an acknowledgement.
    shared: Option<usize>,
}

/// A message that was taken, and whose holder has yet to say what became of it.
pub(crate) struct Taken {
    pub(crate) message: Message,
    pub(crate) hold: Hold,
}

/// The part of one holder in the acknowledgement of a message.
#[derive(Debug)]
#[must_use = "the message is acknowledged when its last hold is released"]
pub(crate) struct Hold(Option<usize>);

#[derive(Debug)]
struct Shared {
    receipt: Receipt,
    holders: usize,
    /// The first refusal of a holder.
    refusal: Option<ReasonCode>,
}

impl From<Delivery> for Taken {
    fn from(delivery: Delivery) -> Taken {
        Taken { message: delivery.message, hold: Hold(delivery.shared) }
    }
}

impl Routes {
    pub(crate) fn new(waiting_max: usize) -> Routes {
        let mut routes = Routes {
            filters: FilterTrie::new(),
            targets: Vec::new(),
            identified: HashMap::new(),
            queues: Vec::new(),
            queues_free: Vec::new(),
            subscribing: BTreeMap::new(),
            calls: VecDeque::new(),
            callback_ids: 0,
            calls_waker: None,
            shared: Vec::new(),
            shared_free: Vec::new(),
            waiting_max: waiting_max.max(1),
            dropped: 0,
            matched: Vec::new(),
        };
        routes.add_queue(None);
        routes
    }

    /// The queue of messages that no subscription or callback takes.
    pub(crate) const REST: QueueId = QueueId(0);

    /// QoS 0 messages that found their queue full.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A queue for the messages of a filter.
    pub(crate) fn add_subscription(
        &mut self,
        filter: TopicFilter<'_>,
        identifier: Option<u32>,
        ticket: Ticket,
    ) -> QueueId {
        let id = self.add_queue(Some(filter.as_str().into()));
        self.subscribing.insert(ticket, id);
        self.add_target(filter, identifier, Target::Queue(id));
        id
    }

    /// A callback for the messages of a filter.
    pub(crate) fn add_callback(&mut self, filter: TopicFilter<'_>, identifier: Option<u32>) -> CallbackId {
        self.callback_ids += 1;
        let id = CallbackId(self.callback_ids);
        self.add_target(filter, identifier, Target::Call(id));
        id
    }

    /// Removes and returns the callback for the messages of a filter.
    pub(crate) fn remove_callback(&mut self, filter: TopicFilter<'_>) -> Option<CallbackId> {
        let index = self.filters.get(filter)?.index();
        let callback = self.targets[index].iter().find_map(|target| match target {
            Target::Call(id) => Some(*id),
            Target::Queue(_) => None,
        })?;
        self.remove_target(filter, |target| matches!(target, Target::Call(_)));
        Some(callback)
    }

    fn add_queue(&mut self, filter: Option<String>) -> QueueId {
        let queue = Queue { filter, messages: VecDeque::new(), waker: None, is_closed: false };
        match self.queues_free.pop() {
            Some(index) => {
                self.queues[index] = Some(queue);
                QueueId(index)
            }
            None => {
                self.queues.push(Some(queue));
                QueueId(self.queues.len() - 1)
            }
        }
    }

    fn add_target(&mut self, filter: TopicFilter<'_>, identifier: Option<u32>, target: Target) {
        let id = self.filters.insert(filter);
        self.identified.extend(identifier.map(|identifier| (identifier, id)));
        let index = id.index();
        if self.targets.len() <= index {
            self.targets.resize_with(index + 1, Vec::new);
        }
        self.targets[index].push(target);
    }

    fn remove_target(&mut self, filter: TopicFilter<'_>, is_meant: impl Fn(&Target) -> bool) -> bool {
        let Some(id) = self.filters.get(filter) else { return true };
        let targets = &mut self.targets[id.index()];
        targets.retain(|target| !is_meant(target));
        let is_unwanted = targets.is_empty();
        if is_unwanted {
            self.filters.remove(filter);
            self.identified.retain(|_, filter| *filter != id);
        }
        is_unwanted
    }

    /// Removes a queue; what is in it counts as taken. The filter is returned if nobody else wants it.
    pub(crate) fn remove_queue(
        &mut self,
        id: QueueId,
        mut acknowledge: impl FnMut(Receipt, ReasonCode),
    ) -> Option<String> {
        let queue = self.queues.get_mut(id.0)?.take()?;
        self.queues_free.push(id.0);
        self.subscribing.retain(|_, queue| *queue != id);
        for delivery in queue.messages {
            if let Some((receipt, reason)) = self.release(Hold(delivery.shared), ReasonCode::Success) {
                acknowledge(receipt, reason);
            }
        }
        let text = queue.filter?;
        let filter = TopicFilter::new(&text).ok()?;
        let is_unwanted =
            self.remove_target(filter, |target| matches!(target, Target::Queue(other) if *other == id));
        is_unwanted.then_some(text)
    }

    /// Puts a message into every queue that it belongs to; whom to wake is added to `wakers`.
    pub(crate) fn route(&mut self, message: Message, session: &Session, wakers: &mut Vec<Waker>) {
        let mut matched = std::mem::take(&mut self.matched);
        if let Ok(topic) = TopicName::new(message.topic()) {
            if !self.match_identifiers(&message, topic, session, &mut matched) {
                self.filters.for_each_match(topic, |id| matched.extend_from_slice(&self.targets[id.index()]));
            }
        }
        if matched.is_empty() {
            matched.push(Target::Queue(Routes::REST));
        }
        if message.qos() == QoS::AtMostOnce {
            matched.retain(|target| self.has_room(target));
        }
        let shared = message.receipt().map(|receipt| self.share(receipt, matched.len()));
        let mut message = Some(message);
        let last = matched.len().saturating_sub(1);
        for (index, target) in matched.drain(..).enumerate() {
            let message = if index == last { message.take() } else { message.clone() };
            let Some(message) = message else { break };
            wakers.extend(self.put(target, Delivery { message, shared }));
        }
        self.matched = matched;
    }

    /// Whether identifiers have decided, so that no filter need be looked at.
    fn match_identifiers(
        &self,
        message: &Message,
        topic: TopicName<'_>,
        session: &Session,
        matched: &mut Vec<Target>,
    ) -> bool {
        let mut is_ours = false;
        for identifier in message.subscription_identifiers() {
            is_ours |= session.was_subscription_identifier(identifier);
            let Some(id) = self.identified.get(&identifier) else { continue };
            // An identifier that another program gave to this session may mean another filter.
            let filter = self.filters.filter(*id).and_then(|filter| TopicFilter::new(filter).ok());
            if filter.is_some_and(|filter| filter.matches(topic)) {
                matched.extend_from_slice(&self.targets[id.index()]);
            }
        }
        is_ours || !matched.is_empty()
    }

    fn has_room(&mut self, target: &Target) -> bool {
        let waiting = match target {
            Target::Queue(id) => self.queues[id.0].as_ref().map_or(0, |queue| queue.messages.len()),
            Target::Call(_) => self.calls.len(),
        };
        let has_room = waiting < self.waiting_max;
        self.dropped += u64::from(!has_room);
        has_room
    }

    fn put(&mut self, target: Target, delivery: Delivery) -> Option<Waker> {
        match target {
            Target::Queue(id) => {
                let queue = self.queues[id.0].as_mut()?;
                queue.messages.push_back(delivery);
                queue.waker.take()
            }
            Target::Call(callback) => {
                self.calls.push_back((callback, delivery));
                self.calls_waker.take()
            }
        }
    }

    fn share(&mut self, receipt: Receipt, holders: usize) -> usize {
        let shared = Shared { receipt, holders, refusal: None };
        match self.shared_free.pop() {
            Some(index) => {
                self.shared[index] = shared;
                index
            }
            None => {
                self.shared.push(shared);
                self.shared.len() - 1
            }
        }
    }

    /// One holder less; if that was the last, the receipt and what is to be said.
    pub(crate) fn release(&mut self, hold: Hold, reason: ReasonCode) -> Option<(Receipt, ReasonCode)> {
        let index = hold.0?;
        let entry = &mut self.shared[index];
        if reason != ReasonCode::Success {
            entry.refusal.get_or_insert(reason);
        }
        entry.holders -= 1;
        if entry.holders > 0 {
            return None;
        }
        self.shared_free.push(index);
        Some((entry.receipt, entry.refusal.unwrap_or(ReasonCode::Success)))
    }

    /// The next message of a queue; none once the queue is closed and empty.
    pub(crate) fn poll_queue(
        &mut self,
        id: QueueId,
        is_stopped: bool,
        context: &mut Context<'_>,
    ) -> Poll<Option<Taken>> {
        let Some(queue) = self.queues.get_mut(id.0).and_then(Option::as_mut) else {
            return Poll::Ready(None);
        };
        match queue.messages.pop_front() {
            Some(delivery) => Poll::Ready(Some(delivery.into())),
            None if queue.is_closed || is_stopped => Poll::Ready(None),
            None => {
                keep_waker(&mut queue.waker, context);
                Poll::Pending
            }
        }
    }

    /// The next message of a queue, if there is one.
    pub(crate) fn try_queue(&mut self, id: QueueId) -> Option<Taken> {
        self.queues.get_mut(id.0)?.as_mut()?.messages.pop_front().map(Taken::from)
    }

    /// The next callback to run.
    pub(crate) fn poll_call(&mut self, context: &mut Context<'_>) -> Poll<(CallbackId, Taken)> {
        match self.calls.pop_front() {
            Some((callback, delivery)) => Poll::Ready((callback, delivery.into())),
            None => {
                keep_waker(&mut self.calls_waker, context);
                Poll::Pending
            }
        }
    }

    /// The SUBSCRIBE of a queue has ended; if it failed, nothing more comes.
    pub(crate) fn on_subscribe_ended(&mut self, ticket: Ticket, is_granted: bool) -> Option<Waker> {
        let id = self.subscribing.remove(&ticket)?;
        let queue = self.queues[id.0].as_mut()?;
        queue.is_closed |= !is_granted;
        if is_granted { None } else { queue.waker.take() }
    }

    /// All who wait for messages; each finds out for itself what has changed.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        let queues = self.queues.iter_mut().flatten().filter_map(|queue| queue.waker.take());
        queues.chain(self.calls_waker.take()).collect()
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("filters", &self.filters.len())
            .field("calls", &self.calls.len())
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}
