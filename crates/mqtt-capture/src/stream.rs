//! The bytes from the server, cut into whole packets: only those can be masked, however the bytes arrive.

use alloc::vec::Vec;

use mqtt_proto::{Context, Sender, Version, decode, frame_len};

use crate::redact::Redact;

#[derive(Clone, Debug)]
pub(crate) struct Stream {
    version: Version,
    redact: Redact,
    /// What the session left of the input at the last call.
    left: Vec<u8>,
    /// The beginning of a packet that does not stand in the log yet.
    unfinished: Vec<u8>,
    /// Whole packets that came.
    pub(crate) packets: u64,
    /// Whether a packet meant something else once it was masked.
    pub(crate) is_obscured: bool,
}

impl Stream {
    pub(crate) fn new(version: Version, redact: Redact) -> Stream {
        Stream { version, redact, left: Vec::new(), unfinished: Vec::new(), packets: 0, is_obscured: false }
    }

    /// Whether the input begins with what the session had left of it.
    pub(crate) fn is_continued_by(&self, input: &[u8]) -> bool {
        input.starts_with(&self.left)
    }

    /// Takes in what the session is about to see, and returns how much of it is new; whole packets go to `stored`.
    pub(crate) fn before_input(&mut self, input: &[u8], is_continued: bool, stored: &mut Vec<u8>) -> usize {
        if !is_continued {
            self.put_rest(stored);
        }
        let new = if is_continued { input.get(self.left.len()..).unwrap_or_default() } else { input };
        self.unfinished.extend_from_slice(new);
        self.put_packets(stored);
        new.len()
    }

    /// Notes what the session has left. If it has thrown bytes away, their packet will never be whole.
    pub(crate) fn after_input(&mut self, left: &[u8], stored: &mut Vec<u8>) {
        self.left.clear();
        self.left.extend_from_slice(left);
        if self.left.len() < self.unfinished.len() {
            self.put_rest(stored);
        }
    }

    /// The link has ended: what is unfinished stays so. Behind its fixed header it is masked.
    pub(crate) fn put_rest(&mut self, stored: &mut Vec<u8>) {
        self.redact.mask_beginning(&mut self.unfinished);
        stored.append(&mut self.unfinished);
    }

    fn put_packets(&mut self, stored: &mut Vec<u8>) {
        let mut start = 0;
        while let Ok(Some(len)) = frame_len(&self.unfinished[start..], u32::MAX) {
            let Some(packet) = self.unfinished.get(start..start + len) else { break };
            let at = stored.len();
            stored.extend_from_slice(packet);
            self.redact.mask(&mut stored[at..], self.version);
            self.is_obscured |= !self.means_the_same(packet, &stored[at..]);
            start += len;
            self.packets += 1;
        }
        self.unfinished.drain(..start);
    }

    /// A malformed packet must be refused for the same reason when it is masked.
    fn means_the_same(&self, packet: &[u8], masked: &[u8]) -> bool {
        let context = Context { version: self.version, sender: Some(Sender::Server) };
        let is_same = || match (decode(packet, context), decode(masked, context)) {
            (Ok(_), Ok(_)) => true,
            (Err(error), Err(masked)) => error == masked,
            _ => false,
        };
        packet == masked || is_same()
    }
}
