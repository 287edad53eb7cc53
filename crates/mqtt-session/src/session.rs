//! Routes what happens to the machine that it concerns, and their answers back; decides little itself.

mod submit;
mod link;
mod input;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use mqtt_parts::{Instant, PacketIds, Rng, TransmitBuf};
use mqtt_proto::{Packet, ReasonCode, TopicFilter};

use crate::backoff::Backoff;
use crate::config::Config;
use crate::deadlines::Deadlines;
use crate::error::OfflineCause;
use crate::event::{Event, Outcome, Ticket};
use crate::inbox::Inbox;
use crate::keepalive::KeepAlive;
use crate::negotiated::{Emit, Negotiated};
use crate::outbox::Outbox;
use crate::state::{Connection, State};
use crate::stats::Stats;
use crate::subscriptions::{SubscriptionStatus, Subscriptions};

/// A client's session.
#[derive(Debug)]
pub struct Session {
    config: Config,
    /// That of the configuration, or what the server assigned. [5.0 MQTT-3.1.3-7]
    client_id: String,
    connection: Connection,
    terms: Negotiated,
    keep_alive: KeepAlive,
    backoff: Backoff,
    rng: Rng,
    ids: PacketIds,
    outbox: Outbox,
    inbox: Inbox,
    subscriptions: Subscriptions,
    deadlines: Deadlines,
    /// Packets that wait for nothing: CONNECT, acknowledgements, PUBREL, PINGREQ, DISCONNECT.
    control: Vec<u8>,
    events: VecDeque<Event>,
    stats: Stats,
    tickets: u64,
    /// Waits for the first connection to be accepted.
    connecting: Option<Ticket>,
    draining: Option<Draining>,
    /// Waits for the link to be closed.
    disconnecting: Option<Ticket>,
    /// Whether the CONNECT on its way asks for a new session.
    is_clean_start: bool,
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

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// No connection is wanted.
    Idle,
    /// The next attempt starts then.
    Waiting {
        /// When.
        until: Instant,
    },
    /// The link is being opened.
    Dialing,
    /// The server's CONNACK is awaited.
    Connecting,
    /// The server has accepted.
    Online,
    /// Last bytes are being written.
    Closing,
}

/// Bytes that one call of [`Session::poll_transmit`] fills a buffer up to, give or take one packet.
const TRANSMIT_BATCH: usize = 64 * 1024;

impl Session {
    /// A session that wants no connection yet. The seed drives the waits between attempts.
    pub fn new(config: Config, seed: u64) -> Session {
        Session {
            client_id: config.client_id.clone(),
            connection: Connection::new(config.network_timeout),
            terms: Negotiated::from_config(&config),
            keep_alive: KeepAlive::new(Instant::ORIGIN, Instant::ORIGIN, 0, config.network_timeout),
            backoff: Backoff::new(config.reconnect),
            rng: Rng::new(seed),
            ids: PacketIds::new(),
            outbox: Outbox::new(&config),
            inbox: Inbox::default(),
            subscriptions: Subscriptions::new(config.version),
            deadlines: Deadlines::default(),
            control: Vec::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
            tickets: 0,
            connecting: None,
            draining: None,
            disconnecting: None,
            is_clean_start: config.clean_session,
            was_online: false,
            is_stopped: false,
            config,
        }
    }

    /// Operations that have ended have no deadline any more.
    fn forget_deadlines(&mut self, from: usize) {
        for event in self.events.range(from..) {
            if let Event::Ended { ticket, .. } = event {
                self.deadlines.remove(*ticket);
            }
        }
    }

    fn put_control(&mut self, packet: Packet<'_>) {
        packet.encode(self.config.version, &mut self.control).expect("control packets are small and legal");
    }

    fn end_if(&mut self, report: Option<(Ticket, Outcome)>) {
        if let Some((ticket, outcome)) = report {
            self.end(ticket, outcome);
        }
    }

    fn end(&mut self, ticket: Ticket, outcome: Outcome) {
        self.deadlines.remove(ticket);
        self.events.push_back(Event::Ended { ticket, outcome });
    }

    /// What the link should be.
    pub fn poll_transport(&self) -> Transport {
        match self.connection.state() {
            State::Idle | State::Waiting { .. } => Transport::Closed,
            State::Dialing { .. } | State::Connecting { .. } | State::Online => {
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
        // Without a link, what is left of the last one has nowhere to go.
        if let State::Connecting { .. } | State::Online | State::Closing { .. } = self.connection.state() {
            out.put_encoded(&self.control);
        }
        self.control.clear();
        if self.connection.is_online() {
            let ended_at = self.events.len();
            let (terms, ids, events) = (&self.terms, &mut self.ids, &mut self.events);
            let mut emit = Emit { now, terms, ids, out, events, stats: &mut self.stats };
            while emit.out.len() < TRANSMIT_BATCH && self.subscriptions.poll(&mut emit) {}
            self.outbox.poll(&mut emit, TRANSMIT_BATCH);
            self.forget_deadlines(ended_at);
            self.disconnect_if_drained(now, out);
        }
        let appended = out.len() - start_len;
        if appended > 0 {
            self.stats.bytes_sent += appended as u64;
            self.keep_alive.on_sent(now);
        }
        appended > 0
    }

    /// Nothing follows a DISCONNECT. [5.0 MQTT-3.14.4-1] [5.0 MQTT-3.14.4-2] [3.1.1 MQTT-3.14.4-2]
    fn disconnect_if_drained(&mut self, now: Instant, out: &mut TransmitBuf) {
        let is_drained = self.outbox.is_empty() && self.subscriptions.is_settled();
        if self.draining.is_some() && is_drained {
            self.lose(now, OfflineCause::Requested, Some(ReasonCode::Success));
            out.put_encoded(&self.control);
            self.control.clear();
        }
    }

    /// The next thing that the application should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Session::handle_timeout`] is due at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let keep_alive = self.connection.is_online().then(|| self.keep_alive.deadline()).flatten();
        let draining = self.draining.map(|draining| draining.deadline);
        [self.connection.deadline(), keep_alive, draining, self.deadlines.next()].into_iter().flatten().min()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Where the connection stands.
    pub fn status(&self) -> Status {
        match self.connection.state() {
            State::Idle => Status::Idle,
            State::Waiting { until } => Status::Waiting { until },
            State::Dialing { .. } => Status::Dialing,
            State::Connecting { .. } => Status::Connecting,
            State::Online => Status::Online,
            State::Closing { .. } => Status::Closing,
        }
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

    /// Bound for each step that waits for the network, as configured.
    pub fn network_timeout(&self) -> core::time::Duration {
        self.config.network_timeout
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
