//! The connection: every transition between being idle, dialling, connecting, being online and closing, and what the
//! application wants of it.
//!
//! ```text
//!            wanted              opened               accepted
//!     Idle ─────────► Dialing ─────────► Connecting ─────────► Online
//!      ▲                 ▲ │                  │                   │
//!      │ stop            │ └──────┬───────────┴───────────────────┤
//!      │           waited│        ▼ lost                          ▼ last bytes
//!      ├─────────────── Waiting ◄──────────────────────────── Closing
//!      └──────────────────────────────────────────────────────────┘
//! ```
//!
//! Between connecting and online it may wait for the application to verify what the server has proven.

use alloc::boxed::Box;
use core::fmt;

use mqtt_parts::Instant;
use mqtt_proto::ReasonCode;

use crate::error::OfflineCause;
use crate::event::Ticket;

/// Where the connection stands, and where it should.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    state: State,
    wish: Wish,
    /// Counts dials, so that a driver can tell one link from the next.
    attempt: u64,
    /// Whether a connection was accepted before.
    was_online: bool,
    /// Why the last connection ended or failed.
    last_cause: Option<OfflineCause>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// No connection is wanted.
    #[default]
    Idle,
    /// The next attempt starts then.
    Waiting { until: Instant },
    /// The link is being opened; whether the application has yet to give credentials.
    Dialing { deadline: Instant, needs_credentials: bool },
    /// The link is open, and CONNACK is awaited.
    Connecting { deadline: Instant, connect: ConnectPacket },
    /// The server has accepted; the application has yet to say whether it accepts the server.
    Verifying { deadline: Instant, session_present: bool },
    /// The server has accepted.
    Online,
    /// Last bytes go out; then the link is closed.
    Closing { deadline: Instant, next: Next },
}

/// How far the CONNECT of a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectPacket {
    /// The application has yet to say what goes into it: credentials, or Authentication Data.
    Missing {
        needs_credentials: bool,
    },
    /// It waits to be written.
    Encoded,
    Written,
}

/// What the application wants.
#[derive(Debug, Default)]
enum Wish {
    /// It has not asked for a connection yet.
    #[default]
    Nothing,
    /// A connection; the operation of that ticket ends with the first one.
    FirstConnection(Ticket),
    Connection,
    /// To disconnect once what was accepted has ended.
    Disconnection(Box<Draining>),
    /// To be disconnected; the operation of that ticket ends with the link.
    Close(Ticket),
    /// No further attempt, until it asks for a connection again.
    Stop,
}

/// A disconnection that waits for what was accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draining {
    pub(crate) ticket: Ticket,
    pub(crate) deadline: Instant,
    pub(crate) disconnect: DisconnectReason,
    /// The operation that waits for the first connection.
    connecting: Option<Ticket>,
}

/// What a DISCONNECT says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DisconnectReason {
    pub(crate) reason: ReasonCode,
    pub(crate) session_expiry_secs: Option<u32>,
}

impl DisconnectReason {
    pub(crate) const SUCCESS: DisconnectReason = DisconnectReason::new(ReasonCode::Success);

    pub(crate) const fn new(reason: ReasonCode) -> DisconnectReason {
        DisconnectReason { reason, session_expiry_secs: None }
    }
}

/// What follows a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Retry { at: Instant },
    Stop,
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

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Idle => f.write_str("no connection is wanted"),
            Status::Waiting { until } => write!(f, "the next attempt to connect starts at {until:?}"),
            Status::Dialing => f.write_str("the link is being opened"),
            Status::Connecting => f.write_str("the server's CONNACK is awaited"),
            Status::Online => f.write_str("the server has accepted the connection"),
            Status::Closing => f.write_str("the last bytes are being written"),
        }
    }
}

impl Connection {
    pub(crate) const fn state(&self) -> State {
        self.state
    }

    pub(crate) const fn status(&self) -> Status {
        match self.state {
            State::Idle => Status::Idle,
            State::Waiting { until } => Status::Waiting { until },
            State::Dialing { .. } => Status::Dialing,
            State::Connecting { .. } | State::Verifying { .. } => Status::Connecting,
            State::Online => Status::Online,
            State::Closing { .. } => Status::Closing,
        }
    }

    pub(crate) const fn is_online(&self) -> bool {
        matches!(self.state, State::Online)
    }

    pub(crate) const fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting { .. })
    }

    pub(crate) const fn was_online(&self) -> bool {
        self.was_online
    }

    pub(crate) const fn last_cause(&self) -> Option<OfflineCause> {
        self.last_cause
    }

    /// The number of the link that is open or being opened.
    pub(crate) const fn attempt(&self) -> u64 {
        self.attempt
    }

    /// Whether something that was written may be read by somebody.
    pub(crate) const fn has_link(&self) -> bool {
        matches!(self.state, State::Connecting { .. } | State::Online | State::Closing { .. })
    }

    /// Whether the server may have seen a CONNECT, so that a DISCONNECT may follow.
    pub(crate) const fn is_connect_written(&self) -> bool {
        matches!(
            self.state,
            State::Connecting { connect: ConnectPacket::Written, .. }
                | State::Verifying { .. }
                | State::Online
        )
    }

    /// Whether bytes from the server are read.
    pub(crate) const fn is_reading(&self) -> bool {
        matches!(self.state, State::Connecting { .. } | State::Online)
    }

    /// Whether operations are refused, since no connection follows that they could end on.
    pub(crate) const fn is_stopping(&self) -> bool {
        matches!(self.wish, Wish::Disconnection(_) | Wish::Close(_) | Wish::Stop)
    }

    /// The operation that waits for the first connection.
    pub(crate) fn connecting(&self) -> Option<Ticket> {
        match &self.wish {
            Wish::FirstConnection(ticket) => Some(*ticket),
            Wish::Disconnection(draining) => draining.connecting,
            Wish::Nothing | Wish::Connection | Wish::Close(_) | Wish::Stop => None,
        }
    }

    pub(crate) fn draining(&self) -> Option<Draining> {
        match &self.wish {
            Wish::Disconnection(draining) => Some(**draining),
            Wish::Nothing | Wish::FirstConnection(_) | Wish::Connection | Wish::Close(_) | Wish::Stop => None,
        }
    }

    /// The operation that ends once the link is closed.
    pub(crate) const fn closing(&self) -> Option<Ticket> {
        match self.wish {
            Wish::Close(ticket) => Some(ticket),
            _ => None,
        }
    }

    /// A connection is wanted.
    pub(crate) fn connect(&mut self, ticket: Ticket) {
        debug_assert_eq!(self.state, State::Idle, "one is wanted already");
        self.wish = Wish::FirstConnection(ticket);
    }

    /// A disconnection is wanted, once what was accepted has ended.
    pub(crate) fn disconnect(&mut self, ticket: Ticket, deadline: Instant, disconnect: DisconnectReason) {
        debug_assert!(!self.is_stopping(), "one is wanted already");
        let connecting = self.connecting();
        self.wish = Wish::Disconnection(Box::new(Draining { ticket, deadline, disconnect, connecting }));
    }

    /// An earlier program was online.
    pub(crate) fn rebuild_online(&mut self) {
        self.was_online = true;
    }

    /// Opens a link, which has to be there by `deadline`.
    pub(crate) fn dial(&mut self, deadline: Instant, needs_credentials: bool) {
        debug_assert!(matches!(self.state, State::Idle | State::Waiting { .. }), "one link at a time");
        self.attempt += 1;
        self.state = State::Dialing { deadline, needs_credentials };
    }

    /// The link is open; false if nobody waits for it. The server has to accept by `deadline`.
    pub(crate) fn on_opened(&mut self, deadline: Instant) -> bool {
        let State::Dialing { needs_credentials, .. } = self.state else { return false };
        self.state = State::Connecting { deadline, connect: ConnectPacket::Missing { needs_credentials } };
        true
    }

    /// The application has given credentials.
    pub(crate) fn on_credentials(&mut self) {
        match &mut self.state {
            State::Dialing { needs_credentials, .. }
            | State::Connecting { connect: ConnectPacket::Missing { needs_credentials }, .. } => {
                *needs_credentials = false;
            }
            _ => {}
        }
    }

    /// Whether CONNECT can be encoded, as far as credentials are concerned.
    pub(crate) const fn wants_connect(&self) -> bool {
        matches!(
            self.state,
            State::Connecting { connect: ConnectPacket::Missing { needs_credentials: false }, .. }
        )
    }

    pub(crate) fn on_connect_encoded(&mut self) {
        if let State::Connecting { connect, .. } = &mut self.state {
            *connect = ConnectPacket::Encoded;
        }
    }

    /// What waited to be written was written; true if there may be a password in it.
    pub(crate) fn on_written(&mut self) -> bool {
        let State::Connecting { connect, .. } = &mut self.state else { return false };
        if *connect == ConnectPacket::Encoded {
            *connect = ConnectPacket::Written;
        }
        true
    }

    /// The server has accepted, and nothing goes on before the application has accepted the server.
    pub(crate) fn on_verdict_asked(&mut self, session_present: bool) {
        if let State::Connecting { deadline, .. } = self.state {
            self.state = State::Verifying { deadline, session_present };
        }
    }

    /// The server has accepted: the operation that waited for it.
    pub(crate) fn on_accepted(&mut self) -> Option<Ticket> {
        self.state = State::Online;
        self.was_online = true;
        match &mut self.wish {
            Wish::FirstConnection(ticket) => {
                let ticket = *ticket;
                self.wish = Wish::Connection;
                Some(ticket)
            }
            Wish::Disconnection(draining) => draining.connecting.take(),
            Wish::Nothing | Wish::Connection | Wish::Close(_) | Wish::Stop => None,
        }
    }

    /// The connection has ended. Last bytes may go out until `flush_until`.
    pub(crate) fn on_ended(&mut self, cause: OfflineCause, next: Next, flush_until: Option<Instant>) {
        self.last_cause = Some(cause);
        match flush_until {
            Some(deadline) => self.state = State::Closing { deadline, next },
            None => self.on_closed(next),
        }
    }

    /// The link is gone.
    pub(crate) fn on_closed(&mut self, next: Next) {
        self.state = match next {
            Next::Retry { at } => State::Waiting { until: at },
            Next::Stop => State::Idle,
        };
    }

    /// No further attempt is made: the operation that waited for the first connection, which never came.
    pub(crate) fn stop(&mut self) -> Option<Ticket> {
        let connecting = self.connecting();
        self.wish = self.draining().map_or(Wish::Stop, |draining| Wish::Close(draining.ticket));
        connecting
    }

    /// The operation that has ended now that the link is closed.
    pub(crate) fn take_closed(&mut self) -> Option<Ticket> {
        let ticket = self.closing().filter(|_| self.state == State::Idle)?;
        self.wish = Wish::Stop;
        Some(ticket)
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Idle | State::Online => None,
            State::Waiting { until: at }
            | State::Dialing { deadline: at, .. }
            | State::Connecting { deadline: at, .. }
            | State::Verifying { deadline: at, .. }
            | State::Closing { deadline: at, .. } => Some(at),
        }
    }

    /// What is due now, if something is.
    pub(crate) fn due(&self, now: Instant) -> Option<Due> {
        self.deadline().filter(|deadline| now >= *deadline)?;
        match self.state {
            State::Waiting { .. } => Some(Due::Dial),
            State::Dialing { .. } => Some(Due::GiveUp(OfflineCause::DialTimedOut)),
            State::Connecting { .. } | State::Verifying { .. } => {
                Some(Due::GiveUp(OfflineCause::ConnackTimedOut))
            }
            State::Closing { next, .. } => Some(Due::Close(next)),
            State::Idle | State::Online => None,
        }
    }
}

/// What a deadline of the connection brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Dial,
    GiveUp(OfflineCause),
    Close(Next),
}
