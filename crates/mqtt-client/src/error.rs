//! One error for each kind of call: what happened, to what, and what to do next.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use mqtt_proto::{ReasonCode, TopicError};
use mqtt_session::{Indeterminate, OfflineCause, RefusalClass, RefusedReason, Rejected};

/// Why a command was not accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NotAccepted {
    Refused(RefusedReason),
    DriverGone,
}

impl From<NotAccepted> for PublishError {
    fn from(why: NotAccepted) -> PublishError {
        match why {
            NotAccepted::Refused(reason) => PublishError::Refused(reason),
            NotAccepted::DriverGone => PublishError::DriverGone,
        }
    }
}

impl From<NotAccepted> for SubscribeError {
    fn from(why: NotAccepted) -> SubscribeError {
        match why {
            NotAccepted::Refused(reason) => SubscribeError::Refused(reason),
            NotAccepted::DriverGone => SubscribeError::DriverGone,
        }
    }
}

/// Why a client could not connect, or is not connected any more.
#[derive(Clone, Debug)]
pub struct ConnectError {
    server: String,
    cause: ConnectCause,
    source: Option<Arc<io::Error>>,
}

#[derive(Clone, Debug)]
enum ConnectCause {
    Offline(OfflineCause),
    Options(RefusedReason),
    Url(OptionsError),
}

/// What kind of trouble a connection is in.
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
    /// What drives the client is gone, such as its runtime: it never connects again.
    DriverGone,
}

impl ConnectError {
    pub(crate) fn offline(
        server: String,
        cause: OfflineCause,
        source: Option<Arc<io::Error>>,
    ) -> ConnectError {
        ConnectError { server, cause: ConnectCause::Offline(cause), source }
    }

    /// The system does not give an adapter what it needs to connect at all.
    pub fn unavailable(server: impl Into<String>, error: io::Error) -> ConnectError {
        ConnectError::offline(server.into(), OfflineCause::DialFailed, Some(Arc::new(error)))
    }

    pub(crate) fn not_accepted(server: String, why: NotAccepted) -> ConnectError {
        match why {
            NotAccepted::Refused(reason) => ConnectError::options(server, reason),
            NotAccepted::DriverGone => ConnectError::offline(server, OfflineCause::DriverGone, None),
        }
    }

    pub(crate) fn options(server: String, reason: RefusedReason) -> ConnectError {
        ConnectError { server, cause: ConnectCause::Options(reason), source: None }
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ConnectErrorKind {
        let ConnectCause::Offline(cause) = &self.cause else { return ConnectErrorKind::Options };
        match cause {
            OfflineCause::Refused(refusal) => match refusal.class() {
                RefusalClass::BadVersion => ConnectErrorKind::BadVersion,
                RefusalClass::BadIdentifier => ConnectErrorKind::BadIdentifier,
                RefusalClass::ServerUnavailable => ConnectErrorKind::ServerUnavailable,
                RefusalClass::BadCredentials => ConnectErrorKind::BadCredentials,
                RefusalClass::NotAuthorized => ConnectErrorKind::NotAuthorized,
            },
            OfflineCause::ServerDisconnected(ReasonCode::NotAuthorized | ReasonCode::SessionTakenOver) => {
                ConnectErrorKind::NotAuthorized
            }
            OfflineCause::PeerFault(_) | OfflineCause::AuthenticationAborted => ConnectErrorKind::ServerFault,
            OfflineCause::Requested => ConnectErrorKind::Disconnected,
            OfflineCause::DriverGone => ConnectErrorKind::DriverGone,
            _ => ConnectErrorKind::ServerUnavailable,
        }
    }

    /// Why the connection ended, in the session's words; none if it was never tried.
    pub fn cause(&self) -> Option<OfflineCause> {
        match self.cause {
            ConnectCause::Offline(cause) => Some(cause),
            ConnectCause::Options(_) | ConnectCause::Url(_) => None,
        }
    }

    /// The reason code with which the server refused the connection or ended it.
    pub fn reason_code(&self) -> Option<ReasonCode> {
        match self.cause()? {
            OfflineCause::Refused(refusal) => Some(refusal.reason),
            OfflineCause::ServerDisconnected(reason) => Some(reason),
            _ => None,
        }
    }
}

impl From<OptionsError> for ConnectError {
    fn from(error: OptionsError) -> ConnectError {
        ConnectError { server: String::new(), cause: ConnectCause::Url(error), source: None }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = &self.server;
        match (&self.cause, &self.source) {
            (ConnectCause::Url(error), _) => error.fmt(f),
            (ConnectCause::Options(reason), _) => write!(f, "{server}: {reason}"),
            (ConnectCause::Offline(cause), Some(source)) => write!(f, "{server}: {cause} ({source})"),
            (ConnectCause::Offline(cause), None) => write!(f, "{server}: {cause}"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Why a message was not published, or nobody can say whether it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The topic is no topic name.
    Topic(TopicError),
    /// The message was not accepted; nothing of it was sent.
    Refused(RefusedReason),
    /// No acknowledgement came in time.
    TimedOut {
        /// True: the message was never sent and is withdrawn. False: it was sent and may have arrived.
        withdrawn: bool,
    },
    /// The message took no effect, for certain.
    Rejected(Rejected),
    /// Nobody can say whether the message arrived.
    Indeterminate(Indeterminate),
    /// What drives the client is gone, such as its runtime. From a call: the message was not accepted. From a token:
    /// nobody can say what became of it.
    DriverGone,
}

impl PublishError {
    /// Whether no acknowledgement came in time.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, PublishError::TimedOut { .. })
    }

    /// Whether the message may have arrived all the same.
    pub const fn may_have_arrived(&self) -> bool {
        matches!(
            self,
            PublishError::TimedOut { withdrawn: false }
                | PublishError::Indeterminate(_)
                | PublishError::DriverGone
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

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishError::Topic(error) => write!(f, "not published: {error}"),
            PublishError::Refused(reason) => write!(f, "not published: {reason}"),
            PublishError::TimedOut { withdrawn: true } => {
                f.write_str("not published: the timeout passed before the message could be sent")
            }
            PublishError::TimedOut { withdrawn: false } => {
                f.write_str("sent, but not acknowledged in time; it may have arrived")
            }
            PublishError::Rejected(why) => write!(f, "not published: {why}"),
            PublishError::Indeterminate(why) => write!(f, "it may have arrived: {why}"),
            PublishError::DriverGone => f.write_str("what drives the client is gone, such as its runtime"),
        }
    }
}

impl Error for PublishError {}

/// Why a subscription was not granted, or not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The filter is no topic filter.
    Filter(TopicError),
    /// The request was not accepted; nothing of it was sent.
    Refused(RefusedReason),
    /// The request took no effect, for certain.
    Rejected(Rejected),
    /// Nobody can say whether the request took effect.
    Indeterminate(Indeterminate),
    /// What drives the client is gone, such as its runtime.
    DriverGone,
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

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubscribeError::Filter(error) => write!(f, "{error}"),
            SubscribeError::Refused(reason) => write!(f, "{reason}"),
            SubscribeError::Rejected(why) => write!(f, "{why}"),
            SubscribeError::Indeterminate(why) => write!(f, "{why}"),
            SubscribeError::DriverGone => f.write_str("what drives the client is gone, such as its runtime"),
        }
    }
}

impl Error for SubscribeError {}

/// A bounded wait was over before anything came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing came in time")
    }
}

impl Error for TimedOut {}

/// Why a URL says no server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// It is no URL.
    NotAUrl {
        /// What was given.
        url: String,
    },
    /// Its scheme is not one that this client speaks.
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// It names no host.
    NoHost,
    /// Its port is no number from 1 to 65,535.
    Port {
        /// What was given.
        port: String,
    },
    /// It has a path, a query or a fragment, which say nothing here.
    Path {
        /// What was given.
        path: String,
    },
    /// A part of it is not UTF-8 once it is percent-decoded.
    NotText,
    /// Its scheme needs something that this build of the adapter does not have.
    NeedsFeature {
        /// The scheme.
        scheme: &'static str,
        /// The feature of the adapter's crate, or the option, that would help.
        feature: &'static str,
    },
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionsError::NotAUrl { url } => {
                write!(
                    f,
                    "{url:?} is no URL; write mqtt://HOST, mqtt://HOST:PORT or mqtt://USER:PASSWORD@HOST"
                )
            }
            OptionsError::Scheme { scheme } => {
                write!(f, "scheme {scheme:?} is not known; use mqtt, mqtts, ws, wss or unix")
            }
            OptionsError::NoHost => f.write_str("the URL names no host; write mqtt://HOST"),
            OptionsError::Port { port } => write!(f, "{port:?} is no port; use a number from 1 to 65535"),
            OptionsError::Path { path } => {
                write!(f, "the URL ends with {path:?}, which says nothing; leave it out")
            }
            OptionsError::NotText => f.write_str("a part of the URL is not UTF-8"),
            OptionsError::NeedsFeature { scheme, feature } => {
                write!(f, "{scheme}:// needs {feature}")
            }
        }
    }
}

impl Error for OptionsError {}
