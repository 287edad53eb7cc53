//! Events of the connection, and a queue of them for each subscriber.
//!
//! A slow subscriber loses the oldest events; the driver never waits for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use mqtt_session::{OfflineCause, QuarantineReport, Rejected, Ticket};
use mqtt_store::StoreError;

/// Something that happened to the connection, or to messages that arrived on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// The server has accepted the connection.
    Online {
        /// Whether the server has resumed the session of an earlier connection.
        session_present: bool,
    },
    /// The connection ended, or an attempt to connect failed.
    Offline {
        /// Why.
        cause: OfflineCause,
        /// Whether the client will connect again.
        will_retry: bool,
    },
    /// Connections broke whenever an operation was under way: it is quarantined until [`crate::Client::retry`] or
    /// [`crate::Client::give_up`] decides about it, and the rest goes on.
    Quarantined {
        /// Which operation; the same as `ticket` of its token.
        ticket: Ticket,
        /// Why it is suspected.
        report: QuarantineReport,
    },
    /// The next attempt to connect waits for [`crate::Client::set_credentials`], for as long as `network_timeout`.
    CredentialsWanted,
    /// Messages arrived when there was no room for them (`Options::incoming_bytes_max`), and were dropped: with QoS 0, and
    /// in a session that ends with its connection with any QoS.
    MessagesDropped {
        /// How many.
        count: u64,
    },
    /// QoS 1 and 2 messages arrived when there was no room for them. They are not acknowledged; the server sends them
    /// again on a connection that follows once there is room.
    MessagesLeft {
        /// How many.
        count: u64,
    },
    /// Messages that nobody has taken were acknowledged: there was no stream, callback or `listen` for them within
    /// `Options::unclaimed_grace`, their stream was dropped, or the filter was unsubscribed.
    MessagesGivenUp {
        /// Their topic. Where messages of more than 16 topics are given up at once, those of further topics count here too.
        topic: Arc<str>,
        /// How many.
        count: u64,
    },
    /// A guard was dropped before its message was acknowledged, refused or left; its taker gets the message once more.
    MessageHandedBack {
        /// Topic of the message.
        topic: Arc<str>,
    },
    /// One message has been the oldest for five seconds, is not taken, and holds back acknowledgements of others, which go
    /// out in the order of arrival; the server may send no further QoS 1 and 2 messages. Reported once until none is held back.
    Stalled {
        /// Filter of the stream or callback that has not taken it; none if nobody has claimed it, or `receive` has not.
        filter: Option<Arc<str>>,
        /// Topic of the message.
        topic: Arc<str>,
        /// Messages that are not acknowledged.
        unacknowledged: usize,
    },
    /// The server has more messages under way than the receive maximum; they are taken. Reported once per connection.
    ReceiveMaximumExceeded {
        /// Messages that are not acknowledged.
        unacknowledged: usize,
    },
    /// The server has sent a QoS 2 message under an identifier that was not free, and without DUP: it counts as a
    /// repetition and was not delivered.
    IdentifierReused {
        /// The packet identifier.
        packet_id: u16,
    },
    /// A subscription that was made anew after a reconnect was refused; its streams end.
    SubscriptionRefused {
        /// Its filter.
        filter: Arc<str>,
        /// Why.
        why: Rejected,
    },
    /// So many connections in a row ended because the server sent what cannot be taken, such as the same message that
    /// is larger than `Options::packet_size_max`.
    FaultRepeated {
        /// How they ended.
        cause: OfflineCause,
        /// How many.
        connections: u32,
    },
    /// All handles of the client are gone, and operations have not ended: they may go on for `network_timeout`.
    Draining {
        /// How many.
        unfinished: usize,
    },
    /// The store takes no more records. What was accepted before is stored, or may be.
    StoreFailed {
        /// Why.
        error: StoreError,
        /// Whether the client goes on without it; otherwise it has stopped. See `Options::store_failure`.
        goes_on: bool,
    },
    /// The log of the session could not be written and ends; the client goes on.
    #[cfg(feature = "capture")]
    CaptureFailed {
        /// Error of the sink.
        kind: std::io::ErrorKind,
    },
}

impl ConnectionEvent {
    /// Adds the count of an event of the same kind; false if it is of another kind.
    pub(crate) fn absorb(&mut self, event: &ConnectionEvent) -> bool {
        match (self, event) {
            (
                ConnectionEvent::MessagesDropped { count },
                ConnectionEvent::MessagesDropped { count: more },
            )
            | (ConnectionEvent::MessagesLeft { count }, ConnectionEvent::MessagesLeft { count: more }) => {
                *count += more;
                true
            }
            (
                ConnectionEvent::MessagesGivenUp { topic, count },
                ConnectionEvent::MessagesGivenUp { topic: other, count: more },
            ) if topic == other => {
                *count += more;
                true
            }
            _ => false,
        }
    }
}

/// Events that wait for one subscriber, at the most.
const WAITING_MAX: usize = 64;

/// The subscribers.
#[derive(Debug, Default)]
pub(crate) struct EventQueues {
    queues: Vec<Option<EventQueue>>,
}

#[derive(Debug, Default)]
struct EventQueue {
    waiting: VecDeque<ConnectionEvent>,
    waker: Option<Waker>,
}

impl EventQueues {
    pub(crate) fn add(&mut self) -> usize {
        match self.queues.iter().position(Option::is_none) {
            Some(index) => {
                self.queues[index] = Some(EventQueue::default());
                index
            }
            None => {
                self.queues.push(Some(EventQueue::default()));
                self.queues.len() - 1
            }
        }
    }

    /// Removes a subscriber; its waker is to be dropped once no lock is held.
    pub(crate) fn remove(&mut self, index: usize) -> Option<Waker> {
        self.queues[index].take()?.waker
    }

    pub(crate) fn push(&mut self, event: &ConnectionEvent, wakers: &mut Vec<Waker>) {
        for queue in self.queues.iter_mut().flatten() {
            if !queue.waiting.back_mut().is_some_and(|last| last.absorb(event)) {
                if queue.waiting.len() == WAITING_MAX {
                    queue.waiting.pop_front();
                }
                queue.waiting.push_back(event.clone());
            }
            wakers.extend(queue.waker.take());
        }
    }

    pub(crate) fn next(&mut self, index: usize) -> Option<ConnectionEvent> {
        self.queues[index].as_mut()?.waiting.pop_front()
    }

    pub(crate) fn waker(&mut self, index: usize) -> Option<&mut Option<Waker>> {
        self.queues[index].as_mut().map(|queue| &mut queue.waker)
    }

    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        self.queues.iter_mut().flatten().filter_map(|queue| queue.waker.take()).collect()
    }
}
