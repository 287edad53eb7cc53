//! TLS as a server speaks it: the certificate that it shows, and whose it asks for.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use mqtt_client::adapter::BoxedLink;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use super::builder::{certificates, default_provider, of_file, private_key, read};
use super::{TlsError, TlsLink};

/// The server's side of TLS, with a configuration of rustls. Clones share it.
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
}

impl TlsServer {
    /// TLS with a configuration that the caller has made.
    pub fn from_config(config: impl Into<Arc<ServerConfig>>) -> TlsServer {
        TlsServer { config: config.into() }
    }

    /// Builds a configuration, which needs a certificate.
    pub fn builder() -> TlsServerBuilder {
        TlsServerBuilder::default()
    }

    /// The link through TLS over one that was accepted. Nothing is read or sent before the first read or write, and the
    /// handshake goes on with each of them: whoever serves the link bounds its time.
    ///
    /// Fails if rustls cannot make a session of the configuration.
    pub fn accept(&self, link: BoxedLink) -> io::Result<BoxedLink> {
        let session = ServerConnection::new(Arc::clone(&self.config))
            .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        Ok(TlsLink::boxed(link, session.into()))
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsServer")
    }
}

/// Puts a configuration for a server's TLS together. `Debug` shows no keys.
#[derive(Default)]
pub struct TlsServerBuilder {
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    client_roots: Vec<CertificateDer<'static>>,
    provider: Option<Arc<CryptoProvider>>,
}

impl TlsServerBuilder {
    /// Shows clients a certificate, from PEM files of the chain and its key.
    pub fn certificate_files(
        mut self,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<TlsServerBuilder, TlsError> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let certificates = certificates(&read(chain)?).map_err(|error| of_file(error, chain))?;
        let private_key = private_key(&read(key)?).map_err(|error| of_file(error, key))?;
        self.identity = Some((certificates, private_key));
        Ok(self)
    }

    /// Shows clients a certificate, from PEM of the chain, with the server's own first, and its key.
    pub fn certificate_pem(mut self, chain: &[u8], key: &[u8]) -> Result<TlsServerBuilder, TlsError> {
        self.identity = Some((certificates(chain)?, private_key(key)?));
        Ok(self)
    }

    /// Lets in only clients that show a certificate, signed by one in that PEM file.
    pub fn client_roots_file(self, path: impl AsRef<Path>) -> Result<TlsServerBuilder, TlsError> {
        let path = path.as_ref();
        self.client_roots_pem(&read(path)?).map_err(|error| of_file(error, path))
    }

    /// Lets in only clients that show a certificate, signed by one in that PEM.
    pub fn client_roots_pem(mut self, pem: &[u8]) -> Result<TlsServerBuilder, TlsError> {
        self.client_roots.extend(certificates(pem)?);
        Ok(self)
    }

    /// Uses that provider of cryptography instead of the one that the features name.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> TlsServerBuilder {
        self.provider = Some(provider);
        self
    }

    /// The server's side of TLS. Fails without a certificate, without a provider, and if certificate and key do not fit.
    pub fn build(self) -> Result<TlsServer, TlsError> {
        let (chain, key) = self.identity.ok_or(TlsError::NoCertificate)?;
        let provider = self.provider.or_else(default_provider).ok_or(TlsError::NoProvider)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Config)?;
        let builder = if self.client_roots.is_empty() {
            builder.with_no_client_auth()
        } else {
            let mut roots = RootCertStore::empty();
            for root in self.client_roots {
                roots.add(root).map_err(TlsError::Config)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            let verifier =
                verifier.map_err(|error| TlsError::Config(rustls::Error::General(error.to_string())))?;
            builder.with_client_cert_verifier(verifier)
        };
        builder.with_single_cert(chain, key).map(TlsServer::from_config).map_err(TlsError::Config)
    }
}

impl fmt::Debug for TlsServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roots = self.client_roots.len();
        f.debug_struct("TlsServerBuilder").field("client_roots", &roots).finish_non_exhaustive()
    }
}
