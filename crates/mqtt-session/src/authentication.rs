//! What an enhanced authentication asks of the application, and what the application answers.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

/// Names a question of an authentication, so that an answer to an earlier one is known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthStep(pub(crate) u64);

impl AuthStep {
    /// The number, from 1; later steps have higher ones.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The step of that number, so that one can be kept as a number.
    pub const fn from_number(number: u64) -> AuthStep {
        AuthStep(number)
    }
}

/// What an authentication asks of the application. `Debug` shows no data.
#[derive(Clone, PartialEq, Eq)]
pub enum AuthStage {
    /// A dialogue begins: what does the client say first? Answered with [`AuthAnswer::Data`].
    Begin,
    /// The server has said this: what does the client answer? Answered with [`AuthAnswer::Data`].
    Challenge(Bytes),
    /// The server is satisfied, and has said this last: is the client satisfied too? Answered with
    /// [`AuthAnswer::Accept`]. Nothing is sent and nothing received before.
    Verdict(Bytes),
}

impl fmt::Debug for AuthStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthStage::Begin => f.write_str("Begin"),
            AuthStage::Challenge(data) => write!(f, "Challenge({} bytes)", data.len()),
            AuthStage::Verdict(data) => write!(f, "Verdict({} bytes)", data.len()),
        }
    }
}

/// What the application answers. `Debug` shows no data.
#[derive(Clone, PartialEq, Eq)]
pub enum AuthAnswer {
    /// Authentication Data for the server, 65,535 bytes at the most; none at all if it is empty.
    Data(Vec<u8>),
    /// The server has proven what it had to.
    Accept,
    /// The client breaks off: the connection ends, and is not tried again.
    Abort,
}

impl fmt::Debug for AuthAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthAnswer::Data(data) => write!(f, "Data({} bytes)", data.len()),
            AuthAnswer::Accept => f.write_str("Accept"),
            AuthAnswer::Abort => f.write_str("Abort"),
        }
    }
}
