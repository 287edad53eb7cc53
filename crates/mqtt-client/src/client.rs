//! The handle that an application holds.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mqtt_proto::{Properties, Property, TopicFilter, TopicName};
use mqtt_session::{
    Command, Credentials, Disconnect, Message, OfflineCause, Stats, Status, SubscriptionStatus, Ticket,
};

use crate::clock::Clock;
use crate::driver::Driver;
use crate::error::{ConnectError, PublishError, SubscribeError, TimedOut};
use crate::events::Events;
use crate::held::Held;
use crate::options::Options;
use crate::request::{Publish, Subscribe};
use crate::routes::{CallbackId, Routes, Taken};
use crate::shared::{Handle, Shared};
use crate::subscription::Subscription;
use crate::token::{
    Completion, ConnectToken, DisconnectToken, PublishToken, ReauthenticateToken, RequestToken,
    SubscribeToken, UnsubscribeToken, block_on, block_on_until,
};

/// An MQTT client. Clones are cheap and share one connection; all methods take `&self` and none waits for the
/// network. When the last clone and the last subscription are dropped, the client disconnects.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
    /// Not behind the session's lock, so that a callback may do anything.
    callbacks: Arc<Mutex<BTreeMap<CallbackId, Callback>>>,
}

/// What an application runs for a message.
type Callback = Arc<dyn Fn(&Client, Message) + Send + Sync>;

impl Client {
    /// A client and its driver, for adapters. The seed drives the waits between attempts to connect.
    pub fn new(options: Options, clock: impl Clock + 'static, seed: u64) -> (Client, Driver) {
        let shared = Arc::new(Shared::new(options, seed, Box::new(clock)));
        let driver = Driver::new(Arc::clone(&shared));
        (Client { handle: Arc::new(Handle { shared }), callbacks: Arc::default() }, driver)
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    fn callbacks(&self) -> MutexGuard<'_, BTreeMap<CallbackId, Callback>> {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn completion(&self, ticket: Ticket) -> Completion {
        Completion::new(Arc::clone(self.shared()), ticket)
    }

    /// Asks for a connection, which is kept up until [`Client::disconnect`].
    pub fn connect(&self) -> Result<ConnectToken, ConnectError> {
        let shared = self.shared();
        let ticket = shared
            .submit(Command::Connect, |state, ticket| {
                state.stopped = None;
                ticket
            })
            .map_err(|reason| ConnectError::options(shared.servers[0].to_string(), reason))?;
        Ok(ConnectToken(self.completion(ticket)))
    }

    /// Whether the server has accepted the connection and it has not ended.
    pub fn is_connected(&self) -> bool {
        self.status() == Status::Online
    }

    /// Where the connection stands.
    pub fn status(&self) -> Status {
        self.shared().lock().session.status()
    }

    /// Accepts a message for publishing. The token resolves when the server has it; dropping the token cancels
    /// nothing. Without a connection the message waits for the next one.
    pub fn publish(&self, publish: Publish<'_>) -> Result<PublishToken, PublishError> {
        let command = Command::Publish(to_session(publish)?);
        let ticket = self.shared().submit(command, |_, ticket| ticket);
        let ticket = ticket.map_err(PublishError::Refused)?;
        Ok(PublishToken(self.completion(ticket)))
    }

    /// 5.0: Publishes a request. The token resolves with the response, which may come in any order with others and
    /// after a reconnect. A timeout, of the request or of the token, bounds the wait for it with every QoS.
    ///
    /// Responses come on a topic of the client's own, which is subscribed to with the first request; without a
    /// timeout a request that nobody answers waits until the client is disconnected.
    pub fn request(&self, request: Publish<'_>) -> Result<RequestToken, PublishError> {
        let command = Command::Request(to_session(request)?);
        let ticket = self.shared().submit(command, |_, ticket| ticket);
        let ticket = ticket.map_err(PublishError::Refused)?;
        Ok(RequestToken(self.completion(ticket)))
    }

    /// 5.0: Answers requests: [`Client::run`] calls `answer` for each message of the filter, and publishes what it
    /// returns where the request wants it, with the QoS of the request. Messages that want no response get none.
    ///
    /// A request is acknowledged when its response was accepted for sending. A response for which the queue has no
    /// room is dropped, and the request with it.
    pub fn respond<'a, R: Into<Bytes>>(
        &self,
        subscribe: impl Into<Subscribe<'a>>,
        answer: impl Fn(&Message) -> R + Send + Sync + 'static,
    ) -> Result<SubscribeToken, SubscribeError> {
        self.on(subscribe, move |client, request| {
            let response = answer(&request);
            // There is nobody to tell; the one who has asked will miss it.
            let _ = client.publish_response(&request, response.into());
        })
    }

    fn publish_response(&self, request: &Message, payload: Bytes) -> Result<(), PublishError> {
        let asked = request.properties();
        let Some(topic) = asked.response_topic() else { return Ok(()) };
        let correlation = asked.correlation_data().map(Property::CorrelationData);
        let response = Publish::new(topic, payload).qos(request.qos());
        self.publish(response.properties(Properties::new(correlation.as_slice()))).map(drop)
    }

    /// Subscribes to a filter, at QoS 1 unless said, and returns the stream of its messages.
    ///
    /// The subscription is asked for anew whenever the server has lost it.
    pub fn subscribe<'a>(&self, subscribe: impl Into<Subscribe<'a>>) -> Result<Subscription, SubscribeError> {
        let (command, filter) = subscribe_command(subscribe.into())?;
        let added = self.shared().submit(command, |state, ticket| {
            let identifier = state.session.subscription_identifier(filter);
            (state.routes.add_subscription(filter, identifier, ticket), ticket)
        });
        let (queue, ticket) = added.map_err(SubscribeError::Refused)?;
        let token = SubscribeToken(self.completion(ticket));
        Ok(Subscription::new(Arc::clone(&self.handle), queue, token))
    }

    /// Subscribes to a filter, at QoS 1 unless said, and has [`Client::run`] call `callback` for its messages.
    ///
    /// A message is acknowledged when the callback has returned. A later callback for the same filter takes the
    /// place of this one. Inside the callback every method may be called; a callback that owned a client would keep
    /// it alive, so it is lent one.
    pub fn on<'a>(
        &self,
        subscribe: impl Into<Subscribe<'a>>,
        callback: impl Fn(&Client, Message) + Send + Sync + 'static,
    ) -> Result<SubscribeToken, SubscribeError> {
        let (command, filter) = subscribe_command(subscribe.into())?;
        let mut callbacks = self.callbacks();
        let added = self.shared().submit(command, |state, ticket| {
            let old = state.routes.remove_callback(filter);
            let identifier = state.session.subscription_identifier(filter);
            (old, state.routes.add_callback(filter, identifier), ticket)
        });
        let (old, new, ticket) = added.map_err(SubscribeError::Refused)?;
        let old = old.and_then(|old| callbacks.remove(&old));
        callbacks.insert(new, Arc::new(callback));
        drop(callbacks);
        // What the old callback owns is dropped without a lock, since it may own anything.
        drop(old);
        Ok(SubscribeToken(self.completion(ticket)))
    }

    /// Subscribes to a filter, at QoS 1 unless said; its messages are taken by [`Client::receive`].
    pub fn listen<'a>(&self, subscribe: impl Into<Subscribe<'a>>) -> Result<SubscribeToken, SubscribeError> {
        let (command, _) = subscribe_command(subscribe.into())?;
        let ticket = self.shared().submit(command, |_, ticket| ticket);
        let ticket = ticket.map_err(SubscribeError::Refused)?;
        Ok(SubscribeToken(self.completion(ticket)))
    }

    /// Drops the callback for a filter and unsubscribes from it.
    pub fn unsubscribe(&self, filter: &str) -> Result<UnsubscribeToken, SubscribeError> {
        let filter = TopicFilter::new(filter).map_err(SubscribeError::Filter)?;
        let removed = self.shared().submit(Command::Unsubscribe(filter), |state, ticket| {
            (state.routes.remove_callback(filter), ticket)
        });
        let (old, ticket) = removed.map_err(SubscribeError::Refused)?;
        let old = old.and_then(|old| self.callbacks().remove(&old));
        drop(old);
        Ok(UnsubscribeToken(self.completion(ticket)))
    }

    /// The next message that no subscription and no callback takes; none once the client is disconnected for good.
    pub async fn receive(&self) -> Option<Message> {
        poll_fn(|context| self.poll_receive(context)).await
    }

    /// The same; blocks this thread until there is a message.
    pub fn wait_receive(&self) -> Option<Message> {
        block_on(self.receive())
    }

    /// The same; blocks this thread for as long as `timeout`. `Ok(None)` means that the client is disconnected for
    /// good.
    pub fn wait_receive_for(&self, timeout: Duration) -> Result<Option<Message>, TimedOut> {
        block_on_until(self.receive(), Instant::now() + timeout).ok_or(TimedOut)
    }

    /// The next message that no subscription and no callback takes, if there is one already.
    pub fn try_receive(&self) -> Option<Message> {
        let taken = self.shared().lock().routes.try_queue(Routes::REST)?;
        Some(self.shared().accept(taken))
    }

    /// The same as [`Client::receive`], acknowledged when what holds the message is dropped, or with a reason.
    pub async fn receive_held(&self) -> Option<Held> {
        let taken = poll_fn(|context| self.poll_rest(context)).await?;
        Some(Held::new(Arc::clone(self.shared()), taken))
    }

    /// The same; blocks this thread until there is a message.
    pub fn wait_receive_held(&self) -> Option<Held> {
        block_on(self.receive_held())
    }

    fn poll_receive(&self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_rest(context).map(|taken| Some(self.shared().accept(taken?)))
    }

    fn poll_rest(&self, context: &mut Context<'_>) -> Poll<Option<Taken>> {
        let mut state = self.shared().lock();
        let is_stopped = state.is_stopped();
        state.routes.poll_queue(Routes::REST, is_stopped, context)
    }

    /// Waits for messages and calls the callbacks of [`Client::on`], until the client is disconnected for good.
    ///
    /// That it was asked to disconnect is no error.
    pub async fn run(&self) -> Result<(), ConnectError> {
        while let Some((id, taken)) = poll_fn(|context| self.poll_call(context)).await {
            let callback = self.callbacks().get(&id).map(Arc::clone);
            let held = Held::new(Arc::clone(self.shared()), taken);
            if let Some(callback) = callback {
                callback(self, (*held).clone());
            }
        }
        let state = self.shared().lock();
        match state.stopped.unwrap_or(OfflineCause::Requested) {
            OfflineCause::Requested => Ok(()),
            cause => Err(self.shared().connect_error(&state, cause)),
        }
    }

    /// The same; blocks this thread.
    pub fn wait_run(&self) -> Result<(), ConnectError> {
        block_on(self.run())
    }

    fn poll_call(&self, context: &mut Context<'_>) -> Poll<Option<(CallbackId, Taken)>> {
        let mut state = self.shared().lock();
        let is_stopped = state.is_stopped();
        match state.routes.poll_call(context) {
            Poll::Ready(call) => Poll::Ready(Some(call)),
            Poll::Pending if is_stopped => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    /// User name and password for the attempt that asks for them by [`crate::ConnectionEvent::CredentialsWanted`],
    /// and for all that follow.
    pub fn set_credentials(&self, credentials: Option<Credentials>) -> Result<(), ConnectError> {
        let mut state = self.shared().lock();
        let result = state.session.set_credentials(credentials);
        self.shared().release(state);
        result.map_err(|reason| ConnectError::options(self.shared().servers[0].to_string(), reason))
    }

    /// 5.0: Authenticates once more on the connection that is there, for instance before a proof expires. Messages
    /// flow meanwhile. Fails without an [`crate::Authenticator`], or without a connection.
    pub fn reauthenticate(&self) -> Result<ReauthenticateToken, ConnectError> {
        let ticket = self.shared().submit(Command::Reauthenticate, |_, ticket| ticket);
        let server = || self.shared().servers[0].to_string();
        let ticket = ticket.map_err(|reason| ConnectError::options(server(), reason))?;
        Ok(ReauthenticateToken(self.completion(ticket)))
    }

    /// An operation that was set aside goes out again; false if it was not set aside.
    pub fn retry(&self, ticket: Ticket) -> bool {
        let mut state = self.shared().lock();
        let was_aside = state.session.retry(ticket);
        self.shared().release(state);
        was_aside
    }

    /// An operation that was set aside is dropped, and its token resolves; false if it was not set aside.
    pub fn give_up(&self, ticket: Ticket) -> bool {
        let mut state = self.shared().lock();
        let was_aside = state.session.give_up(ticket);
        self.shared().release(state);
        was_aside
    }

    /// News of the connection from now on.
    pub fn events(&self) -> Events {
        Events::new(self.shared())
    }

    /// Subscriptions that the server has neither granted nor refused.
    pub fn pending_subscriptions(&self) -> usize {
        self.shared().lock().session.pending_subscriptions()
    }

    /// Where a subscription stands; none if the filter is not wanted.
    pub fn subscription_status(&self, filter: &str) -> Option<SubscriptionStatus> {
        let filter = TopicFilter::new(filter).ok()?;
        self.shared().lock().session.subscription(filter)
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.shared().lock().session.stats()
    }

    /// QoS 0 messages that arrived while their queue was full, and were dropped.
    pub fn messages_dropped(&self) -> u64 {
        self.shared().lock().routes.dropped()
    }

    /// Messages that were accepted for publishing and never sent.
    pub fn messages_queued(&self) -> usize {
        self.shared().lock().session.queued_messages()
    }

    /// The client identifier: that of the options, or what the server assigned.
    pub fn client_id(&self) -> String {
        self.shared().lock().session.client_id().into()
    }

    /// Lets what was accepted end, for as long as `network_timeout` of the options, then disconnects.
    ///
    /// Fails only if the client is not connected.
    pub fn disconnect(&self) -> Result<DisconnectToken, ConnectError> {
        let drain = self.shared().lock().session.network_timeout();
        self.disconnect_within(drain)
    }

    /// Lets what was accepted end, for as long as `drain`, then disconnects. Operations that have not ended by
    /// then end with it.
    pub fn disconnect_within(&self, drain: Duration) -> Result<DisconnectToken, ConnectError> {
        self.disconnect_with(Disconnect::within(drain))
    }

    /// The same, and says whether the will is published and how long the session is kept from now on.
    pub fn disconnect_with(&self, disconnect: Disconnect) -> Result<DisconnectToken, ConnectError> {
        let ticket = self.shared().submit(Command::Disconnect(disconnect), |_, ticket| ticket);
        let server = || self.shared().servers[0].to_string();
        let ticket = ticket.map_err(|reason| ConnectError::options(server(), reason))?;
        Ok(DisconnectToken(self.completion(ticket)))
    }
}

/// The message as the session takes it.
fn to_session(publish: Publish<'_>) -> Result<mqtt_session::Publish<'_>, PublishError> {
    Ok(mqtt_session::Publish {
        topic: TopicName::new(publish.topic).map_err(PublishError::Topic)?,
        payload: publish.payload,
        qos: publish.qos,
        retain: publish.retain,
        properties: publish.properties,
        timeout: publish.timeout,
    })
}

fn subscribe_command(subscribe: Subscribe<'_>) -> Result<(Command<'_>, TopicFilter<'_>), SubscribeError> {
    let filter = TopicFilter::new(subscribe.filter).map_err(SubscribeError::Filter)?;
    let options = subscribe.options;
    Ok((Command::Subscribe(mqtt_session::Subscribe { filter, options }), filter))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.shared().servers).finish_non_exhaustive()
    }
}
