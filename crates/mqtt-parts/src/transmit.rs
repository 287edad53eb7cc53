//! Bytes on their way out: packets one behind the other, with large payloads left where they lie.
//!
//! A session or broker appends, a driver writes the chunks in one vectored call and says how far it came. The
//! memory is kept and used again, so that a warm buffer allocates nothing.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Buf, Bytes};
use mqtt_proto::{EncodeError, Packet, Publish, Version};

/// Payloads up to this many bytes are copied behind their header; larger ones are sent from where they lie.
pub const PAYLOAD_COPY_MAX: usize = 4096;

/// Written bytes in front of `packets` that are given back at the latest when they are this many.
const COMPACT_AT: usize = 65_536;

/// A queue of bytes to be written.
#[derive(Debug, Default)]
pub struct TransmitBuf {
    packets: Vec<u8>,
    /// How much of `packets` is written.
    written: usize,
    /// Each goes in front of the byte of `packets` at its position.
    payloads: VecDeque<(usize, Bytes)>,
    payloads_len: usize,
}

impl TransmitBuf {
    /// An empty buffer; allocates nothing.
    pub const fn new() -> TransmitBuf {
        TransmitBuf { packets: Vec::new(), written: 0, payloads: VecDeque::new(), payloads_len: 0 }
    }

    /// How many bytes are still to be written.
    pub fn len(&self) -> usize {
        self.packets.len() - self.written + self.payloads_len
    }

    /// Whether all is written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a packet and returns its size in bytes; on failure nothing is appended.
    pub fn put(&mut self, packet: &Packet<'_>, version: Version) -> Result<usize, EncodeError> {
        packet.encode(version, &mut self.packets)
    }

    /// Appends packets that are encoded already, and lends them for changes that keep their size.
    #[inline]
    pub fn put_encoded(&mut self, packets: &[u8]) -> &mut [u8] {
        let start = self.packets.len();
        self.packets.extend_from_slice(packets);
        &mut self.packets[start..]
    }

    /// Appends a payload behind its header without copying it.
    pub fn put_payload(&mut self, payload: &Bytes) {
        if !payload.is_empty() {
            self.payloads.push_back((self.packets.len(), payload.clone()));
            self.payloads_len += payload.len();
        }
    }

    /// Appends a PUBLISH whose payload is `payload`; a large one is not copied.
    pub fn put_publish(
        &mut self,
        publish: &Publish<'_>,
        payload: &Bytes,
        version: Version,
    ) -> Result<usize, EncodeError> {
        let publish = Publish { payload, ..*publish };
        if payload.len() <= PAYLOAD_COPY_MAX {
            return publish.encode(version, &mut self.packets);
        }
        let len = publish.encode_header(version, &mut self.packets)?;
        self.put_payload(payload);
        Ok(len)
    }

    /// Appends all that `other` has, and leaves it empty.
    pub fn append(&mut self, other: &mut TransmitBuf) {
        let shift = self.packets.len();
        let start = other.written;
        self.packets.extend_from_slice(&other.packets[start..]);
        let payloads = other.payloads.drain(..);
        self.payloads.extend(payloads.map(|(position, payload)| (position - start + shift, payload)));
        self.payloads_len += other.payloads_len;
        other.clear();
    }

    /// The bytes to be written, in order, as chunks of which none is empty.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = self.written;
        let with_payloads = self.payloads.iter().flat_map(move |(position, payload)| {
            let packets = &self.packets[at..*position];
            at = *position;
            [packets, payload.as_ref()]
        });
        let tail_at = self.payloads.back().map_or(self.written, |(position, _)| *position);
        with_payloads.chain([&self.packets[tail_at..]]).filter(|chunk| !chunk.is_empty())
    }

    /// Takes away the first `len` bytes, which were written.
    ///
    /// # Panics
    ///
    /// If `len` is more than is there.
    pub fn advance(&mut self, len: usize) {
        assert!(len <= self.len(), "more bytes were written than there were");
        let mut left = len;
        while left > 0 {
            let stop = self.payloads.front().map_or(self.packets.len(), |(position, _)| *position);
            let step = left.min(stop - self.written);
            self.written += step;
            left -= step;
            left -= self.advance_payload(left);
        }
        if self.is_empty() {
            self.clear();
        } else if self.written >= COMPACT_AT {
            self.compact();
        }
    }

    fn advance_payload(&mut self, len: usize) -> usize {
        let Some((position, payload)) = self.payloads.front_mut() else { return 0 };
        if *position != self.written {
            return 0;
        }
        let step = len.min(payload.len());
        payload.advance(step);
        if payload.is_empty() {
            self.payloads.pop_front();
        }
        self.payloads_len -= step;
        step
    }

    fn compact(&mut self) {
        self.packets.drain(..self.written);
        for (position, _) in &mut self.payloads {
            *position -= self.written;
        }
        self.written = 0;
    }

    /// Forgets all bytes and overwrites the memory that is kept, for instance after a password.
    pub fn wipe(&mut self) {
        self.clear();
        self.packets.resize(self.packets.capacity(), 0);
        self.packets.clear();
    }

    /// Forgets all bytes and keeps the memory.
    pub fn clear(&mut self) {
        self.packets.clear();
        self.written = 0;
        self.payloads.clear();
        self.payloads_len = 0;
    }
}

#[cfg(test)]
mod tests;
