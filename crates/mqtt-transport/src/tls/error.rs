//! Why a TLS configuration could not be built.

use std::fmt;
use std::io;

/// Why a TLS configuration could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// No provider of cryptography is part of this build: enable the feature `ring` or `aws-lc-rs`, or call
    /// `TlsBuilder::provider`.
    NoProvider,
    /// No root certificate was given, so that no server could be trusted.
    NoRoots,
    /// A server has no certificate to show.
    NoCertificate,
    /// A file or folder could not be read.
    File(String, io::Error),
    /// PEM that does not hold what it should.
    Pem {
        /// The file; none where the PEM was given as it is.
        file: Option<String>,
        /// What is wrong with it.
        problem: PemProblem,
    },
    /// The system's certificates could not be read.
    PlatformRoots(String),
    /// What is to be the server's name is neither the name of a host nor an address.
    ServerName(String),
    /// rustls refuses the configuration.
    Config(rustls::Error),
}

/// What is wrong with PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemProblem {
    /// It has no certificate.
    NoCertificate,
    /// It has no private key.
    NoKey,
    /// It is empty.
    Empty,
    /// It is DER, the binary form.
    Der,
    /// The key is encrypted, and no password was given.
    Encrypted,
    /// The key is encrypted, and the password does not open it.
    WrongPassword,
    /// The key is encrypted in a way that is not supported.
    UnknownEncryption,
}

impl PemProblem {
    /// What PEM is that has no item of the wanted kind.
    pub(crate) fn of(pem: &[u8], otherwise: PemProblem) -> PemProblem {
        /// The first byte of a DER sequence.
        const SEQUENCE: u8 = 0x30;
        let has = |text: &str| pem.windows(text.len()).any(|window| window == text.as_bytes());
        match pem {
            [] => PemProblem::Empty,
            [SEQUENCE, second, ..] if *second >= 0x80 => PemProblem::Der,
            _ if otherwise == PemProblem::NoKey && has("BEGIN ENCRYPTED PRIVATE KEY") => {
                PemProblem::Encrypted
            }
            _ if otherwise == PemProblem::NoKey && has("Proc-Type: 4,ENCRYPTED") => {
                PemProblem::UnknownEncryption
            }
            _ => otherwise,
        }
    }
}

impl fmt::Display for PemProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PemProblem::NoCertificate => "it has no certificate; one begins with -----BEGIN CERTIFICATE-----",
            PemProblem::NoKey => "it has no private key; one begins with -----BEGIN PRIVATE KEY-----",
            PemProblem::Empty => "it is empty",
            PemProblem::Der => "it is DER; turn it into PEM with `openssl x509 -inform der` or `openssl pkey -inform der`",
            PemProblem::Encrypted => "its key is encrypted; give the password of the key",
            PemProblem::WrongPassword => "the password does not open its key",
            PemProblem::UnknownEncryption => {
                "its key is encrypted in a way that is not supported; turn it into PKCS #8 with `openssl pkcs8 -topk8`"
            }
        })
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::NoProvider => f.write_str(
                "no provider of cryptography: enable the feature `ring` or `aws-lc-rs`, or give one to the builder",
            ),
            TlsError::NoRoots => f.write_str("no root certificate is trusted; add one to the builder"),
            TlsError::NoCertificate => f.write_str("a server needs a certificate; add one to the builder"),
            TlsError::File(path, error) => write!(f, "{path} cannot be read: {error}"),
            TlsError::Pem { file: Some(file), problem } => write!(f, "{file}: {problem}"),
            TlsError::Pem { file: None, problem } => write!(f, "PEM: {problem}"),
            TlsError::PlatformRoots(error) => {
                write!(f, "the system's root certificates cannot be read: {error}; add roots to the builder")
            }
            TlsError::ServerName(name) => write!(f, "{name:?} is neither the name of a host nor an address"),
            TlsError::Config(error) => write!(f, "the TLS configuration is refused: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}
