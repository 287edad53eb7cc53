//! A message that the application has given a key, found again by it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mqtt_session::Mark;
use mqtt_store::{StoreError, StoreErrorKind};

use crate::blocking::block_on;
use crate::durability::Ended;
use crate::durable::{Durable, KeyState};
use crate::error::PublishError;
use crate::shared::Shared;
use crate::state::State;

/// A message with a key, from [`crate::Client::publication`]. Awaiting it gives how it has ended; any number may wait.
/// It has not ended when a timeout has passed, or the client was disconnected: it goes on with the next connection.
///
/// Fails if the client stops before. Whether a forgotten key has ended nobody knows any more: it counts as such.
#[derive(Clone, Debug)]
#[must_use = "it says how a message ends, and does nothing by itself"]
pub struct Publication {
    shared: Arc<Shared>,
    key: String,
}

impl Publication {
    pub(crate) fn new(shared: Arc<Shared>, key: &str) -> Publication {
        Publication { shared, key: key.into() }
    }

    /// The key of the message.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How the message has ended; none while it has not.
    pub fn ended(&self) -> Option<Ended> {
        match self.shared.lock().durable.as_ref()?.key(&self.key)? {
            KeyState::Open(_) => None,
            KeyState::Ended(ended) => Some(ended.clone()),
        }
    }

    /// Waits for the end; blocks this thread.
    pub fn wait(self) -> Result<Ended, PublishError> {
        block_on(self)
    }
}

impl Future for Publication {
    type Output = Result<Ended, PublishError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let key = self.key.as_str();
        let look = |state: &State| match state.durable.as_ref().and_then(|durable| durable.key(key)) {
            Some(KeyState::Ended(ended)) => Some(Ok(ended.clone())),
            Some(KeyState::Open(_)) => state.gone.map(|gone| Err(gone.into())),
            None => Some(Ok(Ended::Indeterminate("its key was forgotten".into()))),
        };
        poll_durable(&self.shared, context, look, |durable, waker| durable.wait_ended(key, waker))
    }
}

/// Whether the record of that mark is stored; waits until it is.
pub(crate) fn poll_stored(
    shared: &Shared,
    mark: Option<Mark>,
    context: &mut Context<'_>,
) -> Poll<Result<(), StoreError>> {
    let Some(mark) = mark else {
        let state = shared.lock();
        let failure = state.durable.as_ref().and_then(|durable| durable.failure().cloned());
        return Poll::Ready(Err(
            failure.unwrap_or_else(|| StoreError::new("the client", StoreErrorKind::Missing, ""))
        ));
    };
    let look = |state: &State| {
        let stopped = || StoreError::new("the client", StoreErrorKind::Failed, "it has stopped");
        let stored = state.durable.as_ref().and_then(|durable| durable.is_stored(mark));
        stored.or_else(|| state.gone.map(|_| Err(stopped())))
    };
    poll_durable(shared, context, look, |durable, waker| durable.wait_stored(mark, waker))
}

/// Wakers are cloned and dropped where no lock is held.
fn poll_durable<T>(
    shared: &Shared,
    context: &mut Context<'_>,
    look: impl Fn(&State) -> Option<T>,
    wait: impl FnOnce(&mut Durable, std::task::Waker) -> Option<std::task::Waker>,
) -> Poll<T> {
    let waker = context.waker().clone();
    let mut state = shared.lock();
    if let Some(ready) = look(&state) {
        drop(state);
        return Poll::Ready(ready);
    }
    let unused = match &mut state.durable {
        Some(durable) => wait(durable, waker),
        None => Some(waker),
    };
    drop(state);
    drop(unused);
    Poll::Pending
}
