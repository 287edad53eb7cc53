//! The stream of events of the connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use crate::blocking::{block_on, block_on_for};
use crate::connection_events::ConnectionEvent;
use crate::error::TimedOut;
use crate::shared::Shared;

/// A stream of [`ConnectionEvent`]s from the moment it was made; it ends with the driver.
///
/// Up to 64 events wait in it; a slower subscriber loses the oldest ones.
#[derive(Debug)]
#[must_use = "a stream does nothing until it is polled"]
pub struct Events {
    shared: Arc<Shared>,
    index: usize,
}

impl Events {
    pub(crate) fn new(shared: &Arc<Shared>) -> Events {
        let index = shared.lock().events.add();
        Events { shared: Arc::clone(shared), index }
    }

    /// The next event.
    pub async fn next(&mut self) -> Option<ConnectionEvent> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Blocking form of [`Events::next`].
    pub fn wait_next(&mut self) -> Option<ConnectionEvent> {
        block_on(self.next())
    }

    /// Blocking form of [`Events::next`] that waits no longer than `timeout`. `Ok(None)` is the end of the stream.
    pub fn wait_next_for(&mut self, timeout: Duration) -> Result<Option<ConnectionEvent>, TimedOut> {
        block_on_for(self.next(), timeout).ok_or(TimedOut)
    }

    /// The next event, if there is one already.
    pub fn try_next(&mut self) -> Option<ConnectionEvent> {
        self.shared.lock().events.next(self.index)
    }
}

impl Stream for Events {
    type Item = ConnectionEvent;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ConnectionEvent>> {
        let index = self.index;
        self.shared.poll(
            context,
            |state| match state.events.next(index) {
                Some(event) => Poll::Ready(Some(event)),
                None if state.gone.is_some() => Poll::Ready(None),
                None => Poll::Pending,
            },
            |state| state.events.waker(index),
        )
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let waker = self.shared.lock().events.remove(self.index);
        // The lock is released before code of the application may run.
        drop(waker);
    }
}
