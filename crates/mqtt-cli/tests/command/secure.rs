//! The command over TLS, WebSocket and proxies: what is trusted and shown, and what is said when that fails.

use std::fs;
use std::path::PathBuf;

use mqtt_smol::broker::{self, Listen};
use mqtt_smol::transport::{TlsServer, TlsServerBuilder};

use crate::certificates::{Authority, Identity};
use crate::process::{failure, mqtt, run};
use crate::proxy;
use crate::server::Mosquitto;

/// A folder that goes when the test ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("mqtt-command-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        Folder(folder)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("a path of plain characters")
    }

    /// Writes a file, and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).expect("the folder can be written");
        path.to_str().expect("a path of plain characters").into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The files of an authority and of a certificate with its key.
pub(crate) fn write(folder: &Folder, authority: &Authority, identity: &Identity) -> [String; 3] {
    [
        folder.write("ca.pem", authority.pem()),
        folder.write("cert.pem", &identity.chain),
        folder.write("key.pem", &identity.key),
    ]
}

/// Publishes something; the exit code and what was said.
fn publish(args: &[&str]) -> (Option<i32>, String) {
    failure(&run(&[&["pub", "-t", "a", "-m", "x", "-q", "1"], args].concat()))
}

const DONE: (Option<i32>, String) = (Some(0), String::new());

#[test]
fn tls_is_trusted_by_file_folder_and_name_only() {
    let folder = Folder::new("trusted");
    let (authority, stranger) = (Authority::new(), Authority::new());
    let [ca, cert, key] = write(&folder, &authority, &authority.certify("localhost"));
    let other = folder.write("other.pem", stranger.pem());
    let lines = format!("certfile {cert}\nkeyfile {key}\nallow_anonymous true\n");
    let Some(server) = Mosquitto::start_with(&lines) else { return };
    let port = server.port.to_string();
    let (named, by_address) = (format!("mqtts://localhost:{port}"), format!("mqtts://127.0.0.1:{port}"));
    assert_eq!(publish(&[&named, "--cafile", &ca]), DONE);
    assert_eq!(
        publish(&["-h", "localhost", "-p", &port, "--cafile", &ca]),
        DONE,
        "an option of TLS asks for TLS"
    );
    assert_eq!(publish(&[&named, "--capath", folder.path()]), DONE);
    assert_eq!(publish(&[&named, "--cafile", &ca, "--tls-version", "1.3", "--alpn", "mqtt"]), DONE);
    assert_eq!(publish(&[&by_address, "--cafile", &ca, "--servername", "localhost"]), DONE);
    for (args, text) in [
        (&[by_address.as_str(), "--cafile", &ca][..], "not valid for name"),
        (&[&named, "--cafile", &other], "UnknownIssuer); trust its authority by --cafile"),
        (&[&named], "UnknownIssuer"),
        (&[&named, "--insecure", "--cafile", &other], "UnknownIssuer"),
    ] {
        let (code, said) = publish(args);
        assert!(code == Some(3) && said.contains(text), "{args:?}: {code:?} {said}");
    }
    for args in [&[by_address.as_str(), "--insecure"][..], &[&by_address, "--insecure", "--cafile", &ca]] {
        let (code, said) = publish(args);
        assert!(code == Some(0) && said.contains("whoever is between"), "{args:?}: {code:?} {said}");
    }
    let empty = folder.write("empty.pem", "");
    for (args, text) in [
        (&["--cafile", "/nowhere/at/all.pem"][..], "/nowhere/at/all.pem cannot be read"),
        (&["--cafile", &empty], "empty.pem: it is empty"),
        (&["--cafile", &key], "key.pem: it has no certificate"),
        (&["--cert", &cert], "--key"),
        (&["--tls-version", "1.1"], "1.2 or 1.3"),
        (&["--servername", "no name"], "no name"),
    ] {
        let (code, said) = publish(&[&[named.as_str()], args].concat());
        assert!(code == Some(2) && said.contains(text), "{args:?}: {code:?} {said}");
    }
}

#[test]
fn a_client_certificate_is_shown_also_with_an_encrypted_key() {
    let folder = Folder::new("shown");
    let authority = Authority::new();
    let [ca, cert, key] = write(&folder, &authority, &authority.certify("localhost"));
    let lines = format!(
        "certfile {cert}\nkeyfile {key}\ncafile {ca}\nrequire_certificate true\nuse_identity_as_username true\n\
         allow_anonymous true\n"
    );
    let Some(server) = Mosquitto::start_with(&lines) else { return };
    let url = format!("mqtts://localhost:{}", server.port);
    let identity = authority.certify("meter");
    let chain = folder.write("meter.pem", &identity.chain);
    let plain = folder.write("meter.key", &identity.key);
    let encrypted = folder.write("meter.enc", identity.encrypted_key(b"se cret"));
    assert_eq!(publish(&[&url, "--cafile", &ca, "--cert", &chain, "--key", &plain]), DONE);
    server.wait_for_log("u'meter'");
    let shown = [&url, "--cafile", &ca, "--cert", &chain, "--key", &encrypted];
    assert_eq!(publish(&[&shown[..], &["--keypass", "se cret"]].concat()), DONE);
    let by_variable = mqtt(&[&["pub", "-t", "a", "-m", "x", "-q", "1"], &shown[..]].concat())
        .env("MQTT_KEYPASS", "se cret")
        .output()
        .expect("the command can be started");
    assert_eq!(failure(&by_variable), DONE);
    let (code, said) = publish(&[&shown[..], &["--keypass", "wrong"]].concat());
    assert!(code == Some(2) && said.contains("meter.enc: the password does not open its key"), "{said}");
    let (code, said) = publish(&[&url, "--cafile", &ca]);
    assert!(code == Some(3), "it wants a certificate: {said}");
}

#[test]
fn secrets_are_logged_for_whoever_records_the_bytes() {
    let folder = Folder::new("keylog");
    let authority = Authority::new();
    let [ca, cert, key] = write(&folder, &authority, &authority.certify("127.0.0.1"));
    let mut server = broker::Server::bind("127.0.0.1:0", broker::Config::default()).expect("a free port");
    let tls = TlsServer::builder().certificate_files(&cert, &key).and_then(TlsServerBuilder::build);
    let address = server.listen("127.0.0.1:0", Listen::Tls(tls.expect("TLS"))).expect("a free port");
    let _broker = server.start().expect("a thread");
    let log = folder.0.join("secrets");
    let name = log.to_str().expect("a path of plain characters");
    for _ in 0..2 {
        assert_eq!(publish(&[&format!("mqtts://{address}"), "--cafile", &ca, "--tls-keylog", name]), DONE);
    }
    let text = fs::read_to_string(&log).expect("it was written");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")).collect();
    assert_eq!(lines.len(), 2, "one for each connection: {text}");
    assert!(
        lines.iter().all(|line| line.split(' ').nth(1).is_some_and(|random| random.len() == 64)),
        "{text}"
    );
}

#[test]
fn websocket_is_spoken_with_path_and_headers() {
    let folder = Folder::new("websocket");
    let authority = Authority::new();
    let [ca, cert, key] = write(&folder, &authority, &authority.certify("127.0.0.1"));
    let mut server = broker::Server::bind("127.0.0.1:0", broker::Config::default()).expect("a free port");
    let tls = TlsServer::builder().certificate_files(&cert, &key).and_then(TlsServerBuilder::build);
    let plain = server.listen("127.0.0.1:0", Listen::WebSocket).expect("a free port");
    let secure = Listen::WebSocketTls(tls.expect("TLS"));
    let secure = server.listen("127.0.0.1:0", secure).expect("a free port");
    let _broker = server.start().expect("a thread");
    let (plain_port, secure_port) = (plain.port().to_string(), secure.port().to_string());
    assert_eq!(publish(&[&format!("ws://{plain}/any/path")]), DONE);
    assert_eq!(publish(&["-h", "127.0.0.1", "-p", &plain_port, "--ws", "--ws-path", "mqtt"]), DONE);
    assert_eq!(publish(&[&format!("wss://{secure}"), "--cafile", &ca]), DONE);
    assert_eq!(publish(&["-h", "127.0.0.1", "-p", &secure_port, "--ws", "--cafile", &ca]), DONE);
    for (args, text) in
        [(&["--ws-header", "no colon"][..], "NAME: VALUE"), (&["--ws-header", "bad name: x"], "--ws-header")]
    {
        let (code, said) = publish(&[&[format!("ws://{plain}").as_str()], args].concat());
        assert!(code == Some(2) && said.contains(text), "{args:?}: {said}");
    }
    let (code, said) = publish(&["-h", "127.0.0.1", "-p", &plain_port, "--ws-path", "/x"]);
    assert!(code == Some(2) && said.contains("--ws"), "{said}");
}

/// The other end sees the path and each header.
#[test]
fn the_request_of_a_websocket_has_what_was_asked_for() {
    use std::io::{BufRead, BufReader, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("ws://{}/first", listener.local_addr().expect("it has an address"));
    let asking = std::thread::spawn(move || {
        publish(&[
            &url,
            "--ws-path",
            "/second?x=1",
            "--ws-header",
            "Authorization: Bearer abc",
            "--ws-header",
            "X-A: b",
        ])
    });
    let (mut stream, _) = listener.accept().expect("it connects");
    let lines: Vec<String> = BufReader::new(stream.try_clone().expect("there are descriptors"))
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").expect("it reads");
    let (code, said) = asking.join().expect("no panic");
    assert!(code == Some(3) && said.contains("403"), "{said}");
    assert!(lines[0].starts_with("GET /second?x=1 "), "{lines:?}");
    let has = |wanted: &str| lines.iter().any(|line| line.eq_ignore_ascii_case(wanted));
    assert!(has("Authorization: Bearer abc") && has("X-A: b"), "{lines:?}");
}

#[test]
fn proxies_are_gone_through_by_their_urls() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let url = format!("mqtt://localhost:{}", broker.address().port());
    let proxy = proxy::start();
    let port = proxy.port();
    for (count, through) in [
        format!("socks5h://127.0.0.1:{port}"),
        format!("socks5://me:p%20w@127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}/"),
        format!("http://me:p%20w@127.0.0.1:{port}"),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(publish(&[&url, "--proxy", through]), DONE, "{through}");
        assert_eq!(proxy.passed(), count + 1, "{through}");
    }
    let (code, said) = publish(&[&url, "--proxy", &format!("socks5h://me:wrong@127.0.0.1:{port}")]);
    assert!(code == Some(3), "{said}");
    for (through, text) in [("127.0.0.1", "no URL"), ("ftp://host", "scheme"), ("socks5://host:x", "--proxy")]
    {
        let (code, said) = publish(&[&url, "--proxy", through]);
        assert!(code == Some(2) && said.contains(text), "{through}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_reached_by_option_and_by_url() {
    let folder = Folder::new("unix");
    let socket = folder.0.join("mqtt.sock");
    let lines = format!("allow_anonymous true\nlistener 0 {}\n", socket.display());
    let Some(_server) = Mosquitto::start_with(&lines) else { return };
    let path = socket.to_str().expect("a path of plain characters");
    assert_eq!(publish(&["--unix", path]), DONE);
    assert_eq!(publish(&[&format!("unix://{path}")]), DONE);
}
