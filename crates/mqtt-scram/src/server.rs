//! The server's side, for tests and for servers that have no other.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::error::ScramError;
use crate::keys::{HASH_LEN, Hash, Keys, hash, sign, xor};
use crate::message::{Attributes, NO_BINDING, check_nonce, decode, encode, unescape};

/// An exchange from the server's side.
pub struct Server {
    keys: Keys,
    /// Both first messages, as both sides sign them.
    signed: String,
    nonce: String,
    is_over: bool,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

impl Server {
    /// Looks at the client's first message: the exchange, the user, and the challenge for the client.
    ///
    /// The nonce must be random, new each time, and printable ASCII without commas.
    pub fn begin(
        first: &[u8],
        nonce: &str,
        keys_of: impl FnOnce(&str) -> Option<Keys>,
    ) -> Result<(Server, String, Vec<u8>), ScramError> {
        let text = core::str::from_utf8(first).map_err(|_| ScramError::Malformed("it is no UTF-8"))?;
        let bare =
            text.strip_prefix(NO_BINDING).ok_or(ScramError::Malformed("it asks for channel binding"))?;
        let mut attributes = Attributes::new(bare.as_bytes())?;
        let user = unescape(attributes.next('n', "it has no user name")?)?;
        let theirs = attributes.next('r', "it has no nonce")?;
        check_nonce(theirs)?;
        check_nonce(nonce)?;
        let keys = keys_of(&user).ok_or(ScramError::UnknownUser)?;
        let nonce = format!("{theirs}{nonce}");
        let challenge = format!("r={nonce},s={},i={}", encode(&keys.salt), keys.iterations);
        let signed = format!("{bare},{challenge}");
        Ok((Server { keys, signed, nonce, is_over: false }, user, challenge.into_bytes()))
    }

    /// Looks at the client's proof, and proves in turn that this server knows the user.
    pub fn finish(&mut self, answer: &[u8]) -> Result<Vec<u8>, ScramError> {
        if core::mem::replace(&mut self.is_over, true) {
            return Err(ScramError::OutOfTurn);
        }
        let mut attributes = Attributes::new(answer)?;
        let binding = attributes.next('c', "it has no channel binding")?;
        if decode(binding)? != NO_BINDING.as_bytes() {
            return Err(ScramError::Malformed("its channel binding is another one than at first"));
        }
        if attributes.next('r', "it has no nonce")? != self.nonce {
            return Err(ScramError::Nonce);
        }
        let proof = decode(attributes.next('p', "it has no proof")?)?;
        let proof: Hash =
            proof.try_into().map_err(|_| ScramError::Malformed("its proof has another size"))?;
        let text = core::str::from_utf8(answer).map_err(|_| ScramError::Malformed("it is no UTF-8"))?;
        let without_proof = text.rsplit_once(",p=").map_or(text, |(before, _)| before);
        let signed = format!("{},{without_proof}", self.signed);
        let client_key = xor(proof, &sign(&self.keys.stored_key, signed.as_bytes()));
        if !bool::from(hash(&client_key)[..HASH_LEN].ct_eq(&self.keys.stored_key)) {
            return Err(ScramError::ClientProof);
        }
        Ok(format!("v={}", encode(&sign(&self.keys.server_key, signed.as_bytes()))).into_bytes())
    }
}
