//! What a password is turned into, and what is proven with it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::error::ScramError;

/// Size of SHA-256 in bytes.
pub(crate) const HASH_LEN: usize = 32;

pub(crate) type Hash = [u8; HASH_LEN];

/// What a server keeps of a user: enough to recognise the password, not enough to pass for the user.
///
/// `Debug` shows no key.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// Different for each user.
    pub salt: Vec<u8>,
    /// How often the password is hashed.
    pub iterations: u32,
    /// The hash of the client's key.
    pub stored_key: [u8; 32],
    /// What the server signs with.
    pub server_key: [u8; 32],
}

impl Keys {
    /// The keys of a password.
    pub fn derive(password: &str, salt: impl Into<Vec<u8>>, iterations: u32) -> Result<Keys, ScramError> {
        let salt = salt.into();
        let salted = salted(&prepare(password)?, &salt, iterations);
        let stored_key = hash(&*client_key(&salted));
        let server_key = sign(&*salted, b"Server Key");
        Ok(Keys { salt, iterations, stored_key, server_key })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.stored_key.zeroize();
        self.server_key.zeroize();
    }
}

/// User name or password in the one form that both sides hash.
pub(crate) fn prepare(text: &str) -> Result<Zeroizing<String>, ScramError> {
    let prepared = stringprep::saslprep(text).map_err(|_| ScramError::Prohibited)?;
    if prepared.is_empty() {
        return Err(ScramError::Prohibited);
    }
    Ok(Zeroizing::new(prepared.into_owned()))
}

pub(crate) fn salted(password: &str, salt: &[u8], iterations: u32) -> Zeroizing<Hash> {
    let mut salted = Zeroizing::new([0; HASH_LEN]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations, &mut *salted);
    salted
}

pub(crate) fn client_key(salted: &Hash) -> Zeroizing<Hash> {
    Zeroizing::new(sign(salted, b"Client Key"))
}

pub(crate) fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

pub(crate) fn sign(key: &[u8], message: &[u8]) -> Hash {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

pub(crate) fn xor(mut left: Hash, right: &Hash) -> Hash {
    left.iter_mut().zip(right).for_each(|(left, right)| *left ^= right);
    left
}
