//! The client's side of WebSocket: the request, and what its answer must say.

use std::fmt;
use std::io::{self, ErrorKind};

use mqtt_client::Server;
use mqtt_client::adapter::{BoxedLink, Layer};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::{Response, generate_request};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::http::{HeaderName, HeaderValue, StatusCode};

use super::frame::Role;
use super::{PROTOCOL, WebSocketLink, refused, tokens};
use crate::handshake::Handshake;

/// WebSocket with the subprotocol `mqtt`. [5.0 MQTT-6.0.0-3]
///
/// Frames of any size are accepted, in any pieces: the client's limit for packets is the only one, and memory is used
/// only for bytes that have arrived. Of pings that come faster than they can be answered only the last is answered.
#[derive(Clone, Default)]
pub struct WebSocket {
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl WebSocket {
    /// A request without further headers.
    pub fn new() -> WebSocket {
        WebSocket::default()
    }

    /// One more header of the request, such as a token for a gateway; an error if HTTP has no such header.
    pub fn header(mut self, name: &str, value: &str) -> io::Result<WebSocket> {
        let invalid = |text: String| io::Error::new(ErrorKind::InvalidInput, text);
        let name = HeaderName::try_from(name).map_err(|error| invalid(error.to_string()))?;
        let value = HeaderValue::try_from(value).map_err(|error| invalid(error.to_string()))?;
        self.headers.push((name, value));
        Ok(self)
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("WebSocket").field("headers", &names).finish()
    }
}

impl Layer for WebSocket {
    fn wrap(&self, link: BoxedLink, server: &Server) -> io::Result<BoxedLink> {
        // TLS, if there is any, is a layer of its own.
        let url = format!("ws://{}{}", server.authority(), server.path);
        let invalid = |error| io::Error::new(ErrorKind::InvalidInput, format!("{url}: {error}"));
        let mut request = url.as_str().into_client_request().map_err(invalid)?;
        let headers = request.headers_mut();
        headers.insert(PROTOCOL, HeaderValue::from_static("mqtt"));
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        let protocols = tokens(headers, PROTOCOL).map(str::to_owned).collect();
        let (request, key) = generate_request(request).map_err(invalid)?;
        let upgrade =
            Upgrade { request: Some(request), accept: derive_accept_key(key.as_bytes()), protocols };
        Ok(WebSocketLink::boxed(link, upgrade, Role::Client))
    }
}

/// The request of HTTP, and what its answer must say.
struct Upgrade {
    request: Option<Vec<u8>>,
    accept: String,
    /// Of which the server chooses one.
    protocols: Vec<String>,
}

impl Handshake for Upgrade {
    fn advance(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<bool> {
        if let Some(request) = self.request.take() {
            out.extend_from_slice(&request);
        }
        let parsed = Response::try_parse(input);
        let Some((size, response)) = parsed.map_err(|error| refused(error.to_string()))? else {
            return Ok(false);
        };
        self.check(&response)?;
        input.drain(..size);
        Ok(true)
    }
}

impl Upgrade {
    /// As RFC 6455, section 4.1, lists it.
    fn check(&self, response: &Response) -> io::Result<()> {
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refused(format!("the server answers {status}")));
        }
        let headers = response.headers();
        let has = |name, wanted: &str| tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted));
        if !has("Upgrade", "websocket") || !has("Connection", "upgrade") {
            return Err(refused("the server upgrades to something else"));
        }
        if !tokens(headers, "Sec-WebSocket-Accept").eq([self.accept.as_str()]) {
            return Err(refused("the server answers another request"));
        }
        if tokens(headers, "Sec-WebSocket-Extensions").next().is_some() {
            return Err(refused("the server uses an extension that nobody asked for"));
        }
        let mut protocols = tokens(headers, PROTOCOL);
        match (protocols.next(), protocols.next()) {
            (Some(chosen), None) if self.protocols.iter().any(|protocol| protocol == chosen) => Ok(()),
            _ => Err(refused("the server does not speak MQTT over WebSocket")),
        }
    }
}
