//! A subscription in the hands of the application: a stream of messages, and whether the server has granted it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;
use mqtt_proto::{QoS, TopicFilter};
use mqtt_session::Message;

use crate::error::{SubscribeError, TimedOut};
use crate::held::Held;
use crate::routes::{QueueId, Taken};
use crate::shared::{Handle, State};
use crate::token::{SubscribeToken, block_on, block_on_until};

/// A stream of the messages of one filter.
///
/// A message is acknowledged when it is taken, or later with [`Subscription::next_held`]. What nobody takes stays unacknowledged, and never stops pings,
/// acknowledgements or outgoing messages. The stream ends when the server refuses the subscription or the client is
/// disconnected for good; dropping it unsubscribes, unless another subscription or callback has the same filter.
#[derive(Debug)]
#[must_use = "dropping a subscription unsubscribes"]
pub struct Subscription {
    handle: Arc<Handle>,
    queue: QueueId,
    grant: Grant,
}

#[derive(Debug)]
enum Grant {
    Pending(SubscribeToken),
    Ended(Result<QoS, SubscribeError>),
}

impl Subscription {
    pub(crate) fn new(handle: Arc<Handle>, queue: QueueId, token: SubscribeToken) -> Subscription {
        Subscription { handle, queue, grant: Grant::Pending(token) }
    }

    /// The QoS that the server has granted, once it has answered. Messages may come before.
    pub async fn granted(&mut self) -> Result<QoS, SubscribeError> {
        if let Grant::Pending(token) = &mut self.grant {
            self.grant = Grant::Ended(token.await);
        }
        match &self.grant {
            Grant::Ended(result) => *result,
            Grant::Pending(_) => unreachable!("it was awaited above"),
        }
    }

    /// The same; blocks this thread until the server has answered.
    pub fn wait_granted(&mut self) -> Result<QoS, SubscribeError> {
        block_on(self.granted())
    }

    /// The next message.
    pub async fn next(&mut self) -> Option<Message> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// The next message; blocks this thread until there is one.
    pub fn wait_next(&mut self) -> Option<Message> {
        block_on(self.next())
    }

    /// The next message; blocks this thread for as long as `timeout`. `Ok(None)` is the end of the stream.
    pub fn wait_next_for(&mut self, timeout: Duration) -> Result<Option<Message>, TimedOut> {
        block_on_until(self.next(), Instant::now() + timeout).ok_or(TimedOut)
    }

    /// All messages that come, as a blocking iterator.
    pub fn wait_all(&mut self) -> impl Iterator<Item = Message> + use<'_> {
        std::iter::from_fn(|| self.wait_next())
    }

    /// The next message, if there is one already.
    pub fn try_next(&mut self) -> Option<Message> {
        let taken = self.handle.shared.lock().routes.try_queue(self.queue)?;
        Some(self.handle.shared.accept(taken))
    }

    /// The next message, acknowledged when what holds it is dropped, or with a reason.
    pub async fn next_held(&mut self) -> Option<Held> {
        std::future::poll_fn(|context| self.poll_taken(context)).await.map(|taken| self.hold(taken))
    }

    /// The same; blocks this thread until there is one.
    pub fn wait_next_held(&mut self) -> Option<Held> {
        block_on(self.next_held())
    }

    /// The same, if there is one already.
    pub fn try_next_held(&mut self) -> Option<Held> {
        let taken = self.handle.shared.lock().routes.try_queue(self.queue)?;
        Some(self.hold(taken))
    }

    fn hold(&self, taken: Taken) -> Held {
        Held::new(Arc::clone(&self.handle.shared), taken)
    }

    fn poll_taken(&self, context: &mut Context<'_>) -> Poll<Option<Taken>> {
        let mut state = self.handle.shared.lock();
        let is_stopped = state.is_stopped();
        state.routes.poll_queue(self.queue, is_stopped, context)
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let shared = &self.handle.shared;
        self.poll_taken(context).map(|taken| Some(shared.accept(taken?)))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let shared = &self.handle.shared;
        let mut state = shared.lock();
        let State { routes, session, .. } = &mut *state;
        let unwanted = routes.remove_queue(self.queue, |receipt, reason| {
            // The reason was checked when it was given.
            let _ = session.acknowledge_with(receipt, reason);
        });
        if let Some(filter) = unwanted.as_deref().and_then(|filter| TopicFilter::new(filter).ok()) {
            state.session.abandon_subscription(filter);
        }
        shared.release(state);
    }
}
