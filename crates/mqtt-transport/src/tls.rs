//! TLS over any link, by rustls: the same link on both sides of a connection.

mod error;
#[cfg(feature = "encrypted-keys")]
mod encrypted;
mod unverified;
mod builder;
mod server;

pub use builder::{TlsBuilder, TlsVersion};
pub use error::{PemProblem, TlsError};
pub use server::{TlsServer, TlsServerBuilder};

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use mqtt_client::Server;
use mqtt_client::adapter::{BoxedLink, Layer, Link};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection};

use crate::stream::Stream;

/// TLS with a configuration of rustls, used as it is.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    /// The name that the server is asked for and has to prove, where it is not that of the host.
    server_name: Option<ServerName<'static>>,
}

impl Tls {
    /// TLS with a configuration that the caller has made.
    pub fn from_config(config: impl Into<Arc<ClientConfig>>) -> Tls {
        Tls { config: config.into(), server_name: None }
    }

    /// Builds a configuration; without further calls it trusts no certificate.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// TLS that trusts the system's root certificates.
    pub fn with_platform_roots() -> Result<Tls, TlsError> {
        Tls::builder().platform_roots()?.build()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Layer for Tls {
    fn wrap(&self, link: BoxedLink, server: &Server) -> io::Result<BoxedLink> {
        let invalid = |error| io::Error::new(ErrorKind::InvalidInput, format!("{}: {error}", server.host));
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(server.host.clone()).map_err(|error| invalid(error.to_string()))?,
        };
        let session = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| invalid(error.to_string()))?;
        Ok(TlsLink::boxed(link, session.into()))
    }
}

/// A link through TLS. The handshake goes on with each call; what is written before it is over waits in `session`, and
/// so does what the link below does not take: 64 KiB at the most, beside the few answers that TLS itself allows.
struct TlsLink {
    stream: Stream,
    session: Connection,
    /// Whether the close was announced.
    is_closing: bool,
    is_shut_down: bool,
}

impl TlsLink {
    fn boxed(link: BoxedLink, session: Connection) -> BoxedLink {
        Box::new(TlsLink { stream: Stream::new(link), session, is_closing: false, is_shut_down: false })
    }

    /// Writes the records that TLS has to send, as far as the link takes them.
    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.stream) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.is_closing && !self.is_shut_down {
            self.is_shut_down = true;
            self.stream.link.shutdown()?;
        }
        Ok(())
    }

    /// Takes in what came; the alert that says why it is refused still goes out.
    fn process(&mut self) -> io::Result<()> {
        match self.session.process_new_packets() {
            Ok(_) => Ok(()),
            Err(error) => {
                let _ = self.flush();
                Err(io::Error::new(ErrorKind::InvalidData, error))
            }
        }
    }
}

/// Bytes without payload that one read goes through at the most; a record has up to half of it.
const READ_MAX: usize = 32 * 1024;

impl Link for TlsLink {
    /// A peer that sends records without payload faster than they are read gets no more than its share: then the read
    /// is interrupted, and the next call continues.
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        loop {
            self.flush()?;
            match self.session.reader().read(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            if read >= READ_MAX {
                return Err(ErrorKind::Interrupted.into());
            }
            match self.session.read_tls(&mut self.stream) {
                Ok(len) => read += len,
                Err(error) => {
                    // Records without payload, such as those of a handshake: nobody above knows that something came. A
                    // peer that gathers small writes sends the next one once this is acknowledged.
                    if read > 0 && error.kind() == ErrorKind::WouldBlock && !self.session.wants_write() {
                        self.stream.link.quickack();
                    }
                    return Err(error);
                }
            }
            self.process()?;
        }
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush()?;
        match self.session.writer().write_vectored(chunks)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            len => {
                self.flush()?;
                Ok(len)
            }
        }
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.is_closing = true;
        self.flush()
    }

    fn quickack(&mut self) {
        self.stream.link.quickack();
    }

    fn short_read_is_all(&self) -> bool {
        false
    }

    fn wants_write(&self, _has_output: bool) -> bool {
        self.session.wants_write() || self.stream.wants_write()
    }
}
