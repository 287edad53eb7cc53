//! Clients that are nothing but a socket and some packets of 3.1.1.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mqtt_smol::broker::{Config, Handle, Running, start_with};

/// A wait that is longer has failed.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(20);

pub(crate) fn broker(config: Config) -> Running {
    start_with("127.0.0.1:0", config).expect("there is a free port")
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn until(broker: &Handle, what: &str, holds: impl Fn(&Handle) -> bool) {
    let begun = Instant::now();
    while !holds(broker) {
        assert!(begun.elapsed() < TOO_LONG, "never: {what}; {:?}", broker.stats());
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A socket that waits for either side no longer than a test does.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    /// A connection on which nothing is said yet.
    pub(crate) fn open(broker: &Handle) -> Raw {
        let stream = TcpStream::connect(broker.address()).expect("the broker listens");
        stream.set_read_timeout(Some(TOO_LONG)).expect("a good time");
        stream.set_write_timeout(Some(TOO_LONG)).expect("a good time");
        Raw(stream)
    }

    /// A client that was accepted, with a clean session.
    pub(crate) fn connect(broker: &Handle, client_id: &str, keep_alive_secs: u8) -> Raw {
        let mut client = Raw::open(broker);
        let mut body = b"\0\x04MQTT\x04\x02\0".to_vec();
        body.extend([keep_alive_secs, 0, client_id.len() as u8]);
        body.extend_from_slice(client_id.as_bytes());
        client.say(&packet(0x10, &body));
        assert_eq!(client.hear(4), [0x20, 2, 0, 0]);
        client
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: u8) {
        let mut body = vec![0, 1, 0, filter.len() as u8];
        body.extend_from_slice(filter.as_bytes());
        body.push(qos);
        self.say(&packet(0x82, &body));
        assert_eq!(self.hear(5), [0x90, 3, 0, 1, qos]);
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the broker reads");
    }

    pub(crate) fn hear(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes).expect("the broker answers");
        bytes
    }

    /// Whether the broker ends the connection, after whatever it says.
    pub(crate) fn is_ended(&mut self) -> bool {
        let mut buf = [0; 65_536];
        loop {
            match self.0.read(&mut buf) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        }
    }
}

/// A packet around a body.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = body.len();
    while left > 127 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes.extend_from_slice(body);
    bytes
}

/// A message to the topic `t`, of QoS 1 if it has an identifier.
pub(crate) fn publish(packet_id: Option<u16>, size: usize) -> Vec<u8> {
    let mut body = b"\0\x01t".to_vec();
    body.extend(packet_id.into_iter().flat_map(u16::to_be_bytes));
    body.resize(body.len() + size, b'x');
    packet(if packet_id.is_some() { 0x32 } else { 0x30 }, &body)
}
