//! Enhanced authentication: whoever knows a method conducts the dialogue, and the broker carries it.
//!
//! Without I/O: data in, data out. A dialogue that needs to ask elsewhere is not for this broker.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use mqtt_proto::ReasonCode;

/// Knows methods of authentication.
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// Begins a dialogue with a client by that method; none if the method is not known.
    ///
    /// A client that is online may begin another one by the method that it connected with.
    fn begin(&self, method: &str, client_id: &str) -> Option<Box<dyn Dialogue>>;
}

/// A dialogue with one client.
pub trait Dialogue: fmt::Debug + Send {
    /// Looks at the client's next data, which are empty if it sent none, and says how to go on.
    fn answer(&mut self, data: &[u8]) -> Step;
}

/// How a dialogue goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The client is asked for more; nothing is said beside the data.
    Continue(Vec<u8>),
    /// The client is who it says; the data, if there are any, go with the acceptance.
    Accept(Vec<u8>),
    /// The client is not let in, or not any longer.
    Refuse(ReasonCode),
}

/// The authentication of one connection.
#[derive(Debug)]
pub(crate) struct Authentication {
    pub(crate) method: Arc<str>,
    /// The one that is going on.
    pub(crate) dialogue: Option<Box<dyn Dialogue>>,
    /// The CONNECT that waits for the end of the first one.
    pub(crate) connect: Option<Bytes>,
}
