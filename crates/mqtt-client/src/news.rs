//! News of the connection, kept for those who want to know.
//!
//! A slow listener loses the oldest news, never the driver's time.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use mqtt_session::{Evidence, OfflineCause, Ticket};

use crate::waiters::keep_waker;

/// Something that happened to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// The server has accepted the connection.
    Online {
        /// Whether the server went on with a session that it had kept.
        session_present: bool,
    },
    /// The connection is gone, or could not be had.
    Offline {
        /// Why.
        cause: OfflineCause,
        /// Whether it is tried again.
        will_retry: bool,
    },
    /// Connections broke whenever an operation was under way: it is set aside until [`crate::Client::retry`] or
    /// [`crate::Client::give_up`] decides about it, and the rest goes on.
    SetAside {
        /// Which; the token of an operation tells it too.
        ticket: Ticket,
        /// What speaks against it.
        evidence: Evidence,
    },
    /// The next attempt to connect waits for [`crate::Client::set_credentials`], for as long as `network_timeout`.
    CredentialsWanted,
    /// The log of the session could not be written and ends; the client goes on.
    #[cfg(feature = "capture")]
    CaptureFailed {
        /// What the sink said.
        kind: std::io::ErrorKind,
    },
}

/// News that a listener may leave waiting.
const WAITING_MAX: usize = 64;

/// The listeners.
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

    pub(crate) fn remove(&mut self, index: usize) {
        self.queues[index] = None;
    }

    pub(crate) fn push(&mut self, event: ConnectionEvent, wakers: &mut Vec<Waker>) {
        for queue in self.queues.iter_mut().flatten() {
            if queue.waiting.len() == WAITING_MAX {
                queue.waiting.pop_front();
            }
            queue.waiting.push_back(event);
            wakers.extend(queue.waker.take());
        }
    }

    pub(crate) fn poll(&mut self, index: usize, context: &mut Context<'_>) -> Poll<ConnectionEvent> {
        let Some(queue) = self.queues[index].as_mut() else { return Poll::Pending };
        match queue.waiting.pop_front() {
            Some(event) => Poll::Ready(event),
            None => {
                keep_waker(&mut queue.waker, context);
                Poll::Pending
            }
        }
    }

    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        self.queues.iter_mut().flatten().filter_map(|queue| queue.waker.take()).collect()
    }
}
