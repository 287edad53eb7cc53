//! The client's side: proves that it knows the password, and has the server prove that it knows the user.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::ScramError;
use crate::keys::{Hash, client_key, hash, prepare, salted, sign, xor};
use crate::limits::ITERATIONS_MIN;
use crate::message::{Attributes, NO_BINDING, check_nonce, decode, encode, escape};

/// A user and a password. `Debug` shows neither, and the password is wiped when this is dropped.
#[derive(Clone)]
pub struct Client {
    /// As it stands in messages.
    user: String,
    password: Zeroizing<String>,
    iterations_max: u32,
}

/// Iterations that a client works through by default: about a tenth of a second.
const ITERATIONS_MAX: u32 = 200_000;

impl Client {
    /// A user and a password; fails if SASLprep forbids a character of them.
    pub fn new(user: &str, password: &str) -> Result<Client, ScramError> {
        let user = escape(&prepare(user)?);
        Ok(Client { user, password: prepare(password)?, iterations_max: ITERATIONS_MAX })
    }

    /// The most iterations that the client works through for a server, at least 4,096. Default: 200,000.
    ///
    /// Without a bound a server could keep a client busy for as long as it likes.
    pub fn iterations_max(mut self, iterations_max: u32) -> Client {
        self.iterations_max = iterations_max.max(ITERATIONS_MIN);
        self
    }

    /// Begins an exchange: what the client says first.
    ///
    /// The nonce must be random, new each time, and printable ASCII without commas; 18 random bytes in Base64 do.
    /// Any other fails.
    pub fn begin(&self, nonce: &str) -> Result<(Exchange, Vec<u8>), ScramError> {
        check_nonce(nonce)?;
        let bare = format!("n={},r={nonce}", self.user);
        let first = format!("{NO_BINDING}{bare}").into_bytes();
        let state = State::Begun { client: self.clone(), bare, nonce: nonce.into() };
        Ok((Exchange { state }, first))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("iterations_max", &self.iterations_max).finish_non_exhaustive()
    }
}

/// An exchange from the client's side.
#[derive(Debug)]
pub struct Exchange {
    state: State,
}

enum State {
    Begun {
        client: Client,
        bare: String,
        nonce: String,
    },
    /// The server has to sign with this.
    Answered {
        signature: Hash,
    },
    Over,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Begun { .. } => "Begun",
            State::Answered { .. } => "Answered",
            State::Over => "Over",
        })
    }
}

impl Exchange {
    /// Answers the server's challenge with the proof.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ScramError> {
        let State::Begun { client, bare, nonce } = core::mem::replace(&mut self.state, State::Over) else {
            return Err(ScramError::OutOfTurn);
        };
        let mut attributes = Attributes::new(challenge)?;
        if attributes.peek('m').is_some() {
            return Err(ScramError::Malformed("it needs an extension"));
        }
        let both = attributes.next('r', "it has no nonce")?;
        check_nonce(both)?;
        if both.len() <= nonce.len() || !both.starts_with(&nonce) {
            return Err(ScramError::Nonce);
        }
        let salt = decode(attributes.next('s', "it has no salt")?)?;
        let asked = attributes.next('i', "it has no number of iterations")?;
        let asked = asked.parse().map_err(|_| ScramError::Malformed("its iterations are no number"))?;
        if !(ITERATIONS_MIN..=client.iterations_max).contains(&asked) {
            return Err(ScramError::Iterations { asked, max: client.iterations_max });
        }
        let salted = salted(&client.password, &salt, asked);
        let without_proof = format!("c={},r={both}", encode(NO_BINDING.as_bytes()));
        let challenge = String::from_utf8_lossy(challenge);
        let signed = format!("{bare},{challenge},{without_proof}");
        let client_key = client_key(&salted);
        let proof = xor(*client_key, &sign(&hash(&*client_key), signed.as_bytes()));
        let server_key = Zeroizing::new(sign(&*salted, b"Server Key"));
        self.state = State::Answered { signature: sign(&*server_key, signed.as_bytes()) };
        Ok(format!("{without_proof},p={}", encode(&proof)).into_bytes())
    }

    /// Whether the server's last message proves that it knows the user.
    pub fn verify(&mut self, last: &[u8]) -> Result<(), ScramError> {
        let State::Answered { signature } = core::mem::replace(&mut self.state, State::Over) else {
            return Err(ScramError::OutOfTurn);
        };
        let mut attributes = Attributes::new(last)?;
        if let Some(word) = attributes.peek('e') {
            return Err(ScramError::Refused(word.into()));
        }
        let proof = decode(attributes.next('v', "it has no signature")?)?;
        if bool::from(proof.ct_eq(&signature)) { Ok(()) } else { Err(ScramError::ServerSignature) }
    }
}
