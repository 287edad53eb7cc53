//! From bytes to packets: how long the first packet is, and what one whole frame says.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::packet::{
    Ack, Auth, Connack, Connect, Disconnect, Packet, Publish, Suback, Subscribe, Unsuback, Unsubscribe,
};
use crate::types::{PacketKind, Sender, Version};
use crate::wire::{Fault, Form, Reader};

/// By which rules a frame is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The version of the connection; a CONNECT says its own.
    pub version: Version,
    /// Which side sent the frame, if known; what only the other side sends is then refused.
    pub sender: Option<Sender>,
}

/// Length in bytes of the first packet in `bytes`, or none if too few bytes are there to tell.
///
/// At most five bytes are looked at. A packet larger than `packet_size_max` bytes is refused, so that nobody
/// reserves memory for it.
#[inline]
pub fn frame_len(bytes: &[u8], packet_size_max: u32) -> Result<Option<usize>, DecodeError> {
    let mut reader = Reader::new(bytes, 1);
    let remaining = match reader.variable_in_any_form() {
        Ok((remaining, _)) => remaining,
        Err((DecodeErrorKind::Truncated, _)) => return Ok(None),
        Err(fault) => return Err(frame_error(bytes, fault)),
    };
    let size = reader.at() as u32 + remaining;
    if size > packet_size_max {
        return Err(frame_error(
            bytes,
            (DecodeErrorKind::PacketTooLarge { size, size_max: packet_size_max }, 1),
        ));
    }
    Ok(Some(size as usize))
}

/// Faults of the fixed header are the same in every version; 5.0 has the statements for them.
#[cold]
fn frame_error(bytes: &[u8], (kind, offset): Fault) -> DecodeError {
    let packet = bytes.first().and_then(|first| PacketKind::from_first_byte(*first));
    DecodeError { kind, packet, version: Version::V5_0, offset: offset as u32 }
}

/// Decodes one whole frame, as long as [`frame_len`] says, into a packet that borrows from it.
#[inline]
pub fn decode(frame: &[u8], context: Context) -> Result<Packet<'_>, DecodeError> {
    let mut version = context.version;
    match decode_frame(frame, &mut version, context.sender) {
        Ok(packet) => Ok(packet),
        Err((kind, offset)) => {
            let packet = frame.first().and_then(|first| PacketKind::from_first_byte(*first));
            Err(DecodeError { kind, packet, version, offset: offset as u32 })
        }
    }
}

#[inline]
fn decode_frame<'a>(
    frame: &'a [u8],
    version: &mut Version,
    sender: Option<Sender>,
) -> Result<Packet<'a>, Fault> {
    let mut reader = Reader::new(frame, 0);
    let first = reader.u8()?;
    let (remaining, form) = reader.variable_in_any_form()?;
    if frame.len() - reader.at() != remaining as usize {
        return Err((DecodeErrorKind::FrameLength, 1));
    }
    let Some(kind) = PacketKind::from_first_byte(first) else {
        return Err((DecodeErrorKind::PacketKind, 0));
    };
    if kind == PacketKind::Connect {
        *version = Connect::decode_version(&mut reader)?;
    }
    if form == Form::Overlong && version.has_properties() {
        return Err((DecodeErrorKind::IntegerOverlong, 1));
    }
    let flags = first & 0x0f;
    if kind == PacketKind::Publish {
        return Publish::decode(&mut reader, flags, *version, sender).map(Packet::Publish);
    }
    check_header(kind, flags, *version, sender)?;
    let packet = decode_body(kind, &mut reader, *version, sender)?;
    if reader.is_empty() { Ok(packet) } else { Err(reader.fault(DecodeErrorKind::TrailingBytes)) }
}

/// [5.0 MQTT-2.1.3-1] [3.1.1 MQTT-2.2.2-1] [3.1.1 MQTT-2.2.2-2]
#[inline]
fn check_header(kind: PacketKind, flags: u8, version: Version, sender: Option<Sender>) -> Result<(), Fault> {
    if kind == PacketKind::Auth && !version.has_properties() {
        return Err((DecodeErrorKind::PacketKind, 0));
    }
    // 3.1 gives these flags no meaning, and DUP may be set when a request is repeated.
    if flags != kind.flags() && version != Version::V3_1 {
        return Err((DecodeErrorKind::FixedHeaderFlags, 0));
    }
    match sender {
        Some(sender) if !kind.is_sent_by(sender, version) => Err((DecodeErrorKind::WrongSender, 0)),
        Some(_) | None => Ok(()),
    }
}

#[inline]
fn decode_body<'a>(
    kind: PacketKind,
    reader: &mut Reader<'a>,
    version: Version,
    sender: Option<Sender>,
) -> Result<Packet<'a>, Fault> {
    Ok(match kind {
        PacketKind::Connect => Packet::Connect(Connect::decode(reader, version)?),
        PacketKind::Connack => Packet::Connack(Connack::decode(reader, version)?),
        PacketKind::Publish => Packet::Publish(Publish::decode(reader, 0, version, sender)?),
        PacketKind::Puback => Packet::Puback(Ack::decode(reader, kind, version)?),
        PacketKind::Pubrec => Packet::Pubrec(Ack::decode(reader, kind, version)?),
        PacketKind::Pubrel => Packet::Pubrel(Ack::decode(reader, kind, version)?),
        PacketKind::Pubcomp => Packet::Pubcomp(Ack::decode(reader, kind, version)?),
        PacketKind::Subscribe => Packet::Subscribe(Subscribe::decode(reader, version)?),
        PacketKind::Suback => Packet::Suback(Suback::decode(reader, version)?),
        PacketKind::Unsubscribe => Packet::Unsubscribe(Unsubscribe::decode(reader, version)?),
        PacketKind::Unsuback => Packet::Unsuback(Unsuback::decode(reader, version)?),
        PacketKind::Pingreq => Packet::Pingreq,
        PacketKind::Pingresp => Packet::Pingresp,
        PacketKind::Disconnect => Packet::Disconnect(Disconnect::decode(reader, version, sender)?),
        PacketKind::Auth => Packet::Auth(Auth::decode(reader, sender)?),
    })
}
