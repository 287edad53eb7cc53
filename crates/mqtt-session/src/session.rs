//! Routes each input to the machine that it concerns, and what the machines answer back; decides little itself.

mod commands;
mod rebuild;
mod authenticate;
mod connection;
mod incoming;
mod audit;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_parts::{Instant, Rng, TransmitBuf};
use mqtt_proto::{Packet, Properties, TopicFilter};
use zeroize::Zeroize;

use crate::attempts::{Attempts, Target};
use crate::config::{Config, Credentials};
use crate::dialogue::Dialogue;
use crate::error::{OfflineCause, SessionRefusal};
use crate::event::{Event, Ticket};
use crate::events::Events;
use crate::explain::{Explanation, Waits};
use crate::inbox::Inbox;
use crate::input::Input;
use crate::lazy::Lazy;
use crate::liveness::Liveness;
use crate::negotiated::{Emit, Negotiated};
use crate::outbox::Outbox;
use crate::state::{Connection, State, Status};
use crate::stats::Stats;
use crate::subscriptions::{SubscriptionStatus, Subscriptions};

/// A client's session.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    /// That of the configuration, or what the server assigned. [5.0 MQTT-3.1.3-7]
    client_id: Box<str>,
    /// Those that were given last, in the place of those of the configuration.
    credentials: Option<Box<Option<Credentials>>>,
    connection: Connection,
    negotiated: Negotiated,
    liveness: Liveness,
    attempts: Attempts,
    rng: Rng,
    outbox: Lazy<Outbox>,
    inbox: Lazy<Inbox>,
    subscriptions: Lazy<Subscriptions>,
    dialogue: Lazy<Dialogue>,
    /// Packets that wait for nothing: CONNECT, acknowledgements, PUBREL, PINGREQ, DISCONNECT.
    control: Vec<u8>,
    events: Events,
    tickets: u64,
}

/// What the link should be. Level, not edge: ask as often as you like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// There should be no link; one that is there is dropped.
    Closed,
    /// There should be a link of this number. A higher number is a new link.
    Open {
        /// Counts dials.
        attempt: u64,
    },
    /// What is still to be written is written; when the server has closed the link, [`Input::Closed`] is applied.
    Flush,
}

/// Bytes that one call of [`Session::poll_transmit`] fills a buffer up to, give or take one packet.
const TRANSMIT_BATCH: usize = 64 * 1024;

impl Session {
    /// A session that wants no connection yet. The seed drives the waits between attempts.
    pub fn new(config: impl Into<Arc<Config>>, seed: u64) -> Session {
        let config = config.into();
        let client_id = config.client_id.clone();
        Session::with_client_id(config, client_id, seed)
    }

    /// A session under a client identifier of its own, so that many sessions share one configuration.
    pub fn with_client_id(config: Arc<Config>, client_id: impl Into<String>, seed: u64) -> Session {
        let mut rng = Rng::new(seed);
        Session {
            attempts: Attempts::new(config.servers, &mut rng),
            rng,
            client_id: client_id.into().into_boxed_str(),
            credentials: None,
            connection: Connection::default(),
            negotiated: Negotiated::new(&config, &Properties::EMPTY),
            liveness: Liveness::default(),
            outbox: Lazy::new(),
            inbox: Lazy::new(),
            subscriptions: Lazy::new(),
            dialogue: Lazy::new(),
            control: Vec::new(),
            events: Events::new(),
            tickets: 0,
            config,
        }
    }

    /// The one way in which a session changes from outside: applies an input that happened `now`.
    ///
    /// A command that is accepted has a ticket; no other input has. Fails if the application asks for what cannot be
    /// done; then nothing has changed.
    #[expect(clippy::inline_always, reason = "where the input is known, the choice costs nothing")]
    #[inline(always)]
    pub fn apply(&mut self, now: Instant, input: Input<'_>) -> Result<Option<Ticket>, SessionRefusal> {
        match input {
            Input::Opened => self.on_opened(now),
            Input::Bytes(input) => self.on_bytes(now, input),
            Input::Written => self.liveness.on_written(now),
            Input::Unread => self.liveness.on_unread(now),
            Input::Closed(cause) => self.on_closed(now, cause),
            Input::Timeout => self.on_timeout(now),
            Input::Stored(mark) => self.on_stored(mark),
            Input::StoreLost => self.on_store_lost(),
            Input::Note { key, value } => self.note(key, value)?,
            Input::Submit(command) => return self.submit(now, command).map(Some),
            Input::SetTimeout { ticket, timeout } => self.set_timeout(now, ticket, timeout),
            Input::Acknowledge { receipt, reason } => self.acknowledge(receipt, reason)?,
            Input::Leave(receipt) => self.inbox.get_or_init().leave(receipt),
            Input::FetchLeft => self.fetch_left(now),
            Input::Abandon(filter) => self.abandon(filter),
            Input::Withdraw(ticket) => self.withdraw(ticket)?,
            Input::Retry(ticket) => self.retry(ticket)?,
            Input::GiveUp(ticket) => self.give_up(ticket)?,
            Input::SetCredentials(credentials) => self.set_credentials(credentials)?,
            Input::Authenticate { step, answer } => self.authenticate(now, step, answer)?,
        }
        Ok(None)
    }

    fn put_control(&mut self, packet: Packet<'_>) {
        self.events.counters.count_sent(packet.kind());
        packet.encode(self.config.version, &mut self.control).expect("control packets are small and legal");
    }

    /// What the link should be.
    pub fn poll_transport(&self) -> Transport {
        match self.connection.state() {
            State::Idle | State::Waiting { .. } => Transport::Closed,
            // What waits for the store has to go out before the link is shut down.
            State::Closing { .. } if !self.is_held_back() => Transport::Flush,
            State::Dialing { .. }
            | State::Connecting { .. }
            | State::Verifying { .. }
            | State::Online
            | State::Closing { .. } => Transport::Open { attempt: self.connection.attempt() },
        }
    }

    /// Appends what is to be written until `out` holds about 64 KiB; false if there was nothing to append.
    ///
    /// What was appended counts as sent. On a new link the driver starts with an empty buffer.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut TransmitBuf) -> bool {
        let start_len = out.len();
        if self.events.journal().is_some() {
            self.fill_behind_records(now, out);
        } else {
            self.fill(now, out);
        }
        let appended = out.len() - start_len;
        debug_assert!(appended == 0 || self.connection.has_link(), "nothing is written without a link");
        if appended > 0 {
            self.events.counters.bytes_sent += appended as u64;
            self.liveness.on_sent(now, appended);
        }
        appended > 0
    }

    fn fill(&mut self, now: Instant, out: &mut TransmitBuf) {
        // Without a link, what is left of the last one has nowhere to go.
        if self.connection.has_link() {
            out.put_encoded(&self.control);
        }
        if self.connection.on_written() {
            self.control.zeroize();
        }
        self.control.clear();
        if !self.connection.is_online() {
            return;
        }
        let mut emit = Emit {
            now,
            config: &self.config,
            terms: &self.negotiated,
            others: self.outbox.outstanding(),
            out,
            events: &mut self.events,
        };
        if let Some(subscriptions) = self.subscriptions.get_mut().filter(|_| !self.outbox.is_isolating()) {
            while emit.out.len() < TRANSMIT_BATCH && subscriptions.poll(&mut emit) {}
        }
        emit.others = self.subscriptions.outstanding();
        let must_wait = self.subscriptions.wants_quiet(&self.config);
        if let Some(outbox) = self.outbox.get_mut().filter(|_| !must_wait) {
            outbox.poll(&mut emit, TRANSMIT_BATCH);
        }
        self.liveness.set_awaited(now, self.outbox.in_flight() > 0 || self.subscriptions.outstanding() > 0);
        self.disconnect_if_drained(now, out);
    }

    /// Nothing follows a DISCONNECT. [5.0 MQTT-3.14.4-1] [5.0 MQTT-3.14.4-2] [3.1.1 MQTT-3.14.4-2]
    fn disconnect_if_drained(&mut self, now: Instant, out: &mut TransmitBuf) {
        if let Some(draining) = self.connection.draining().filter(|_| self.is_drained()) {
            self.disconnect(now, OfflineCause::Requested, draining.disconnect);
            out.put_encoded(&self.control);
            self.control.clear();
        }
    }

    /// Whether nothing that was accepted goes on, in either direction.
    fn is_drained(&self) -> bool {
        self.outbox.is_empty() && self.subscriptions.is_settled() && !self.inbox.awaits_release()
    }

    /// The next thing that the application should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// When [`Input::Timeout`] is due at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let liveness = self.liveness.deadline(&self.config).filter(|_| self.connection.is_online());
        let draining = self.connection.draining().map(|draining| draining.deadline);
        let deadlines = [self.connection.deadline(), liveness, draining, self.events.deadlines.next()];
        deadlines.into_iter().flatten().min()
    }

    /// The server that the link of [`Transport::Open`] leads to.
    pub fn target(&self) -> Target<'_> {
        self.attempts.target()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.events.counters.stats()
    }

    /// Packets sent and received so far, as in [`Session::stats`].
    pub fn packets(&self) -> u64 {
        self.events.counters.packets()
    }

    /// Messages sent and received so far, as in [`Session::stats`].
    pub fn messages(&self) -> u64 {
        self.events.counters.messages()
    }

    /// Why an operation has not ended, and what comes next; `Display` says it in words.
    pub fn explain(&self, ticket: Ticket) -> Explanation {
        let draining = self.connection.draining().filter(|draining| draining.ticket == ticket);
        let waits = if self.connection.connecting() == Some(ticket) {
            Waits::Connection
        } else if self.dialogue.ticket == Some(ticket) {
            Waits::Authentication
        } else if let Some(draining) = draining {
            let (messages, requests) = (self.outbox.len(), self.subscriptions.requests());
            Waits::Drain { messages, requests, until: draining.deadline }
        } else if self.connection.closing() == Some(ticket) {
            let until = self.connection.deadline().unwrap_or_default();
            Waits::Drain { messages: 0, requests: 0, until }
        } else {
            // A message is found by its ticket, a request by a search.
            let waits = self.outbox.waits(ticket).or_else(|| self.subscriptions.waits(ticket));
            waits.unwrap_or(Waits::Ended)
        };
        let window = (self.messages_in_flight(), self.negotiated.in_flight_max);
        Explanation { waits, status: self.status(), last_cause: self.connection.last_cause(), window }
    }

    /// Where the connection stands.
    pub fn status(&self) -> Status {
        self.connection.status()
    }

    /// The terms of the last connection that was accepted.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The ticket of the next operation that is accepted.
    pub fn next_ticket(&self) -> Ticket {
        Ticket::after(self.tickets)
    }

    /// The client identifier in use: the configured one, or what the server assigned.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// What the session was made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Subscriptions that the server has neither granted nor refused.
    pub fn pending_subscriptions(&self) -> usize {
        self.subscriptions.pending()
    }

    /// Where a subscription stands; none if the filter is not wanted.
    pub fn subscription(&self, filter: TopicFilter<'_>) -> Option<SubscriptionStatus> {
        self.subscriptions.status(filter)
    }

    /// What names the subscription to a filter in the Subscription Identifiers of messages, if the server has them.
    pub fn subscription_identifier(&self, filter: TopicFilter<'_>) -> Option<u32> {
        self.subscriptions.identifier(filter)
    }

    /// Whether this Subscription Identifier can only be one of this session's, perhaps of a subscription that is not
    /// wanted any more. The persistent session of an earlier program may have identifiers of that one.
    pub fn was_subscription_identifier(&self, identifier: u32) -> bool {
        self.subscriptions.was_identifier(identifier)
    }

    /// Bytes of acknowledgements and other packets without a payload that wait for [`Session::poll_transmit`].
    pub fn answers_waiting(&self) -> usize {
        self.control.len()
    }

    /// Whether the session outlives its connections, so that the server keeps its subscriptions and messages.
    pub fn is_persistent(&self) -> bool {
        self.config.is_persistent()
    }

    /// Operations that somebody else than this program may miss: messages that have not ended, and in a persistent
    /// session requests to unsubscribe.
    pub fn unfinished(&self) -> usize {
        let unsubscribes = if self.is_persistent() { self.subscriptions.unsubscribes() } else { 0 };
        self.outbox.len() + unsubscribes
    }

    /// Messages that were accepted and are to be sent.
    pub fn queued_messages(&self) -> usize {
        self.outbox.waiting()
    }

    /// QoS 1 and 2 messages that were sent on this connection and are not acknowledged.
    pub fn messages_in_flight(&self) -> usize {
        if self.connection.is_online() { self.outbox.in_flight() } else { 0 }
    }
}
