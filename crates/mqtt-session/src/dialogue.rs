//! The dialogue of an enhanced authentication: who has the word.
//!
//! A dialogue begins with each connection, or when the application asks for it on one that is online. The session
//! knows nothing of methods: each step is a question to the application, and its answer is carried to the server.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroize;

use crate::authentication::AuthStep;
use crate::event::Ticket;
use crate::lazy::unused;

/// Who has the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nobody: there is no dialogue.
    Nobody,
    Server,
    /// The application, which is asked for the first word.
    Begin,
    /// The application, which is asked for an answer.
    Challenge,
    /// The application, which has to accept the server.
    Verdict,
}

/// A dialogue, and those before it.
#[derive(Debug)]
pub(crate) struct Dialogue {
    /// Questions that were asked.
    steps: u64,
    turn: Turn,
    /// What the client says first on this connection.
    first: Secret,
    /// Who has asked for another authentication.
    ticket: Option<Ticket>,
}

/// Wiped when it is forgotten, and not shown.
struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

unused!(Dialogue, Dialogue::new());

impl Dialogue {
    const fn new() -> Dialogue {
        Dialogue { steps: 0, turn: Turn::Nobody, first: Secret(Vec::new()), ticket: None }
    }

    pub(crate) fn turn(&self) -> Turn {
        self.turn
    }

    /// What the client says first.
    pub(crate) fn first(&self) -> &[u8] {
        &self.first.0
    }

    /// A dialogue begins, for the one who has asked for it or for the next connection.
    pub(crate) fn begin(&mut self, ticket: Option<Ticket>) -> AuthStep {
        self.ticket = ticket;
        self.ask(Turn::Begin)
    }

    /// The application has the word.
    pub(crate) fn ask(&mut self, turn: Turn) -> AuthStep {
        self.turn = turn;
        self.steps += 1;
        AuthStep(self.steps)
    }

    /// Whether the application is asked just this.
    pub(crate) fn asks(&self, step: AuthStep) -> bool {
        step.0 == self.steps && !matches!(self.turn, Turn::Nobody | Turn::Server)
    }

    /// Whether somebody has asked for this dialogue on a connection that is online.
    pub(crate) fn is_repeated(&self) -> bool {
        self.ticket.is_some()
    }

    /// Whether this is the dialogue that was asked for under that ticket.
    pub(crate) fn is_of(&self, ticket: Ticket) -> bool {
        self.ticket == Some(ticket)
    }

    /// The first word, which goes into CONNECT; then the server has the word.
    pub(crate) fn say_first(&mut self, data: Vec<u8>) {
        self.first = Secret(data);
        self.turn = Turn::Server;
    }

    /// The server has the word.
    pub(crate) fn pass_on(&mut self) {
        self.turn = Turn::Server;
    }

    /// The dialogue is over: who has asked for it.
    pub(crate) fn end(&mut self) -> Option<Ticket> {
        self.turn = Turn::Nobody;
        self.first = Secret(Vec::new());
        self.ticket.take()
    }
}
