//! Routes what happens to the machine that it concerns, and their answers back; decides little itself.

mod submit;
mod request;
mod rebuild;
mod authenticate;
mod link;
mod input;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_parts::{AliasesIn, Instant, PacketIds, Rng, TransmitBuf};
use mqtt_proto::{Packet, PacketKind, QoS, ReasonCode, TopicFilter};
use zeroize::Zeroize;

use crate::backoff::Backoff;
use crate::config::{Config, Credentials};
use crate::dialogue::Dialogue;
use crate::error::OfflineCause;
use crate::event::{AliasedTopic, Event, Ticket};
use crate::events::Events;
use crate::explain::{Explanation, Waits};
use crate::inbox::Inbox;
use crate::keepalive::KeepAlive;
use crate::lazy::Lazy;
use crate::negotiated::{Emit, Negotiated};
use crate::outbox::{Outbox, Place};
use crate::planted::{self, Planted};
use crate::progress::Progress;
use crate::servers::{Choice, Target};
use crate::state::{Connection, State, Status};
use crate::stats::{Counters, Stats, Trouble};
use crate::subscriptions::{SubscriptionStatus, Subscriptions};

/// A client's session.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    /// Those that were given last, in the place of those of the configuration.
    credentials: Option<Box<Option<Credentials>>>,
    /// That of the configuration, or what the server assigned. [5.0 MQTT-3.1.3-7]
    client_id: Box<str>,
    connection: Connection,
    terms: Negotiated,
    keep_alive: KeepAlive,
    backoff: Backoff,
    rng: Rng,
    ids: PacketIds,
    outbox: Lazy<Outbox>,
    inbox: Lazy<Inbox>,
    subscriptions: Lazy<Subscriptions>,
    aliases_in: AliasesIn<AliasedTopic>,
    progress: Progress,
    dialogue: Lazy<Dialogue>,
    choice: Choice,
    /// Packets that wait for nothing: CONNECT, acknowledgements, PUBREL, PINGREQ, DISCONNECT.
    control: Vec<u8>,
    events: Events,
    counters: Counters,
    trouble: Lazy<Trouble>,
    tickets: u64,
    /// Waits for the first connection to be accepted.
    connecting: Option<Ticket>,
    draining: Option<Box<Draining>>,
    /// Waits for the link to be closed.
    disconnecting: Option<Ticket>,
    /// Whether the CONNECT on its way asks for a new session.
    is_clean_start: bool,
    /// Whether the application was asked for credentials and has given none.
    wants_credentials: bool,
    /// Whether the CONNECT of this link was made.
    is_connect_made: bool,
    /// Whether the next attempt goes where the server has sent us.
    is_redirected: bool,
    /// Why the last connection ended or could not be had.
    last_cause: Option<OfflineCause>,
    /// Whether a connection was accepted before.
    was_online: bool,
    /// Whether no further attempt is made until a connection is asked for again.
    is_stopped: bool,
}

/// A disconnection that waits for what was accepted.
#[derive(Clone, Copy, Debug)]
struct Draining {
    ticket: Ticket,
    deadline: Instant,
    farewell: Farewell,
}

/// What a DISCONNECT says.
#[derive(Clone, Copy, Debug)]
struct Farewell {
    reason: ReasonCode,
    session_expiry_secs: Option<u32>,
}

impl Farewell {
    const SUCCESS: Farewell = Farewell { reason: ReasonCode::Success, session_expiry_secs: None };
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
    /// What is still to be written is written; when the server has closed the link, [`Session::handle_closed`]
    /// is called.
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

    /// The same under a client identifier of its own, so that many sessions share one configuration.
    pub fn with_client_id(config: Arc<Config>, client_id: impl Into<String>, seed: u64) -> Session {
        let mut rng = Rng::new(seed);
        Session {
            choice: Choice::new(config.servers, &mut rng),
            rng,
            client_id: client_id.into().into_boxed_str(),
            credentials: None,
            connection: Connection::new(),
            terms: Negotiated::from_config(&config),
            keep_alive: KeepAlive::new(Instant::ORIGIN, Instant::ORIGIN, 0),
            backoff: Backoff::default(),
            ids: PacketIds::new(),
            outbox: Lazy::new(),
            inbox: Lazy::new(),
            subscriptions: Lazy::new(),
            aliases_in: AliasesIn::default(),
            progress: Progress::new(),
            dialogue: Lazy::new(),
            control: Vec::new(),
            events: Events::new(),
            counters: Counters::default(),
            trouble: Lazy::new(),
            tickets: 0,
            connecting: None,
            draining: None,
            disconnecting: None,
            is_clean_start: config.clean_session,
            wants_credentials: false,
            is_connect_made: false,
            is_redirected: false,
            last_cause: None,
            was_online: false,
            is_stopped: false,
            config,
        }
    }

    fn put_control(&mut self, packet: Packet<'_>) {
        self.counters.count_sent(packet.kind());
        packet.encode(self.config.version, &mut self.control).expect("control packets are small and legal");
    }

    /// What the link should be.
    pub fn poll_transport(&self) -> Transport {
        match self.connection.state() {
            State::Idle | State::Waiting { .. } => Transport::Closed,
            State::Dialing { .. } | State::Connecting { .. } | State::Verifying { .. } | State::Online => {
                Transport::Open { attempt: self.connection.attempt() }
            }
            // What waits for the store has to go out before the link is shut down.
            State::Closing { .. } if self.is_held_back() => {
                Transport::Open { attempt: self.connection.attempt() }
            }
            State::Closing { .. } => Transport::Flush,
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
        if appended > 0 {
            self.counters.bytes_sent +=
                appended as u64 * (1 + u64::from(planted::is(Planted::CountBytesTwice)));
            self.keep_alive.on_sent(now, appended);
        }
        appended > 0
    }

    /// Whether somebody may read what is sent.
    fn has_link(&self) -> bool {
        matches!(self.connection.state(), State::Connecting { .. } | State::Online | State::Closing { .. })
    }

    fn fill(&mut self, now: Instant, out: &mut TransmitBuf) {
        // Without a link, what is left of the last one has nowhere to go.
        if self.has_link() {
            out.put_encoded(&self.control);
        }
        if let State::Connecting { .. } = self.connection.state() {
            // There may be a password in CONNECT.
            self.control.zeroize();
        }
        self.control.clear();
        if self.connection.is_online() {
            let (terms, ids, events) = (&self.terms, &mut self.ids, &mut self.events);
            let mut emit = Emit {
                now,
                config: &self.config,
                terms,
                others: 0,
                ids,
                out,
                events,
                counters: &mut self.counters,
            };
            if self.config.poison_after.is_some() {
                emit.others = self.outbox.outstanding();
            }
            if let Some(subscriptions) = self.subscriptions.used().filter(|_| !self.outbox.is_isolating()) {
                while emit.out.len() < TRANSMIT_BATCH && subscriptions.poll(&mut emit) {}
            }
            emit.others = self.subscriptions.outstanding();
            let is_quiet = self.subscriptions.wants_quiet(&self.config);
            if let Some(outbox) = self.outbox.used().filter(|_| !is_quiet) {
                outbox.poll(&mut emit, TRANSMIT_BATCH);
            }
            let is_awaited = self.outbox.in_flight() > 0 || self.subscriptions.awaits_answer();
            self.progress.set_awaited(now, is_awaited);
            self.disconnect_if_drained(now, out);
        }
    }

    /// Nothing follows a DISCONNECT. [5.0 MQTT-3.14.4-1] [5.0 MQTT-3.14.4-2] [3.1.1 MQTT-3.14.4-2]
    fn disconnect_if_drained(&mut self, now: Instant, out: &mut TransmitBuf) {
        let farewell = self.draining.as_ref().map(|draining| draining.farewell);
        if let Some(farewell) = farewell.filter(|_| self.is_drained()) {
            self.lose(now, OfflineCause::Requested, Some(farewell));
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

    /// When [`Session::handle_timeout`] is due at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let is_online = self.connection.is_online();
        let keep_alive = self.keep_alive.deadline(self.config.network_timeout).filter(|_| is_online);
        let progress = self.progress.deadline(self.config.acknowledgement_timeout).filter(|_| is_online);
        let draining = self.draining.as_ref().map(|draining| draining.deadline);
        let deadlines =
            [self.connection.deadline(), keep_alive, progress, draining, self.events.next_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// The server that the link of [`Transport::Open`] leads to.
    pub fn target(&self) -> Target<'_> {
        self.choice.target()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.counters.stats(&self.trouble)
    }

    /// Why an operation has not ended, and what comes next; `Display` says it in words.
    pub fn explain(&self, ticket: Ticket) -> Explanation {
        let awaits_response = self.events.open_requests().awaits_response(ticket);
        let ticket = self.events.open_requests().message_of(ticket);
        let waits = if awaits_response {
            Waits::Response
        } else if self.connecting == Some(ticket) {
            Waits::Connection
        } else if self.dialogue.is_of(ticket) {
            Waits::Authentication
        } else if let Some(draining) = self.draining.as_ref().filter(|draining| draining.ticket == ticket) {
            let (messages, requests) = (self.outbox.len(), self.subscriptions.requests());
            Waits::Drain { messages, requests, until: draining.deadline }
        } else if self.disconnecting == Some(ticket) {
            let until = self.connection.deadline().unwrap_or_default();
            Waits::Drain { messages: 0, requests: 0, until }
        } else if let Some(place) = self.subscriptions.place(ticket) {
            place.map_or_else(Waits::Answer, |ahead| Waits::Turn { ahead, qos: None })
        } else if self.subscriptions.is_aside(ticket) {
            Waits::Decision
        } else {
            match self.outbox.place(ticket) {
                None => Waits::Ended,
                Some(Place::Queued { ahead, qos }) => Waits::Turn { ahead, qos: Some(qos) },
                Some(Place::Again) => Waits::SendingAnew,
                Some(Place::Aside) => Waits::Decision,
                Some(Place::MaybeSent { is_due: true, .. } | Place::Released { is_due: true }) => {
                    Waits::Repetition
                }
                Some(Place::MaybeSent { qos: QoS::ExactlyOnce, .. }) => Waits::Answer(PacketKind::Pubrec),
                Some(Place::MaybeSent { .. }) => Waits::Answer(PacketKind::Puback),
                Some(Place::Released { .. }) => Waits::Answer(PacketKind::Pubcomp),
            }
        };
        let window = (self.outbox.in_flight(), self.terms.in_flight_max);
        Explanation { waits, status: self.status(), last_cause: self.last_cause, window }
    }

    /// Where the connection stands.
    pub fn status(&self) -> Status {
        self.connection.status()
    }

    /// The terms of the last connection that was accepted.
    pub fn negotiated(&self) -> &Negotiated {
        &self.terms
    }

    /// The client identifier in use: the configured one, or what the server assigned.
    pub fn client_id(&self) -> &str {
        &self.client_id
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
    /// wanted any more. A server that has kept a session of an earlier program may use identifiers of that one.
    pub fn was_subscription_identifier(&self, identifier: u32) -> bool {
        self.subscriptions.was_identifier(identifier)
    }

    /// Bound for each step that waits for the network, as configured.
    pub fn network_timeout(&self) -> core::time::Duration {
        self.config.network_timeout
    }

    /// Bytes of acknowledgements and other packets without a payload that wait for [`Session::poll_transmit`].
    pub fn answers_waiting(&self) -> usize {
        self.control.len()
    }

    /// Whether the session outlives its connections, so that the server keeps its subscriptions and messages.
    pub fn is_persistent(&self) -> bool {
        self.config.is_kept()
    }

    /// Operations that somebody else than this program may miss: messages that have not ended, and in a persistent
    /// session requests to unsubscribe.
    pub fn unfinished(&self) -> usize {
        let unsubscribes = if self.is_persistent() { self.subscriptions.unsubscribes() } else { 0 };
        self.outbox.len() + unsubscribes
    }

    /// Messages that were accepted and never sent.
    pub fn queued_messages(&self) -> usize {
        self.outbox.queued()
    }

    /// QoS 1 and 2 messages that were sent on this connection and are not acknowledged.
    pub fn messages_in_flight(&self) -> usize {
        self.outbox.in_flight()
    }
}
