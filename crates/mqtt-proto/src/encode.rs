//! From packets to bytes: the exact size, and the encoding appended to a buffer of the caller.

use alloc::vec::Vec;

use crate::error::EncodeError;
use crate::packet::{Packet, Publish};
use crate::sink::{Sink, grow};
use crate::types::{PacketKind, REMAINING_LENGTH_MAX, Version};
use crate::wire::variable_len;

impl Packet<'_> {
    /// The size of the whole packet in bytes, if it has an encoding in this version; exact.
    ///
    /// A CONNECT says its own version.
    pub fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        let len = whole_len(self.body_len(version)?)?;
        self.check_text()?;
        Ok(len)
    }

    /// Appends the packet and returns how many bytes that were; on failure nothing is appended.
    ///
    /// A CONNECT says its own version.
    #[inline(always)]
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        match self {
            Packet::Publish(publish) => publish.encode(version, out),
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack)
                if ack.is_plain() =>
            {
                let kind = self.kind();
                let [high, low] = ack.packet_id.get().to_be_bytes();
                out.extend_from_slice(&[kind.first_byte(), 2, high, low]);
                Ok(4)
            }
            _ => self.encode_rare(version, out),
        }
    }

    #[inline(never)]
    fn encode_rare(&self, version: Version, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        let body_len = self.body_len(version)?;
        let len = whole_len(body_len)?;
        let start = out.len();
        let mut sink = Sink::new(grow(out, len));
        let kind = self.kind();
        sink.u8(kind.first_byte());
        sink.variable(body_len);
        self.put_body(version, body_len, &mut sink);
        if sink.is_clean() {
            return Ok(len);
        }
        out.truncate(start);
        self.check_text().map(|()| unreachable!("a string was refused"))
    }

    /// Whether all strings may be sent.
    #[cold]
    fn check_text(&self) -> Result<(), EncodeError> {
        match self {
            Packet::Connect(connect) => connect.fields_in(&mut None).check_text(),
            Packet::Connack(connack) => connack.properties.check_text(),
            Packet::Publish(publish) => publish.properties.check_text(),
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                ack.properties.check_text()
            }
            Packet::Subscribe(subscribe) => subscribe.properties.check_text(),
            Packet::Suback(suback) => suback.properties.check_text(),
            Packet::Unsubscribe(unsubscribe) => unsubscribe.properties.check_text(),
            Packet::Unsuback(unsuback) => unsuback.properties.check_text(),
            Packet::Pingreq | Packet::Pingresp => Ok(()),
            Packet::Disconnect(disconnect) => disconnect.properties.check_text(),
            Packet::Auth(auth) => auth.properties.check_text(),
        }
    }

    fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        match self {
            Packet::Connect(connect) => connect.fields_in(&mut None).body_len(),
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

    /// Writes the body that [`Packet::body_len`] has accepted.
    fn put_body(&self, version: Version, body_len: usize, sink: &mut Sink<'_>) {
        match self {
            Packet::Connect(connect) => connect.fields_in(&mut None).put(sink),
            Packet::Connack(connack) => connack.put(version, sink),
            Packet::Publish(_) => unreachable!("a message is encoded in place"),
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                ack.put(body_len, sink);
            }
            Packet::Subscribe(subscribe) => subscribe.put(version, sink),
            Packet::Suback(suback) => suback.put(version, sink),
            Packet::Unsubscribe(unsubscribe) => unsubscribe.put(version, sink),
            Packet::Unsuback(unsuback) => unsuback.put(version, sink),
            Packet::Pingreq | Packet::Pingresp => {}
            Packet::Disconnect(disconnect) => disconnect.put(body_len, sink),
            Packet::Auth(auth) => auth.put(body_len, sink),
        }
    }
}

impl Publish<'_> {
    /// Appends the whole packet and returns how many bytes that were; on failure nothing is appended.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        let len = self.encode_start(version, out, self.payload.len())?;
        out.extend_from_slice(self.payload);
        Ok(len)
    }

    /// Appends all but the payload, and returns the size of the whole packet in bytes.
    ///
    /// What follows on the wire is the payload itself, which a driver writes from where it lies.
    #[inline]
    pub fn encode_header(&self, version: Version, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        self.encode_start(version, out, 0)
    }

    #[inline(always)]
    fn encode_start(
        &self,
        version: Version,
        out: &mut Vec<u8>,
        payload_reserve: usize,
    ) -> Result<usize, EncodeError> {
        let (header_len, properties_size) = self.header_len(version)?;
        let body_len = header_len + self.payload.len();
        let len = whole_len(body_len)?;
        let start = out.len();
        let start_len = len - self.payload.len();
        out.reserve(start_len + payload_reserve);
        let mut sink = Sink::new(grow(out, start_len));
        sink.u8((PacketKind::Publish as u8) << 4 | self.flags());
        sink.variable(body_len);
        sink.binary(self.topic.as_bytes());
        if let Some(id) = self.packet_id {
            sink.u16(id.get());
        }
        if version.has_properties() {
            self.properties.put(properties_size, &mut sink);
        }
        if sink.is_clean() {
            return Ok(len);
        }
        out.truncate(start);
        self.properties.check_text().map(|()| unreachable!("a string was refused"))
    }
}

#[inline]
fn whole_len(body_len: usize) -> Result<usize, EncodeError> {
    if body_len > REMAINING_LENGTH_MAX as usize {
        return Err(EncodeError::PacketTooLarge { size: body_len });
    }
    Ok(1 + variable_len(body_len) + body_len)
}
