//! A subscription in the hands of the application: a stream of messages, and whether the server has granted it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use mqtt_proto::{QoS, TopicFilter};
use mqtt_session::{Input, Message};

use crate::blocking::{block_on, block_on_for};
use crate::error::{SubscribeError, TimedOut};
use crate::explanation::StreamExplanation;
use crate::filters::StreamId;
use crate::held::Held;
use crate::next::Take;
use crate::routes::Queue;
use crate::shared::Handle;
use crate::state::{State, Taken};
use crate::token::SubscribeToken;

/// A stream of the messages of one filter.
///
/// A message is acknowledged when it is taken, when its guard says so ([`Subscription::next_held`]), or when it arrives
/// ([`crate::Acknowledge::OnArrival`]). The stream ends when the server refuses the subscription, when
/// [`crate::Client::unsubscribe`] was called, or when the client is disconnected for good, each time after it has handed
/// out what it has.
///
/// Dropping the stream of a persistent session changes nothing at the server: what is unread, and what still comes,
/// waits for another stream, callback or `listen` of the filter, for as long as `Options::unclaimed_grace`; if the
/// program ends before, it comes again. Dropping the last stream of a filter in a session that ends with its connection
/// unsubscribes, and what is unread counts as given up.
///
/// Acknowledgements go out in the order in which messages arrived [5.0 MQTT-4.6.0-2]. So a stream that is not read holds
/// back those of all others, and once as many messages wait as the server sends at once, no QoS 1 or 2 message comes any
/// more: [`crate::ConnectionEvent::Stalled`] reports it. Pings and outgoing messages go on.
#[derive(Debug)]
#[must_use = "a stream that is dropped takes no messages"]
pub struct Subscription {
    handle: Arc<Handle>,
    id: StreamId,
    filter: Arc<str>,
    grant: Grant,
}

#[derive(Debug)]
enum Grant {
    Pending(SubscribeToken),
    Ended(Result<QoS, SubscribeError>),
}

impl Subscription {
    pub(crate) fn new(
        handle: Arc<Handle>,
        id: StreamId,
        filter: &str,
        token: SubscribeToken,
    ) -> Subscription {
        Subscription { handle, id, filter: filter.into(), grant: Grant::Pending(token) }
    }

    /// The filter.
    pub fn filter(&self) -> &str {
        &self.filter
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

    /// Blocking form of [`Subscription::granted`].
    pub fn wait_granted(&mut self) -> Result<QoS, SubscribeError> {
        block_on(self.granted())
    }

    /// The next message.
    pub async fn next(&mut self) -> Option<Message> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Blocking form of [`Subscription::next`].
    pub fn wait_next(&mut self) -> Option<Message> {
        block_on(self.next())
    }

    /// Blocking form of [`Subscription::next`] that waits no longer than `timeout`. `Ok(None)` is the end of the stream.
    pub fn wait_next_for(&mut self, timeout: Duration) -> Result<Option<Message>, TimedOut> {
        block_on_for(self.next(), timeout).ok_or(TimedOut)
    }

    /// All messages that come, as a blocking iterator.
    pub fn wait_all(&mut self) -> impl Iterator<Item = Message> + use<'_> {
        std::iter::from_fn(|| self.wait_next())
    }

    /// The next message, if there is one already.
    pub fn try_next(&mut self) -> Option<Message> {
        self.handle.shared.try_queue(Queue::Stream(self.id), State::take)
    }

    /// The next message under a guard, which decides when and how it is acknowledged.
    pub async fn next_held(&mut self) -> Option<Held> {
        std::future::poll_fn(|context| self.poll_taken(context)).await.map(|taken| self.hold(taken))
    }

    /// Blocking form of [`Subscription::next_held`].
    pub fn wait_next_held(&mut self) -> Option<Held> {
        block_on(self.next_held())
    }

    /// The next message under a guard, if there is one already.
    pub fn try_next_held(&mut self) -> Option<Held> {
        self.handle.shared.try_queue(Queue::Stream(self.id), State::hold).map(|taken| self.hold(taken))
    }

    /// What the stream has and waits for, in words too: how many messages wait in it, whether the server has granted
    /// it, and whose message holds back acknowledgements.
    pub fn explain(&self) -> StreamExplanation {
        let now = self.handle.shared.now();
        let mut state = self.handle.shared.lock();
        let status =
            TopicFilter::new(&self.filter).ok().and_then(|filter| state.session.subscription(filter));
        let connection = state.session.status();
        let waiting = state.routes.waiting_in(self.id);
        let unacknowledged = state.session.messages_unacknowledged();
        let oldest = state.routes.oldest(now).filter(|_| unacknowledged > 0);
        StreamExplanation {
            filter: Arc::clone(&self.filter),
            status,
            connection,
            waiting,
            unacknowledged,
            oldest,
        }
    }

    fn hold(&self, taken: Taken) -> Held {
        Held::new(Arc::clone(&self.handle.shared), taken)
    }

    fn poll<T>(&self, take: Take<T>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let id = self.id;
        self.handle.shared.poll_queue(Queue::Stream(id), take, context, |state| state.routes.stream_waker(id))
    }

    fn poll_taken(&self, context: &mut Context<'_>) -> Poll<Option<Taken>> {
        self.poll(State::hold, context)
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll(State::take, context)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let shared = &self.handle.shared;
        let now = shared.now();
        let mut state = shared.lock();
        let (routes, mut env) = state.routes(now);
        let unwanted = routes.drop_stream(self.id, &mut env);
        if let Some(filter) = unwanted.as_deref().and_then(|filter| TopicFilter::new(filter).ok()) {
            state.session.notify(now, Input::Abandon(filter));
        }
        shared.release(state);
    }
}
