//! The handle that an application holds.

mod stored;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use mqtt_proto::{Properties, Property, TopicFilter, TopicName};
use mqtt_session::{
    Command, Credentials, Disconnect, Input, Message, OfflineCause, Stats, Status, SubscriptionStatus, Ticket,
};

use crate::blocking::{block_on, block_on_for};
use crate::error::{
    ConnectError, DisconnectError, Gone, PublishError, SubmitError, SubscribeError, TimedOut,
};
use crate::events::Events;
use crate::filters::{CallbackId, Taker, Target};
use crate::held::Held;
use crate::next::{Next, Take};
use crate::request::{Publish, Subscribe};
use crate::routes::Queue;
use crate::shared::{Handle, Shared};
use crate::state::{State, Taken};
use crate::subscription::Subscription;
use crate::token::{
    Completion, ConnectToken, DisconnectToken, PublishToken, ReauthenticateToken, RequestToken,
    SubscribeToken, UnsubscribeToken,
};

/// An MQTT client. Clones are cheap and share one connection; all methods take `&self` and none waits for the
/// network. When the last clone and the last subscription are dropped, the client disconnects.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
    /// Not behind the session's lock, so that a callback may do anything.
    callbacks: Arc<Mutex<BTreeMap<CallbackId, Callback>>>,
}

/// A callback of [`Client::on`].
type Callback = Arc<dyn Fn(&Client, Message) + Send + Sync>;

impl Client {
    pub(crate) fn new(shared: Arc<Shared>) -> Client {
        Client { handle: Arc::new(Handle { shared }), callbacks: Arc::default() }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// The message for the session; a large payload is wrapped, so that it is dropped where no lock is held.
    fn to_session<'a>(&self, publish: Publish<'a>) -> Result<mqtt_session::Publish<'a>, PublishError> {
        Ok(mqtt_session::Publish {
            topic: TopicName::new(publish.topic).map_err(PublishError::Topic)?,
            payload: self.shared().bin.wrap(publish.payload),
            qos: publish.qos,
            retain: publish.retain,
            properties: publish.properties,
            timeout: publish.timeout,
        })
    }

    fn callbacks(&self) -> MutexGuard<'_, BTreeMap<CallbackId, Callback>> {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_accepted(&self, why: SubmitError) -> ConnectError {
        ConnectError::not_accepted(self.shared().servers[0].to_string(), why)
    }

    fn completion(&self, ticket: Ticket) -> Completion {
        Completion::new(Arc::clone(self.shared()), ticket)
    }

    /// Connects, and connects again after an outage, until [`Client::disconnect`].
    pub fn connect(&self) -> Result<ConnectToken, ConnectError> {
        let shared = self.shared();
        let ticket = shared.submit(&Command::Connect, |state, _, ticket| {
            state.stopped = None;
            ticket
        });
        Ok(ConnectToken(self.completion(ticket.map_err(|why| self.not_accepted(why))?)))
    }

    /// Whether the server has accepted the connection and it has not ended.
    pub fn is_connected(&self) -> bool {
        self.status() == Status::Online
    }

    /// Status of the connection. Once the driver is gone, it is [`Status::Idle`] for good.
    pub fn status(&self) -> Status {
        let state = self.shared().lock();
        if state.gone.is_some() { Status::Idle } else { state.session.status() }
    }

    /// Accepts a message for publishing. The token resolves when the server has it; dropping the token cancels
    /// nothing. Without a connection the message waits for the next one.
    pub fn publish(&self, publish: Publish<'_>) -> Result<PublishToken, PublishError> {
        let (key, qos) = (publish.key, publish.qos);
        let command = Command::Publish(self.to_session(publish)?);
        let Some(key) = key else {
            let accepted =
                self.shared().submit(&command, |state, _, ticket| (ticket, state.session.mark()))?;
            return Ok(PublishToken(Completion::with_mark(Arc::clone(self.shared()), accepted)));
        };
        self.publish_with_key(&command, qos, key)
    }

    /// 5.0: Publishes a request. The token resolves with the response, which may come in any order with others and
    /// after a reconnect. A timeout, of the request or of the token, bounds the wait for it with every QoS.
    ///
    /// Responses come on a topic of the client's own, which is subscribed to with the first request; without a
    /// timeout a request that nobody answers waits until the client is disconnected.
    pub fn request(&self, request: Publish<'_>) -> Result<RequestToken, PublishError> {
        let publish = self.to_session(request)?;
        let ticket = self.shared().change(|state, now| {
            let State { requests, session, waiters, .. } = state;
            requests.ask(now, &publish, session).inspect(|request| waiters.register(*request))
        })?;
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
            // A response that is refused is dropped, as documented.
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

    /// Subscribes to a filter and returns the stream of its messages. Default: QoS 1.
    ///
    /// If the server loses the subscription, the client subscribes again.
    pub fn subscribe<'a>(&self, subscribe: impl Into<Subscribe<'a>>) -> Result<Subscription, SubscribeError> {
        let (command, filter, target) = subscribe_command(subscribe.into())?;
        let (id, ticket) = self.shared().submit(&command, |state, now, ticket| {
            let identifier = state.session.subscription_identifier(filter);
            let (routes, mut env) = state.routes(now);
            (routes.add_stream(filter, identifier, ticket, target, &mut env), ticket)
        })?;
        let token = SubscribeToken(self.completion(ticket));
        Ok(Subscription::new(Arc::clone(&self.handle), id, filter.as_str(), token))
    }

    /// Subscribes to a filter and has [`Client::run`] call `callback` for its messages. Default: QoS 1.
    ///
    /// A message is acknowledged when the callback has returned; if it panics, the message is handed out again. A
    /// later callback for the same filter replaces this one. The callback may call every method of the client that it
    /// gets as an argument; a callback that owned a client would keep it alive.
    pub fn on<'a>(
        &self,
        subscribe: impl Into<Subscribe<'a>>,
        callback: impl Fn(&Client, Message) + Send + Sync + 'static,
    ) -> Result<SubscribeToken, SubscribeError> {
        let (command, filter, target) = subscribe_command(subscribe.into())?;
        let id = self.shared().lock().routes.callback_id(filter);
        // It is there before the first message is, and no lock is held while the driver is woken.
        let old = self.callbacks().insert(id, Arc::new(callback));
        let added = self.shared().submit(&command, |state, now, ticket| {
            let identifier = state.session.subscription_identifier(filter);
            let (routes, mut env) = state.routes(now);
            routes.set_callback(filter, identifier, target(Taker::Callback(id)), &mut env);
            ticket
        });
        let ticket = match added {
            Ok(ticket) => ticket,
            Err(why) => {
                let refused = match old {
                    Some(old) => self.callbacks().insert(id, old),
                    None => self.callbacks().remove(&id),
                };
                drop(refused);
                return Err(why.into());
            }
        };
        drop(old);
        Ok(SubscribeToken(self.completion(ticket)))
    }

    /// Subscribes without a stream: messages come by [`Client::receive`]. Default: QoS 1.
    pub fn listen<'a>(&self, subscribe: impl Into<Subscribe<'a>>) -> Result<SubscribeToken, SubscribeError> {
        let (command, filter, target) = subscribe_command(subscribe.into())?;
        let ticket = self.shared().submit(&command, |state, now, ticket| {
            let identifier = state.session.subscription_identifier(filter);
            let (routes, mut env) = state.routes(now);
            routes.add_receive(filter, identifier, target, &mut env);
            ticket
        })?;
        Ok(SubscribeToken(self.completion(ticket)))
    }

    /// Unsubscribes from a filter, also from one that an earlier program has left in a persistent session.
    ///
    /// Its streams return the messages that they have and then end, its callback is called for messages that have
    /// arrived and is then dropped, and `receive` gets no further ones. Messages that arrive later are acknowledged and
    /// count as given up.
    pub fn unsubscribe(&self, filter: &str) -> Result<UnsubscribeToken, SubscribeError> {
        let filter = TopicFilter::new(filter).map_err(SubscribeError::Filter)?;
        let ticket = self.shared().submit(&Command::Unsubscribe(filter), |state, now, ticket| {
            let (routes, mut env) = state.routes(now);
            routes.unsubscribe(filter, &mut env);
            ticket
        })?;
        self.drop_ended_callbacks();
        Ok(UnsubscribeToken(self.completion(ticket)))
    }

    /// Drops callbacks that will not be called again, without a lock.
    fn drop_ended_callbacks(&self) {
        let ended = self.shared().lock().routes.take_ended_callbacks();
        for id in ended {
            let callback = self.callbacks().remove(&id);
            drop(callback);
        }
    }

    fn next<T>(&self, queue: Queue, take: Take<T>) -> Next<'_, T> {
        Next::new(self.shared(), queue, take)
    }

    /// The next message of the filters of [`Client::listen`]; none once the client is disconnected for good. Any number of tasks may wait; each message goes to one of them.
    pub async fn receive(&self) -> Option<Message> {
        self.next(Queue::Received, State::take).await
    }

    /// Blocking form of [`Client::receive`].
    pub fn wait_receive(&self) -> Option<Message> {
        block_on(self.receive())
    }

    /// Blocking form of [`Client::receive`] that waits no longer than `timeout`. `Ok(None)` means that the client is
    /// disconnected for good.
    pub fn wait_receive_for(&self, timeout: Duration) -> Result<Option<Message>, TimedOut> {
        block_on_for(self.receive(), timeout).ok_or(TimedOut)
    }

    /// The next message of the filters of [`Client::listen`], if there is one already.
    pub fn try_receive(&self) -> Option<Message> {
        self.shared().try_queue(Queue::Received, State::take)
    }

    /// Form of [`Client::receive`] that returns the message under a guard, which decides when and how the message is
    /// acknowledged.
    pub async fn receive_held(&self) -> Option<Held> {
        let taken = self.next(Queue::Received, State::hold).await?;
        Some(Held::new(Arc::clone(self.shared()), taken))
    }

    /// Blocking form of [`Client::receive_held`].
    pub fn wait_receive_held(&self) -> Option<Held> {
        block_on(self.receive_held())
    }

    /// Waits for messages and calls the callbacks of [`Client::on`], until the client is disconnected for good. Any
    /// number of tasks or threads may run it; each message goes to one of them.
    ///
    /// Returns `Ok` after [`Client::disconnect`]. A panic of a callback goes through; its message is not acknowledged,
    /// and is the next one if `run` is called again.
    pub async fn run(&self) -> Result<(), ConnectError> {
        while let Some(taken) = self.next(Queue::Calls, State::hold).await {
            self.call(taken);
        }
        let state = self.shared().lock();
        let gone = state.gone.map(Gone::cause);
        match state.stopped.or(gone).unwrap_or(OfflineCause::Requested) {
            OfflineCause::Requested => Ok(()),
            cause => Err(self.shared().connect_error(&state, cause)),
        }
    }

    fn call(&self, taken: Taken) {
        let Taker::Callback(id) = taken.taker else { return };
        let callback = self.callbacks().get(&id).map(Arc::clone);
        // Unless the callback returns, the guard hands its message back.
        let held = Held::new(Arc::clone(self.shared()), taken);
        if let Some(callback) = callback {
            callback(self, (*held).clone());
        }
        held.acknowledge();
        self.drop_ended_callbacks();
    }

    /// Blocking form of [`Client::run`].
    pub fn wait_run(&self) -> Result<(), ConnectError> {
        block_on(self.run())
    }

    /// Sets user name and password for the attempt that waits for them
    /// ([`crate::ConnectionEvent::CredentialsWanted`]) and for all later ones.
    pub fn set_credentials(&self, credentials: Option<Credentials>) -> Result<(), ConnectError> {
        let mut state = self.shared().lock();
        let result = state.session.apply(self.shared().now(), Input::SetCredentials(credentials));
        self.shared().release(state);
        let refused = |reason| ConnectError::options(self.shared().servers[0].to_string(), reason);
        result.map(|_| ()).map_err(refused)
    }

    /// 5.0: Authenticates once more on the connection that is there, for instance before a proof expires. Messages
    /// flow meanwhile. Fails without an [`crate::Authenticator`], or without a connection.
    pub fn reauthenticate(&self) -> Result<ReauthenticateToken, ConnectError> {
        let ticket = self.shared().submit(&Command::Reauthenticate, |_, _, ticket| ticket);
        let ticket = ticket.map_err(|why| self.not_accepted(why))?;
        Ok(ReauthenticateToken(self.completion(ticket)))
    }

    /// Sends an operation that is quarantined again; false if it is not quarantined.
    pub fn retry(&self, ticket: Ticket) -> bool {
        let mut state = self.shared().lock();
        let is_quarantined = state.session.apply(self.shared().now(), Input::Retry(ticket)).is_ok();
        self.shared().release(state);
        is_quarantined
    }

    /// Drops an operation that is quarantined, and its token resolves; false if it is not quarantined.
    pub fn give_up(&self, ticket: Ticket) -> bool {
        let mut state = self.shared().lock();
        let is_quarantined = state.session.apply(self.shared().now(), Input::GiveUp(ticket)).is_ok();
        self.shared().release(state);
        is_quarantined
    }

    /// Events of the connection, and of messages that are dropped or given up, from now on.
    pub fn events(&self) -> Events {
        Events::new(self.shared())
    }

    /// Subscriptions that the server has neither granted nor refused.
    pub fn pending_subscriptions(&self) -> usize {
        self.shared().lock().session.pending_subscriptions()
    }

    /// Status of a subscription; none if the client has none for the filter.
    pub fn subscription_status(&self, filter: &str) -> Option<SubscriptionStatus> {
        let filter = TopicFilter::new(filter).ok()?;
        self.shared().lock().session.subscription(filter)
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.shared().lock().stats()
    }

    /// Messages that have arrived and wait to be taken, and their bytes as they count against
    /// `Options::incoming_bytes_max`.
    pub fn messages_waiting(&self) -> (usize, usize) {
        self.shared().lock().routes.waiting()
    }

    /// Messages that were accepted for publishing and never sent.
    pub fn messages_queued(&self) -> usize {
        self.shared().lock().session.queued_messages()
    }

    /// Where what the session counts differs from what it holds, for the simulation; empty in a client without a fault.
    #[doc(hidden)]
    pub fn audit(&self) -> Vec<String> {
        self.shared().lock().session.audit()
    }

    /// The client identifier: that of the options, or what the server assigned.
    pub fn client_id(&self) -> String {
        self.shared().lock().session.client_id().into()
    }

    /// Disconnects, after accepted operations have ended or `network_timeout` of the options has passed.
    ///
    /// Fails only if the client is not connected.
    pub fn disconnect(&self) -> Result<DisconnectToken, DisconnectError> {
        let drain = self.shared().lock().session.config().network_timeout;
        self.disconnect_within(drain)
    }

    /// Disconnects, after accepted operations have ended or `drain` has passed. Operations that have not ended by then
    /// end with the connection.
    pub fn disconnect_within(&self, drain: Duration) -> Result<DisconnectToken, DisconnectError> {
        self.disconnect_with(Disconnect::within(drain))
    }

    /// Form of [`Client::disconnect_within`] with all options of a disconnection: whether the will is published, and how
    /// long the server keeps the session from now on.
    pub fn disconnect_with(&self, disconnect: Disconnect) -> Result<DisconnectToken, DisconnectError> {
        let ticket = self.shared().submit(&Command::Disconnect(disconnect), |_, _, ticket| ticket)?;
        Ok(DisconnectToken(self.completion(ticket)))
    }
}

/// The command, its filter, and what makes a target of the taker.
type SubscribeCommand<'a, F> = (Command<'a>, TopicFilter<'a>, F);

fn subscribe_command(
    subscribe: Subscribe<'_>,
) -> Result<SubscribeCommand<'_, impl FnOnce(Taker) -> Target>, SubscribeError> {
    let filter = TopicFilter::new(subscribe.filter).map_err(SubscribeError::Filter)?;
    let Subscribe { options, acknowledge, .. } = subscribe;
    let target = move |taker| Target { taker, acknowledge };
    Ok((Command::Subscribe(mqtt_session::Subscribe { filter, options }), filter, target))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.shared().servers).finish_non_exhaustive()
    }
}
