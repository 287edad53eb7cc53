//! What is masked in a log: bytes that are nobody's business are overwritten in place, so that every length stays.
//!
//! The places are found by walking over lengths, not by decoding, so that malformed packets are masked too.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use mqtt_proto::{PacketKind, Version};

use crate::wire::MASK;

/// What a recorder masks while it writes; both, unless said.
///
/// Topics, properties and client identifiers are never masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redact {
    /// Payloads of messages, both ways, and of the will.
    pub payloads: bool,
    /// User names, passwords, and Authentication Data both ways.
    pub secrets: bool,
}

impl Default for Redact {
    fn default() -> Redact {
        Redact { payloads: true, secrets: true }
    }
}

/// As many masks as `bytes` has bytes, if that is wanted.
pub(crate) fn masked_if(is_wanted: bool, bytes: &[u8]) -> Vec<u8> {
    if is_wanted { vec![MASK; bytes.len()] } else { bytes.into() }
}

pub(crate) fn text_masked_if(is_wanted: bool, text: &str) -> String {
    if is_wanted { text.bytes().map(|_| char::from(MASK)).collect() } else { text.into() }
}

impl Redact {
    pub(crate) const fn bits(self) -> u8 {
        self.payloads as u8 | (self.secrets as u8) << 1
    }

    pub(crate) const fn from_bits(bits: u8) -> Option<Redact> {
        match bits {
            0..4 => Some(Redact { payloads: bits & 1 != 0, secrets: bits & 2 != 0 }),
            _ => None,
        }
    }

    pub(crate) const fn is_nothing(self) -> bool {
        self.bits() == 0
    }

    /// Masks a whole packet.
    pub(crate) fn mask(self, packet: &mut [u8], version: Version) {
        let start = header_len(packet);
        let Some(kind) = packet.first().copied().and_then(PacketKind::from_first_byte) else { return };
        let has_properties = version.has_properties();
        let mut walk = Walk { packet, at: start };
        let walked = match kind {
            PacketKind::Connect => walk.connect(self, has_properties),
            PacketKind::Publish if self.payloads => walk.publish(has_properties),
            PacketKind::Connack if self.secrets && has_properties => {
                walk.step(2).and_then(|()| walk.properties())
            }
            PacketKind::Auth if self.secrets && walk.packet.len() > start + 1 => {
                walk.step(1).and_then(|()| walk.properties())
            }
            _ => return,
        };
        if walked.is_none() {
            // Nobody can say what comes here.
            walk.mask(usize::MAX);
        }
    }

    /// Masks a packet of which only the beginning is there: nobody looks behind its fixed header.
    pub(crate) fn mask_beginning(self, packet: &mut [u8]) {
        if !self.is_nothing() {
            let start = header_len(packet);
            Walk { packet, at: start }.mask(usize::MAX);
        }
    }
}

/// The first byte and the length behind it, at most five bytes.
fn header_len(packet: &[u8]) -> usize {
    let length_len = packet.iter().skip(1).take(4).position(|byte| *byte < 0x80).map_or(4, |index| index + 1);
    packet.len().min(1 + length_len)
}

struct Walk<'a> {
    packet: &'a mut [u8],
    at: usize,
}

impl Walk<'_> {
    fn step(&mut self, len: usize) -> Option<()> {
        let at = self.at.checked_add(len).filter(|at| *at <= self.packet.len())?;
        self.at = at;
        Some(())
    }

    /// Masks that many bytes, or what is there.
    fn mask(&mut self, len: usize) {
        let end = self.at.saturating_add(len).min(self.packet.len());
        self.packet[self.at..end].fill(MASK);
        self.at = end;
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.packet.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn short(&mut self) -> Option<usize> {
        Some(usize::from(self.byte()?) << 8 | usize::from(self.byte()?))
    }

    fn variable(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// Bytes behind their length.
    fn binary(&mut self, is_masked: bool) -> Option<()> {
        let len = self.short()?;
        let start = self.at;
        self.step(len)?;
        if is_masked {
            self.packet[start..self.at].fill(MASK);
        }
        Some(())
    }

    fn section(&mut self) -> Option<()> {
        let len = self.variable()?;
        self.step(len)
    }

    fn publish(&mut self, has_properties: bool) -> Option<()> {
        let has_id = self.packet[0] & 0b0110 != 0;
        self.binary(false)?;
        self.step(if has_id { 2 } else { 0 })?;
        if has_properties {
            self.section()?;
        }
        self.mask(usize::MAX);
        Some(())
    }

    fn connect(&mut self, redact: Redact, has_properties: bool) -> Option<()> {
        self.binary(false)?;
        self.step(1)?;
        let flags = self.byte()?;
        self.step(2)?;
        if has_properties {
            if redact.secrets { self.properties() } else { self.section() }?;
        }
        self.binary(false)?;
        if flags & 0x04 != 0 {
            if has_properties {
                self.section()?;
            }
            self.binary(false)?;
            self.binary(redact.payloads)?;
        }
        if flags & 0x80 != 0 {
            self.binary(redact.secrets)?;
        }
        if flags & 0x40 != 0 {
            self.binary(redact.secrets)?;
        }
        Some(())
    }

    /// A section of properties, whose Authentication Data is masked.
    fn properties(&mut self) -> Option<()> {
        let len = self.variable()?;
        let end = self.at.checked_add(len).filter(|end| *end <= self.packet.len())?;
        while self.at < end {
            match self.byte()? {
                AUTHENTICATION_DATA => self.binary(true)?,
                0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => self.step(1)?,
                0x13 | 0x21 | 0x22 | 0x23 => self.step(2)?,
                0x02 | 0x11 | 0x18 | 0x27 => self.step(4)?,
                0x0b => _ = self.variable()?,
                0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x1a | 0x1c | 0x1f => self.binary(false)?,
                0x26 => {
                    self.binary(false)?;
                    self.binary(false)?;
                }
                _ => return None,
            }
        }
        Some(())
    }
}

const AUTHENTICATION_DATA: u8 = 0x16;
