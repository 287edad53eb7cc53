//! Whom to wake, without ever running code of the application under a lock.
//!
//! A waker is the application's code: to clone, to wake or to drop one may call anything, the client included. So wakers
//! are cloned before the lock is taken, and woken and dropped after it is released; only [`Waker::will_wake`], which
//! compares two pointers, runs under it.

use std::collections::BTreeMap;
use std::task::Waker;

/// Tasks that wait for the same thing. What comes wakes one of them; any number may wait.
#[derive(Debug, Default)]
pub(crate) struct WakerQueue {
    /// By the order in which they came; without a waker once they were woken.
    waiting: BTreeMap<u64, Option<Waker>>,
    next: u64,
}

impl WakerQueue {
    /// The place of a task, which is made at its first call.
    pub(crate) fn slot(&mut self, key: &mut Option<u64>) -> &mut Option<Waker> {
        let key = *key.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        self.waiting.entry(key).or_default()
    }

    /// The waker of the task that has waited longest and was not woken yet.
    pub(crate) fn wake_one(&mut self) -> Option<Waker> {
        self.waiting.values_mut().find_map(Option::take)
    }

    /// A task waits no more: its waker, to be dropped once no lock is held, and whether it was woken and has taken
    /// nothing yet.
    pub(crate) fn remove(&mut self, key: u64) -> (Option<Waker>, bool) {
        let place = self.waiting.remove(&key);
        let was_woken = matches!(place, Some(None));
        (place.flatten(), was_woken)
    }

    /// All who wait; each finds out for itself what has changed.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Waker> {
        self.waiting.values_mut().filter_map(Option::take)
    }
}
