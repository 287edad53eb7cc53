//! The server's side of WebSocket: what a request must say, and the answers to those that do not say it.

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mqtt_client::adapter::BoxedLink;
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::Request;
use tungstenite::http::Method;

use super::frame::Role;
use super::{PROTOCOL, WebSocketLink, refused, tokens};
use crate::handshake::Handshake;

/// The server's side of WebSocket with the subprotocol `mqtt`, for requests of any path. [5.0 MQTT-6.0.0-3]
/// [5.0 MQTT-6.0.0-4]
///
/// A request of more than 16 KiB, or one that does not ask for this, gets an answer of HTTP that says what is wrong, and the
/// link fails. As on the client's side, frames may have any size, and memory is used only for bytes that have arrived.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct WebSocketServer;

impl WebSocketServer {
    /// A server for every path.
    pub fn new() -> WebSocketServer {
        WebSocketServer
    }

    /// The link through WebSocket over one that was accepted. Nothing is read or sent before the first read or write, and
    /// the handshake goes on with each of them: whoever serves the link bounds its time.
    pub fn accept(&self, link: BoxedLink) -> BoxedLink {
        WebSocketLink::boxed(link, Upgrade, Role::Server)
    }
}

/// Waits for the request.
struct Upgrade;

/// The answer to a request that is refused.
struct Refusal {
    status: &'static str,
    headers: &'static str,
    text: &'static str,
}

impl Refusal {
    const fn bad(text: &'static str) -> Refusal {
        Refusal { status: "400 Bad Request", headers: "", text }
    }

    fn put(&self, out: &mut Vec<u8>) {
        let Refusal { status, headers, text } = self;
        let len = text.len() + 1;
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len}\r\nConnection: close\r\n\
             {headers}\r\n{text}\n"
        );
        out.extend_from_slice(answer.as_bytes());
    }
}

impl Handshake for Upgrade {
    fn advance(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<bool> {
        let checked = match Request::try_parse(input) {
            Ok(None) => return Ok(false),
            Ok(Some((size, request))) => check(&request).map(|key| (size, key)),
            Err(_) => Err(Refusal::bad("this is not a GET request of HTTP/1.1")),
        };
        match checked {
            Ok((size, key)) => {
                input.drain(..size);
                let accept = derive_accept_key(&key);
                let answer = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: {accept}\r\n{PROTOCOL}: mqtt\r\n\r\n"
                );
                out.extend_from_slice(answer.as_bytes());
                Ok(true)
            }
            Err(refusal) => {
                refusal.put(out);
                Err(refused(refusal.text))
            }
        }
    }

    fn refuse_long(&mut self, out: &mut Vec<u8>) {
        let (status, text) = ("431 Request Header Fields Too Large", "the request is too long");
        Refusal { status, headers: "", text }.put(out);
    }
}

/// The key of a request that is as RFC 6455, section 4.2.1, lists it.
fn check(request: &Request) -> Result<Vec<u8>, Refusal> {
    let headers = request.headers();
    let has = |name, wanted: &str| tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted));
    if request.method() != Method::GET {
        return Err(Refusal::bad("only GET can be upgraded to WebSocket"));
    }
    if !has("Upgrade", "websocket") || !has("Connection", "upgrade") {
        return Err(Refusal {
            status: "426 Upgrade Required",
            headers: "Connection: Upgrade\r\nUpgrade: websocket\r\n",
            text: "this port speaks MQTT over WebSocket only",
        });
    }
    if !tokens(headers, "Sec-WebSocket-Version").eq(["13"]) {
        return Err(Refusal {
            status: "426 Upgrade Required",
            headers: "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            text: "only version 13 of WebSocket is spoken here",
        });
    }
    if headers.get("Host").is_none() {
        return Err(Refusal::bad("the request has no Host"));
    }
    let mut keys = headers.get_all("Sec-WebSocket-Key").into_iter();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => key.as_bytes().trim_ascii().to_vec(),
        _ => return Err(Refusal::bad("the request does not have one Sec-WebSocket-Key")),
    };
    if !BASE64_STANDARD.decode(&key).is_ok_and(|nonce| nonce.len() == KEY_SIZE) {
        return Err(Refusal::bad("the Sec-WebSocket-Key is not 16 bytes in Base64"));
    }
    if !tokens(headers, PROTOCOL).any(|protocol| protocol == "mqtt") {
        return Err(Refusal::bad("the request does not offer the subprotocol mqtt"));
    }
    Ok(key)
}

/// Bytes of a key, once it is decoded.
const KEY_SIZE: usize = 16;
