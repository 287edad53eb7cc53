//! One error for each kind of call: what happened, to what, and what to do next.
//!
//! The text of an error has the text of its cause in it, so none has a source.

use std::fmt;
use std::io;
use std::sync::Arc;

use mqtt_proto::{ReasonCode, TopicError};
use mqtt_session::{Indeterminate, OfflineCause, Rejected, SessionRefusal};
use mqtt_store::StoreError;
use thiserror::Error;

use crate::durability::KeyError;

/// Why a command was not accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SubmitError {
    NotAccepted(SessionRefusal),
    Gone(Gone),
}

/// Why nothing will happen any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The driver is gone.
    Driver,
    /// The store has failed, and the client was to stop then.
    Store,
}

impl Gone {
    pub(crate) const fn cause(self) -> OfflineCause {
        match self {
            Gone::Driver => OfflineCause::DriverGone,
            Gone::Store => OfflineCause::StoreFailed,
        }
    }
}

/// Makes the errors of calls out of a command that was not accepted.
macro_rules! from_submit_error {
    ($($error:ident)*) => {
        $(impl From<SubmitError> for $error {
            fn from(why: SubmitError) -> $error {
                match why {
                    SubmitError::NotAccepted(refusal) => $error::NotAccepted(refusal),
                    SubmitError::Gone(gone) => gone.into(),
                }
            }
        }

        impl From<Gone> for $error {
            fn from(gone: Gone) -> $error {
                match gone {
                    Gone::Driver => $error::DriverGone,
                    Gone::Store => $error::StoreFailed,
                }
            }
        })*
    };
}

impl From<SessionRefusal> for PublishError {
    fn from(refusal: SessionRefusal) -> PublishError {
        PublishError::NotAccepted(refusal)
    }
}

from_submit_error! { PublishError SubscribeError DisconnectError }

/// Why a client could not connect, or is not connected any more.
#[derive(Clone, Debug, Error)]
pub struct ConnectError {
    server: String,
    cause: ConnectCause,
    io_error: Option<Arc<io::Error>>,
}

#[derive(Clone, Debug)]
enum ConnectCause {
    Offline(OfflineCause),
    Options(SessionRefusal),
    Url(OptionsError),
}

/// Kind of a [`ConnectError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The server does not speak this version of the protocol.
    BadVersion,
    /// The server does not take this client identifier.
    BadIdentifier,
    /// The server is unreachable, silent, or cannot take this connection now.
    ServerUnavailable,
    /// User name or password are wrong.
    BadCredentials,
    /// This client may not connect, or another one has taken its session over.
    NotAuthorized,
    /// The server broke the protocol, or did not prove itself in an authentication.
    ServerFault,
    /// The client was disconnected as asked.
    Disconnected,
    /// The options have no valid CONNECT, or the client is connected already.
    Options,
    /// The driver of the client is gone, for instance with its runtime: the client never connects again.
    DriverGone,
    /// The store of the client has failed, and the client has stopped.
    StoreFailed,
}

impl ConnectError {
    pub(crate) fn offline(
        server: String,
        cause: OfflineCause,
        io_error: Option<Arc<io::Error>>,
    ) -> ConnectError {
        ConnectError { server, cause: ConnectCause::Offline(cause), io_error }
    }

    /// The system does not give an adapter what it needs to connect at all.
    pub fn unavailable(server: impl Into<String>, error: io::Error) -> ConnectError {
        ConnectError::offline(server.into(), OfflineCause::DialFailed, Some(Arc::new(error)))
    }

    pub(crate) fn not_accepted(server: String, why: SubmitError) -> ConnectError {
        match why {
            SubmitError::NotAccepted(refusal) => ConnectError::options(server, refusal),
            SubmitError::Gone(gone) => ConnectError::offline(server, gone.cause(), None),
        }
    }

    pub(crate) fn options(server: String, reason: SessionRefusal) -> ConnectError {
        ConnectError { server, cause: ConnectCause::Options(reason), io_error: None }
    }

    /// Its kind.
    pub fn kind(&self) -> ConnectErrorKind {
        self.cause().map_or(ConnectErrorKind::Options, ConnectErrorKind::from)
    }

    /// Why the connection ended; none if it was never tried.
    pub fn cause(&self) -> Option<OfflineCause> {
        match self.cause {
            ConnectCause::Offline(cause) => Some(cause),
            ConnectCause::Options(_) | ConnectCause::Url(_) => None,
        }
    }

    /// What the system, TLS or another layer reported, if one of them failed.
    pub fn io_error(&self) -> Option<&io::Error> {
        self.io_error.as_deref()
    }

    /// The reason code with which the server refused the connection or ended it.
    pub fn reason_code(&self) -> Option<ReasonCode> {
        match self.cause()? {
            OfflineCause::Refused(reason) | OfflineCause::ServerDisconnected(reason) => Some(reason),
            _ => None,
        }
    }
}

impl From<OfflineCause> for ConnectErrorKind {
    fn from(cause: OfflineCause) -> ConnectErrorKind {
        match cause {
            OfflineCause::Refused(reason) => match reason {
                ReasonCode::UnsupportedProtocolVersion => ConnectErrorKind::BadVersion,
                ReasonCode::ClientIdentifierNotValid => ConnectErrorKind::BadIdentifier,
                ReasonCode::BadUserNameOrPassword | ReasonCode::BadAuthenticationMethod => {
                    ConnectErrorKind::BadCredentials
                }
                ReasonCode::NotAuthorized | ReasonCode::Banned => ConnectErrorKind::NotAuthorized,
                _ => ConnectErrorKind::ServerUnavailable,
            },
            OfflineCause::ServerDisconnected(ReasonCode::NotAuthorized | ReasonCode::SessionTakenOver) => {
                ConnectErrorKind::NotAuthorized
            }
            OfflineCause::PeerFault(_) | OfflineCause::AuthenticationAborted => ConnectErrorKind::ServerFault,
            OfflineCause::Requested => ConnectErrorKind::Disconnected,
            OfflineCause::DriverGone => ConnectErrorKind::DriverGone,
            OfflineCause::StoreFailed => ConnectErrorKind::StoreFailed,
            _ => ConnectErrorKind::ServerUnavailable,
        }
    }
}

impl From<OptionsError> for ConnectError {
    fn from(error: OptionsError) -> ConnectError {
        ConnectError { server: String::new(), cause: ConnectCause::Url(error), io_error: None }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = &self.server;
        match (&self.cause, &self.io_error) {
            (ConnectCause::Url(error), _) => error.fmt(f),
            (ConnectCause::Options(reason), _) => write!(f, "{server}: {reason}"),
            (ConnectCause::Offline(cause), Some(error)) => write!(f, "{server}: {cause} ({error})"),
            (ConnectCause::Offline(cause), None) => write!(f, "{server}: {cause}"),
        }
    }
}

/// Why a message was not published, or is not known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The topic is not a valid topic name.
    #[error("not published: {0}")]
    Topic(TopicError),
    /// The session did not accept the message; nothing of it was sent.
    #[error("not published: {0}")]
    NotAccepted(SessionRefusal),
    /// A request: what is to be the topic for responses is not a valid topic name.
    #[error("the topic for responses: {0}; set `response_topic`")]
    ResponseTopic(TopicError),
    /// A request: there is no client identifier yet, and no `response_topic`, so that nobody knows where responses
    /// should come.
    #[error("there is no topic for responses; set `response_topic` or a client identifier, or connect first")]
    NoResponseTopic,
    /// No acknowledgement came in time.
    #[error("{}", if *withdrawn { WITHDRAWN } else { LATE })]
    TimedOut {
        /// True: the message was never sent and is withdrawn. False: it was sent and may have arrived.
        withdrawn: bool,
    },
    /// The message took no effect, for certain.
    #[error("not published: {0}")]
    Rejected(Rejected),
    /// It cannot be known whether the message arrived.
    #[error("it may have arrived: {0}")]
    Indeterminate(Indeterminate),
    /// The driver of the client is gone, for instance with its runtime. From a call: the message was not accepted. From a token:
    /// it cannot be known whether the message arrived.
    #[error("the driver of the client is gone, for instance with its runtime")]
    DriverGone,
    /// The store has failed, and the client has stopped. From a call: the message was not accepted. From a token: it
    /// may have arrived, or may be sent when a client starts anew with the store.
    #[error("the store has failed and the client has stopped; mend the store and start the client anew")]
    StoreFailed,
    /// The key was not accepted; nothing of the message was sent.
    #[error("not published: {0}")]
    Key(KeyError),
}

const WITHDRAWN: &str = "not published: the timeout passed before the message could be sent";
const LATE: &str = "sent, but not acknowledged in time; it may have arrived";

impl PublishError {
    /// Whether no acknowledgement came in time.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, PublishError::TimedOut { .. })
    }

    /// Whether the message may have arrived despite the error.
    pub const fn may_have_arrived(&self) -> bool {
        matches!(
            self,
            PublishError::TimedOut { withdrawn: false }
                | PublishError::Indeterminate(_)
                | PublishError::DriverGone
                | PublishError::StoreFailed
        )
    }

    /// The server's reason code, if it was the server that refused.
    pub const fn reason_code(&self) -> Option<ReasonCode> {
        match self {
            PublishError::Rejected(Rejected::ByServer(reason)) => Some(*reason),
            _ => None,
        }
    }
}

/// Why a subscription was not granted, or not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The filter is not a valid topic filter.
    #[error("{0}")]
    Filter(TopicError),
    /// The session did not accept the request; nothing of it was sent.
    #[error("{0}")]
    NotAccepted(SessionRefusal),
    /// The request took no effect, for certain.
    #[error("{0}")]
    Rejected(Rejected),
    /// It cannot be known whether the request took effect.
    #[error("{0}")]
    Indeterminate(Indeterminate),
    /// The driver of the client is gone, for instance with its runtime.
    #[error("the driver of the client is gone, for instance with its runtime")]
    DriverGone,
    /// The store has failed, and the client has stopped.
    #[error("the store has failed and the client has stopped; mend the store and start the client anew")]
    StoreFailed,
}

impl SubscribeError {
    /// The server's reason code, if it was the server that refused.
    pub const fn reason_code(&self) -> Option<ReasonCode> {
        match self {
            SubscribeError::Rejected(Rejected::ByServer(reason)) => Some(*reason),
            _ => None,
        }
    }
}

/// Why a client was not disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DisconnectError {
    /// The session did not accept it: the client is not connected, or the options of the disconnection do not fit.
    #[error("not disconnected: {0}")]
    NotAccepted(SessionRefusal),
    /// The driver of the client is gone, for instance with its runtime, and its connection with it.
    #[error("the driver of the client is gone, for instance with its runtime")]
    DriverGone,
    /// The store has failed, and the client has stopped.
    #[error("the store has failed and the client has stopped")]
    StoreFailed,
}

/// Why a value was not stored, and a message not acknowledged with it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The client has no store, its store has failed, or the key is too long.
    #[error("not stored: {0}")]
    NotAccepted(SessionRefusal),
    /// Other takers of the same message have not let it go, or it is acknowledged without waiting for them: there is no
    /// moment at which it is acknowledged together with the value.
    #[error("not stored: the message is not acknowledged by this guard alone")]
    NotAlone,
    /// The client has stopped.
    #[error("not stored: the client has stopped")]
    Stopped,
}

/// A bounded wait ended before anything arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("nothing arrived in time")]
pub struct TimedOut;

/// Why a URL is not a valid server address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// It is not a URL.
    #[error("{url:?} is not a URL; write mqtt://HOST, mqtt://HOST:PORT or mqtt://USER:PASSWORD@HOST")]
    NotAUrl {
        /// What was given.
        url: String,
    },
    /// Its scheme is not one that this client speaks.
    #[error("scheme {scheme:?} is not known; use mqtt, mqtts, ws, wss or unix")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// It names no host.
    #[error("the URL names no host; write mqtt://HOST")]
    NoHost,
    /// Its port is not a number from 1 to 65,535.
    #[error("{port:?} is not a port; use a number from 1 to 65535")]
    Port {
        /// What was given.
        port: String,
    },
    /// It has a path, a query or a fragment, which have no meaning for its scheme.
    #[error("the URL ends with {path:?}, which has no meaning; leave it out")]
    Path {
        /// What was given.
        path: String,
    },
    /// The store cannot be opened for this client.
    #[error("{0}")]
    Store(StoreError),
    /// A store finds a client by its identifier.
    #[error("a store needs a client identifier; set `client_id`")]
    StoreNeedsClientId,
    /// A client that goes on where another one was cannot be captured from its beginning.
    #[error("a client with a store cannot be captured; leave one of both out")]
    CaptureWithStore,
    /// A part of it is not UTF-8 once it is percent-decoded.
    #[error("a part of the URL is not UTF-8")]
    NotText,
    /// Its scheme needs something that this build of the adapter does not have.
    #[error("{scheme}:// needs {feature}")]
    NeedsFeature {
        /// The scheme.
        scheme: &'static str,
        /// The feature of the adapter's crate, or the option, that would help.
        feature: &'static str,
    },
}
