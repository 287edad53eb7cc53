//! The stream of news of the connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::news::ConnectionEvent;
use crate::shared::Shared;
use crate::token::block_on;

/// A stream of [`ConnectionEvent`]s from the moment it was made; it ends with the driver.
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

    /// The next event; blocks this thread until there is one.
    pub fn wait_next(&mut self) -> Option<ConnectionEvent> {
        block_on(self.next())
    }
}

impl Stream for Events {
    type Item = ConnectionEvent;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ConnectionEvent>> {
        let mut state = self.shared.lock();
        match state.events.poll(self.index, context) {
            Poll::Ready(event) => Poll::Ready(Some(event)),
            Poll::Pending if state.is_driver_gone => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.lock().events.remove(self.index);
    }
}
