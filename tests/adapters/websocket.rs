//! WebSocket servers that mean no good: floods of frames without payload, answers that nobody reads, lengths that are
//! only announced, and handshakes that go wrong.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use mqtt_smol::adapter::{BoxedLink, Layer, Link};
use mqtt_smol::transport::WebSocket;
use mqtt_smol::{Options, Publish, QoS, Scheme, Server, Subscribe, Version, broker};
use tungstenite::handshake::derive_accept_key;

use crate::adapter::ALL;
use crate::scenario::TOO_LONG;

/// A server in memory that takes what is written as long as it wants to.
#[derive(Clone, Default)]
struct Peer(Arc<Mutex<Wires>>);

#[derive(Default)]
struct Wires {
    up: Vec<u8>,
    down: VecDeque<u8>,
    /// Comes again and again once `down` is read.
    endless: Vec<u8>,
    reads: usize,
    is_full: bool,
    is_ended: bool,
}

impl Peer {
    fn lock(&self) -> MutexGuard<'_, Wires> {
        self.0.lock().expect("nobody panics")
    }

    /// A link through WebSocket whose handshake is over.
    fn open(&self) -> BoxedLink {
        let server = Server::new(Scheme::Ws, "broker.example");
        let mut link = WebSocket::new().wrap(Box::new(self.clone()), &server).expect("a good name");
        assert_eq!(read_kind(&mut link), Err(ErrorKind::WouldBlock));
        let request = std::mem::take(&mut self.lock().up);
        self.say(&answer(&request));
        assert_eq!(read_kind(&mut link), Err(ErrorKind::WouldBlock));
        link
    }

    fn say(&self, bytes: &[u8]) {
        self.lock().down.extend(bytes);
    }
}

/// More than any test needs.
const READS_MAX: usize = 10_000;

impl Link for Peer {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut wires = self.lock();
        wires.reads += 1;
        assert!(wires.reads < READS_MAX, "a read goes on for ever");
        if wires.down.is_empty() && !wires.endless.is_empty() {
            let again = wires.endless.repeat(1 + buf.len() / wires.endless.len());
            wires.down.extend(again);
        }
        match wires.down.is_empty() {
            true if wires.is_ended => Ok(0),
            true => Err(ErrorKind::WouldBlock.into()),
            false => wires.down.read(buf),
        }
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut wires = self.lock();
        if wires.is_full {
            return Err(ErrorKind::WouldBlock.into());
        }
        chunks.iter().for_each(|chunk| wires.up.extend_from_slice(chunk));
        Ok(chunks.iter().map(|chunk| chunk.len()).sum())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The answer to a request that asks for WebSocket.
fn answer(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = derive_accept_key(key.trim().as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    )
    .into_bytes()
}

fn read_kind(link: &mut BoxedLink) -> Result<usize, ErrorKind> {
    link.try_read(&mut vec![0; 65_536]).map_err(|error| error.kind())
}

/// Frames without payload, each in its own way.
const EMPTY: [&[u8]; 4] = [b"\x89\x00", b"\x89\x04ping", b"\x8a\x00", b"\x82\x00"];

#[test]
fn a_flood_without_payload_is_left_after_its_share() {
    for frames in EMPTY.into_iter().chain([&b"\x00\x00"[..]]) {
        let peer = Peer::default();
        let mut link = peer.open();
        if frames[0] == 0 {
            // A message that never ends.
            peer.say(b"\x02\x00");
        }
        peer.lock().endless = frames.to_vec();
        for _read in 0..10 {
            let reads = peer.lock().reads;
            assert_eq!(read_kind(&mut link), Err(ErrorKind::Interrupted), "{frames:02x?}");
            assert!(peer.lock().reads - reads < 10, "{frames:02x?}");
        }
        // It is no dead end: what comes behind it is read.
        peer.lock().endless.clear();
        let last = [frames, b"\x80\x02hi"].concat();
        peer.say(if frames[0] == 0 { &last } else { b"\x82\x02hi" });
        let read =
            std::iter::repeat_with(|| read_kind(&mut link)).find(|read| *read != Err(ErrorKind::Interrupted));
        assert_eq!(read, Some(Ok(2)), "{frames:02x?}");
    }
}

/// A server that asks and does not read gets the last answer only.
#[test]
fn unread_answers_to_pings_take_no_memory() {
    let peer = Peer::default();
    let mut link = peer.open();
    peer.lock().is_full = true;
    for number in 0..100_000u32 {
        peer.say(&[&[0x89, 4][..], &number.to_be_bytes()].concat());
        if number % 1000 == 999 {
            assert_eq!(read_kind(&mut link), Err(ErrorKind::WouldBlock));
        }
    }
    assert!(link.wants_write(false), "an answer waits");
    peer.lock().is_full = false;
    assert_eq!(read_kind(&mut link), Err(ErrorKind::WouldBlock));
    assert!(!link.wants_write(false));
    let up = std::mem::take(&mut peer.lock().up);
    assert!((10..=20).contains(&up.len()), "one or two answers of ten bytes each: {}", up.len());
    let (mask, payload) = up[up.len() - 8..].split_at(4);
    let last: Vec<u8> = payload.iter().zip(mask).map(|(byte, key)| byte ^ key).collect();
    assert_eq!(last, 99_999u32.to_be_bytes());
}

#[test]
fn what_has_come_is_read_before_the_end_that_came_with_it() {
    for (end, kind) in [
        (&b"\x88\x00"[..], None),
        (b"\x88\x02\x03\xe8", None),
        (b"\x88\x08\x03\xf0policy", Some((ErrorKind::ConnectionAborted, "1008 policy"))),
        (b"\x81\x02hi", Some((ErrorKind::InvalidData, "text"))),
        (b"\xc2\x02hi", Some((ErrorKind::InvalidData, "reserved"))),
    ] {
        let peer = Peer::default();
        let mut link = peer.open();
        peer.say(&[b"\x82\x04good", end].concat());
        assert_eq!(read_kind(&mut link), Ok(4));
        assert!(!link.short_read_is_all(), "the end is not to be forgotten");
        for _again in 0..2 {
            match (link.try_read(&mut [0; 100]), kind) {
                (Ok(0), None) => {}
                (Err(error), Some((kind, text))) => {
                    assert!(error.kind() == kind && error.to_string().contains(text), "{error}");
                }
                (read, _) => panic!("{end:02x?}: {read:?}"),
            }
        }
        // It is answered, and nothing follows.
        let up = peer.lock().up.clone();
        assert!(up.len() == 8 && up[0] == 0x88, "{up:02x?}");
        let write = link.try_write(&[IoSlice::new(b"x")]).map_err(|error| error.kind());
        assert_eq!(write, Err(ErrorKind::BrokenPipe));
    }
    let peer = Peer::default();
    let mut link = peer.open();
    peer.lock().is_ended = true;
    assert_eq!(read_kind(&mut link), Ok(0), "an end without a word");
}

#[test]
fn a_handshake_that_goes_wrong_says_how() {
    let replace = |from: &'static str, to: &'static str| {
        move |good: Vec<u8>| String::from_utf8_lossy(&good).replace(from, to).into_bytes()
    };
    type Spoil = Box<dyn Fn(Vec<u8>) -> Vec<u8>>;
    let rows: [(Spoil, &str); 9] = [
        (Box::new(replace("101 Switching Protocols", "404 Not Found")), "404 Not Found"),
        (Box::new(replace("Upgrade: websocket", "Upgrade: h2c")), "something else"),
        (Box::new(replace("keep-alive, Upgrade", "close")), "something else"),
        (Box::new(replace("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x")), "another request"),
        (Box::new(replace("Protocol: mqtt", "Protocol: chat")), "does not speak MQTT"),
        (Box::new(replace("Sec-WebSocket-Protocol: mqtt\r\n", "")), "does not speak MQTT"),
        (Box::new(replace("Protocol: mqtt", "Extensions: x\r\nSec-WebSocket-Protocol: mqtt")), "extension"),
        (Box::new(|_| b"no HTTP\r\n\r\n".to_vec()), "handshake failed"),
        (Box::new(|_| b"HTTP/1.1 101 X\r\n".iter().copied().chain([b'a'; 20_000]).collect()), "too long"),
    ];
    for (spoil, text) in rows {
        let peer = Peer::default();
        let server = Server::new(Scheme::Ws, "broker.example");
        let mut link = WebSocket::new().wrap(Box::new(peer.clone()), &server).expect("a good name");
        assert_eq!(read_kind(&mut link), Err(ErrorKind::WouldBlock));
        let good = answer(&std::mem::take(&mut peer.lock().up));
        peer.say(&spoil(good));
        let error = link.try_read(&mut [0; 100]).expect_err("no handshake");
        assert!(error.to_string().contains(text), "{error}");
    }
}

/// A server of 3.1.1 on a socket that answers the handshake and CONNECT, and then is left to the test.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it has an address");
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let request = head(&stream);
            // The client's end is the test's to look at.
            let said = stream.write_all(&answer(&request)).and_then(|()| stream.read(&mut [0; 4096]));
            if said.is_ok() && stream.write_all(b"\x82\x04\x20\x02\0\0").is_ok() {
                serve(stream);
            }
        }
    });
    address
}

fn options(address: SocketAddr, client_id: &str) -> Options {
    let options = Options::from_url(&format!("ws://{address}")).expect("a good URL");
    options.client_id(client_id).version(Version::V3_1_1)
}

/// The head of a request, line by line.
fn head(stream: &TcpStream) -> Vec<u8> {
    let mut lines = BufReader::with_capacity(1, stream);
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && lines.read_until(b'\n', &mut request).is_ok_and(|len| len > 0) {}
    request
}

/// No flood keeps a client from its deadlines, and with threads that clients share, nobody else either.
#[test]
fn a_flooded_client_can_be_disconnected_and_disturbs_no_other() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let address = listen(|mut stream| {
        let mut heard = stream.try_clone().expect("there is room for a socket");
        thread::spawn(move || {
            while next_opcode(&mut heard).is_ok_and(|opcode| opcode != CLOSE) {}
            // It may be closed already.
            let _ = heard.shutdown(Shutdown::Both);
        });
        let flood = EMPTY.concat().repeat(10_000);
        while stream.write_all(&flood).is_ok() {}
    });
    for adapter in ALL {
        let flooded = adapter.connect(options(address, "bad")).expect("the server accepts");
        let others: Vec<_> = (0..4)
            .map(|number| {
                let options = Options::from_url(&broker.url()).expect("a good URL");
                adapter.connect(options.client_id(format!("good{number}"))).expect("the broker accepts")
            })
            .collect();
        for client in others {
            let token = client.publish(Publish::new("a", "b").qos(QoS::AtLeastOnce)).expect("accepted");
            token.wait_for(TOO_LONG).expect("in time").expect("published");
        }
        flooded.disconnect().expect("online").wait_for(TOO_LONG).expect("in time");
    }
}

const CLOSE: u8 = 8;

/// What kind of frame the client sends next; short ones are all that it has to say.
fn next_opcode(stream: &mut TcpStream) -> io::Result<u8> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let mut mask_and_payload = [0; 4 + 125];
    stream.read_exact(&mut mask_and_payload[..4 + usize::from(head[1] & 0x7f)])?;
    Ok(head[0] & 0x0f)
}

/// [5.0 MQTT-6.0.0-2]
#[test]
fn a_message_in_one_long_frame_arrives_with_others_in_many() {
    const SIZE: usize = 3 << 20;
    for adapter in ALL {
        let address = listen(|mut stream| {
            // SUBSCRIBE with its packet identifier behind the head and the mask of its frame.
            let mut subscribe = [0; 14];
            stream.read_exact(&mut subscribe).expect("the client subscribes");
            let [first, second] = [8, 9].map(|at| subscribe[at] ^ subscribe[at - 4]);
            let mut packet = publish(&vec![7; SIZE]);
            let small = publish(b"x");
            let head = [&[0x82, 127][..], &(packet.len() as u64 + 3).to_be_bytes()].concat();
            packet.extend_from_slice(&small[..3]);
            for part in [
                &[0x82, 5, 0x90, 3, first, second, 0][..],
                &head,
                &packet,
                &[0x89, 0, 0x02, 0, 0x00, 1, small[3]],
                &[0x80, small.len() as u8 - 4],
                &small[4..],
            ] {
                stream.write_all(part).expect("the client reads");
            }
            while stream.read(&mut [0; 100]).is_ok_and(|len| len > 0) {}
        });
        let mut options = options(address, "c");
        options.config.packet_size_max = 4 << 20;
        let client = adapter.connect(options).expect("the server accepts");
        let mut messages = client.subscribe(Subscribe::new("t").qos(QoS::AtMostOnce)).expect("accepted");
        for size in [SIZE, 1] {
            let message = messages.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
            assert_eq!(message.payload().len(), size, "{adapter:?}");
        }
    }
}

/// A message of QoS 0 to the topic `t`.
fn publish(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x30];
    let mut left = 3 + payload.len();
    while left > 127 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes.extend_from_slice(b"\0\x01t");
    bytes.extend_from_slice(payload);
    bytes
}

/// The path of the URL is what is asked for, and `/` is one.
#[test]
fn the_path_of_the_url_is_asked_for() {
    for adapter in ALL {
        for (path, asked) in [("", "/mqtt"), ("/", "/"), ("/a/b?c=d", "/a/b?c=d"), ("?c=d", "/mqtt?c=d")] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
            let url = format!("ws://{}{path}", listener.local_addr().expect("it has an address"));
            let client = adapter.client(Options::from_url(&url).expect("a good URL")).expect("good options");
            drop(client.connect().expect("accepted"));
            let request = head(&listener.accept().expect("the client comes").0);
            let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
            assert_eq!(line, format!("GET {asked} HTTP/1.1"), "{adapter:?}");
        }
    }
}
