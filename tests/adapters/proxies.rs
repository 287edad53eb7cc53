//! SOCKS5 and HTTP proxies: with and without credentials, with names and addresses, and what they refuse.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use mqtt_smol::transport::{HttpConnect, Socks5, Tls};
use mqtt_smol::{ConnectErrorKind, Options, broker};

use crate::adapter::ALL;
use crate::certificates::Authority;
use crate::relay;
use crate::transports::check;

/// A proxy that lets `user` with `secret` in and reaches the server whatever it is asked for.
fn proxy(server: SocketAddr, greet: fn(&mut TcpStream) -> bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    thread::spawn(move || {
        while let Ok((mut client, _)) = listener.accept() {
            thread::spawn(move || {
                if !greet(&mut client) {
                    return;
                }
                let Ok(server) = TcpStream::connect(server) else { return };
                let copy = |stream: &TcpStream| stream.try_clone().expect("there is room for a socket");
                let (mut from, mut to) = (copy(&server), copy(&client));
                thread::spawn(move || std::io::copy(&mut from, &mut to));
                let (mut client, mut server) = (client, server);
                // The test looks at what the client makes of it.
                let _ = std::io::copy(&mut client, &mut server);
                let _ = server.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    port
}

fn take(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).expect("the client says as much");
    bytes
}

/// Says something byte by byte, so that answers come in pieces.
fn say(stream: &mut TcpStream, bytes: &[u8]) {
    for byte in bytes {
        stream.write_all(&[*byte]).expect("the client listens");
    }
}

fn greet_socks(stream: &mut TcpStream) -> bool {
    let methods = usize::from(take(stream, 2)[1]);
    if take(stream, methods).contains(&2) {
        say(stream, &[5, 2]);
        let user_len = usize::from(take(stream, 2)[1]);
        let user = take(stream, user_len);
        let password_len = usize::from(take(stream, 1)[0]);
        let password = take(stream, password_len);
        let is_right = (user.as_slice(), password.as_slice()) == (b"user", b"secret");
        say(stream, &[1, u8::from(!is_right)]);
        if !is_right {
            return false;
        }
    } else {
        say(stream, &[5, 0]);
    }
    let address_len = match take(stream, 4)[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(take(stream, 1)[0]),
    };
    let address = take(stream, address_len);
    take(stream, 2);
    if address == b"unreachable.example" {
        say(stream, &[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
        return false;
    }
    say(stream, b"\x05\x00\x00\x03\x04some\x00\x00");
    true
}

fn greet_http(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.extend(take(stream, 1));
    }
    let request = String::from_utf8(request).expect("the request is text");
    assert!(request.starts_with("CONNECT "), "{request}");
    if request.contains("unreachable.example") {
        say(stream, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
        return false;
    }
    // user:secret
    if request.contains("Proxy-Authorization:") && !request.contains("Basic dXNlcjpzZWNyZXQ=\r\n") {
        say(stream, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        return false;
    }
    say(stream, b"HTTP/1.0 200 Connection established\r\nVia: test\r\n\r\n");
    true
}

fn options(host: &str, port: u16) -> Options {
    Options::new(host).port(port).network_timeout(Duration::from_secs(5))
}

#[test]
fn proxies_lead_to_the_server() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let port = broker.address().port();
    let socks = proxy(broker.address(), greet_socks);
    let http = proxy(broker.address(), greet_http);
    for adapter in ALL {
        for host in ["broker.example", "127.0.0.1", "::1"] {
            check(adapter, options(host, port).proxy("127.0.0.1", socks, Socks5::new()));
            check(adapter, options(host, port).proxy("127.0.0.1", http, HttpConnect::new()));
        }
        let credentials = Socks5::with_credentials("user", "secret");
        check(adapter, options("broker.example", port).proxy("127.0.0.1", socks, credentials));
        let credentials = HttpConnect::with_credentials("user", "secret");
        check(adapter, options("broker.example", port).proxy("127.0.0.1", http, credentials));
    }
}

#[test]
fn tls_goes_through_a_proxy() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let authority = Authority::new();
    let address = relay::tls(broker.address(), &authority.certify("broker.example"), None);
    let socks = proxy(address, greet_socks);
    for adapter in ALL {
        let tls = Tls::builder().roots_pem(authority.pem().as_bytes()).expect("a root").build().expect("TLS");
        let mut options = Options::from_url("mqtts://broker.example").expect("a good URL").tls(tls);
        options = options.proxy("127.0.0.1", socks, Socks5::new());
        check(adapter, options);
    }
}

#[test]
fn a_proxy_that_refuses_is_reported() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let socks = proxy(broker.address(), greet_socks);
    let http = proxy(broker.address(), greet_http);
    for adapter in ALL {
        let wrong = [
            options("a", 1).proxy("127.0.0.1", socks, Socks5::with_credentials("user", "wrong")),
            options("unreachable.example", 1).proxy("127.0.0.1", socks, Socks5::new()),
            options("a", 1).proxy("127.0.0.1", http, HttpConnect::with_credentials("user", "wrong")),
            options("unreachable.example", 1).proxy("127.0.0.1", http, HttpConnect::new()),
            options("a", 1).proxy("127.0.0.1", http, Socks5::new()),
        ];
        let texts = [
            "refuses user name and password",
            "cannot reach the server: code 4",
            "407",
            "502 Bad Gateway",
            "",
        ];
        for (options, text) in wrong.into_iter().zip(texts) {
            let options = options.network_timeout(Duration::from_millis(500));
            let error = adapter.connect(options).expect_err("the proxy refuses");
            assert_eq!(error.kind(), ConnectErrorKind::ServerUnavailable);
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
