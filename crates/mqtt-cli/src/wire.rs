//! A layer that looks at the packets: prints them for `-d`, and notes the words with which a server refuses.
//!
//! Acknowledgements of success are passed over without being decoded, so that it costs nearly nothing without `-d`.

use std::fmt::Write as _;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, PoisonError};

use mqtt_proto::{
    Context, PACKET_SIZE_MAX, Packet, Properties, ReasonCode, Sender, Version, decode, frame_len,
};
use mqtt_smol::adapter::{BoxedLink, Layer, Link};
use mqtt_smol::{PropertyBuf, PropertyOwner, Server};

/// The layer. Clones share what was noted.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    version: Version,
    prints: bool,
    words: Arc<Mutex<Option<String>>>,
    announced: Arc<Mutex<PropertyBuf>>,
}

impl Watch {
    pub(crate) fn new(version: Version, prints: bool) -> Watch {
        Watch { version, prints, words: Arc::default(), announced: Arc::default() }
    }

    /// What the server said with its last refusal, for people.
    pub(crate) fn words(&self) -> Option<String> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The properties of the last CONNACK.
    pub(crate) fn announced(&self) -> PropertyBuf {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look(&self, packet: &Packet<'_>, sender: Sender) {
        if self.prints {
            let arrow = if sender == Sender::Client { "->" } else { "<-" };
            eprintln!("mqtt: {arrow} {packet}");
        }
        if let Packet::Connack(connack) = packet {
            let mut announced = PropertyBuf::new();
            // What was decoded is legal.
            let _ = announced.extend(PropertyOwner::Connack, connack.properties, |_| true);
            *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = announced;
        }
        if sender == Sender::Server
            && let Some(properties) = refusal(packet)
        {
            *self.words.lock().unwrap_or_else(PoisonError::into_inner) = said(&properties);
        }
    }
}

impl Layer for Watch {
    fn wrap(&self, link: BoxedLink, _server: &Server) -> io::Result<BoxedLink> {
        let framer = |sender| Framer { sender, frame: Vec::new(), passed_over: 0, is_lost: false };
        Ok(Box::new(Watched {
            link,
            watch: self.clone(),
            read: framer(Sender::Server),
            written: framer(Sender::Client),
        }))
    }
}

/// The properties of a packet by which the server refuses something.
fn refusal<'a>(packet: &Packet<'a>) -> Option<Properties<'a>> {
    let (is_refusal, properties) = match packet {
        Packet::Connack(connack) => (connack.reason.is_error(), connack.properties),
        Packet::Disconnect(disconnect) => (true, disconnect.properties),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubcomp(ack) => {
            (ack.reason.is_error(), ack.properties)
        }
        Packet::Suback(suback) => (suback.codes.iter().any(ReasonCode::is_error), suback.properties),
        Packet::Unsuback(unsuback) => (unsuback.codes.iter().any(ReasonCode::is_error), unsuback.properties),
        _ => return None,
    };
    is_refusal.then_some(properties)
}

/// Reason String, Server Reference and User Properties in one line; none if there are none.
fn said(properties: &Properties<'_>) -> Option<String> {
    let mut text = String::new();
    if let Some(reason) = properties.reason_string() {
        let _ = write!(text, "; the server says {reason:?}");
    }
    if let Some(reference) = properties.server_reference() {
        let _ = write!(text, "; it refers to the server {reference:?}");
    }
    for (name, value) in properties.user_properties() {
        let _ = write!(text, "; {name:?}={value:?}");
    }
    (!text.is_empty()).then_some(text)
}

struct Watched {
    link: BoxedLink,
    watch: Watch,
    read: Framer,
    written: Framer,
}

impl Link for Watched {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.link.try_read(buf)?;
        self.read.feed(&buf[..len], &self.watch);
        Ok(len)
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let len = self.link.try_write(chunks)?;
        if self.watch.prints {
            let mut left = len;
            for chunk in chunks {
                let part = chunk.len().min(left);
                self.written.feed(&chunk[..part], &self.watch);
                left -= part;
            }
        }
        Ok(len)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.link.shutdown()
    }

    fn wants_write(&self, has_output: bool) -> bool {
        self.link.wants_write(has_output)
    }

    fn quickack(&mut self) {
        self.link.quickack();
    }

    fn short_read_is_all(&self) -> bool {
        self.link.short_read_is_all()
    }
}

/// Finds the packets in bytes of one direction.
struct Framer {
    sender: Sender,
    /// The beginning of a packet that is of interest, until it is whole; of any other only its first bytes.
    frame: Vec<u8>,
    /// Bytes that are still to come of a packet that is of no interest.
    passed_over: usize,
    /// What came is no MQTT; the session says so.
    is_lost: bool,
}

/// The longest packet of which the words are noted when packets are not printed.
const WORDS_PACKET_MAX: usize = 128 * 1024;

impl Framer {
    fn feed(&mut self, mut bytes: &[u8], watch: &Watch) {
        while !bytes.is_empty() && !self.is_lost {
            if self.passed_over > 0 {
                let part = self.passed_over.min(bytes.len());
                self.passed_over -= part;
                bytes = &bytes[part..];
                continue;
            }
            bytes = self.take(bytes, watch);
        }
    }

    /// Takes bytes up to the end of the packet, and looks at it once it is whole.
    fn take<'a>(&mut self, bytes: &'a [u8], watch: &Watch) -> &'a [u8] {
        // A packet that is whole is not copied.
        if self.frame.is_empty()
            && let Ok(Some(len)) = frame_len(bytes, PACKET_SIZE_MAX)
        {
            if len <= bytes.len() {
                let (packet, rest) = bytes.split_at(len);
                if self.is_of_interest(packet[0], len, watch) {
                    self.look(packet, watch);
                }
                return rest;
            }
            if !self.is_of_interest(bytes[0], len, watch) {
                self.passed_over = len - bytes.len();
                return &[];
            }
        }
        let known = self.frame.len();
        let wanted = match frame_len(&self.frame, PACKET_SIZE_MAX) {
            Ok(Some(len)) => len - known,
            Ok(None) => 1,
            Err(_) => {
                self.is_lost = true;
                return &[];
            }
        };
        let (part, rest) = bytes.split_at(wanted.min(bytes.len()));
        self.frame.extend_from_slice(part);
        match frame_len(&self.frame, PACKET_SIZE_MAX) {
            Ok(Some(len)) if !self.is_of_interest(self.frame[0], len, watch) => {
                self.passed_over = len - self.frame.len();
                self.frame.clear();
            }
            Ok(Some(len)) if len == self.frame.len() => {
                let packet = std::mem::take(&mut self.frame);
                self.look(&packet, watch);
            }
            Ok(_) => {}
            Err(_) => self.is_lost = true,
        }
        rest
    }

    /// Whether the packet is printed, or may have words in it.
    fn is_of_interest(&self, first: u8, len: usize, watch: &Watch) -> bool {
        /// An acknowledgement without reason and properties.
        const PLAIN_ACK: usize = 4;
        const PUBLISH: u8 = 3;
        watch.prints || len > PLAIN_ACK && first >> 4 != PUBLISH && len <= WORDS_PACKET_MAX
    }

    fn look(&self, packet: &[u8], watch: &Watch) {
        let context = Context { version: watch.version, sender: Some(self.sender) };
        if let Ok(packet) = decode(packet, context) {
            watch.look(&packet, self.sender);
        }
    }
}
