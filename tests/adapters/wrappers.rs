//! TLS and WebSocket over links that misbehave: writers that take nothing, and sockets that are full in the middle
//! of a handshake.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mqtt_smol::adapter::{self, BoxedLink, Clock, Goal, Layer, Link, SystemClock, Turn};
use mqtt_smol::transport::{Socks5, Tls, WebSocket, rustls};
use mqtt_smol::{Instant, Options, Publish, QoS, Scheme, Server};
use rustls::ServerConnection;

use crate::certificates::Authority;
use crate::pipe::Memory;
use crate::relay::server_config;

fn server(scheme: Scheme) -> Server {
    Server::new(scheme, "broker.example")
}

#[test]
fn a_handshake_goes_on_after_every_full_socket() {
    let authority = Authority::new();
    let tls = Tls::builder().roots_pem(authority.pem().as_bytes()).expect("a root").build().expect("TLS");
    let memory = Memory::narrow();
    let mut link = tls.wrap(Box::new(memory.clone()), &server(Scheme::Mqtts)).expect("a good name");
    let config = server_config(&authority.certify("broker.example"), None);
    let mut peer = ServerConnection::new(config).expect("the configuration is whole");
    let message: Vec<u8> = (0..100_000u32).map(|number| (number % 251) as u8).collect();
    let (mut written, mut heard, mut answered) = (0, Vec::new(), Vec::new());
    for round in 0..100_000 {
        if written < message.len() {
            match link.try_write(&[IoSlice::new(&message[written..])]) {
                Ok(len) => written += len,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        let mut buf = [0; 1000];
        match link.try_read(&mut buf) {
            Ok(len) => answered.extend_from_slice(&buf[..len]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        let mut wires = memory.0.lock().expect("nobody panics");
        let mut up: Vec<u8> = wires.up.drain(..).collect();
        // What TLS could not write it wants to write; nothing else makes it wait for the socket.
        assert!(round > 3 || !up.is_empty() || peer.is_handshaking());
        let mut rest = &mut up[..];
        while !rest.is_empty() {
            let len = peer.read_tls(&mut &*rest).expect("bytes in memory");
            peer.process_new_packets().expect("the client speaks TLS");
            rest = &mut rest[len..];
            while let Ok(len) = peer.reader().read(&mut buf) {
                heard.extend_from_slice(&buf[..len]);
                peer.writer().write_all(&buf[..len]).expect("bytes in memory");
            }
        }
        while peer.wants_write() {
            peer.write_tls(&mut wires.down).expect("bytes in memory");
        }
        if answered.len() == message.len() {
            break;
        }
    }
    assert!(heard == message && answered == message, "{} and {} bytes", heard.len(), answered.len());
    drop(memory);
    assert!(!link.wants_write(true), "an idle TLS waits for nothing");
}

/// A server that sends records without payload for long does not keep a read from coming back.
#[test]
fn records_without_payload_are_left_after_their_share() {
    let authority = Authority::new();
    let tls = Tls::builder().roots_pem(authority.pem().as_bytes()).expect("a root").build().expect("TLS");
    let memory = Memory::default();
    let mut link = tls.wrap(Box::new(memory.clone()), &server(Scheme::Mqtts)).expect("a good name");
    let mut config = (*server_config(&authority.certify("broker.example"), None)).clone();
    // Each ticket is a record of some hundred bytes.
    config.send_tls13_tickets = 700;
    let mut peer = ServerConnection::new(Arc::new(config)).expect("the configuration is whole");
    let mut interruptions = 0;
    for _round in 0..100 {
        match link.try_read(&mut [0; 100]) {
            Ok(len) => panic!("{len} bytes from nobody"),
            Err(error) if error.kind() == ErrorKind::Interrupted => interruptions += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
        let mut wires = memory.0.lock().expect("nobody panics");
        while !wires.up.is_empty() {
            peer.read_tls(&mut wires.up).expect("bytes in memory");
            peer.process_new_packets().expect("the client speaks TLS");
        }
        while peer.wants_write() {
            peer.write_tls(&mut wires.down).expect("bytes in memory");
        }
    }
    assert!(!peer.is_handshaking() && interruptions == 1, "{interruptions}");
}

#[test]
fn a_writer_that_takes_nothing_is_an_error_and_no_endless_loop() {
    let authority = Authority::new();
    let tls = Tls::builder().roots_pem(authority.pem().as_bytes()).expect("a root").build().expect("TLS");
    let layers: [(&dyn Layer, Scheme); 3] =
        [(&tls, Scheme::Mqtts), (&WebSocket::new(), Scheme::Ws), (&Socks5::new(), Scheme::Mqtt)];
    for (layer, scheme) in layers {
        let memory = Memory::narrow();
        memory.0.lock().expect("nobody panics").takes_nothing = true;
        let wrapped: io::Result<BoxedLink> = layer.wrap(Box::new(memory), &server(scheme));
        let result = wrapped.and_then(|mut link| link.try_read(&mut [0; 10]));
        let error = result.expect_err("nothing can be written");
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "{layer:?}");
    }
}

#[test]
fn a_full_socket_is_waited_for_only_while_something_is_to_be_written() {
    for (layer, scheme) in [(&WebSocket::new() as &dyn Layer, Scheme::Ws), (&Socks5::new(), Scheme::Mqtt)] {
        let memory = Memory::narrow();
        let mut link = layer.wrap(Box::new(memory.clone()), &server(scheme)).expect("a good name");
        for _round in 0..50 {
            match link.try_read(&mut [0; 10]) {
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{layer:?}"),
                Ok(len) => panic!("{len} bytes from nobody"),
            }
        }
        // The request is out; the answer is awaited, and no writability helps.
        assert!(!link.wants_write(true), "{layer:?}");
        assert!(!memory.0.lock().expect("nobody panics").up.is_empty());
    }
}

/// Half a flight of a handshake is acknowledged at once: a server that gathers small writes holds the rest back until then,
/// and a client has nothing to say meanwhile that would carry it.
#[test]
fn half_a_handshake_is_acknowledged_at_once() {
    let quickacks = |memory: &Memory| memory.0.lock().expect("nobody panics").quickacks;
    let would_block = |link: &mut BoxedLink| match link.try_read(&mut [0; 1000]) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        Ok(len) => panic!("{len} bytes"),
    };
    let authority = Authority::new();
    let tls = Tls::builder().roots_pem(authority.pem().as_bytes()).expect("a root").build().expect("TLS");
    let memory = Memory::default();
    let mut link = tls.wrap(Box::new(memory.clone()), &server(Scheme::Mqtts)).expect("a good name");
    would_block(&mut link);
    assert_eq!(quickacks(&memory), 0, "nothing has come");
    let config = server_config(&authority.certify("broker.example"), None);
    let mut peer = ServerConnection::new(config).expect("the configuration is whole");
    let hello: Vec<u8> = memory.0.lock().expect("nobody panics").up.drain(..).collect();
    peer.read_tls(&mut &hello[..]).expect("bytes in memory");
    peer.process_new_packets().expect("the client speaks TLS");
    let mut flight = Vec::new();
    peer.write_tls(&mut flight).expect("bytes in memory");
    memory.0.lock().expect("nobody panics").down.extend(&flight[..flight.len() / 2]);
    would_block(&mut link);
    assert_eq!(quickacks(&memory), 1, "half of the server's flight has come");
    would_block(&mut link);
    assert_eq!(quickacks(&memory), 1, "nothing more has come");

    let memory = Memory::default();
    let websocket = WebSocket::new().wrap(Box::new(memory.clone()), &server(Scheme::Ws));
    let mut link = websocket.expect("a good path");
    would_block(&mut link);
    assert_eq!(quickacks(&memory), 0, "nothing has come");
    memory.0.lock().expect("nobody panics").down.extend(b"HTTP/1.1 101 ");
    would_block(&mut link);
    assert_eq!(quickacks(&memory), 1, "half of the answer has come");
}

/// A server that gathers small writes waits for an acknowledgement of the last one before it sends the next. What is
/// read and followed by a write carries it; what is not must not wait for the system's own time.
#[test]
fn what_is_read_and_not_followed_by_a_write_is_acknowledged_at_once() {
    let clock = ByHand::default();
    let options = Options::new("h").client_id("c");
    let (client, mut driver) = adapter::client(options, clock.clone(), 1).expect("the options are valid");
    drop(client.connect().expect("accepted"));
    let Goal::Link { attempt, .. } = driver.goal() else { panic!("it wants a link") };
    let memory = Memory::default();
    let mut link = memory.clone();
    driver.on_opened(attempt);
    let mut turn = |passed: Duration, said: &[u8]| {
        clock.pass(passed);
        memory.0.lock().expect("nobody panics").down.extend(said);
        for _turn in 0..20 {
            assert_ne!(driver.turn(&mut link), Turn::Drop);
        }
        memory.0.lock().expect("nobody panics").quickacks
    };
    let long = Duration::from_millis(1);
    assert_eq!(turn(long, b""), 0, "CONNECT goes out, and nothing has come");
    assert_eq!(turn(long, b"\x20\x03\x00\x00\x00"), 1, "CONNACK comes, and nothing goes out");
    let publish = Publish::new("a", "x").qos(QoS::ExactlyOnce);
    drop(client.publish(publish).expect("accepted"));
    assert_eq!(turn(long, b""), 1);
    assert_eq!(turn(long, b"\x50\x02\x00\x01"), 1, "PUBREC comes, and PUBREL goes out");
    assert_eq!(turn(long, b"\x70\x02\x00\x01"), 2, "PUBCOMP comes, and nothing goes out");
    let message = b"\x30\x05\x00\x01a\x00x";
    assert_eq!(turn(long, message), 2, "asked once, the system goes on until something is written");
    drop(client.publish(Publish::new("a", "x")).expect("accepted"));
    assert_eq!(turn(long, b""), 2);
    assert_eq!(turn(long, message), 3);
    // However fast they come: this driver was not told that it may wait for more.
    let soon = Duration::from_micros(10);
    for round in 0..100 {
        drop(client.publish(Publish::new("a", "x")).expect("accepted"));
        assert_eq!(turn(soon, b""), 3 + round);
        assert_eq!(turn(soon, message), 4 + round, "in round {round}");
    }
}

/// A clock that goes on when it is told to.
#[derive(Clone, Debug, Default)]
struct ByHand(Arc<Mutex<Duration>>);

impl ByHand {
    fn pass(&self, time: Duration) {
        *self.0.lock().expect("nobody panics") += time;
    }
}

impl Clock for ByHand {
    fn now(&self) -> Instant {
        Instant::ORIGIN + Duration::from_secs(1) + *self.0.lock().expect("nobody panics")
    }
}

/// Whoever makes a driver without the layers that its scheme needs gets no plain link instead.
#[test]
fn a_secure_url_without_a_layer_never_leads_to_a_plain_link() {
    for url in ["mqtts://h", "ws://h", "wss://h"] {
        let options = Options::from_url(url).expect("a good URL");
        let (_client, driver) = adapter::client(options, SystemClock, 1).expect("the options are valid");
        let wrapped = driver.route().wrap(Box::new(Memory::default()));
        assert_eq!(wrapped.err().map(|error| error.kind()), Some(ErrorKind::Unsupported), "{url}");
    }
}
