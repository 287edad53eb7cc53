//! Requests that wait for their response: which message asks, and which one answers.
//!
//! A request is two operations: the message that asks, and the wait for the one that answers. The application knows
//! the first ticket of both; the message has the one behind it. Responses come on one topic of the client's own,
//! and name their request in the Correlation Data.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use mqtt_proto::ReasonCode;

use crate::error::{Indeterminate, Rejected};
use crate::event::{Outcome, Ticket};
use crate::lazy::unused;

/// All requests that have not ended.
#[derive(Debug)]
pub(crate) struct Requests {
    /// Distinguishes the requests of this program from those of an earlier one; none before the first.
    nonce: Option<u32>,
    /// Where responses come; empty before the first request.
    topic: String,
    /// The subscription to it.
    subscription: Option<Ticket>,
    open: BTreeMap<Ticket, Stage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The message that asks has not ended.
    Sending,
    /// It has arrived; the response is awaited.
    Waiting,
    /// The response came, or is not waited for any more, before the message that asks has ended.
    Settled,
}

/// What the end of an operation means to the application.
pub(crate) enum Meaning {
    /// What it says.
    Itself,
    /// Nothing: it was part of a request.
    Nothing,
    /// The end of that request.
    Ended(Ticket, Outcome),
    /// The end of those requests too: their responses cannot come.
    NoResponses(Vec<Ticket>),
}

/// Size of the Correlation Data: nonce and ticket.
const CORRELATION_SIZE: usize = 12;

unused!(Requests, Requests::new());

impl Requests {
    const fn new() -> Requests {
        Requests { nonce: None, topic: String::new(), subscription: None, open: BTreeMap::new() }
    }

    /// Where responses come; empty before the first request.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    pub(crate) fn nonce(&self) -> Option<u32> {
        self.nonce
    }

    pub(crate) fn set_subscription(&mut self, ticket: Ticket) {
        self.subscription = Some(ticket);
    }

    /// A request was accepted. The first one fixes where responses come.
    pub(crate) fn open(&mut self, request: Ticket, topic: &str, nonce: u32) {
        if self.nonce.replace(nonce).is_none() {
            self.topic = topic.into();
        }
        self.open.insert(request, Stage::Sending);
    }

    /// Whether the application waits for that request.
    pub(crate) fn is_open(&self, request: Ticket) -> bool {
        self.open.get(&request).is_some_and(|stage| *stage != Stage::Settled)
    }

    /// Whether the message of that request has arrived, and its response is awaited.
    pub(crate) fn awaits_response(&self, request: Ticket) -> bool {
        self.open.get(&request) == Some(&Stage::Waiting)
    }

    /// The request that an operation is part of, or the operation itself.
    pub(crate) fn request_of(&self, ticket: Ticket) -> Ticket {
        ticket.previous().filter(|request| self.open.contains_key(request)).unwrap_or(ticket)
    }

    /// The message that a request asks with, or the operation itself.
    pub(crate) fn message_of(&self, ticket: Ticket) -> Ticket {
        if self.open.contains_key(&ticket) { ticket.next() } else { ticket }
    }

    /// The request that a response answers, if the application waits for it.
    pub(crate) fn answered_by(&mut self, correlation: Option<&[u8]>) -> Option<Ticket> {
        let (nonce, number) = correlation?.split_first_chunk::<4>()?;
        if self.nonce != Some(u32::from_be_bytes(*nonce)) {
            return None;
        }
        let request = Ticket::from_number(u64::from_be_bytes(number.try_into().ok()?))?;
        self.is_open(request).then_some(request)
    }

    /// The end of a request is reported, and the application waits no longer.
    pub(crate) fn settle(&mut self, request: Ticket) {
        match self.open.get_mut(&request) {
            Some(stage @ Stage::Sending) => *stage = Stage::Settled,
            Some(Stage::Waiting) => {
                self.open.remove(&request);
            }
            Some(Stage::Settled) | None => {}
        }
    }

    /// An operation has ended.
    pub(crate) fn on_ended(&mut self, ticket: Ticket, outcome: Outcome) -> Meaning {
        if self.subscription == Some(ticket) && !matches!(outcome, Outcome::Done(_)) {
            self.subscription = None;
            return Meaning::NoResponses(self.open_requests());
        }
        let Some(request) = ticket.previous().filter(|request| self.open.contains_key(request)) else {
            return Meaning::Itself;
        };
        let outcome = match (self.open.remove(&request), outcome) {
            (Some(Stage::Settled), _) => return Meaning::Nothing,
            (_, Outcome::Done(ReasonCode::NoMatchingSubscribers)) => Outcome::Rejected(Rejected::NoResponder),
            (_, Outcome::Done(_)) => {
                self.open.insert(request, Stage::Waiting);
                return Meaning::Nothing;
            }
            (_, failure) => failure,
        };
        Meaning::Ended(request, outcome)
    }

    /// Those that the application waits for.
    pub(crate) fn open_requests(&self) -> Vec<Ticket> {
        let open = self.open.iter().filter(|(_, stage)| **stage != Stage::Settled);
        open.map(|(request, _)| *request).collect()
    }

    /// Those whose message has arrived.
    pub(crate) fn waiting_requests(&self) -> Vec<Ticket> {
        let waiting = self.open.iter().filter(|(_, stage)| **stage == Stage::Waiting);
        waiting.map(|(request, _)| *request).collect()
    }
}

/// The Correlation Data that names a request in its response.
pub(crate) fn correlation(nonce: u32, request: Ticket) -> [u8; CORRELATION_SIZE] {
    let mut data = [0; CORRELATION_SIZE];
    data[..4].copy_from_slice(&nonce.to_be_bytes());
    data[4..].copy_from_slice(&request.get().to_be_bytes());
    data
}

/// How requests end whose responses cannot come.
pub(crate) const NO_RESPONSES: Outcome = Outcome::Indeterminate(Indeterminate::NoResponses);
