//! The embedded broker on sockets of every kind: our own clients through them, and whoever else comes to the wrong door.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mqtt_smol::broker::{Config, End, Event, Events, Listen, Running, Server};
use mqtt_smol::transport::{PemProblem, Tls, TlsError, TlsServer, TlsServerBuilder};
use mqtt_smol::{ConnectErrorKind, ConnectionEvent, Options, Publish, QoS, Subscribe};

use crate::adapter::{ALL, Adapter};
use crate::certificates::Authority;
use crate::scenario::TOO_LONG;
use crate::transports::check;

/// A broker on one socket of each kind.
struct Doors {
    broker: Running,
    authority: Authority,
    tls: SocketAddr,
    websocket: SocketAddr,
    websocket_tls: SocketAddr,
}

const ANY: (&str, u16) = ("127.0.0.1", 0);

fn tls_server(authority: &Authority) -> TlsServer {
    let identity = authority.certify("127.0.0.1");
    let builder = TlsServer::builder().certificate_pem(identity.chain.as_bytes(), identity.key.as_bytes());
    builder.and_then(TlsServerBuilder::build).expect("certificate and key fit")
}

impl Doors {
    fn open(config: Config) -> Doors {
        let authority = Authority::new();
        let tls = tls_server(&authority);
        let mut server = Server::bind(ANY, config).expect("there is a free port");
        let mut listen = |how| server.listen(ANY, how).expect("there is a free port");
        let [tls, websocket, websocket_tls] =
            [Listen::Tls(tls.clone()), Listen::WebSocket, Listen::WebSocketTls(tls)].map(&mut listen);
        let broker = server.start().expect("there is room for a thread");
        Doors { broker, authority, tls, websocket, websocket_tls }
    }

    fn addresses(&self) -> [SocketAddr; 4] {
        [self.broker.address(), self.tls, self.websocket, self.websocket_tls]
    }

    /// Options for a client of each socket.
    fn options(&self) -> [Options; 4] {
        let urls = [
            self.broker.url(),
            format!("mqtts://{}", self.tls),
            Listen::WebSocket.url(self.websocket),
            format!("wss://{}/mqtt", self.websocket_tls),
        ];
        urls.map(|url| {
            let tls = Tls::builder().roots_pem(self.authority.pem().as_bytes()).expect("a root");
            Options::from_url(&url).expect("a good URL").tls(tls.build().expect("TLS"))
        })
    }
}

fn recorded() -> Config {
    Config::default().events_max(1000).packet_size_max(4 << 20)
}

#[test]
fn every_adapter_gets_through_every_door_with_large_messages_both_ways() {
    const SIZE: usize = 1 << 20;
    let doors = Doors::open(recorded());
    for adapter in ALL {
        for mut options in doors.options() {
            check(adapter, options.clone());
            let shown = options.server.to_string();
            options.config.packet_size_max = 4 << 20;
            let client = adapter.connect(options).expect(&shown);
            let mut messages =
                client.subscribe(Subscribe::new("big").qos(QoS::AtLeastOnce)).expect("accepted");
            messages.wait_granted().expect("granted");
            let payload =
                |number: usize| -> Vec<u8> { (number..number + SIZE).map(|at| (at % 251) as u8).collect() };
            for number in 0..3 {
                drop(
                    client
                        .publish(Publish::new("big", payload(number)).qos(QoS::AtLeastOnce))
                        .expect("accepted"),
                );
            }
            for number in 0..3 {
                let message = messages.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
                assert!(message.payload() == payload(number), "{adapter:?} {shown} {number}");
            }
            client.disconnect().expect("online").wait_for(TOO_LONG).expect("it closes in time");
        }
    }
}

#[test]
fn a_client_that_is_cut_comes_back_through_the_same_door() {
    let doors = Doors::open(recorded());
    for adapter in [Adapter::Smol, Adapter::Tokio] {
        for options in doors.options() {
            let shown = options.server.to_string();
            let options =
                options.client_id("cut").clean_session(false).reconnect_after(Duration::from_millis(10));
            let client = adapter.connect(options).expect(&shown);
            let mut events = client.events();
            for _cut in 0..3 {
                assert!(doors.broker.cut("cut"), "{shown}");
                while !matches!(events.wait_next(), Some(ConnectionEvent::Online { .. })) {}
                let token = client.publish(Publish::new("a", "b").qos(QoS::ExactlyOnce)).expect("accepted");
                token.wait_for(TOO_LONG).expect("in time").expect("published");
            }
            client.disconnect().expect("online").wait_for(TOO_LONG).expect("it closes in time");
        }
    }
}

#[test]
fn only_clients_with_a_certificate_get_in_where_one_is_asked_for() {
    let (authority, other) = (Authority::new(), Authority::new());
    let identity = authority.certify("127.0.0.1");
    let tls = TlsServer::builder()
        .certificate_pem(identity.chain.as_bytes(), identity.key.as_bytes())
        .and_then(|builder| builder.client_roots_pem(authority.pem().as_bytes()))
        .and_then(TlsServerBuilder::build)
        .expect("certificate and key fit");
    let mut server = Server::bind(ANY, recorded()).expect("there is a free port");
    let url = format!("mqtts://{}", server.listen(ANY, Listen::Tls(tls)).expect("there is a free port"));
    let broker = server.start().expect("there is room for a thread");
    let mut events = broker.events();
    for adapter in ALL {
        let options = |shown: Option<&Authority>| {
            let mut tls = Tls::builder().roots_pem(authority.pem().as_bytes()).expect("a root");
            if let Some(authority) = shown {
                let client = authority.certify("client");
                tls = tls
                    .client_certificate_pem(client.chain.as_bytes(), client.key.as_bytes())
                    .expect("a certificate");
            }
            Options::from_url(&url).expect("a good URL").tls(tls.build().expect("TLS"))
        };
        check(adapter, options(Some(&authority)));
        while !matches!(ended(&mut events), End::Disconnected { .. }) {}
        for shown in [None, Some(&other)] {
            let error = adapter.connect(options(shown)).expect_err("it is not let in");
            assert_eq!(error.kind(), ConnectErrorKind::ServerUnavailable);
            let end = ended(&mut events);
            let End::NetworkClosed { error: Some(text) } = &end else { panic!("{end:?}") };
            assert!(text.contains("certificate"), "{text}");
        }
    }
}

/// How the next connection ends; it must be told in time.
fn ended(events: &mut Events) -> End {
    loop {
        let event = smol::block_on(async {
            let late = async {
                smol::Timer::after(TOO_LONG).await;
                panic!("nothing ends");
            };
            smol::future::or(events.next(), late).await
        });
        if let Event::Ended { end, from, .. } = event.expect("the broker runs") {
            assert!(from.address.is_some_and(|address| address.ip().is_loopback()));
            return end;
        }
    }
}

/// All that a server says to these bytes until it ends the connection.
fn answer(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the broker listens");
    stream.set_read_timeout(Some(TOO_LONG)).expect("a good timeout");
    stream.write_all(bytes).expect("there is room");
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => said,
        // The broker has not read all that was sent.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => said,
        Err(error) => panic!("the connection does not end: {error}"),
    }
}

/// [5.0 MQTT-3.1.4-1]
#[test]
fn a_handshake_that_is_never_completed_is_cut_in_time() {
    let config = recorded().connect_timeout(Duration::from_millis(100));
    let doors = Doors::open(config);
    let mut events = doors.broker.events();
    let begun: [&[u8]; 5] = [
        b"",
        b"\x10",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"GET /",
        b"GET /mqtt HTTP/1.1\r\nHost: a\r\n",
    ];
    for bytes in begun {
        for address in doors.addresses() {
            answer(address, bytes);
            match ended(&mut events) {
                End::ConnectTimeout => {}
                // What is begun for one door is wrong at another.
                End::Fault { .. } | End::NetworkClosed { error: Some(_) } if !bytes.is_empty() => {}
                end => panic!("{bytes:02x?}: {end:?}"),
            }
        }
    }
    // The handshake of WebSocket alone is not enough.
    let said = answer(doors.websocket, request("").as_bytes());
    assert!(said.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&said));
    assert_eq!(ended(&mut events), End::ConnectTimeout);
}

#[test]
fn garbage_ends_its_connection_and_nothing_else() {
    let doors = Doors::open(recorded());
    let good: Vec<_> =
        doors.options().map(|options| Adapter::Smol.connect(options).expect("accepted")).into();
    let garbage: Vec<u8> =
        (0..100_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for address in doors.addresses() {
        for start in 0..20 {
            send_until_closed(address, &garbage[start * 1000..]);
        }
    }
    for client in good {
        let token = client.publish(Publish::new("a", "b").qos(QoS::AtLeastOnce)).expect("accepted");
        token.wait_for(TOO_LONG).expect("in time").expect("published");
    }
}

fn send_until_closed(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("the broker listens");
    stream.set_read_timeout(Some(TOO_LONG)).expect("a good timeout");
    // The broker may end it before all is sent.
    let _ = stream.write_all(bytes);
    let ended = stream.read_to_end(&mut Vec::new());
    let is_ended =
        !matches!(&ended, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(is_ended, "{ended:?}");
}

#[test]
fn plain_mqtt_at_the_door_for_tls_is_answered_with_an_alert() {
    let doors = Doors::open(recorded());
    let mut events = doors.broker.events();
    let connect = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a";
    for address in [doors.tls, doors.websocket_tls] {
        let said = answer(address, connect);
        assert_eq!(said.first(), Some(&21), "an alert: {said:02x?}");
        let end = ended(&mut events);
        assert!(matches!(end, End::NetworkClosed { error: Some(_) }), "{end:?}");
    }
    assert_eq!(doors.broker.stats().packets_in, 0);
}

/// A request for WebSocket, with one line replaced or left out.
fn request(replaced: &str) -> String {
    let lines = [
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: keep-alive, Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: mqttv3.1, mqtt",
    ];
    let name = |line: &str| line.split(':').next().map(str::to_owned);
    let mut request = "GET /any/path HTTP/1.1\r\n".to_owned();
    for line in lines {
        let line = if name(line) == name(replaced) { replaced } else { line };
        if !line.ends_with(':') {
            request += &format!("{line}\r\n");
        }
    }
    request + "\r\n"
}

/// [5.0 MQTT-6.0.0-3] [5.0 MQTT-6.0.0-4]
#[test]
fn a_request_that_is_not_for_mqtt_over_websocket_gets_an_answer_that_says_why() {
    let doors = Doors::open(recorded());
    let mut events = doors.broker.events();
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned();
    let rows = [
        (get, "426 Upgrade Required", "WebSocket only"),
        (request("Upgrade:"), "426 Upgrade Required", "WebSocket only"),
        (request("Upgrade: h2c"), "426 Upgrade Required", "WebSocket only"),
        (request("Connection: close"), "426 Upgrade Required", "WebSocket only"),
        (request("Sec-WebSocket-Version: 8"), "426 Upgrade Required", "version 13"),
        (request("Host:"), "400 Bad Request", "no Host"),
        (request("Sec-WebSocket-Key:"), "400 Bad Request", "Sec-WebSocket-Key"),
        (request("Sec-WebSocket-Key: short"), "400 Bad Request", "16 bytes"),
        (request("Sec-WebSocket-Protocol:"), "400 Bad Request", "subprotocol mqtt"),
        (request("Sec-WebSocket-Protocol: chat"), "400 Bad Request", "subprotocol mqtt"),
        (request("").replace("GET", "POST"), "400 Bad Request", "GET"),
        (request("").replace("HTTP/1.1", "HTTP/1.0"), "400 Bad Request", "HTTP/1.1"),
        ("\x10\x0d\0\x04MQTT".to_owned(), "400 Bad Request", "HTTP"),
        (format!("GET /{}", "a".repeat(16 * 1024)), "431 Request Header Fields Too Large", "too long"),
    ];
    for (request, status, text) in rows {
        let said = answer(doors.websocket, request.as_bytes());
        let said = String::from_utf8_lossy(&said);
        assert!(said.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?}: {said:?}");
        let body = said.split_once("\r\n\r\n").expect("a head and a body").1;
        assert!(
            body.contains(text) && said.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{said:?}"
        );
        let end = ended(&mut events);
        assert!(matches!(&end, End::NetworkClosed { error: Some(_) }), "{end:?}");
    }
    let said = answer(doors.websocket, format!("{}\u{81}", request("")).as_bytes());
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{said:?}");
    assert!(
        said.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "as RFC 6455 has it: {said:?}"
    );
    assert!(said.contains("Sec-WebSocket-Protocol: mqtt\r\n"), "{said:?}");
}

/// [5.0 MQTT-6.0.0-1]
#[test]
fn frames_that_no_client_may_send_end_the_connection() {
    let doors = Doors::open(recorded());
    let mut events = doors.broker.events();
    let rows: [(&[u8], u16, &str); 3] = [
        (b"\x82\x0f\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a", 1002, "not masked"),
        (b"\x81\x82\0\0\0\0\x10\x0d", 1003, "binary"),
        (b"\xc2\x80\0\0\0\0", 1002, "reserved"),
    ];
    for (frame, code, text) in rows {
        let said = answer(doors.websocket, &[request("").as_bytes(), frame].concat());
        let close = &said[said.len() - 4..];
        assert_eq!(close, [&[0x88, 2], &code.to_be_bytes()[..]].concat(), "{said:02x?}");
        let end = ended(&mut events);
        let End::NetworkClosed { error: Some(error) } = &end else { panic!("{end:?}") };
        assert!(error.contains(text), "{error}");
    }
    assert_eq!(doors.broker.stats().packets_in, 0);
}

/// A client may send a packet in any frames, with pings in between, and ends with a close that is answered.
#[test]
fn a_conversation_in_frames_of_one_byte_is_understood() {
    let doors = Doors::open(recorded());
    let mut stream = TcpStream::connect(doors.websocket).expect("the broker listens");
    stream.set_read_timeout(Some(TOO_LONG)).expect("a good timeout");
    let mut bytes = request("").into_bytes();
    for byte in b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a\xc0\x00" {
        bytes.extend([0x82, 0x81, 1, 2, 3, 4, byte ^ 1, 0x89, 0x80, 9, 9, 9, 9]);
    }
    stream.write_all(&bytes).expect("there is room");
    let mut said = Vec::new();
    while !said.ends_with(b"\xd0\x00") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("there is an answer to the ping of MQTT");
        said.extend(byte);
    }
    stream.write_all(b"\x88\x80\0\0\0\0").expect("there is room");
    stream.read_to_end(&mut said).expect("the connection ends");
    let head = said.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let frames = &said[head + 4..];
    assert!(frames.windows(4).any(|bytes| bytes == b"\x20\x02\0\0"), "{frames:02x?}");
    assert!(frames.windows(2).any(|bytes| bytes == b"\x8a\x00"), "a pong: {frames:02x?}");
    assert!(frames.windows(4).any(|bytes| bytes == b"\x88\x02\x03\xe8"), "a close: {frames:02x?}");
}

#[test]
fn a_large_message_goes_out_to_a_client_that_reads_late() {
    const SIZE: usize = 12 << 20;
    let doors = Doors::open(recorded().packet_size_max(16 << 20));
    let mut stream = TcpStream::connect(doors.websocket).expect("the broker listens");
    stream.set_read_timeout(Some(TOO_LONG)).expect("a good timeout");
    let mut packets = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a\x82\x06\0\x01\0\x01t\0\x30".to_vec();
    let len = SIZE + 3;
    packets.extend([len as u8 | 0x80, (len >> 7) as u8 | 0x80, (len >> 14) as u8 | 0x80, (len >> 21) as u8]);
    packets.extend(b"\0\x01t");
    packets.resize(packets.len() + SIZE, b'x');
    let head = [&[0x82, 0xff][..], &(packets.len() as u64).to_be_bytes(), &[0; 4]].concat();
    stream.write_all(&[request("").as_bytes(), &head, &packets].concat()).expect("the broker reads on");
    let (mut count, mut buf) = (0, vec![0; 65_536]);
    while count < SIZE {
        let len = stream.read(&mut buf).expect("the whole message comes");
        assert!(len > 0, "the broker ends it");
        count += buf[..len].iter().filter(|byte| **byte == b'x').count();
    }
}

#[test]
fn events_tell_who_comes_and_goes_and_end_with_the_broker() {
    let doors = Doors::open(recorded());
    let mut events = doors.broker.events();
    for options in doors.options() {
        let client = Adapter::Smol.connect(options.client_id("door-7")).expect("accepted");
        let mut messages = client.subscribe("a/#").expect("accepted");
        messages.wait_granted().expect("granted");
        let Some(Event::Accepted { client_id, from, .. }) = events.wait_next() else {
            panic!("it was accepted")
        };
        assert_eq!(
            (&*client_id, from.address.map(|address| address.ip().is_loopback())),
            ("door-7", Some(true))
        );
        let Some(Event::Subscribed { filter, .. }) = events.wait_next() else { panic!("it subscribed") };
        assert_eq!(filter, "a/#");
        client.disconnect().expect("online").wait_for(TOO_LONG).expect("it closes in time");
        assert!(matches!(ended(&mut events), End::Disconnected { .. }));
    }
    let client = Adapter::Smol.connect(doors.options()[1].clone()).expect("accepted");
    drop(doors);
    assert_eq!(ended(&mut events), End::ShutDown);
    assert_eq!(events.wait_next(), None);
    drop(client);
    let server = Server::bind(ANY, recorded()).expect("there is a free port");
    let mut events = server.handle().events();
    drop(server);
    assert_eq!(events.wait_next(), None, "a server that never ran ends, too");
}

#[test]
fn a_server_needs_a_certificate_and_its_key() {
    assert!(matches!(TlsServer::builder().build(), Err(TlsError::NoCertificate)));
    let authority = Authority::new();
    let (one, other) = (authority.certify("one"), authority.certify("other"));
    let build = |chain: &str, key: &str| {
        TlsServer::builder()
            .certificate_pem(chain.as_bytes(), key.as_bytes())
            .and_then(TlsServerBuilder::build)
    };
    assert!(matches!(build(&one.chain, &one.chain), Err(TlsError::Pem { problem: PemProblem::NoKey, .. })));
    assert!(matches!(
        build(&one.key, &one.key),
        Err(TlsError::Pem { problem: PemProblem::NoCertificate, .. })
    ));
    assert!(matches!(build(&one.chain, &other.key), Err(TlsError::Config(_))));
    assert!(build(&one.chain, &one.key).is_ok());
    let missing = TlsServer::builder().certificate_files("/nowhere/at/all.pem", "/nowhere/key.pem");
    let missing = missing.expect_err("there is no such file").to_string();
    assert!(missing.starts_with("/nowhere/at/all.pem cannot be read: "), "{missing}");
}
