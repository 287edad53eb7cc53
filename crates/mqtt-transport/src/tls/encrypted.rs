//! Private keys that a password protects (PKCS #8).

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::error::PemProblem;

/// The key of PEM, decrypted; none if it has no encrypted key.
pub(crate) fn decrypt(pem: &[u8], password: &[u8]) -> Option<Result<PrivateKeyDer<'static>, PemProblem>> {
    let (label, document) = SecretDocument::from_pem(std::str::from_utf8(pem).ok()?).ok()?;
    if label != "ENCRYPTED PRIVATE KEY" {
        return None;
    }
    let Ok(info) = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()) else {
        return Some(Err(PemProblem::UnknownEncryption));
    };
    let key = info.decrypt(password).map_err(|_| PemProblem::WrongPassword);
    Some(key.map(|key| PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into()))
}
