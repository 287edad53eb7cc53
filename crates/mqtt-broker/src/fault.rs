//! Faults of clients, with their reason codes.

use alloc::borrow::Cow;
use alloc::string::ToString;

use mqtt_proto::{DecodeError, ReasonCode};

/// Why a connection ends, or is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: ReasonCode,
    /// For people to read; may be empty.
    pub(crate) text: Cow<'static, str>,
}

impl Fault {
    pub(crate) const fn new(reason: ReasonCode, text: &'static str) -> Fault {
        Fault { reason, text: Cow::Borrowed(text) }
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Fault {
        Fault { reason: error.reason_code(), text: Cow::Owned(error.to_string()) }
    }
}
