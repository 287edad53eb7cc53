//! SCRAM-SHA-256 with a user and a password: the proof goes over the wire, the password never does.

use std::fmt::Write;

use mqtt_scram::{Client, Exchange, METHOD, ScramError};

use crate::authentication::{Authenticator, Dialogue, DialogueError};

/// Proves that the client knows a password, and has the server prove that it knows the user.
///
/// ```
/// use mqtt_client::{Options, Scram};
///
/// let options = Options::new("broker.example").authenticator(Scram::new("door-7", "secret")?);
/// # let _ = options;
/// # Ok::<(), mqtt_client::ScramError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scram {
    client: Client,
}

/// Random bytes of a nonce.
const NONCE_SIZE: usize = 18;

impl Scram {
    /// A user and a password; fails if SASLprep forbids a character of them.
    pub fn new(user: &str, password: &str) -> Result<Scram, ScramError> {
        Ok(Scram { client: Client::new(user, password)? })
    }

    /// The most iterations that the client works through for a server. Default: 200,000, about a tenth of a
    /// second for each connection.
    pub fn iterations_max(self, iterations_max: u32) -> Scram {
        Scram { client: self.client.iterations_max(iterations_max) }
    }
}

impl Authenticator for Scram {
    fn method(&self) -> &str {
        METHOD
    }

    fn begin(&self) -> Result<(Box<dyn Dialogue>, Vec<u8>), DialogueError> {
        let (exchange, first) = self.client.begin(&nonce()?)?;
        Ok((Box::new(exchange), first))
    }
}

impl Dialogue for Exchange {
    fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, DialogueError> {
        Ok(Exchange::answer(self, challenge)?)
    }

    fn verify(&mut self, last: &[u8]) -> Result<(), DialogueError> {
        Ok(Exchange::verify(self, last)?)
    }
}

fn nonce() -> Result<String, DialogueError> {
    let mut bytes = [0; NONCE_SIZE];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    let mut text = String::with_capacity(2 * NONCE_SIZE);
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}
