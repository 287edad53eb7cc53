//! How a log begins: what it is, what is masked in it, and what the session was made of.

use alloc::vec::Vec;

use bytes::Bytes;
use mqtt_session::Config;
use serde::{Deserialize, Serialize};

use crate::error::ReplayError;
use crate::masked::{Masked, masked_if};
use crate::redact::Redact;

/// Changes whenever a log of before could be misread.
const FORMAT: u8 = 5;

const MAGIC: &[u8] = b"mqttcap";

/// What the session was made of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header<'a> {
    pub(crate) redact: Redact,
    pub(crate) seed: u64,
    pub(crate) client_id: &'a str,
    /// The [`Config`]. Its will and its credentials may have long runs of masks.
    config: Masked,
}

/// The header, and whether it is whole: a will with properties that no will may have is missing in it.
pub(crate) fn header(config: &Config, client_id: &str, seed: u64, redact: Redact) -> (Vec<u8>, bool) {
    let mut config = config.clone();
    config.credentials = config.credentials.as_ref().map(|credentials| redact.credentials(credentials));
    if let Some(will) = &mut config.will {
        will.payload = Bytes::from(masked_if(redact.payloads, &will.payload));
    }
    let mut encoded = postcard::to_allocvec(&config);
    let is_whole = encoded.is_ok();
    if !is_whole {
        config.will = None;
        encoded = postcard::to_allocvec(&config);
    }
    let config = Masked(encoded.expect("everything but a will has an encoding"));
    let mut log = [MAGIC, &[FORMAT]].concat();
    append(&mut log, &Header { redact, seed, client_id, config });
    (log, is_whole)
}

/// The header, its configuration, and what stands behind it.
pub(crate) fn read_header(log: &[u8]) -> Result<(Header<'_>, Config, &[u8]), ReplayError> {
    let (format, rest) =
        log.strip_prefix(MAGIC).and_then(<[u8]>::split_first).ok_or(ReplayError::NotACapture)?;
    if *format != FORMAT {
        return Err(ReplayError::Format { version: *format });
    }
    let malformed = |_| ReplayError::Malformed { offset: MAGIC.len() + 1 };
    let (header, rest) = postcard::take_from_bytes::<Header<'_>>(rest).map_err(malformed)?;
    let config = postcard::from_bytes(&header.config.0).map_err(malformed)?;
    Ok((header, config, rest))
}

/// Appends what always has an encoding.
pub(crate) fn append(log: &mut Vec<u8>, value: &impl Serialize) {
    *log = postcard::to_extend(value, core::mem::take(log)).expect("plain values have an encoding");
}

#[cfg(test)]
mod tests;
