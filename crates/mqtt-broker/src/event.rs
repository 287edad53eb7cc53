//! What becomes of connections, as events for whoever follows them; recorded only if [`Config`](crate::Config) says so.

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use core::net::SocketAddr;

use mqtt_proto::{ReasonCode, Version};

use crate::ids::ConnectionId;

/// What became of a connection. Texts come from the network and may hold any characters.
///
/// A connection is accepted or refused or ends before that; one that was accepted ends once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A client is online.
    Accepted {
        /// Its connection.
        from: Origin,
        /// Its client identifier, which the broker may have assigned.
        client_id: Arc<str>,
        /// The user name of CONNECT.
        user_name: Option<String>,
        /// The version that it speaks.
        version: Version,
        /// What counts: that of CONNECT, or the broker's own. 0 is none.
        keep_alive_secs: u16,
        /// Clean Start of CONNECT, which is Clean Session before 5.0.
        clean_start: bool,
        /// Whether it goes on with a session.
        session_present: bool,
    },
    /// A CONNECT was not accepted.
    Refused {
        /// Its connection.
        from: Origin,
        /// The client identifier of CONNECT, if it could be read.
        client_id: Option<String>,
        /// The user name of CONNECT.
        user_name: Option<String>,
        /// The version in which it was answered.
        version: Version,
        /// Why.
        reason: ReasonCode,
        /// Why, for people to read; may be empty.
        text: Cow<'static, str>,
    },
    /// A connection ended that was not refused.
    Ended {
        /// The connection.
        from: Origin,
        /// The client identifier; none if no CONNECT was accepted.
        client_id: Option<Arc<str>>,
        /// Why.
        end: End,
    },
    /// A client asked for a subscription.
    Subscribed {
        /// Its connection.
        from: Origin,
        /// Its client identifier.
        client_id: Arc<str>,
        /// The topic filter.
        filter: String,
        /// What SUBACK says: the granted QoS, or why it is refused.
        reason: ReasonCode,
    },
    /// So many events found no room here.
    Missed {
        /// How many.
        count: u64,
    },
}

/// Which connection an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its name; names are never used again.
    pub connection: ConnectionId,
    /// Where it comes from, if the host has said so.
    pub address: Option<SocketAddr>,
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The client sent DISCONNECT.
    Disconnected {
        /// Its reason code, which is Success before 5.0.
        reason: ReasonCode,
    },
    /// The link is gone, without DISCONNECT.
    NetworkClosed {
        /// What the host says about it; none after an orderly end of the stream.
        error: Option<String>,
    },
    /// The connection was not accepted in time.
    ConnectTimeout,
    /// Nothing came for one and a half times the keep alive.
    KeepAliveTimeout,
    /// The client connected once more.
    TakenOver,
    /// The client broke the protocol or went past a bound.
    Fault {
        /// The reason code, as DISCONNECT says it.
        reason: ReasonCode,
        /// Which rule or bound; may be empty.
        text: Cow<'static, str>,
    },
    /// The broker's owner ended it.
    ServerDisconnected {
        /// The reason code of DISCONNECT.
        reason: ReasonCode,
    },
    /// The broker stopped.
    ShutDown,
    /// There were too many connections already.
    TooManyConnections,
}

/// Events that wait to be taken.
#[derive(Debug)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    /// What the texts in the queue take.
    bytes: usize,
    missed: u64,
    max: usize,
}

impl Events {
    /// At most so many wait; with 0 none is recorded.
    pub(crate) fn new(max: usize) -> Events {
        Events { queue: VecDeque::new(), bytes: 0, missed: 0, max }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.max > 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.missed == 0
    }

    /// Records an event. One that finds no room is counted instead of made, and the count stands where it would.
    pub(crate) fn record(&mut self, make: impl FnOnce() -> Event) {
        if !self.is_on() {
            return;
        }
        if self.queue.len() + usize::from(self.missed > 0) >= self.max || self.bytes >= TEXTS_MAX {
            self.missed += 1;
            return;
        }
        if self.missed > 0 {
            self.queue.push_back(Event::Missed { count: core::mem::take(&mut self.missed) });
        }
        let event = make();
        self.bytes += event.text_size();
        self.queue.push_back(event);
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        match self.queue.pop_front() {
            Some(event) => {
                self.bytes -= event.text_size();
                Some(event)
            }
            None if self.missed > 0 => Some(Event::Missed { count: core::mem::take(&mut self.missed) }),
            None => None,
        }
    }
}

impl Event {
    /// Bytes that the client chose.
    fn text_size(&self) -> usize {
        let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Event::Accepted { client_id, user_name, .. } => client_id.len() + len(user_name),
            Event::Refused { client_id, user_name, text, .. } => len(client_id) + len(user_name) + text.len(),
            Event::Ended { client_id, end, .. } => {
                client_id.as_ref().map_or(0, |id| id.len()) + end.text_size()
            }
            Event::Subscribed { client_id, filter, .. } => client_id.len() + filter.len(),
            Event::Missed { .. } => 0,
        }
    }
}

impl End {
    fn text_size(&self) -> usize {
        match self {
            End::NetworkClosed { error } => error.as_ref().map_or(0, String::len),
            End::Fault { text, .. } => text.len(),
            End::Disconnected { .. }
            | End::ConnectTimeout
            | End::KeepAliveTimeout
            | End::TakenOver
            | End::ServerDisconnected { .. }
            | End::ShutDown
            | End::TooManyConnections => 0,
        }
    }
}

/// With as many bytes of text in the queue, or more, no further event is recorded.
const TEXTS_MAX: usize = 1 << 20;
