//! Everything between an MQTT client and a socket, for any runtime: TLS, WebSocket and proxies as layers over
//! any link, lookups and racing of addresses, options of sockets, and the loop that moves the bytes.
//!
//! [`drive`] is that loop, over what a [`Runtime`] supplies: connections, a timer, and a way to let others run.
//! [`open`] dials on every runtime that registers sockets. The adapters are little more than their `Runtime`, and so is
//! an adapter of your own.
//!
//! A layer takes bytes from the link below and gives bytes to the one above; it has no socket and never waits. So
//! all adapters share it, and it can be used over a link in memory just as well. `TlsServer` and `WebSocketServer` are the
//! other sides of two of them, for a broker that is served to tests.
//!
//! Features: `tls` (rustls without a provider of cryptography), `ring` or `aws-lc-rs` (the provider; nothing is
//! chosen unless one of them is named), `encrypted-keys` (private keys that a password protects), `websocket`.

#![forbid(unsafe_code)]

#[cfg(feature = "tls")]
mod stream;
mod handshake;
mod proxy;
mod race;
mod lookup;
mod socket;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "websocket")]
mod websocket;
mod defaults;
mod runtime;
mod waiter;
mod dial;
mod drive;

pub use defaults::with_defaults;
pub use dial::{Socket, SystemSocket, open};
pub use drive::{Drive, client, drive};
pub use lookup::{LookUp, look_up};
pub use proxy::{HttpConnect, Socks5};
pub use race::race;
pub use runtime::{Connection, Interest, Readiness, Runtime, Timer};
#[cfg(unix)]
pub use socket::{UNIX_PAUSE, connect_unix};
pub use socket::{quickack, start_connect};
pub use socket2::{self, SockRef};
#[cfg(feature = "tls")]
pub use tls::{PemProblem, Tls, TlsBuilder, TlsError, TlsServer, TlsServerBuilder, TlsVersion};
pub use waiter::Waiter;
#[cfg(feature = "websocket")]
pub use websocket::{WebSocket, WebSocketServer};

#[cfg(feature = "tls")]
pub use rustls;
