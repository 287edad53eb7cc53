//! Enhanced authentication: whoever knows a method conducts the dialogue, and the driver carries it.

use std::error::Error;
use std::fmt;

/// Knows one method of authentication, such as SCRAM.
///
/// Its calls are made by the driver, without any lock, and must not wait: what they need is known before.
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// The name of the method, as the server knows it.
    fn method(&self) -> &str;

    /// Begins a dialogue, at each connection and each [`crate::Client::reauthenticate`]: the dialogue, and what the
    /// client says first.
    ///
    /// An error breaks the connection off; no further attempt is made, and whoever waits for it gets the error.
    fn begin(&self) -> Result<(Box<dyn Dialogue>, Vec<u8>), DialogueError>;
}

/// One dialogue with a server.
pub trait Dialogue: fmt::Debug + Send + Sync {
    /// Answers what the server has said; an error breaks the connection off.
    fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, DialogueError>;

    /// The server is satisfied, and has said this last: whether the client is satisfied too. Nothing is sent to the
    /// server before; an error breaks the connection off.
    fn verify(&mut self, last: &[u8]) -> Result<(), DialogueError>;
}

/// Why a dialogue is broken off.
pub type DialogueError = Box<dyn Error + Send + Sync>;
