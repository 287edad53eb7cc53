//! How a log begins: what it is, what is masked in it, and what the session was made of.

use alloc::string::String;
use alloc::vec::Vec;

use mqtt_session::Config;

use crate::config::{put_config, read_config};
use crate::error::ReplayError;
use crate::redact::Redact;
use crate::wire::{Fault, Read, Reader, put_bytes, put_u64};

/// Changes whenever a log of before could be misread.
const FORMAT: u8 = 2;

const MAGIC: &[u8] = b"mqttcap";

/// What the session was made of.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) redact: Redact,
    pub(crate) seed: u64,
    pub(crate) client_id: String,
    pub(crate) config: Config,
}

pub(crate) fn put_header(out: &mut Vec<u8>, config: &Config, client_id: &str, seed: u64, redact: Redact) {
    out.extend_from_slice(MAGIC);
    out.push(FORMAT);
    out.push(redact.bits());
    put_u64(out, seed);
    put_bytes(out, client_id.as_bytes());
    put_config(out, config, redact);
}

pub(crate) fn read_header(reader: &mut Reader<'_>) -> Result<Header, ReplayError> {
    if reader.take(MAGIC.len()) != Ok(MAGIC) {
        return Err(ReplayError::NotACapture);
    }
    match reader.byte() {
        Ok(FORMAT) => {}
        Ok(version) => return Err(ReplayError::Format { version }),
        Err(_) => return Err(ReplayError::NotACapture),
    }
    read_rest(reader).map_err(|_| ReplayError::Malformed { offset: reader.at() })
}

fn read_rest(reader: &mut Reader<'_>) -> Read<Header> {
    Ok(Header {
        redact: Redact::from_bits(reader.byte()?).ok_or(Fault::Bad)?,
        seed: reader.u64()?,
        client_id: reader.text()?.into(),
        config: read_config(reader)?,
    })
}
