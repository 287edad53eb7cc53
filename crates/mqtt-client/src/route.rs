//! The route to a server: what the adapter dials, and the layers over it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::link::{BoxedLink, Layer};
use crate::server::{Scheme, Server};
use crate::socket::SocketOptions;

/// The route to a server: what to dial, and the layers over it.
#[derive(Clone, Debug)]
pub struct Route {
    /// What the adapter dials.
    pub dial: Dial,
    /// How the socket is set up.
    pub socket: SocketOptions,
    server: Server,
    /// From the socket upwards.
    layers: Vec<Arc<dyn Layer>>,
    /// The option for a layer that the scheme needs and the options lack.
    missing: Option<&'static str>,
}

/// What an adapter dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dial {
    /// A TCP port of a host, by name or address.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A Unix socket.
    Unix {
        /// Path of its file.
        path: String,
    },
}

/// Transport options: layers, proxy and socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct TransportOptions {
    pub(crate) tls: Option<Arc<dyn Layer>>,
    pub(crate) websocket: Option<Arc<dyn Layer>>,
    pub(crate) proxy: Option<(Server, Arc<dyn Layer>)>,
    pub(crate) top: Option<Arc<dyn Layer>>,
    pub(crate) socket: SocketOptions,
}

impl TransportOptions {
    /// The route to a server. If its scheme needs a layer that is missing, [`Route::wrap`] fails; the link is never plain
    /// instead.
    pub(crate) fn route_to(&self, server: Server) -> Route {
        let mut layers = Vec::new();
        let mut dial = match server.scheme {
            Scheme::Unix => Dial::Unix { path: server.path.clone() },
            _ => Dial::Tcp { host: server.host.clone(), port: server.port },
        };
        if let (Some((proxy, layer)), Dial::Tcp { .. }) = (&self.proxy, &dial) {
            dial = Dial::Tcp { host: proxy.host.clone(), port: proxy.port };
            layers.push(Arc::clone(layer));
        }
        let mut missing = None;
        let needed = [
            (server.scheme.is_secure(), &self.tls, "Options::tls"),
            (server.scheme.is_websocket(), &self.websocket, "Options::websocket"),
        ];
        for (_, layer, option) in needed.into_iter().filter(|(is_needed, ..)| *is_needed) {
            match layer {
                Some(layer) => layers.push(Arc::clone(layer)),
                None => missing = Some(option),
            }
        }
        layers.extend(self.top.clone());
        Route { dial, socket: self.socket.clone(), server, layers, missing }
    }
}

impl Route {
    /// The link to the server over an open socket; fails if the options lack a layer that its scheme needs.
    pub fn wrap(&self, socket: BoxedLink) -> io::Result<BoxedLink> {
        if let Some(option) = self.missing {
            let text = format!("{} needs a layer; give it by {option}", self.server);
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        self.layers.iter().try_fold(socket, |link, layer| layer.wrap(link, &self.server))
    }

    /// The server at its end.
    pub fn server(&self) -> &Server {
        &self.server
    }
}

/// Head start of one address before the next one is tried beside it.
pub const ADDRESS_HEAD_START: Duration = Duration::from_millis(250);
