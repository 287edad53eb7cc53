//! What stands between an MQTT client and a socket, whatever the runtime: TLS, WebSocket and proxies as layers over
//! any link, the addresses of a host and the choice among them, and how sockets are set up.
//!
//! A layer takes bytes from the link below and gives bytes to the one above; it has no socket and never waits. So
//! all adapters share it, and it can be used over a link in memory just as well.
//!
//! Features: `tls` (rustls without a provider of cryptography), `ring` or `aws-lc-rs` (the provider; nothing is
//! chosen unless one of them is named), `websocket`.

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

pub use defaults::with_defaults;
pub use lookup::{LookUp, look_up};
pub use proxy::{HttpConnect, Socks5};
pub use race::{race, take_turns};
#[cfg(unix)]
pub use socket::{UNIX_PAUSE, connect_unix};
pub use socket::{hasten_acknowledgement, is_connected, open_socket, start_connect};
pub use socket2::SockRef;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsBuilder, TlsError};
#[cfg(feature = "websocket")]
pub use websocket::WebSocket;

#[cfg(feature = "tls")]
pub use rustls;
