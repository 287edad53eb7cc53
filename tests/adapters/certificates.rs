//! Certificates that a test makes for itself.

use std::sync::atomic::{AtomicU32, Ordering};

use pkcs8::der::Decode;
use pkcs8::der::pem::LineEnding;
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{PrivateKeyInfoRef, SecretDocument};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

/// An authority of the test's own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Two authorities of one name would be taken for each other until signatures are looked at.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("there is randomness");
        Authority(CertifiedIssuer::self_signed(params, key).expect("the parameters are legal"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for that host name or address, valid until 2096.
    pub(crate) fn certify(&self, name: &str) -> Identity {
        self.certify_until(name, 2096)
    }

    /// A certificate that has expired in that year.
    pub(crate) fn certify_until(&self, name: &str, year: i32) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a legal name");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("there is randomness");
        let certificate = params.signed_by(&key, &self.0).expect("the parameters are legal");
        Identity { chain: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Identity {
    /// The key in PKCS #8, encrypted.
    pub(crate) fn encrypted_key(&self, password: &[u8]) -> String {
        let (_, document) = SecretDocument::from_pem(&self.key).expect("a key");
        let info = PrivateKeyInfoRef::from_der(document.as_bytes()).expect("PKCS #8");
        let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(2048, &[7; 16], [9; 16]);
        let encrypted = info.encrypt_with_params(parameters.expect("legal ones"), password).expect("a key");
        encrypted.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).expect("PEM").to_string()
    }
}
