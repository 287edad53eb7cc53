//! The broker: takes what happened to its connections, and routes each packet to the machine that it is for.
//!
//! Each kind of packet has its file below; this one has what the driver calls. A connection waits for CONNECT, is
//! online, or is closing: then nothing is read from it any more, and the driver closes the link once all is written.

mod route;
mod ending;
mod authenticate;
mod connect;
mod publish;
mod acknowledge;
mod subscribe;
mod dispatch;
mod input;
mod transmit;
mod sys;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use bytes::Bytes;
use mqtt_parts::{Deadlines, Instant, Rng};
use mqtt_proto::{PacketKind, Property, ReasonCode, TopicName};

use crate::account::Account;
use crate::config::Config;
use crate::connection::{Connection, State};
use crate::control::Control;
use crate::event::{End, Event, Events, Origin};
use crate::fault::Fault;
use crate::ids::{ConnectionId, SessionKey, Timer};
use crate::retained::Retained;
use crate::session_state::Sessions;
use crate::stats::Stats;
use crate::subscriptions::{Match, Subscriptions};

/// A broker for any number of connections, without I/O.
///
/// Inputs are the methods `handle_*`: none of them fails, several may follow one another, and early timeouts are
/// harmless. Outputs are the methods `poll_*`; after each input, [`Broker::poll_ready`] says which connections have
/// something for their links.
#[derive(Debug)]
pub struct Broker {
    config: Config,
    rng: Rng,
    /// When something happened last; a restart happens then.
    now: Instant,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Those that are not closing.
    open: usize,
    next_connection: u64,
    /// Connections that have something to send or are to be closed, each once.
    ready: VecDeque<ConnectionId>,
    sessions: Sessions,
    subscriptions: Subscriptions,
    retained: Retained,
    deadlines: Deadlines<Timer>,
    /// When the counters were first published.
    started_at: Option<Instant>,
    /// Accounts for the bytes of all messages.
    account: Account,
    /// What all connections have in their buffers, in bytes.
    buffers_bytes: usize,
    /// Only what is counted; what is held is filled in when asked for.
    stats: Stats,
    events: Events,
    /// Memory that is used again for each message that comes in.
    matches: Vec<Match>,
    /// Memory that is used again for each message that goes out.
    hop_properties: Vec<Property<'static>>,
}

impl Broker {
    /// A broker without connections and sessions; `seed` goes into the client identifiers that it assigns.
    pub fn new(config: Config, seed: u64) -> Broker {
        Broker {
            events: Events::new(config.events_max),
            config: config.in_range(),
            rng: Rng::new(seed),
            now: Instant::ORIGIN,
            connections: BTreeMap::new(),
            open: 0,
            next_connection: 0,
            ready: VecDeque::new(),
            sessions: Sessions::default(),
            subscriptions: Subscriptions::default(),
            retained: Retained::default(),
            deadlines: Deadlines::new(),
            started_at: None,
            account: Account::default(),
            buffers_bytes: 0,
            stats: Stats::default(),
            matches: Vec::new(),
            hop_properties: Vec::new(),
        }
    }

    /// A link was accepted; the name is for all further calls about it.
    ///
    /// Past [`Config::connections_max`] the connection is to be closed at once.
    pub fn handle_opened(&mut self, now: Instant) -> ConnectionId {
        self.open(now, None)
    }

    /// [`Broker::handle_opened`] for a link whose other end has an address, which events tell.
    pub fn handle_opened_from(&mut self, now: Instant, address: SocketAddr) -> ConnectionId {
        self.open(now, Some(address))
    }

    fn open(&mut self, now: Instant, address: Option<SocketAddr>) -> ConnectionId {
        self.now = now;
        self.start_sys(now);
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.stats.connections_opened += 1;
        let has_room = self.open < self.config.connections_max;
        self.open += usize::from(has_room);
        let state = if has_room { State::Handshake } else { State::Closing };
        self.connections.insert(id, Connection::new(now, address, state));
        if has_room {
            self.deadlines.set(Timer::Connection(id), now + self.config.connect_timeout);
        } else {
            self.list(id);
            let from = Origin { connection: id, address };
            self.events.record(|| Event::Ended { from, client_id: None, end: End::TooManyConnections });
        }
        id
    }

    /// The link is gone, by whichever side; unknown connections are ignored.
    pub fn handle_closed(&mut self, now: Instant, id: ConnectionId) {
        self.remove(now, id, End::NetworkClosed { error: None });
    }

    /// [`Broker::handle_closed`] for a link that failed; events tell why.
    pub fn handle_failed(&mut self, now: Instant, id: ConnectionId, error: &dyn fmt::Display) {
        let error = self.events.is_on().then(|| error.to_string());
        self.remove(now, id, End::NetworkClosed { error });
    }

    fn remove(&mut self, now: Instant, id: ConnectionId, end: End) {
        self.now = now;
        self.close(now, id, ending::Will::Stays, Some(end));
        self.buffers_bytes -= self.connections.get(&id).map_or(0, |connection| connection.noted_bytes);
        if self.connections.remove(&id).is_some_and(|connection| connection.is_listed) {
            self.ready.retain(|ready| *ready != id);
        }
    }

    /// Does what is due by now.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        while let Some(timer) = self.deadlines.pop_passed(now) {
            match timer {
                Timer::Connection(id) => self.on_connection_timer(now, id),
                Timer::Sys => self.on_sys_timer(now),
                Timer::Session(key) => self.settle(now, key),
            }
        }
    }

    /// When [`Broker::handle_timeout`] is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// The next connection that has something to send or is to be closed, each once until there is something new.
    pub fn poll_ready(&mut self) -> Option<ConnectionId> {
        let id = self.ready.pop_front()?;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_listed = false;
        }
        Some(id)
    }

    /// What became of connections, in order, as far as [`Config::events_max`] has it recorded.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Whether [`Broker::poll_event`] has something.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether the link is to be closed once all that [`Broker::poll_transmit`] gave is written; also for
    /// connections that are unknown.
    pub fn is_closing(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_none_or(|connection| connection.state == State::Closing)
    }

    /// Ends a connection from our side, in 5.0 by a DISCONNECT with the reason; its will is not removed.
    ///
    /// A reason that no DISCONNECT carries counts as an unspecified error.
    pub fn disconnect(&mut self, now: Instant, id: ConnectionId, reason: ReasonCode) {
        self.now = now;
        let is_legal = reason.is_legal_in(PacketKind::Disconnect);
        let reason = if is_legal { reason } else { ReasonCode::UnspecifiedError };
        self.fail_with(now, id, Fault::new(reason, ""), End::ServerDisconnected { reason });
    }

    /// Has the broker work by another configuration. Connections keep the terms that they were accepted with, so restart it
    /// before; what it holds is kept even where the new bounds are smaller.
    pub fn reconfigure(&mut self, config: Config) {
        self.config = config.in_range();
    }

    /// As if the process had ended and begun again: all connections are gone without a packet.
    ///
    /// Sessions and retained messages are kept, as if they had been stored, or forgotten. Wills of those sessions
    /// are published as after any other failure. It happens at the time of the last input.
    pub fn restart(&mut self, keep_sessions: bool) {
        let now = self.now;
        for id in self.connections.keys() {
            self.deadlines.remove(Timer::Connection(*id));
        }
        let online: Vec<_> = self.connections.values().filter_map(Connection::session).collect();
        let open = self.connections.iter().filter(|(_, it)| it.state != State::Closing);
        for (id, connection) in open {
            let client_id = || Some(Arc::clone(&self.sessions.get(connection.session()?)?.client_id));
            let from = Origin { connection: *id, address: connection.address };
            self.events.record(|| Event::Ended { from, client_id: client_id(), end: End::ShutDown });
        }
        self.connections.clear();
        (self.open, self.buffers_bytes) = (0, 0);
        self.ready.clear();
        if keep_sessions {
            for key in &online {
                if let Some(session) = self.sessions.get_mut(*key) {
                    session.connection = None;
                }
            }
            for key in online {
                self.leave(now, key, ending::Will::Stays);
            }
        } else {
            self.sessions.clear();
            self.subscriptions.clear();
            self.retained.clear();
            self.deadlines = Deadlines::new();
        }
    }

    /// What the broker holds and what it did. Takes time in proportion to the number of sessions.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats;
        stats.connections = self.connections.len();
        stats.sessions = self.sessions.len();
        stats.subscriptions = self.subscriptions.len();
        stats.subscriptions_bytes = self.subscriptions.size();
        stats.retained = self.retained.len();
        stats.retained_bytes = self.retained.size();
        stats.messages_bytes = self.account.bytes();
        stats.buffers_bytes = self.buffers_bytes;
        for (_, session) in self.sessions.iter() {
            stats.sessions_online += usize::from(session.connection.is_some());
            stats.queued += session.outbox.queued();
            stats.inflight += session.outbox.inflight();
            stats.queued_bytes += session.outbox.size();
        }
        stats
    }

    /// The connections whose CONNECT was accepted and that are not closing, with their client identifiers.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, &str)> {
        self.connections.iter().filter_map(|(id, connection)| {
            let session = self.sessions.get(connection.session()?)?;
            Some((*id, &*session.client_id))
        })
    }

    /// The client identifiers of all sessions, with and without connection.
    pub fn sessions(&self) -> impl Iterator<Item = &str> {
        self.sessions.iter().map(|(_, session)| &*session.client_id)
    }

    /// The client identifier of a connection whose CONNECT was accepted and that is not closing.
    pub fn client_id(&self, id: ConnectionId) -> Option<&str> {
        self.sessions.get(self.session_of(id)?).map(|session| &*session.client_id)
    }

    /// The connection of a client.
    pub fn connection_of(&self, client_id: &str) -> Option<ConnectionId> {
        self.sessions.get(self.sessions.find(client_id)?)?.connection
    }

    /// The payload of the retained message of a topic.
    pub fn retained(&self, now: Instant, topic: TopicName<'_>) -> Option<&Bytes> {
        self.retained.get(now, topic).map(|message| &message.payload)
    }

    /// What an event says about a connection.
    fn origin(&self, id: ConnectionId) -> Origin {
        Origin {
            connection: id,
            address: self.connections.get(&id).and_then(|connection| connection.address),
        }
    }

    fn session_of(&self, id: ConnectionId) -> Option<SessionKey> {
        self.connections.get(&id)?.session()
    }

    /// Queues a packet that is not a PUBLISH.
    fn queue(&mut self, id: ConnectionId, control: Control) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.control.push(control);
            self.list(id);
        }
    }

    /// Has [`Broker::poll_ready`] name a connection, if there is something to do for it.
    fn list(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id).filter(|it| !it.is_listed) else { return };
        let has_work = match connection.state {
            State::Handshake => false,
            State::Online(key) => {
                let outbox = self.sessions.get(key).map(|session| &session.outbox);
                !connection.control.is_empty()
                    || outbox.is_some_and(|outbox| outbox.wants_to_send(connection.window_max))
            }
            State::Closing => true,
        };
        if has_work {
            connection.is_listed = true;
            self.ready.push_back(id);
        }
    }
}

#[cfg(test)]
mod tests;
