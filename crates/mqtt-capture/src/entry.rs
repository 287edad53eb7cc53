//! One entry of a log: a call, when it was made, what the session answered, and what it wants from then on.

use alloc::vec::Vec;
use core::time::Duration;

use mqtt_proto::ReasonCode;
use mqtt_session::{AuthAnswer, Credentials, Instant, OfflineCause, Session, Transport};
use serde::{Deserialize, Serialize};

use crate::masked::Masked;

/// A call and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry<'a> {
    /// Microseconds since the entry before, either way.
    pub(crate) passed: i64,
    #[serde(skip)]
    pub(crate) at: Instant,
    #[serde(borrow)]
    pub(crate) call: Call<'a>,
    #[serde(borrow)]
    pub(crate) answer: Answer<'a>,
    /// None if it is what it was.
    pub(crate) wants: Option<Wants>,
}

/// A call with what went into it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Call<'a> {
    #[serde(borrow)]
    Submit(Order<'a>),
    /// A command that was refused because it has no encoding.
    Unencodable,
    #[serde(borrow)]
    Apply(Applied<'a>),
    Bytes(Arrival),
    /// `poll_transmit`, with a buffer that holds so many bytes.
    Transmit(usize),
    /// `poll_event`.
    Event,
    /// Bytes of a packet whose rest never came.
    Rest(Masked),
    /// What follows was not recorded well enough to be replayed.
    Obscured,
    /// The recording was finished.
    End,
}

/// A command. A publication or subscription is the packet that it would be, with what the packet does not say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order<'a> {
    Connect,
    Publish(Masked, Option<Duration>),
    Subscribe(Masked),
    Unsubscribe(&'a str),
    Reauthenticate,
    Disconnect { drain: Duration, with_will: bool, session_expiry_secs: Option<u32> },
}

/// All other inputs, with tickets as numbers, and receipts numbered in the order in which they came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Applied<'a> {
    Opened,
    Written,
    Unread,
    /// A position in [`CAUSES`].
    Closed(usize),
    Timeout,
    SetTimeout(u64, Duration),
    Withdraw(u64),
    Acknowledge(u64, ReasonCode),
    Leave(u64),
    FetchLeft,
    Abandon(&'a str),
    Retry(u64),
    GiveUp(u64),
    SetCredentials(Option<Credentials>),
    Authenticate(u64, #[serde(with = "AuthAnswerFields")] AuthAnswer),
}

/// New bytes from the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Arrival {
    pub(crate) len: usize,
    /// Whether they came behind what the session had left of the input.
    pub(crate) is_continued: bool,
    /// What became known of the stream by them: its packets stand in the log once they are whole.
    pub(crate) stored: Masked,
}

/// Why a driver may close a link.
pub(crate) const CAUSES: [OfflineCause; 8] = [
    OfflineCause::TransportClosed,
    OfflineCause::Requested,
    OfflineCause::DialFailed,
    OfflineCause::DialTimedOut,
    OfflineCause::WriteTimedOut,
    OfflineCause::PingTimedOut,
    OfflineCause::DriverGone,
    OfflineCause::StoreFailed,
];

#[derive(Serialize, Deserialize)]
#[serde(remote = "AuthAnswer")]
enum AuthAnswerFields {
    Data(Vec<u8>),
    Accept,
    Abort,
}

/// What the session answered. Digests are of what is masked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer<'a> {
    /// No event, or nothing to be sent.
    Nothing,
    Accepted,
    Ticket(u64),
    Refused(&'a str),
    /// Bytes of the input that it left.
    Left(usize),
    /// The first byte and the size of each packet, and a digest of all.
    Sent(Vec<(u8, usize)>, u64),
    /// The digest of a message.
    Message(u64),
    Done(u64, ReasonCode),
    /// Any other event, and a digest of the data that an authentication shows.
    Event(&'a str, u64),
    /// A digest of the session's counters.
    Counted(u64),
}

/// What the session wants: the link and the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wants {
    #[serde(with = "TransportFields")]
    pub(crate) transport: Transport,
    /// In microseconds, by the clock of the recording.
    pub(crate) timeout: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Transport")]
enum TransportFields {
    Closed,
    Open { attempt: u64 },
    Flush,
}

impl Wants {
    pub(crate) fn of(session: &Session) -> Wants {
        let timeout = session.poll_timeout().map(Instant::as_micros);
        Wants { transport: session.poll_transport(), timeout }
    }
}

impl<'a> Entry<'a> {
    /// Takes the next entry off a log; the error is `DeserializeUnexpectedEnd` if that ends first.
    pub(crate) fn take(log: &mut &'a [u8], now: &mut Instant) -> Result<Entry<'a>, postcard::Error> {
        let mut entry: Entry<'a>;
        (entry, *log) = postcard::take_from_bytes(log)?;
        *now = Instant::from_micros(now.as_micros().wrapping_add(entry.passed as u64));
        entry.at = *now;
        Ok(entry)
    }
}
