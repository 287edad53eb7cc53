//! WebSocket over any link: the handshake by tungstenite's parser, the frames by our own, for both sides of a connection.
//!
//! MQTT's packets may be cut into frames anywhere, so a frame is what was written at once, and what frames carry is
//! passed on as it comes. [5.0 MQTT-6.0.0-2]

mod frame;
mod client;
mod server;

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};

use mqtt_client::adapter::{BoxedLink, Link};
use tungstenite::http::HeaderMap;

use crate::handshake::{Handshake, HandshakeLink};
use frame::{BINARY, CLOSE, CODE_NORMAL, Decoder, End, Masks, PONG, Role, put_frame};

pub use client::WebSocket;
pub use server::WebSocketServer;

const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// The words of a header that is a list, over all its lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn refused(text: impl fmt::Display) -> io::Error {
    io::Error::new(ErrorKind::ConnectionRefused, format!("WebSocket handshake failed: {text}"))
}

/// A link through WebSocket.
struct WebSocketLink<H> {
    link: HandshakeLink<H>,
    role: Role,
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

impl<H: Handshake + 'static> WebSocketLink<H> {
    /// The link of that side, over one on which the handshake is still to come.
    fn boxed(link: BoxedLink, handshake: H, role: Role) -> BoxedLink {
        Box::new(WebSocketLink {
            link: HandshakeLink::new(link, handshake),
            role,
            frames: Decoder::new(role),
            end: None,
            out: Vec::new(),
            written: 0,
            masks: Masks::new(role),
            is_closing: false,
            is_drained: false,
        })
    }

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
    fn ended(&self, end: &End) -> io::Result<usize> {
        match end {
            end if end.is_normal() => Ok(0),
            End::Closed { code, reason } => {
                let text = format!("the {} closed the WebSocket: {code} {reason}", self.role.peer());
                Err(io::Error::new(ErrorKind::ConnectionAborted, text.trim_end()))
            }
            End::Broken { text, .. } => {
                Err(io::Error::new(ErrorKind::InvalidData, format!("bad WebSocket: {text}")))
            }
        }
    }
}

impl<H: Handshake + 'static> Link for WebSocketLink<H> {
    /// Only binary messages carry MQTT. [5.0 MQTT-6.0.0-1]
    ///
    /// A peer that sends frames without payload faster than they are read gets no more than its share: then the read
    /// is interrupted, and the next call continues.
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.link.open()?;
        self.answer()?;
        let mut left = READ_MAX.min(buf.len());
        loop {
            if let Some(end) = &self.end {
                return self.ended(end);
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

    /// Sends a close frame, which the other side answers; the server then ends the connection.
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
