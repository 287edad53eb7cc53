//! Options of TLS: names, versions, keys that a password protects, secrets that are logged, and what is not verified.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mqtt_smol::transport::rustls::KeyLog;
use mqtt_smol::transport::{PemProblem, Tls, TlsBuilder, TlsError, TlsVersion};
use mqtt_smol::{Options, broker};

use crate::adapter::Adapter;
use crate::certificates::{Authority, Identity};
use crate::relay;

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("mqtt-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the folder can be made");
        Folder(folder)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("the folder can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server with that certificate, and what an attempt with that TLS comes to.
fn attempt(identity: &Identity, clients: Option<&Authority>, tls: Result<TlsBuilder, TlsError>) -> bool {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let address = relay::tls(broker.address(), identity, clients);
    let tls = tls.and_then(TlsBuilder::build).expect("TLS");
    let options = Options::from_url(&format!("mqtts://{address}")).expect("a good URL").tls(tls);
    let options = options.network_timeout(Duration::from_secs(5));
    Adapter::Smol.connect(options).is_ok()
}

fn trusting(authority: &Authority) -> Result<TlsBuilder, TlsError> {
    Tls::builder().roots_pem(authority.pem().as_bytes())
}

#[test]
fn another_name_can_be_asked_for() {
    let authority = Authority::new();
    let identity = authority.certify("broker.example");
    assert!(!attempt(&identity, None, trusting(&authority)));
    let named = trusting(&authority).map(|builder| builder.server_name("broker.example"));
    assert!(attempt(&identity, None, named));
    let other = trusting(&authority).map(|builder| builder.server_name("other.example"));
    assert!(!attempt(&identity, None, other));
    let bad = trusting(&authority).and_then(|builder| builder.server_name("no name").build());
    assert!(matches!(bad, Err(TlsError::ServerName(name)) if name == "no name"));
}

#[test]
fn what_is_not_verified_is_only_what_was_asked_for() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let any_name = || trusting(&authority).map(TlsBuilder::dangerously_any_name);
    assert!(attempt(&authority.certify("elsewhere"), None, any_name()));
    assert!(!attempt(&stranger.certify("127.0.0.1"), None, any_name()), "nobody trusts its authority");
    assert!(!attempt(&authority.certify_until("elsewhere", 2001), None, any_name()), "it has expired");
    let anything = Tls::builder().dangerously_any_certificate();
    assert!(attempt(&stranger.certify_until("elsewhere", 2001), None, Ok(anything)));
}

#[test]
fn all_files_of_a_folder_are_trusted() {
    let (authority, other, stranger) = (Authority::new(), Authority::new(), Authority::new());
    let folder = Folder::new("roots");
    folder.write("one.pem", authority.pem());
    folder.write("two.0", other.pem());
    folder.write("README", "no certificate");
    let trusting = || Tls::builder().roots_folder(&folder.0);
    for (known, expected) in [(&authority, true), (&other, true), (&stranger, false)] {
        assert_eq!(attempt(&known.certify("127.0.0.1"), None, trusting()), expected);
    }
    let empty = Folder::new("no-roots");
    let error = Tls::builder().roots_folder(&empty.0).expect_err("there is nothing in it");
    assert!(error.to_string().contains(&empty.0.display().to_string()), "{error}");
}

#[test]
fn the_lowest_version_is_obeyed_and_secrets_are_logged() {
    #[derive(Debug, Default)]
    struct Labels(Mutex<Vec<String>>);
    impl KeyLog for Labels {
        fn log(&self, label: &str, _random: &[u8], _secret: &[u8]) {
            self.0.lock().expect("no panic holds it").push(label.into());
        }
    }
    let authority = Authority::new();
    let log = Arc::new(Labels::default());
    let tls = trusting(&authority)
        .map(|builder| builder.version_min(TlsVersion::V1_3).key_log(Arc::clone(&log) as Arc<dyn KeyLog>));
    assert!(attempt(&authority.certify("127.0.0.1"), None, tls));
    let labels = log.0.lock().expect("no panic holds it");
    assert!(labels.iter().any(|label| label == "CLIENT_TRAFFIC_SECRET_0"), "TLS 1.3: {labels:?}");
}

#[test]
fn an_encrypted_key_needs_its_password() {
    let authority = Authority::new();
    let identity = authority.certify("client");
    let folder = Folder::new("encrypted");
    let chain = folder.write("chain", &identity.chain);
    let plain = folder.write("plain", &identity.key);
    let key = folder.write("key", identity.encrypted_key(b"open sesame"));
    let server = authority.certify("127.0.0.1");
    let with = |key: &PathBuf, password: &[u8]| {
        trusting(&authority)
            .and_then(|builder| builder.client_certificate_files_encrypted(&chain, key, password))
    };
    assert!(attempt(&server, Some(&authority), with(&key, b"open sesame")));
    assert!(attempt(&server, Some(&authority), with(&plain, b"unused")));
    let problem = |tls: Result<TlsBuilder, TlsError>| match tls {
        Err(TlsError::Pem { file: Some(file), problem }) => {
            assert!(file.ends_with("key"), "{file}");
            problem
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(with(&key, b"wrong")), PemProblem::WrongPassword);
    let without = trusting(&authority).and_then(|builder| builder.client_certificate_files(&chain, &key));
    assert_eq!(problem(without), PemProblem::Encrypted);
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
               -----END RSA PRIVATE KEY-----\n";
    let key = folder.write("old-key", old);
    assert_eq!(problem(with(&key, b"any")), PemProblem::UnknownEncryption);
}
