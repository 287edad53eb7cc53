//! A server that answers each packet with what a test has scripted, and the packets of such scripts.

use std::sync::mpsc::{self, Receiver};

use mqtt_smol::{Options, Version};
use tests::scripted::{self, Heard};

use crate::scenario::TOO_LONG;

pub(crate) const CONNACK_V5: &[u8] = b"\x20\x03\x00\x00\x00";
pub(crate) const CONNACK_V3: &[u8] = b"\x20\x02\x00\x00";

pub(crate) struct Scripted {
    port: u16,
    heard: Receiver<Heard>,
}

impl Scripted {
    /// For each connection in turn: what is answered to the client's first packet, its second, and so on.
    pub(crate) fn start(scripts: &[&[&[u8]]]) -> Scripted {
        let (sender, heard) = mpsc::channel();
        // A test that has ended receives nothing more.
        let port = scripted::serve(scripts, move |heard| drop(sender.send(heard)));
        Scripted { port, heard }
    }

    pub(crate) fn options(&self, version: Version) -> Options {
        scripted::options(self.port, version)
    }

    /// The next packet with that first byte; those before it are passed over.
    pub(crate) fn heard(&self, first_byte: u8) -> Vec<u8> {
        loop {
            match self.heard.recv_timeout(TOO_LONG).expect("the client sends it in time") {
                Heard::Packet(packet) if packet[0] == first_byte => return packet,
                Heard::Packet(_) | Heard::Closed => {}
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
