//! How a command can fail, and the exit code that says so.

use std::fmt;
use std::io;

use mqtt_smol::transport::TlsError;
use mqtt_smol::transport::rustls::{self, CertificateError};
use mqtt_smol::{
    ConnectError, ConnectErrorKind, OptionsError, PublishError, Rejected, SessionRefusal, StoreError,
    SubscribeError,
};

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

    /// With what the server has said, if it was the server that refused.
    pub(crate) fn with_words(mut self, words: Option<String>) -> Failure {
        if self.code == Failure::REFUSED
            && let (Some(message), Some(words)) = (&mut self.message, words)
        {
            message.push_str(&words);
        }
        self
    }
}

/// The code for what the session does not accept: the terms of the server are the server's refusal, all else is ours.
fn code_of(refusal: &SessionRefusal) -> u8 {
    match refusal {
        SessionRefusal::PacketTooLarge { .. }
        | SessionRefusal::QoSNotSupported { .. }
        | SessionRefusal::RetainNotSupported
        | SessionRefusal::WildcardNotSupported
        | SessionRefusal::SharedNotSupported => Failure::REFUSED,
        SessionRefusal::Encode(_)
        | SessionRefusal::Config(_)
        | SessionRefusal::EmptyClientId
        | SessionRefusal::WillTopic(_)
        | SessionRefusal::SessionExpiry => Failure::USAGE,
        _ => Failure::OTHER,
    }
}

fn code_of_rejected(rejected: &Rejected) -> u8 {
    match rejected {
        Rejected::ByServer(_) => Failure::REFUSED,
        Rejected::BySession(refusal) => code_of(refusal),
        Rejected::TimedOut => Failure::TIMED_OUT,
        Rejected::Offline(_) | Rejected::Disconnected => Failure::UNREACHABLE,
        _ => Failure::OTHER,
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
            _ => certificate_hint(&error),
        };
        Failure::new(code, format_args!("{error}{hint}"))
    }
}

/// What to do about a certificate of the server that is not trusted.
fn certificate_hint(error: &ConnectError) -> &'static str {
    let inner = error.io_error().and_then(io::Error::get_ref);
    let Some(rustls::Error::InvalidCertificate(problem)) =
        inner.and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return "";
    };
    match problem {
        CertificateError::UnknownIssuer => "; trust its authority by --cafile",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "; connect by a name of the certificate, or give one by --servername"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "; the server needs a new certificate, or this machine's clock is wrong"
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "; the server shows the certificate of an authority as its own: make one with CA:FALSE and sign it by that one"
        }
        _ => "",
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Failure {
        let code = match &error {
            PublishError::Topic(_) | PublishError::ResponseTopic(_) => Failure::USAGE,
            PublishError::TimedOut { .. } => Failure::TIMED_OUT,
            PublishError::Rejected(rejected) => code_of_rejected(rejected),
            PublishError::NotAccepted(refusal) => code_of(refusal),
            _ => Failure::OTHER,
        };
        Failure::new(code, error)
    }
}

impl From<SubscribeError> for Failure {
    fn from(error: SubscribeError) -> Failure {
        let code = match &error {
            SubscribeError::Filter(_) => Failure::USAGE,
            SubscribeError::Rejected(rejected) => code_of_rejected(rejected),
            SubscribeError::NotAccepted(refusal) => code_of(refusal),
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

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Failure {
        Failure::new(Failure::USAGE, error)
    }
}

impl From<clap::Error> for Failure {
    /// The text is laid out and perhaps coloured, so that it is printed here. Help is no failure.
    fn from(error: clap::Error) -> Failure {
        // Nobody is left to be told.
        let _ = error.print();
        Failure::silent(if error.use_stderr() { Failure::USAGE } else { 0 })
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
