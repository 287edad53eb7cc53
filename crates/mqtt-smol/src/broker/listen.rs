//! What clients speak on a socket of the broker.

use std::io;
use std::net::SocketAddr;

use mqtt_client::adapter::BoxedLink;
#[cfg(feature = "tls")]
use mqtt_transport::TlsServer;
#[cfg(feature = "websocket")]
use mqtt_transport::WebSocketServer;

/// What clients speak on a socket of the broker, below MQTT.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Listen {
    /// Nothing else: MQTT over TCP.
    Tcp,
    /// TLS.
    #[cfg(feature = "tls")]
    Tls(TlsServer),
    /// WebSocket, on any path.
    #[cfg(feature = "websocket")]
    WebSocket,
    /// WebSocket over TLS.
    #[cfg(all(feature = "tls", feature = "websocket"))]
    WebSocketTls(TlsServer),
}

impl Listen {
    /// The URL for clients of a socket with that address, with the path that most clients ask for.
    pub fn url(&self, address: SocketAddr) -> String {
        match self {
            Listen::Tcp => format!("mqtt://{address}"),
            #[cfg(feature = "tls")]
            Listen::Tls(_) => format!("mqtts://{address}"),
            #[cfg(feature = "websocket")]
            Listen::WebSocket => format!("ws://{address}/mqtt"),
            #[cfg(all(feature = "tls", feature = "websocket"))]
            Listen::WebSocketTls(_) => format!("wss://{address}/mqtt"),
        }
    }

    /// The link through these layers.
    pub(crate) fn accept(&self, link: BoxedLink) -> io::Result<BoxedLink> {
        match self {
            Listen::Tcp => Ok(link),
            #[cfg(feature = "tls")]
            Listen::Tls(tls) => tls.accept(link),
            #[cfg(feature = "websocket")]
            Listen::WebSocket => Ok(WebSocketServer::new().accept(link)),
            #[cfg(all(feature = "tls", feature = "websocket"))]
            Listen::WebSocketTls(tls) => tls.accept(link).map(|link| WebSocketServer::new().accept(link)),
        }
    }
}
