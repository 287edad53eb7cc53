//! Names for connections, sessions and their deadlines: numbers that count up and are never used again.

/// Names a connection; numbers count up and are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(crate) u64);

impl ConnectionId {
    /// The number: the first connection of a broker is 0.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Names a session; a session that ended and begins anew has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionKey(pub(crate) u64);

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// CONNECT or the next packet is due. It may be too early, since packets that come in only push it back when it
    /// is reached.
    Connection(ConnectionId),
    /// The counters are published.
    Sys,
    /// A will is due, or the session's end.
    Session(SessionKey),
}
