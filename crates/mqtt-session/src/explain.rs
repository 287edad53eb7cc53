//! Says in words why an operation has not ended, and what comes next.

use core::fmt;

use mqtt_parts::Instant;
use mqtt_proto::{PacketKind, QoS};

use crate::error::OfflineCause;
use crate::state::Status;

/// Why an operation has not ended; `Display` says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// How far the operation has come.
    pub waits: Waits,
    /// Where the connection stands.
    pub status: Status,
    /// Why the last connection ended or failed.
    pub last_cause: Option<OfflineCause>,
    /// QoS 1 and 2 messages under way, and how many may be.
    pub window: (usize, u16),
}

/// What an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waits {
    /// Nothing: it has ended, or there never was such an operation.
    Ended,
    /// A connection that is accepted.
    Connection,
    /// The next word of an authentication, the application's or the server's.
    Authentication,
    /// The end of what was accepted before the request to disconnect, and of the link.
    Drain {
        /// Messages that have not ended.
        messages: usize,
        /// Subscribe and unsubscribe requests that have not ended.
        requests: usize,
        /// When it disconnects at the latest.
        until: Instant,
    },
    /// Its turn: it was never sent.
    Turn {
        /// Messages or requests that go before it.
        ahead: usize,
        /// Of a message.
        qos: Option<QoS>,
    },
    /// The response to a request whose message has arrived; for whom that is an operation, such as a client above the
    /// session.
    Response,
    /// To be sent anew: the server has lost the session in which it was sent.
    SendingAnew,
    /// To be repeated on this connection, behind others.
    Repetition,
    /// The application's decision: connections broke whenever it was under way, and it is quarantined.
    Decision,
    /// The server's answer.
    Answer(PacketKind),
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_online = self.status == Status::Online;
        match self.waits {
            Waits::Ended => return f.write_str("it has ended, or there never was such an operation"),
            Waits::Connection => f.write_str("no connection was accepted yet")?,
            Waits::Authentication => f.write_str("the authentication goes on; the next answer is awaited")?,
            Waits::Drain { messages, requests, until } => write!(
                f,
                "{messages} messages and {requests} requests have not ended; it disconnects when they have, or at \
                 {until:?}",
            )?,
            Waits::Turn { ahead, qos } => {
                write!(f, "it was never sent; {ahead} go before it")?;
                if is_online && qos != Some(QoS::AtMostOnce) {
                    self.fmt_window(f)?;
                }
            }
            Waits::Response => f.write_str("the request has arrived; its response is awaited")?,
            Waits::SendingAnew => f.write_str(
                "it was sent, but the server lost the session before it answered; it is sent anew in the new session",
            )?,
            Waits::Repetition => {
                f.write_str("it was sent on an earlier connection and is repeated on this one in its turn")?;
                self.fmt_window(f)?;
            }
            Waits::Decision => f.write_str(
                "connections broke whenever it was under way, so it is quarantined; retry it or give it up",
            )?,
            Waits::Answer(kind) if is_online => {
                write!(f, "it was sent; the server's {kind} is awaited, and it is repeated if the connection is lost")?;
            }
            Waits::Answer(kind) => write!(f, "it was sent; the server's {kind} did not come before the connection was lost")?,
        }
        if is_online { Ok(()) } else { self.fmt_status(f) }
    }
}

impl Explanation {
    fn fmt_window(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (in_flight, max) = self.window;
        if in_flight >= usize::from(max) {
            write!(
                f,
                "; {in_flight} messages are under way and the server takes {max}, so an acknowledgement must come first"
            )
        } else {
            write!(f, "; it goes out with the next bytes")
        }
    }

    fn fmt_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "; {}", self.status)?;
        match self.last_cause {
            Some(cause) => write!(f, ", because {cause}"),
            None => Ok(()),
        }
    }
}
