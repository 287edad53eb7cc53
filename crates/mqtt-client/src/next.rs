//! One of several tasks that wait for the next message of the same queue.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::routes::Queue;
use crate::shared::Shared;
use crate::state::State;
use crate::wakers::WakerQueue;

/// How the next message of a queue is taken: for good, or under a guard.
pub(crate) type Take<T> = fn(&mut State, Queue) -> Option<T>;

/// Resolves with the next message of a queue, or with none once nothing more comes.
///
/// Each message wakes one task. If that one goes away before it has taken the message, another is woken in its place.
pub(crate) struct Next<'a, T> {
    shared: &'a Shared,
    queue: Queue,
    take: Take<T>,
    /// Its place among those who wait.
    key: Option<u64>,
}

impl<'a, T> Next<'a, T> {
    pub(crate) fn new(shared: &'a Shared, queue: Queue, take: Take<T>) -> Next<'a, T> {
        Next { shared, queue, take, key: None }
    }
}

fn tasks(state: &mut State, queue: Queue) -> &mut WakerQueue {
    match queue {
        Queue::Calls => &mut state.routes.runners,
        Queue::Received | Queue::Stream(_) => &mut state.routes.receivers,
    }
}

impl<T> Future for Next<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Next { shared, queue, take, key } = &mut *self;
        let queue = *queue;
        shared.poll_queue(queue, *take, context, |state| Some(tasks(state, queue).slot(key)))
    }
}

impl<T> Drop for Next<'_, T> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let mut state = self.shared.lock();
        let (own, was_woken) = tasks(&mut state, self.queue).remove(key);
        let is_owed = was_woken && state.routes.has_next(self.queue);
        let other = if is_owed { tasks(&mut state, self.queue).wake_one() } else { None };
        drop(state);
        other.into_iter().for_each(Waker::wake);
        drop(own);
    }
}
