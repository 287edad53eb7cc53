//! Servers in front of a broker that speak TLS or WebSocket: they pass on the plain bytes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mqtt_smol::transport::rustls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::{Message, accept_hdr};

use crate::certificates::{Authority, Identity};

/// How long a relay looks at one side before it looks at the other.
const LOOK: Duration = Duration::from_millis(2);

fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it has an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// TLS with that certificate in front of a server; with `clients`, only those whom that authority knows may in.
pub(crate) fn tls(server: SocketAddr, identity: &Identity, clients: Option<&Authority>) -> SocketAddr {
    let config = server_config(identity, clients);
    listen(move |stream| {
        let session = ServerConnection::new(Arc::clone(&config)).expect("the configuration is whole");
        if stream.set_read_timeout(Some(LOOK)).is_ok() {
            // The client's errors are the test's to look at.
            let _ = exchange(&mut StreamOwned::new(session, stream), server);
        }
    })
}

pub(crate) fn server_config(identity: &Identity, clients: Option<&Authority>) -> Arc<ServerConfig> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has them");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("a certificate");
            roots.add(root).expect("it is an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("there is a root"))
        }
    };
    Arc::new(builder.with_single_cert(chain.expect("a chain"), key).expect("key and certificate fit"))
}

/// Passes bytes on both ways over a stream whose reads are bounded in time.
fn exchange(client: &mut (impl Read + Write), server: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    server.set_read_timeout(Some(LOOK))?;
    let mut buf = vec![0; 65_536];
    loop {
        match client.read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(len) => server.write_all(&buf[..len])?,
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        match server.read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(len) => {
                client.write_all(&buf[..len])?;
                client.flush()?;
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// WebSocket in front of a server; requests without the subprotocol `mqtt` are refused. Frames to the client hold at
/// most `frame_max` bytes.
pub(crate) fn websocket(server: SocketAddr, frame_max: usize) -> SocketAddr {
    listen(move |stream| {
        // The client's errors are the test's to look at.
        let _ = serve_websocket(stream, server, frame_max);
    })
}

#[expect(clippy::result_large_err, reason = "the library's own callback")]
fn check_protocol(
    request: &Request,
    mut response: Response,
) -> Result<Response, tungstenite::handshake::server::ErrorResponse> {
    assert_eq!(request.headers().get("Sec-WebSocket-Protocol"), Some(&HeaderValue::from_static("mqtt")));
    response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
    Ok(response)
}

fn serve_websocket(
    stream: TcpStream,
    server: SocketAddr,
    frame_max: usize,
) -> Result<(), tungstenite::Error> {
    let Ok(mut socket) = accept_hdr(stream, check_protocol) else { return Ok(()) };
    socket.get_ref().set_read_timeout(Some(LOOK))?;
    let mut server = TcpStream::connect(server)?;
    server.set_read_timeout(Some(LOOK))?;
    let mut buf = vec![0; 65_536];
    loop {
        match socket.read() {
            Ok(Message::Binary(bytes)) => server.write_all(&bytes)?,
            Ok(Message::Close(_)) => {
                let _ = socket.flush();
                return Ok(());
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        match server.read(&mut buf) {
            Ok(0) => return socket.close(None),
            Ok(len) => {
                for frame in buf[..len].chunks(frame_max) {
                    socket.send(Message::Binary(frame.to_vec().into()))?;
                }
                socket.send(Message::Ping(Vec::new().into()))?;
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
