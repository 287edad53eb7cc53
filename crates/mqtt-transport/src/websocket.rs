//! WebSocket over any link, by tungstenite: bytes in, bytes out.
//!
//! MQTT's packets may be cut into frames anywhere, so a frame is what was written at once. [5.0 MQTT-6.0.0-2]

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};

use bytes::{Buf, Bytes};
use mqtt_client::{BoxedLink, Layer, Link, Server};
use tungstenite::client::{IntoClientRequest, client_with_config};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::MidHandshake;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::{Error, HandshakeError, Message};

use crate::stream::Stream;

/// WebSocket with the subprotocol `mqtt`. [5.0 MQTT-6.0.0-3]
#[derive(Clone, Default)]
pub struct WebSocket {
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl WebSocket {
    /// A request that says nothing but what it must.
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
        let invalid = |error: Error| io::Error::new(ErrorKind::InvalidInput, format!("{url}: {error}"));
        let mut request = url.as_str().into_client_request().map_err(invalid)?;
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        let state = match client_with_config(request, Stream::new(link), None) {
            Ok((socket, _)) => State::Open(Box::new(socket)),
            Err(HandshakeError::Interrupted(handshake)) => State::Opening(Box::new(handshake)),
            Err(HandshakeError::Failure(error)) => return Err(into_io(error)),
        };
        Ok(Box::new(WebSocketLink { state, message: Bytes::new(), is_flushed: true }))
    }
}

struct WebSocketLink {
    state: State,
    /// What is left of the last message that came.
    message: Bytes,
    /// Whether all frames are written.
    is_flushed: bool,
}

enum State {
    Opening(Box<MidHandshake<ClientHandshake<Stream>>>),
    Open(Box<tungstenite::WebSocket<Stream>>),
    Failed,
}

/// Bytes of one frame at the most. The library keeps up to 128 KiB before it writes by itself, so that a frame which
/// is written when none waits is always taken.
const FRAME_MAX: usize = 64 * 1024;

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::new(ErrorKind::InvalidData, error),
    }
}

/// The end of the stream is no error.
fn is_end(error: &Error) -> bool {
    matches!(
        error,
        Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
    )
}

impl WebSocketLink {
    /// Goes on with the handshake; would block until it is over.
    fn open(&mut self) -> io::Result<&mut tungstenite::WebSocket<Stream>> {
        if let State::Opening(_) = self.state {
            let State::Opening(handshake) = std::mem::replace(&mut self.state, State::Failed) else {
                return Err(ErrorKind::NotConnected.into());
            };
            match handshake.handshake() {
                Ok((socket, _)) => self.state = State::Open(Box::new(socket)),
                Err(HandshakeError::Interrupted(handshake)) => {
                    self.state = State::Opening(Box::new(handshake));
                    return Err(ErrorKind::WouldBlock.into());
                }
                Err(HandshakeError::Failure(error)) => return Err(into_io(error)),
            }
        }
        match &mut self.state {
            State::Open(socket) => Ok(socket),
            State::Opening(_) | State::Failed => Err(ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_flushed {
            return Ok(());
        }
        match self.open()?.flush() {
            Ok(()) => {
                self.is_flushed = true;
                Ok(())
            }
            Err(error) => Err(into_io(error)),
        }
    }
}

impl Link for WebSocketLink {
    /// Only binary messages carry MQTT. [5.0 MQTT-6.0.0-1]
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Ok(()) | Err(_) => {}
        }
        while self.message.is_empty() {
            match self.open()?.read() {
                Ok(Message::Binary(message)) => self.message = message,
                Ok(Message::Text(_)) => {
                    return Err(io::Error::new(
                        ErrorKind::InvalidData,
                        "the server sent text over WebSocket",
                    ));
                }
                Ok(Message::Close(_)) => return Ok(0),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(error) if is_end(&error) => return Ok(0),
                Err(error) => return Err(into_io(error)),
            }
        }
        let len = buf.len().min(self.message.len());
        self.message.copy_to_slice(&mut buf[..len]);
        Ok(len)
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush()?;
        let mut frame = Vec::new();
        for chunk in chunks {
            let room = FRAME_MAX - frame.len();
            frame.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        let len = frame.len();
        self.open()?.write(Message::Binary(frame.into())).map_err(into_io)?;
        self.is_flushed = false;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(len),
        }
    }

    /// Says that it closes; the server then ends the connection.
    fn shutdown(&mut self) -> io::Result<()> {
        match self.open()?.close(None) {
            Ok(()) => {}
            Err(error) if is_end(&error) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(into_io(error)),
        }
        self.is_flushed = false;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn hasten(&mut self) {
        if let State::Open(socket) = &mut self.state {
            socket.get_mut().link.hasten();
        }
    }

    fn short_read_is_all(&self) -> bool {
        false
    }

    fn wants_write(&self, _has_output: bool) -> bool {
        match &self.state {
            State::Opening(handshake) => handshake.get_ref().get_ref().wants_write(),
            State::Open(socket) => socket.get_ref().wants_write(),
            State::Failed => false,
        }
    }
}
