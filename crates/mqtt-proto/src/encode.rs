//! From packets to bytes: the exact size, and the encoding appended to a buffer of the caller.

use alloc::vec::Vec;

use crate::error::EncodeError;
use crate::packet::{Packet, Publish};
use crate::types::{PacketKind, REMAINING_LENGTH_MAX, Version};
use crate::wire::{put_variable, variable_len};

impl Packet<'_> {
    /// The size of the whole packet in bytes, if it has an encoding in this version; exact.
    ///
    /// A CONNECT says its own version.
    pub fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        whole_len(self.body_len(version)?)
    }

    /// Appends the packet and returns how many bytes that were; on failure nothing is appended.
    ///
    /// A CONNECT says its own version.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        if let Packet::Publish(publish) = self {
            return publish.encode(version, out);
        }
        let body_len = self.body_len(version)?;
        let len = whole_len(body_len)?;
        out.reserve(len);
        let kind = self.kind();
        put_fixed_header(kind, kind.flags(), body_len, out);
        self.put_body(version, body_len, out);
        Ok(len)
    }

    fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        match self {
            Packet::Connect(connect) => connect.body_len(),
            Packet::Connack(connack) => connack.body_len(version),
            Packet::Publish(publish) => Ok(publish.header_len(version)?.0 + publish.payload.len()),
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                ack.body_len(self.kind(), version)
            }
            Packet::Subscribe(subscribe) => subscribe.body_len(version),
            Packet::Suback(suback) => suback.body_len(version),
            Packet::Unsubscribe(unsubscribe) => unsubscribe.body_len(version),
            Packet::Unsuback(unsuback) => unsuback.body_len(version),
            Packet::Pingreq | Packet::Pingresp => Ok(0),
            Packet::Disconnect(disconnect) => disconnect.body_len(version),
            Packet::Auth(auth) => auth.body_len(version),
        }
    }

    /// Appends the body that [`Packet::body_len`] has accepted.
    fn put_body(&self, version: Version, body_len: usize, out: &mut Vec<u8>) {
        match self {
            Packet::Connect(connect) => connect.put(out),
            Packet::Connack(connack) => connack.put(version, out),
            Packet::Publish(publish) => {
                let properties_len = publish.header_len(version).map_or(0, |(_, properties)| properties);
                publish.put_header(version, properties_len, out);
                out.extend_from_slice(publish.payload);
            }
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                ack.put(self.kind(), body_len, out);
            }
            Packet::Subscribe(subscribe) => subscribe.put(version, out),
            Packet::Suback(suback) => suback.put(version, out),
            Packet::Unsubscribe(unsubscribe) => unsubscribe.put(version, out),
            Packet::Unsuback(unsuback) => unsuback.put(version, out),
            Packet::Pingreq | Packet::Pingresp => {}
            Packet::Disconnect(disconnect) => disconnect.put(body_len, out),
            Packet::Auth(auth) => auth.put(body_len, out),
        }
    }
}

impl Publish<'_> {
    /// Appends the whole packet and returns how many bytes that were; on failure nothing is appended.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        let len = self.put_all_but_payload(version, out, self.payload.len())?;
        out.extend_from_slice(self.payload);
        Ok(len)
    }

    /// Appends all but the payload, and returns the size of the whole packet in bytes.
    ///
    /// What follows on the wire is the payload itself, which a driver writes from where it lies.
    #[inline]
    pub fn encode_header(&self, version: Version, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        self.put_all_but_payload(version, out, 0)
    }

    #[inline]
    fn put_all_but_payload(
        &self,
        version: Version,
        out: &mut Vec<u8>,
        payload_reserve: usize,
    ) -> Result<usize, EncodeError> {
        let (header_len, properties_len) = self.header_len(version)?;
        let body_len = header_len + self.payload.len();
        let len = whole_len(body_len)?;
        out.reserve(len - self.payload.len() + payload_reserve);
        put_fixed_header(PacketKind::Publish, self.flags(), body_len, out);
        self.put_header(version, properties_len, out);
        Ok(len)
    }
}

#[inline]
fn whole_len(body_len: usize) -> Result<usize, EncodeError> {
    if body_len > REMAINING_LENGTH_MAX as usize {
        return Err(EncodeError::PacketTooLarge { size: body_len });
    }
    Ok(1 + variable_len(body_len) + body_len)
}

#[inline]
fn put_fixed_header(kind: PacketKind, flags: u8, body_len: usize, out: &mut Vec<u8>) {
    out.push((kind as u8) << 4 | flags);
    put_variable(out, body_len);
}
