//! The connection: every transition between being idle, dialling, connecting, being online and closing.
//! Between connecting and online it may wait for the application to verify what the server has proven.
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

use core::fmt;
use core::time::Duration;

use mqtt_parts::Instant;

/// Where the connection stands.
#[derive(Debug)]
pub(crate) struct Connection {
    state: State,
    /// Counts dials, so that a driver can tell one link from the next.
    attempt: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody wants a connection.
    Idle,
    /// The next attempt starts then.
    Waiting { until: Instant },
    /// The link is being opened.
    Dialing { deadline: Instant },
    /// CONNECT is on its way, CONNACK is awaited.
    Connecting { deadline: Instant },
    /// The server has accepted; the application has yet to say whether it accepts the server.
    Verifying { deadline: Instant, session_present: bool },
    /// The server has accepted.
    Online,
    /// Last bytes go out; then the link is closed.
    Closing { deadline: Instant, next: Next },
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

/// What follows a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Retry { at: Instant },
    Stop,
}

/// A step that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    Dial,
    Connack,
}

impl Connection {
    pub(crate) const fn new() -> Connection {
        Connection { state: State::Idle, attempt: 0 }
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// The same for the application.
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

    /// The number of the link that is open or being opened.
    pub(crate) const fn attempt(&self) -> u64 {
        self.attempt
    }

    /// Opens a link, which has to be there by `deadline`.
    pub(crate) fn dial(&mut self, deadline: Instant) {
        self.attempt += 1;
        self.state = State::Dialing { deadline };
    }

    /// The link is open; false if nobody waits for it. The server has to accept by `deadline`.
    pub(crate) fn on_opened(&mut self, deadline: Instant) -> bool {
        let is_awaited = matches!(self.state, State::Dialing { .. });
        if is_awaited {
            self.state = State::Connecting { deadline };
        }
        is_awaited
    }

    /// The server has accepted, and nothing goes on before the application has accepted the server.
    pub(crate) fn on_verdict_asked(&mut self, session_present: bool) {
        if let State::Connecting { deadline } = self.state {
            self.state = State::Verifying { deadline, session_present };
        }
    }

    /// The server has accepted.
    pub(crate) fn on_accepted(&mut self) {
        self.state = State::Online;
    }

    /// Lets last bytes out before the link is closed, at `deadline` at the latest.
    pub(crate) fn close_after_flush(&mut self, deadline: Instant, next: Next) {
        self.state = State::Closing { deadline, next };
    }

    /// The link is gone.
    pub(crate) fn on_closed(&mut self, next: Next) {
        self.state = match next {
            Next::Retry { at } => State::Waiting { until: at },
            Next::Stop => State::Idle,
        };
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Idle | State::Online => None,
            State::Waiting { until: at }
            | State::Dialing { deadline: at }
            | State::Connecting { deadline: at }
            | State::Verifying { deadline: at, .. }
            | State::Closing { deadline: at, .. } => Some(at),
        }
    }

    /// Goes on where only time was awaited, and tells which step took too long.
    pub(crate) fn on_timeout(&mut self, now: Instant, network_timeout: Duration) -> Option<Expired> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        match self.state {
            State::Dialing { .. } => return Some(Expired::Dial),
            State::Connecting { .. } | State::Verifying { .. } => return Some(Expired::Connack),
            State::Waiting { .. } => self.dial(now + network_timeout),
            State::Closing { next, .. } => self.on_closed(next),
            State::Idle | State::Online => {}
        }
        None
    }
}
