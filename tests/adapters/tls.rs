//! TLS: who is trusted, who is not and why, and clients that show a certificate.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use mqtt_smol::transport::rustls::CertificateError;
use mqtt_smol::transport::{PemProblem, Tls, TlsError, rustls};
use mqtt_smol::{ConnectError, ConnectErrorKind, Options, broker};

use crate::adapter::ALL;
use crate::certificates::Authority;
use crate::relay;
use crate::server::Mosquitto;
use crate::transports::check;

fn trusting(authority: &Authority) -> Tls {
    Tls::builder().roots_pem(authority.pem().as_bytes()).expect("a root").build().expect("TLS")
}

fn url(text: &str) -> Options {
    Options::from_url(text).expect("a good URL").network_timeout(Duration::from_secs(5))
}

/// What rustls says about the server's certificate.
fn certificate_error(error: &ConnectError) -> CertificateError {
    let io = error.io_error().expect("an I/O error");
    match io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(error)) => error.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trusted_server_is_talked_to() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let authority = Authority::new();
    for adapter in ALL {
        for host in ["127.0.0.1", "localhost"] {
            let address = relay::tls(broker.address(), &authority.certify(host), None);
            let options = url(&format!("mqtts://{host}:{}", address.port()));
            check(adapter, options.tls(trusting(&authority)));
        }
    }
}

#[test]
fn mosquitto_is_talked_to() {
    let authority = Authority::new();
    let identity = authority.certify("localhost");
    let folder = std::env::temp_dir().join(format!("mqtt-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    for (name, text) in [("chain", &identity.chain), ("key", &identity.key)] {
        std::fs::write(folder.join(name), text).expect("the folder can be written");
    }
    let files = format!("certfile {0}/chain\nkeyfile {0}/key\nallow_anonymous true\n", folder.display());
    if let Some(mosquitto) = Mosquitto::start_with(&files) {
        for adapter in ALL {
            let options = url(&format!("mqtts://localhost:{}", mosquitto.port));
            check(adapter, options.tls(trusting(&authority)));
        }
    }
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}

#[test]
fn expired_foreign_and_untrusted_certificates_are_told_apart() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let (authority, other) = (Authority::new(), Authority::new());
    for adapter in ALL {
        let refused = |identity| {
            let address = relay::tls(broker.address(), &identity, None);
            let options = url(&format!("mqtts://127.0.0.1:{}", address.port())).tls(trusting(&authority));
            let error = adapter.connect(options).expect_err("it is not trusted");
            assert_eq!(error.kind(), ConnectErrorKind::ServerUnavailable);
            certificate_error(&error)
        };
        let expired = refused(authority.certify_until("127.0.0.1", 2001));
        assert!(matches!(expired, CertificateError::ExpiredContext { .. }), "{expired:?}");
        let foreign = refused(authority.certify("elsewhere"));
        assert!(matches!(foreign, CertificateError::NotValidForNameContext { .. }), "{foreign:?}");
        let untrusted = refused(other.certify("127.0.0.1"));
        assert_eq!(untrusted, CertificateError::UnknownIssuer);
    }
    assert_eq!(broker.stats().packets_in, 0, "nothing is said to whom nobody trusts");
}

#[test]
fn a_client_may_show_a_certificate() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let authority = Authority::new();
    let client = authority.certify("client");
    let address = relay::tls(broker.address(), &authority.certify("127.0.0.1"), Some(&authority));
    for adapter in ALL {
        let tls = Tls::builder()
            .roots_pem(authority.pem().as_bytes())
            .and_then(|builder| {
                builder.client_certificate_pem(client.chain.as_bytes(), client.key.as_bytes())
            })
            .and_then(|builder| builder.alpn("mqtt").build())
            .expect("TLS");
        check(adapter, url(&format!("mqtts://{address}")).tls(tls));
        let nobody = url(&format!("mqtts://{address}")).tls(trusting(&authority));
        let error = adapter.connect(nobody).expect_err("it shows no certificate");
        assert_eq!(error.kind(), ConnectErrorKind::ServerUnavailable);
    }
}

#[test]
fn a_server_that_does_not_speak_tls_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            // The client may be gone already.
            let _ = stream.write_all(b"\x20\x03\x00\x00\x00");
        }
    });
    let authority = Authority::new();
    for adapter in ALL {
        let options = url(&format!("mqtts://127.0.0.1:{port}")).tls(trusting(&authority));
        let error = adapter.connect(options).expect_err("it is no TLS");
        assert!(error.io_error().is_some(), "{error}");
    }
}

#[test]
fn tls_without_anybody_to_trust_is_refused() {
    assert!(matches!(Tls::builder().build(), Err(TlsError::NoRoots)));
    let problem = |pem: &[u8]| match Tls::builder().roots_pem(pem) {
        Err(TlsError::Pem { file: None, problem }) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(b"nothing"), PemProblem::NoCertificate);
    assert_eq!(problem(b""), PemProblem::Empty);
    assert_eq!(problem(b"\x30\x82\x01\x02"), PemProblem::Der);
    let missing = Tls::builder().roots_file("/nowhere/at/all.pem").expect_err("there is no such file");
    assert!(missing.to_string().starts_with("/nowhere/at/all.pem cannot be read: "), "{missing}");
}
