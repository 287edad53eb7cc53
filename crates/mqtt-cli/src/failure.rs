//! How a command can fail, and the exit code that says so.

use std::fmt;
use std::io;

use mqtt_smol::{ConnectError, ConnectErrorKind, OptionsError, PublishError, StoreError, SubscribeError};

/// Why the command did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// For standard error; none if everything was said.
    pub(crate) message: Option<String>,
}

impl Failure {
    /// Anything that has no code of its own.
    pub(crate) const OTHER: u8 = 1;
    /// The arguments do not make sense.
    pub(crate) const USAGE: u8 = 2;
    /// The server cannot be reached.
    pub(crate) const UNREACHABLE: u8 = 3;
    /// The server refused.
    pub(crate) const REFUSED: u8 = 4;
    /// Time ran out.
    pub(crate) const TIMED_OUT: u8 = 5;
    /// The server broke the protocol.
    pub(crate) const PROTOCOL: u8 = 6;
    /// A signal asked to stop.
    pub(crate) const INTERRUPTED: u8 = 130;

    pub(crate) fn new(code: u8, message: impl fmt::Display) -> Failure {
        Failure { code, message: Some(message.to_string()) }
    }

    pub(crate) fn silent(code: u8) -> Failure {
        Failure { code, message: None }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Failure {
        let code = match error.kind() {
            ConnectErrorKind::Options => Failure::USAGE,
            ConnectErrorKind::ServerFault => Failure::PROTOCOL,
            _ if error.reason_code().is_some() => Failure::REFUSED,
            ConnectErrorKind::Disconnected => Failure::OTHER,
            _ => Failure::UNREACHABLE,
        };
        let hint = match error.kind() {
            ConnectErrorKind::BadVersion => "; try another version with -V",
            ConnectErrorKind::BadCredentials => "; check -u and the password",
            _ => "",
        };
        Failure::new(code, format_args!("{error}{hint}"))
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Failure {
        let code = match error {
            PublishError::Topic(_) => Failure::USAGE,
            PublishError::TimedOut { .. } => Failure::TIMED_OUT,
            PublishError::Rejected(_) | PublishError::NotAccepted(_) => Failure::REFUSED,
            _ => Failure::OTHER,
        };
        Failure::new(code, error)
    }
}

impl From<SubscribeError> for Failure {
    fn from(error: SubscribeError) -> Failure {
        let code = match error {
            SubscribeError::Filter(_) => Failure::USAGE,
            SubscribeError::Rejected(_) | SubscribeError::NotAccepted(_) => Failure::REFUSED,
            _ => Failure::OTHER,
        };
        Failure::new(code, error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::new(Failure::OTHER, error)
    }
}

impl From<OptionsError> for Failure {
    fn from(error: OptionsError) -> Failure {
        let code = if let OptionsError::Store(_) = error { Failure::OTHER } else { Failure::USAGE };
        Failure::new(code, error)
    }
}

impl From<io::Error> for Failure {
    /// A reader of standard output that has gone away wants no more; that is no failure.
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::silent(0)
        } else {
            Failure::new(Failure::OTHER, error)
        }
    }
}
