//! A server that answers each packet with what a test has told it to, whatever the packet says.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use mqtt_proto::frame_len;
use mqtt_smol::{Options, Version};

use crate::scenario::TOO_LONG;

pub(crate) const CONNACK_V5: &[u8] = b"\x20\x03\x00\x00\x00";
pub(crate) const CONNACK_V3: &[u8] = b"\x20\x02\x00\x00";

pub(crate) struct Scripted {
    port: u16,
    heard: Receiver<Vec<u8>>,
}

impl Scripted {
    /// For each connection in turn: what is said after the client's first packet, its second, and so on.
    pub(crate) fn start(scripts: &[&[&[u8]]]) -> Scripted {
        let scripts: Vec<Vec<Vec<u8>>> =
            scripts.iter().map(|script| script.iter().map(|answer| answer.to_vec()).collect()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let (sender, heard) = mpsc::channel();
        thread::spawn(move || {
            for script in scripts {
                let Ok((mut stream, _)) = listener.accept() else { return };
                let mut answers = script.into_iter();
                let (mut said, mut chunk) = (Vec::new(), [0; 4096]);
                while let Ok(len @ 1..) = stream.read(&mut chunk) {
                    said.extend_from_slice(&chunk[..len]);
                    while let Ok(Some(len)) = frame_len(&said, u32::MAX) {
                        if said.len() < len {
                            break;
                        }
                        let rest = said.split_off(len);
                        // A test that has ended listens no more.
                        let _ = sender.send(std::mem::replace(&mut said, rest));
                        if let Some(answer) = answers.next() {
                            let _ = stream.write_all(&answer);
                        }
                    }
                }
            }
        });
        Scripted { port, heard }
    }

    pub(crate) fn options(&self, version: Version) -> Options {
        Options::new("127.0.0.1")
            .port(self.port)
            .client_id("c")
            .version(version)
            .reconnect_after(std::time::Duration::from_millis(20))
    }

    /// The next packet with that first byte; those before it are passed over.
    pub(crate) fn heard(&self, first_byte: u8) -> Vec<u8> {
        loop {
            let packet = self.heard.recv_timeout(TOO_LONG).expect("the client says it in time");
            if packet[0] == first_byte {
                return packet;
            }
        }
    }
}

/// A PUBLISH to a topic, with an identifier unless it is 0, and with a Subscription Identifier unless that is 0.
pub(crate) fn publish(
    version: Version,
    first_byte: u8,
    topic: &str,
    id: u8,
    subscription: u8,
    payload: &str,
) -> Vec<u8> {
    let mut body = vec![0, topic.len() as u8];
    body.extend_from_slice(topic.as_bytes());
    if first_byte & 0x06 != 0 {
        body.extend([0, id]);
    }
    if version == Version::V5_0 {
        match subscription {
            0 => body.push(0),
            _ => body.extend([2, 0x0b, subscription]),
        }
    }
    body.extend_from_slice(payload.as_bytes());
    [vec![first_byte, body.len() as u8], body].concat()
}

/// A SUBACK or UNSUBACK for one filter.
pub(crate) fn answer(version: Version, first_byte: u8, id: u8, code: u8) -> Vec<u8> {
    match (version, first_byte) {
        (Version::V5_0, _) => vec![first_byte, 4, 0, id, 0, code],
        (_, 0xb0) => vec![first_byte, 2, 0, id],
        _ => vec![first_byte, 3, 0, id, code],
    }
}
