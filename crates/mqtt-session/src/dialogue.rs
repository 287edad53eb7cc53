//! The dialogue of an enhanced authentication: who has the word.
//!
//! A dialogue begins with each connection, or when the application asks for it on one that is online. The session
//! knows nothing of methods: each step is a question to the application, and its answer is carried to the server.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroize;

use crate::authentication::{AuthStage, AuthStep};
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
    pub(crate) turn: Turn,
    /// What the client says first on this connection.
    pub(crate) first: Secret,
    /// Who has asked for another authentication, on a connection that is online.
    pub(crate) ticket: Option<Ticket>,
}

/// Wiped when it is forgotten, and not shown.
pub(crate) struct Secret(pub(crate) Vec<u8>);

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

    /// The application has the word.
    pub(crate) fn ask(&mut self, stage: &AuthStage) -> AuthStep {
        self.turn = match stage {
            AuthStage::Begin => Turn::Begin,
            AuthStage::Challenge(_) => Turn::Challenge,
            AuthStage::Verdict(_) => Turn::Verdict,
        };
        self.steps += 1;
        AuthStep(self.steps)
    }

    /// Whether the application is asked just this.
    pub(crate) fn asks(&self, step: AuthStep) -> bool {
        step.0 == self.steps && !matches!(self.turn, Turn::Nobody | Turn::Server)
    }

    /// The first word, which goes into CONNECT; then the server has the word.
    pub(crate) fn say_first(&mut self, data: Vec<u8>) {
        self.first = Secret(data);
        self.turn = Turn::Server;
    }

    /// The dialogue is over: who has asked for it.
    pub(crate) fn end(&mut self) -> Option<Ticket> {
        self.turn = Turn::Nobody;
        self.first = Secret(Vec::new());
        self.ticket.take()
    }
}
