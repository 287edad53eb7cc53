//! Messages: attributes such as `r=NONCE`, with commas between them.

use base64ct::{Base64, Encoding};

use crate::error::ScramError;

/// The name of the method in CONNECT and AUTH.
pub const METHOD: &str = "SCRAM-SHA-256";

/// What says that the client knows of no channel binding.
pub(crate) const NO_BINDING: &str = "n,,";

/// Takes attributes off a message one by one.
pub(crate) struct Attributes<'a>(Option<&'a str>);

impl<'a> Attributes<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Result<Attributes<'a>, ScramError> {
        let text = core::str::from_utf8(message).map_err(|_| ScramError::Malformed("it is no UTF-8"))?;
        Ok(Attributes(Some(text)))
    }

    /// The value of the next attribute, which has to have that name.
    pub(crate) fn next(&mut self, name: char, missing: &'static str) -> Result<&'a str, ScramError> {
        let value = self.peek(name).ok_or(ScramError::Malformed(missing))?;
        self.0 = self.0.and_then(|rest| rest.split_once(',')).map(|(_, rest)| rest);
        Ok(value)
    }

    /// The value of the next attribute if it has that name.
    pub(crate) fn peek(&self, name: char) -> Option<&'a str> {
        let first = self.0?.split(',').next()?;
        first.strip_prefix(name)?.strip_prefix('=')
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

pub(crate) fn decode(text: &str) -> Result<Vec<u8>, ScramError> {
    Base64::decode_vec(text).map_err(|_| ScramError::Malformed("it has a value that is no Base64"))
}

/// A name in which neither commas nor equals signs stand. (RFC 5802, section 5.1)
pub(crate) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

pub(crate) fn unescape(name: &str) -> Result<String, ScramError> {
    let mut parts = name.split('=');
    let mut plain = String::from(parts.next().unwrap_or_default());
    for part in parts {
        let (sign, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            (None, None) => return Err(ScramError::Malformed("its user name has a stray equals sign")),
        };
        plain.push(sign);
        plain.push_str(rest);
    }
    Ok(plain)
}

/// Printable ASCII without commas, and something at all. (RFC 5802, section 5.1)
pub(crate) fn check_nonce(nonce: &str) -> Result<(), ScramError> {
    let is_legal = nonce.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    if is_legal && !nonce.is_empty() { Ok(()) } else { Err(ScramError::Nonce) }
}
