//! Why an exchange fails.

use std::error::Error;
use std::fmt;

use crate::limits::ITERATIONS_MIN;

/// Why an exchange fails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScramError {
    /// User name or password hold characters that SASLprep forbids, or are empty.
    Prohibited,
    /// A message that is not what the exchange has come to; the text says what is wrong with it.
    Malformed(&'static str),
    /// The other side's nonce does not begin with ours, or adds nothing to it.
    Nonce,
    /// The server asks for too few iterations to be safe, or for more than the client works through.
    Iterations {
        /// What it asks for.
        asked: u32,
        /// The most that the client works through.
        max: u32,
    },
    /// The server does not know the user's keys: it is not who it says.
    ServerSignature,
    /// The server has refused, in its own word, such as `invalid-proof`.
    Refused(String),
    /// The client does not know the user's password.
    ClientProof,
    /// There is no such user.
    UnknownUser,
    /// This is not the side whose turn it is, or the exchange is over.
    OutOfTurn,
}

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScramError::Prohibited => {
                f.write_str("user name or password are empty or hold forbidden characters")
            }
            ScramError::Malformed(what) => write!(f, "the message of the other side is malformed: {what}"),
            ScramError::Nonce => f.write_str("the server's nonce does not continue the client's"),
            ScramError::Iterations { asked, max } => {
                write!(f, "the server asks for {asked} iterations; {ITERATIONS_MIN} to {max} are taken")
            }
            ScramError::ServerSignature => f.write_str("the server cannot prove that it knows the user"),
            ScramError::Refused(word) => write!(f, "the server has refused: {word}"),
            ScramError::ClientProof => f.write_str("the client cannot prove that it knows the password"),
            ScramError::UnknownUser => f.write_str("there is no such user"),
            ScramError::OutOfTurn => f.write_str("it is not this side's turn in the exchange"),
        }
    }
}

impl Error for ScramError {}
