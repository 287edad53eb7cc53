//! What is masked in a log: bytes that are nobody's business are overwritten in place, so that every length stays.
//!
//! A packet that cannot be decoded is masked too.

use alloc::string::String;
use core::ops::Range;

use mqtt_proto::{Context, Packet, PacketKind, Properties, PropertyId, Version, decode};
use mqtt_session::Credentials;
use serde::{Deserialize, Serialize};

use crate::masked::{MASK, masked_if};

/// What a recorder masks while it writes. Default: both.
///
/// Topics, properties and client identifiers are never masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl Redact {
    /// Credentials as they stand in a log.
    pub(crate) fn credentials(self, credentials: &Credentials) -> Credentials {
        let name = |name: &String| String::from_utf8(masked_if(self.secrets, name.as_bytes())).ok();
        Credentials {
            user_name: credentials.user_name.as_ref().and_then(name),
            password: credentials.password.as_ref().map(|password| masked_if(self.secrets, password)),
        }
    }

    /// Masks a whole packet.
    pub(crate) fn mask(self, packet: &mut [u8], version: Version) {
        for place in self.places(packet, version).into_iter().flatten() {
            packet[place].fill(MASK);
        }
    }

    /// Masks a packet of which only the beginning is there: nobody looks behind its fixed header.
    pub(crate) fn mask_beginning(self, packet: &mut [u8]) {
        if self.payloads || self.secrets {
            let start = header_len(packet);
            packet[start..].fill(MASK);
        }
    }

    /// What is to be masked of a whole packet.
    fn places(self, packet: &[u8], version: Version) -> [Option<Range<usize>>; 4] {
        let secret = |field: Option<&[u8]>| field.filter(|_| self.secrets).map(|field| range(packet, field));
        let authentication_data =
            |properties: Properties<'_>| [secret(properties.authentication_data()), None, None, None];
        let kind = packet.first().copied().and_then(PacketKind::from_first_byte);
        let may_hold_data = self.secrets && version.has_properties() && packet.contains(&AUTHENTICATION_DATA);
        match kind {
            Some(PacketKind::Publish) if self.payloads => {
                return [Some(payload_at(packet, version)..packet.len()), None, None, None];
            }
            Some(PacketKind::Connect) if self.payloads || self.secrets => {}
            Some(PacketKind::Connack | PacketKind::Auth) if may_hold_data => {}
            _ => return [None, None, None, None],
        }
        match decode(packet, Context { version, sender: None }) {
            Ok(Packet::Connect(connect)) => [
                connect.will().filter(|_| self.payloads).map(|will| range(packet, will.payload)),
                secret(connect.user_name().map(str::as_bytes)),
                secret(connect.password()),
                secret(connect.properties().authentication_data()),
            ],
            Ok(Packet::Connack(connack)) => authentication_data(connack.properties),
            Ok(Packet::Auth(auth)) => authentication_data(auth.properties),
            // Nobody can say what stands there.
            _ => [Some(header_len(packet)..packet.len()), None, None, None],
        }
    }
}

/// Without this byte a packet holds no Authentication Data.
const AUTHENTICATION_DATA: u8 = PropertyId::AuthenticationData as u8;

/// Where a field stands in the packet that it was decoded from.
fn range(packet: &[u8], field: &[u8]) -> Range<usize> {
    // An empty one may stand anywhere.
    let start = if field.is_empty() { 0 } else { field.as_ptr().addr() - packet.as_ptr().addr() };
    start..start + field.len()
}

/// The first byte and the length behind it, at most five bytes.
fn header_len(packet: &[u8]) -> usize {
    packet.len().min(1 + variable(packet.get(1..).unwrap_or_default()).1)
}

/// Where the payload of a PUBLISH begins, or that of which nobody can say what it is. A malformed one is masked too, so
/// this goes by lengths alone.
fn payload_at(packet: &[u8], version: Version) -> usize {
    let topic_at = header_len(packet);
    let Some(&[high, low]) = packet[topic_at..].first_chunk() else { return topic_at };
    let has_id = packet[0] & 0b0110 != 0;
    let topic_end = topic_at + 2 + usize::from(u16::from_be_bytes([high, low]));
    let section_at = topic_end + if has_id { 2 } else { 0 };
    let Some(section) = packet.get(section_at..) else { return (topic_at + 2).min(topic_end) };
    if !version.has_properties() {
        return section_at;
    }
    let (len, length_len) = variable(section);
    let payload_at = section_at + length_len + len;
    if payload_at <= packet.len() { payload_at } else { section_at + length_len }
}

/// A number of seven bits a byte, and how many bytes it has, at most four.
fn variable(bytes: &[u8]) -> (usize, usize) {
    let len = bytes.iter().take(4).position(|byte| *byte < 0x80).map_or(bytes.len().min(4), |last| last + 1);
    let value = bytes[..len].iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    (value, len)
}
