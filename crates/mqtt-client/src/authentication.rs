//! Enhanced authentication: an [`Authenticator`] conducts the dialogue, and the driver carries it.

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
    /// An error closes the connection, and the client does not connect again; the token of the connection fails with it.
    fn begin(&self) -> Result<(Box<dyn Dialogue>, Vec<u8>), DialogueError>;
}

/// One dialogue with a server.
pub trait Dialogue: fmt::Debug + Send + Sync {
    /// Answers a challenge of the server; an error closes the connection.
    fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, DialogueError>;

    /// Checks the last message of a server that has accepted the client. Nothing else is sent before; an error closes the
    /// connection.
    fn verify(&mut self, last: &[u8]) -> Result<(), DialogueError>;
}

/// Why a dialogue failed.
pub type DialogueError = Box<dyn Error + Send + Sync>;
