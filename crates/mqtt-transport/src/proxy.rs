//! Proxies: a link that was opened to a proxy becomes a link to the server behind it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mqtt_client::Server;
use mqtt_client::adapter::{BoxedLink, Layer};

use crate::handshake::{Handshake, HandshakeLink};

/// A SOCKS5 proxy, which looks the server's name up itself.
#[derive(Clone, Default)]
pub struct Socks5 {
    credentials: Option<(String, String)>,
}

/// An HTTP proxy that understands CONNECT.
#[derive(Clone, Default)]
pub struct HttpConnect {
    credentials: Option<(String, String)>,
}

macro_rules! constructors {
    ($name:ident) => {
        impl $name {
            /// A proxy without authentication.
            pub fn new() -> $name {
                $name::default()
            }

            /// A proxy with user name and password.
            pub fn with_credentials(user_name: impl Into<String>, password: impl Into<String>) -> $name {
                $name { credentials: Some((user_name.into(), password.into())) }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

constructors!(Socks5);
constructors!(HttpConnect);

fn refused(text: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::ConnectionRefused, text.into())
}

impl Layer for Socks5 {
    fn wrap(&self, link: BoxedLink, server: &Server) -> io::Result<BoxedLink> {
        let is_too_long = |text: &str| text.is_empty() || text.len() > usize::from(u8::MAX);
        let credentials = self.credentials.as_ref();
        let credentials_fit = credentials.is_none_or(|(user, pass)| !is_too_long(user) && !is_too_long(pass));
        if is_too_long(&server.host) || !credentials_fit {
            let text = "SOCKS5 takes host, user name and password of 1 to 255 bytes";
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        let handshake = SocksHandshake {
            step: SocksStep::Start,
            credentials: self.credentials.clone(),
            host: server.host.clone(),
            port: server.port,
        };
        Ok(Box::new(HandshakeLink::new(link, handshake)))
    }
}

struct SocksHandshake {
    step: SocksStep,
    credentials: Option<(String, String)>,
    host: String,
    port: u16,
}

enum SocksStep {
    Start,
    /// Which method of authentication to use.
    Method,
    /// Whether the credentials are right.
    Authenticated,
    /// Whether the server was reached.
    Connected,
}

const SOCKS_VERSION: u8 = 5;
const METHOD_NONE: u8 = 0;
const METHOD_PASSWORD: u8 = 2;

impl SocksHandshake {
    fn ask_to_connect(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[SOCKS_VERSION, 1, 0]);
        match self.host.parse() {
            Ok(IpAddr::V4(address)) => {
                out.push(1);
                out.extend_from_slice(&address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                out.push(4);
                out.extend_from_slice(&address.octets());
            }
            Err(_) => put_short(3, &self.host, out),
        }
        out.extend_from_slice(&self.port.to_be_bytes());
        self.step = SocksStep::Connected;
    }
}

/// A byte, and a text with its length in one byte.
fn put_short(first: u8, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&[first, text.len() as u8]);
    out.extend_from_slice(text.as_bytes());
}

impl Handshake for SocksHandshake {
    fn advance(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<bool> {
        match self.step {
            SocksStep::Start => {
                match self.credentials {
                    Some(_) => out.extend_from_slice(&[SOCKS_VERSION, 2, METHOD_NONE, METHOD_PASSWORD]),
                    None => out.extend_from_slice(&[SOCKS_VERSION, 1, METHOD_NONE]),
                }
                self.step = SocksStep::Method;
            }
            SocksStep::Method => {
                let Some(&[version, method]) = input.first_chunk() else { return Ok(false) };
                input.drain(..2);
                match (version, method, &self.credentials) {
                    (SOCKS_VERSION, METHOD_NONE, _) => self.ask_to_connect(out),
                    (SOCKS_VERSION, METHOD_PASSWORD, Some((user_name, password))) => {
                        put_short(1, user_name, out);
                        out.push(password.len() as u8);
                        out.extend_from_slice(password.as_bytes());
                        self.step = SocksStep::Authenticated;
                    }
                    (SOCKS_VERSION, ..) => return Err(refused("the SOCKS5 proxy wants other credentials")),
                    _ => return Err(refused("the proxy does not speak SOCKS5")),
                }
            }
            SocksStep::Authenticated => {
                let Some(&[_, status]) = input.first_chunk() else { return Ok(false) };
                input.drain(..2);
                if status != 0 {
                    return Err(refused("the SOCKS5 proxy refuses user name and password"));
                }
                self.ask_to_connect(out);
            }
            SocksStep::Connected => {
                let Some(&[_, status, _, kind, first]) = input.first_chunk() else { return Ok(false) };
                if status != 0 {
                    return Err(refused(format!("the SOCKS5 proxy cannot reach the server: code {status}")));
                }
                let address_len = match kind {
                    1 => 4,
                    4 => 16,
                    _ => 1 + usize::from(first),
                };
                let len = 4 + address_len + 2;
                if input.len() < len {
                    return Ok(false);
                }
                input.drain(..len);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Layer for HttpConnect {
    fn wrap(&self, link: BoxedLink, server: &Server) -> io::Result<BoxedLink> {
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let target = format!("{host}:{}", server.port);
        if target.contains(|character: char| character.is_ascii_control() || character == ' ') {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the host has no place in an HTTP request"));
        }
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some((user_name, password)) = &self.credentials {
            let credentials = BASE64_STANDARD.encode(format!("{user_name}:{password}"));
            request += &format!("Proxy-Authorization: Basic {credentials}\r\n");
        }
        request += "\r\n";
        Ok(Box::new(HandshakeLink::new(link, HttpHandshake { request: Some(request) })))
    }
}

struct HttpHandshake {
    request: Option<String>,
}

/// Bytes of the answer's first line that an error shows at the most.
const STATUS_LINE_MAX: usize = 200;

impl Handshake for HttpHandshake {
    fn advance(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<bool> {
        if let Some(request) = self.request.take() {
            out.extend_from_slice(request.as_bytes());
        }
        let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(false) };
        let line = input.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(&line[..line.len().min(STATUS_LINE_MAX)]).into_owned();
        let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        match status {
            Some(status) if status.starts_with('2') => {
                input.drain(..end + 4);
                Ok(true)
            }
            Some(_) => Err(refused(format!("the HTTP proxy refuses the connection: {line}"))),
            None => Err(refused("the proxy does not speak HTTP")),
        }
    }
}
