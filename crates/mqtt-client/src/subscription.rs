//! A subscription in the hands of the application: a stream of messages, and whether the server has granted it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use mqtt_proto::{QoS, TopicFilter};
use mqtt_session::{Message, Receipt};

use crate::error::SubscribeError;
use crate::routes::QueueId;
use crate::shared::Handle;
use crate::token::{SubscribeToken, block_on};

/// A stream of the messages of one filter.
///
/// A message is acknowledged when it is taken. What nobody takes stays unacknowledged, and never stops pings,
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

    /// The next message, if there is one already.
    pub fn try_next(&mut self) -> Option<Message> {
        let mut state = self.handle.shared.lock();
        let (message, receipt) = state.routes.try_queue(self.queue)?;
        if let Some(receipt) = receipt {
            state.session.acknowledge(receipt);
            self.handle.shared.release(state);
        }
        Some(message)
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let shared = &self.handle.shared;
        let mut state = shared.lock();
        let is_stopped = state.is_stopped();
        let next = state.routes.poll_queue(self.queue, is_stopped, context);
        let Poll::Ready(Some((message, receipt))) = next else { return next.map(|_| None) };
        if let Some(receipt) = receipt {
            state.session.acknowledge(receipt);
            shared.release(state);
        }
        Poll::Ready(Some(message))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let shared = &self.handle.shared;
        let mut state = shared.lock();
        let mut receipts: Vec<Receipt> = Vec::new();
        let unwanted = state.routes.remove_queue(self.queue, |receipt| receipts.push(receipt));
        for receipt in receipts {
            state.session.acknowledge(receipt);
        }
        if let Some(filter) = unwanted.as_deref().and_then(|filter| TopicFilter::new(filter).ok()) {
            state.session.abandon_subscription(filter);
        }
        shared.release(state);
    }
}
