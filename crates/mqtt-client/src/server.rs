//! The address of a server, and the kind of transport to it.

use std::fmt;

/// A server to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Kind of transport.
    pub scheme: Scheme,
    /// Name or address; an IPv6 address without brackets. Empty for a Unix socket.
    pub host: String,
    /// TCP port; 0 for a Unix socket.
    pub port: u16,
    /// Path of the URL for a WebSocket; path of the file for a Unix socket.
    pub path: String,
}

/// Kind of transport to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// Plain TCP. Default: port 1883.
    Mqtt,
    /// TLS over TCP. Default: port 8883.
    Mqtts,
    /// WebSocket over TCP. Default: port 80. [5.0 MQTT-6.0.0-3]
    Ws,
    /// WebSocket over TLS. Default: port 443.
    Wss,
    /// A Unix socket.
    Unix,
}

impl Scheme {
    /// The scheme of a URL, in lower case; `tcp` and `ssl` are synonyms of `mqtt` and `mqtts`.
    pub fn from_name(name: &str) -> Option<Scheme> {
        Some(match name {
            "mqtt" | "tcp" => Scheme::Mqtt,
            "mqtts" | "ssl" => Scheme::Mqtts,
            "ws" => Scheme::Ws,
            "wss" => Scheme::Wss,
            "unix" => Scheme::Unix,
            _ => return None,
        })
    }

    /// Its name in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Mqtt => "mqtt",
            Scheme::Mqtts => "mqtts",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
            Scheme::Unix => "unix",
        }
    }

    /// Default port; none for a Unix socket.
    pub const fn default_port(self) -> Option<u16> {
        match self {
            Scheme::Mqtt => Some(1883),
            Scheme::Mqtts => Some(8883),
            Scheme::Ws => Some(80),
            Scheme::Wss => Some(443),
            Scheme::Unix => None,
        }
    }

    /// Whether it uses TLS.
    pub const fn is_secure(self) -> bool {
        matches!(self, Scheme::Mqtts | Scheme::Wss)
    }

    /// Whether it uses WebSocket.
    pub const fn is_websocket(self) -> bool {
        matches!(self, Scheme::Ws | Scheme::Wss)
    }
}

/// Default path of a WebSocket, which most servers use.
const WEBSOCKET_PATH: &str = "/mqtt";

impl Server {
    /// A server at the scheme's own port.
    pub fn new(scheme: Scheme, host: impl Into<String>) -> Server {
        let path = if scheme.is_websocket() { WEBSOCKET_PATH } else { "" };
        Server { scheme, host: host.into(), port: scheme.default_port().unwrap_or(0), path: path.into() }
    }

    /// A server behind a Unix socket.
    pub fn unix(path: impl Into<String>) -> Server {
        Server { path: path.into(), ..Server::new(Scheme::Unix, "") }
    }

    /// The host and, unless it is the scheme's own, the port, as HTTP names them.
    pub fn authority(&self) -> String {
        let Server { scheme, host, port, .. } = self;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        if Some(*port) == scheme.default_port() { host } else { format!("{host}:{port}") }
    }

    /// The first server of a Server Reference, such as `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`; the rest comes from
    /// `other`.
    pub(crate) fn from_reference(reference: &str, other: &Server) -> Server {
        let first = reference.split_whitespace().next().unwrap_or_default();
        let (host, port) = match first.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            // More than one colon without brackets: an address of its own.
            None if first.matches(':').count() > 1 => (first, None),
            None => first.split_once(':').map_or((first, None), |(host, port)| (host, Some(port))),
        };
        let port = port.and_then(|port| port.parse().ok()).unwrap_or(other.port);
        Server { host: host.into(), port, ..other.clone() }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Server { scheme, host, port, path } = self;
        let name = scheme.name();
        match scheme {
            Scheme::Unix => write!(f, "{name}://{path}"),
            _ if host.contains(':') => write!(f, "{name}://[{host}]:{port}{path}"),
            _ => write!(f, "{name}://{host}:{port}{path}"),
        }
    }
}
