//! WebSocket over any link: the handshake by tungstenite's parser, the frames by our own.
//!
//! MQTT's packets may be cut into frames anywhere, so a frame is what was written at once, and what frames carry is
//! passed on as it comes. [5.0 MQTT-6.0.0-2]

mod frame;

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};

use mqtt_client::Server;
use mqtt_client::adapter::{BoxedLink, Layer, Link};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::{Response, generate_request};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::handshake::{Handshake, HandshakeLink};
use frame::{BINARY, CLOSE, CODE_NORMAL, Decoder, End, Masks, PONG, put_frame};

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
        Ok(Box::new(WebSocketLink {
            link: HandshakeLink::new(link, upgrade),
            frames: Decoder::default(),
            end: None,
            out: Vec::new(),
            written: 0,
            masks: Masks::default(),
            is_closing: false,
            is_drained: false,
        }))
    }
}

/// The request of HTTP, and what its answer must say.
struct Upgrade {
    request: Option<Vec<u8>>,
    accept: String,
    /// Of which the server chooses one.
    protocols: Vec<String>,
}

const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// The words of a header that is a list, over all its lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
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

fn refused(text: impl fmt::Display) -> io::Error {
    io::Error::new(ErrorKind::ConnectionRefused, format!("WebSocket handshake failed: {text}"))
}

/// A link through WebSocket.
struct WebSocketLink {
    link: HandshakeLink<Upgrade>,
    frames: Decoder,
    /// Why nothing more comes.
    end: Option<End>,
    /// One frame of ours, with a close behind it at the most.
    out: Vec<u8>,
    /// How much of it is written.
    written: usize,
    masks: Masks,
    /// Whether our close is written or waits in `out`: it is the last frame.
    is_closing: bool,
    /// Whether the last read has taken all that the link had.
    is_drained: bool,
}

/// Bytes without payload that one read goes through at the most.
const READ_MAX: usize = 64 * 1024;

impl WebSocketLink {
    /// Writes what waits, then the answer to what came. Returns `Ok` also if the link takes nothing.
    fn answer(&mut self) -> io::Result<()> {
        loop {
            match self.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                result => result?,
            }
            if let Some(end) = self.end.as_ref().filter(|_| !self.is_closing) {
                let code = end.answer_code();
                self.put_close(code);
            } else if let Some(payload) = self.frames.take_ping().filter(|_| !self.is_closing) {
                put_frame(PONG, &[IoSlice::new(&payload)], &mut self.masks, &mut self.out);
            } else {
                return Ok(());
            }
        }
    }

    fn put_close(&mut self, code: u16) {
        self.is_closing = true;
        put_frame(CLOSE, &[IoSlice::new(&code.to_be_bytes())], &mut self.masks, &mut self.out);
    }

    /// Would block until all frames are written.
    fn flush(&mut self) -> io::Result<()> {
        while self.written < self.out.len() {
            match self.link.try_write(&[IoSlice::new(&self.out[self.written..])]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// What a read gives from now on.
    fn ended(end: &End) -> io::Result<usize> {
        match end {
            end if end.is_normal() => Ok(0),
            End::Closed { code, reason } => {
                let text = format!("the server closed the WebSocket: {code} {reason}");
                Err(io::Error::new(ErrorKind::ConnectionAborted, text.trim_end()))
            }
            End::Broken { text, .. } => {
                Err(io::Error::new(ErrorKind::InvalidData, format!("bad WebSocket: {text}")))
            }
        }
    }
}

impl Link for WebSocketLink {
    /// Only binary messages carry MQTT. [5.0 MQTT-6.0.0-1]
    ///
    /// A server that sends frames without payload faster than they are read gets no more than its share: then the read
    /// is interrupted, and the next call continues.
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.link.open()?;
        self.answer()?;
        let mut left = READ_MAX.min(buf.len());
        loop {
            if let Some(end) = &self.end {
                return WebSocketLink::ended(end);
            }
            if left == 0 {
                return Err(ErrorKind::Interrupted.into());
            }
            let len = self.link.try_read(&mut buf[..left])?;
            if len == 0 {
                return Ok(0);
            }
            self.is_drained = len < left && self.link.short_read_is_all();
            left -= len;
            let decoded = self.frames.decode(&mut buf[..len]);
            self.end = decoded.end;
            self.answer()?;
            if decoded.len > 0 {
                return Ok(decoded.len);
            }
        }
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.link.open_for_write()?;
        self.flush()?;
        if self.is_closing {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let len = put_frame(BINARY, chunks, &mut self.masks, &mut self.out);
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(len),
        }
    }

    /// Sends a close frame; the server then ends the connection.
    fn shutdown(&mut self) -> io::Result<()> {
        if !self.link.is_open() {
            return self.link.shutdown();
        }
        if !self.is_closing {
            self.put_close(CODE_NORMAL);
        }
        self.answer()
    }

    fn quickack(&mut self) {
        self.link.quickack();
    }

    /// The end that came behind the payload is to be read too.
    fn short_read_is_all(&self) -> bool {
        self.is_drained && self.end.is_none()
    }

    fn wants_write(&self, _has_output: bool) -> bool {
        self.link.wants_write(!self.out.is_empty())
    }
}
