//! What a client trusts, shows and offers over TLS, put together from files.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, KeyLog, RootCertStore, SupportedProtocolVersion, WantsVerifier};

use super::Tls;
use super::error::{PemProblem, TlsError};
use super::unverified::Unverified;

/// Puts a configuration for TLS together. `Debug` shows no keys.
#[derive(Default)]
pub struct TlsBuilder {
    roots: Vec<CertificateDer<'static>>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    alpn: Vec<Vec<u8>>,
    provider: Option<Arc<CryptoProvider>>,
    version_min: TlsVersion,
    server_name: Option<String>,
    key_log: Option<Arc<dyn KeyLog>>,
    verified: Verified,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// What is verified of the server's certificate.
#[derive(Clone, Copy, Debug, Default)]
enum Verified {
    #[default]
    Everything,
    Chain,
    Nothing,
}

impl TlsBuilder {
    /// Trusts the certificates of a PEM file.
    pub fn roots_file(self, path: impl AsRef<Path>) -> Result<TlsBuilder, TlsError> {
        let path = path.as_ref();
        self.roots_pem(&read(path)?).map_err(|error| of_file(error, path))
    }

    /// Trusts the certificates of all PEM files in a folder; what is no PEM in it is passed over.
    pub fn roots_folder(mut self, path: impl AsRef<Path>) -> Result<TlsBuilder, TlsError> {
        let path = path.as_ref();
        let failed = |error| TlsError::File(path.display().to_string(), error);
        let before = self.roots.len();
        for entry in fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.is_file() {
                self.roots.extend(certificates(&read(&file)?).unwrap_or_default());
            }
        }
        if self.roots.len() == before {
            return Err(of_file(pem(PemProblem::NoCertificate), path));
        }
        Ok(self)
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
        let key = private_key(&read(key.as_ref())?).map_err(|error| of_file(error, key.as_ref()))?;
        self.client_certificate(chain.as_ref(), key)
    }

    /// Shows the server a certificate, from PEM files of the chain and of its key, which that password decrypts. A key
    /// that is not encrypted needs no password, and none is looked at.
    #[cfg(feature = "encrypted-keys")]
    pub fn client_certificate_files_encrypted(
        self,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
        password: &[u8],
    ) -> Result<TlsBuilder, TlsError> {
        let content = read(key.as_ref())?;
        let key_der = match super::encrypted::decrypt(&content, password) {
            Some(decrypted) => decrypted.map_err(pem),
            None => private_key(&content),
        };
        self.client_certificate(chain.as_ref(), key_der.map_err(|error| of_file(error, key.as_ref()))?)
    }

    fn client_certificate(
        mut self,
        chain: &Path,
        key: PrivateKeyDer<'static>,
    ) -> Result<TlsBuilder, TlsError> {
        let certificates = certificates(&read(chain)?).map_err(|error| of_file(error, chain))?;
        self.client = Some((certificates, key));
        Ok(self)
    }

    /// Shows the server a certificate, from PEM of the chain and its key.
    pub fn client_certificate_pem(mut self, chain: &[u8], key: &[u8]) -> Result<TlsBuilder, TlsError> {
        self.client = Some((certificates(chain)?, private_key(key)?));
        Ok(self)
    }

    /// Offers an application protocol by ALPN, for servers that share a port; `mqtt` is the registered name.
    pub fn alpn(mut self, protocol: impl Into<Vec<u8>>) -> TlsBuilder {
        self.alpn.push(protocol.into());
        self
    }

    /// Lowest version of TLS. Default: 1.2.
    pub fn version_min(mut self, version: TlsVersion) -> TlsBuilder {
        self.version_min = version;
        self
    }

    /// The name that the server is asked for (SNI) and that its certificate must have. Default: the host's.
    pub fn server_name(mut self, name: impl Into<String>) -> TlsBuilder {
        self.server_name = Some(name.into());
        self
    }

    /// Who gets the secrets of each connection, so that a recording of its bytes can be decrypted.
    pub fn key_log(mut self, log: Arc<dyn KeyLog>) -> TlsBuilder {
        self.key_log = Some(log);
        self
    }

    /// Takes a certificate of any name, as long as a root that is trusted stands behind it. Whoever has one of any name
    /// can then read and change everything.
    pub fn dangerously_any_name(mut self) -> TlsBuilder {
        self.verified = Verified::Chain;
        self
    }

    /// Takes any certificate at all. Whoever is between the client and the server can then read and change everything.
    pub fn dangerously_any_certificate(mut self) -> TlsBuilder {
        self.verified = Verified::Nothing;
        self
    }

    /// Uses that provider of cryptography instead of the one that the features name.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> TlsBuilder {
        self.provider = Some(provider);
        self
    }

    /// The layer.
    pub fn build(self) -> Result<Tls, TlsError> {
        let provider = self.provider.or_else(default_provider).ok_or(TlsError::NoProvider)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.version_min.and_later())
            .map_err(TlsError::Config)?;
        let unverified = |builder: ConfigBuilder<ClientConfig, WantsVerifier>, chain, provider| {
            let verifier = Arc::new(Unverified { chain, provider });
            builder.dangerous().with_custom_certificate_verifier(verifier)
        };
        let builder = match self.verified {
            Verified::Everything => builder.with_root_certificates(trusted(self.roots)?),
            Verified::Chain => {
                let roots = Arc::new(trusted(self.roots)?);
                let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
                let chain =
                    chain.map_err(|error| TlsError::Config(rustls::Error::General(error.to_string())))?;
                unverified(builder, Some(chain), provider)
            }
            Verified::Nothing => unverified(builder, None, provider),
        };
        let mut config = match self.client {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(TlsError::Config)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn;
        if let Some(log) = self.key_log {
            config.key_log = log;
        }
        let server_name = self
            .server_name
            .map(|name| ServerName::try_from(name.clone()).map_err(|_| TlsError::ServerName(name)));
        Ok(Tls { config: Arc::new(config), server_name: server_name.transpose()? })
    }
}

impl TlsVersion {
    fn and_later(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            TlsVersion::V1_2 => rustls::DEFAULT_VERSIONS,
            TlsVersion::V1_3 => ONLY_1_3,
        }
    }
}

const ONLY_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBuilder").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

fn trusted(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // Of the system's many certificates some are of kinds that rustls does not take.
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(TlsError::NoRoots),
        _ => Ok(roots),
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::File(path.display().to_string(), error))
}

fn pem(problem: PemProblem) -> TlsError {
    TlsError::Pem { file: None, problem }
}

/// The error, with the file that it is about.
pub(super) fn of_file(error: TlsError, path: &Path) -> TlsError {
    match error {
        TlsError::Pem { problem, .. } => TlsError::Pem { file: Some(path.display().to_string()), problem },
        other => other,
    }
}

pub(super) fn certificates(content: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(pem(PemProblem::of(content, PemProblem::NoCertificate))),
    }
}

pub(super) fn private_key(content: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    match PemProblem::of(content, PemProblem::NoKey) {
        problem @ PemProblem::UnknownEncryption => Err(pem(problem)),
        problem => PrivateKeyDer::from_pem_slice(content).map_err(|_| pem(problem)),
    }
}

/// The provider that the features name; ring if they name both.
pub(super) fn default_provider() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "ring")]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    return None;
}
