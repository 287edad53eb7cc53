//! TLS over any link, by rustls.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::path::Path;
use std::sync::Arc;

use mqtt_client::Server;
use mqtt_client::adapter::{BoxedLink, Layer, Link};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::stream::Stream;

/// TLS with a configuration of rustls, used as it is.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// TLS with a configuration that the caller has made.
    pub fn from_config(config: impl Into<Arc<ClientConfig>>) -> Tls {
        Tls { config: config.into() }
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

/// Puts a configuration for TLS together. `Debug` shows no keys.
#[derive(Default)]
pub struct TlsBuilder {
    roots: Vec<CertificateDer<'static>>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    alpn: Vec<Vec<u8>>,
    provider: Option<Arc<CryptoProvider>>,
}

/// Why a TLS configuration could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// No provider of cryptography is part of this build: enable the feature `ring` or `aws-lc-rs`, or call
    /// [`TlsBuilder::provider`].
    NoProvider,
    /// No root certificate was given, so that no server could be trusted.
    NoRoots,
    /// A file could not be read.
    File(String, io::Error),
    /// PEM that does not hold what it should.
    Pem(&'static str),
    /// The system's certificates could not be read.
    PlatformRoots(String),
    /// rustls refuses the configuration.
    Config(rustls::Error),
}

impl TlsBuilder {
    /// Trusts the certificates of a PEM file.
    pub fn roots_file(self, path: impl AsRef<Path>) -> Result<TlsBuilder, TlsError> {
        let pem = read(path.as_ref())?;
        self.roots_pem(&pem)
    }

    /// Trusts the certificates in PEM.
    pub fn roots_pem(mut self, pem: &[u8]) -> Result<TlsBuilder, TlsError> {
        self.roots.extend(certificates(pem)?);
        Ok(self)
    }

    /// Trusts the system's root certificates.
    pub fn platform_roots(mut self) -> Result<TlsBuilder, TlsError> {
        let loaded = rustls_native_certs::load_native_certs();
        if loaded.certs.is_empty() {
            let error = loaded.errors.first().map(ToString::to_string);
            return Err(TlsError::PlatformRoots(error.unwrap_or_else(|| "there are none".into())));
        }
        self.roots.extend(loaded.certs);
        Ok(self)
    }

    /// Shows the server a certificate, from PEM files of the chain and its key.
    pub fn client_certificate_files(
        self,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<TlsBuilder, TlsError> {
        let (chain, key) = (read(chain.as_ref())?, read(key.as_ref())?);
        self.client_certificate_pem(&chain, &key)
    }

    /// Shows the server a certificate, from PEM of the chain and its key.
    pub fn client_certificate_pem(mut self, chain: &[u8], key: &[u8]) -> Result<TlsBuilder, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Pem("no private key"))?;
        self.client = Some((certificates(chain)?, key));
        Ok(self)
    }

    /// Offers an application protocol by ALPN, for servers that share a port; `mqtt` is the registered name.
    pub fn alpn(mut self, protocol: impl Into<Vec<u8>>) -> TlsBuilder {
        self.alpn.push(protocol.into());
        self
    }

    /// Uses that provider of cryptography instead of the one that the features name.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> TlsBuilder {
        self.provider = Some(provider);
        self
    }

    /// The layer.
    pub fn build(self) -> Result<Tls, TlsError> {
        if self.roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
        let provider = self.provider.or_else(default_provider).ok_or(TlsError::NoProvider)?;
        let mut roots = RootCertStore::empty();
        // Of the system's many certificates some are of kinds that rustls does not take.
        let (added, _) = roots.add_parsable_certificates(self.roots);
        if added == 0 {
            return Err(TlsError::NoRoots);
        }
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Config)?
            .with_root_certificates(roots);
        let mut config = match self.client {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(TlsError::Config)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn;
        Ok(Tls::from_config(config))
    }
}

impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBuilder").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::File(path.display().to_string(), error))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(TlsError::Pem("no certificate")),
    }
}

/// The provider that the features name; ring if they name both.
fn default_provider() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "ring")]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    return None;
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::NoProvider => f.write_str(
                "no provider of cryptography: enable the feature `ring` or `aws-lc-rs`, or give one to the builder",
            ),
            TlsError::NoRoots => f.write_str("no root certificate is trusted; add one to the builder"),
            TlsError::File(path, error) => write!(f, "{path} cannot be read: {error}"),
            TlsError::Pem(what) => write!(f, "there is {what} in the PEM"),
            TlsError::PlatformRoots(error) => {
                write!(f, "the system's root certificates cannot be read: {error}; add roots to the builder")
            }
            TlsError::Config(error) => write!(f, "the TLS configuration is refused: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

impl Layer for Tls {
    fn wrap(&self, link: BoxedLink, server: &Server) -> io::Result<BoxedLink> {
        let invalid = |error| io::Error::new(ErrorKind::InvalidInput, format!("{}: {error}", server.host));
        let name = ServerName::try_from(server.host.clone()).map_err(|error| invalid(error.to_string()))?;
        let session = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Box::new(TlsLink { stream: Stream::new(link), session, is_closing: false, is_shut_down: false }))
    }
}

/// A link through TLS. The handshake goes on with each call; what is written before it is over waits in `session`, and
/// so does what the link below does not take: 64 KiB at the most, beside the few answers that TLS itself allows.
struct TlsLink {
    stream: Stream,
    session: ClientConnection,
    /// Whether the close was announced.
    is_closing: bool,
    is_shut_down: bool,
}

impl TlsLink {
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
    /// A server that sends records without payload faster than they are read gets no more than its share: then the read
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
            read += self.session.read_tls(&mut self.stream)?;
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
