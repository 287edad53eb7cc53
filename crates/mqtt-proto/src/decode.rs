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
///
/// The frequent kinds are decoded in place; the rest is kept out of the caller's code.
#[inline]
pub fn decode(frame: &[u8], context: Context) -> Result<Packet<'_>, DecodeError> {
    let Context { version, sender } = context;
    match frame.first().copied().and_then(PacketKind::from_first_byte) {
        Some(PacketKind::Publish) => match decode_publish(frame, version, sender) {
            Ok(publish) => Ok(Packet::Publish(publish)),
            Err(fault) => Err(decode_error(frame, version, fault)),
        },
        Some(PacketKind::Puback) => decode_ack(frame, context, PacketKind::Puback, Packet::Puback),
        Some(PacketKind::Pubrec) => decode_ack(frame, context, PacketKind::Pubrec, Packet::Pubrec),
        Some(PacketKind::Pubrel) => decode_ack(frame, context, PacketKind::Pubrel, Packet::Pubrel),
        Some(PacketKind::Pubcomp) => decode_ack(frame, context, PacketKind::Pubcomp, Packet::Pubcomp),
        _ => decode_rare(frame, context),
    }
}

#[cold]
fn decode_error(frame: &[u8], version: Version, (kind, offset): Fault) -> DecodeError {
    let packet = frame.first().copied().and_then(PacketKind::from_first_byte);
    DecodeError { kind, packet, version, offset: offset as u32 }
}

/// Steps over the fixed header, whose remaining length must be that of the frame.
#[inline(always)]
fn read_fixed_header<'a>(frame: &'a [u8]) -> Result<(Reader<'a>, u8, Form), Fault> {
    let mut reader = Reader::new(frame, 0);
    let first = reader.u8()?;
    let (remaining, form) = reader.variable_in_any_form()?;
    if frame.len() - reader.at() != remaining as usize {
        return Err((DecodeErrorKind::FrameLength, 1));
    }
    Ok((reader, first & 0x0f, form))
}

/// [5.0 MQTT-1.5.5-1]
#[inline(always)]
fn check_form(form: Form, version: Version) -> Result<(), Fault> {
    if form == Form::Overlong && version.has_properties() {
        return Err((DecodeErrorKind::IntegerOverlong, 1));
    }
    Ok(())
}

#[inline(always)]
fn decode_publish(frame: &[u8], version: Version, sender: Option<Sender>) -> Result<Publish<'_>, Fault> {
    let (mut reader, flags, form) = read_fixed_header(frame)?;
    check_form(form, version)?;
    Publish::decode(&mut reader, flags, version, sender)
}

#[inline(always)]
fn decode_ack<'a>(
    frame: &'a [u8],
    context: Context,
    kind: PacketKind,
    wrap: impl FnOnce(Ack<'a>) -> Packet<'a>,
) -> Result<Packet<'a>, DecodeError> {
    let read = || {
        let (mut reader, flags, form) = read_fixed_header(frame)?;
        check_form(form, context.version)?;
        check_header(kind, flags, context.version, context.sender)?;
        let ack = Ack::decode(&mut reader, kind, context.version)?;
        check_end(&reader)?;
        Ok(ack)
    };
    match read() {
        Ok(ack) => Ok(wrap(ack)),
        Err(fault) => Err(decode_error(frame, context.version, fault)),
    }
}

#[inline(always)]
fn check_end(reader: &Reader<'_>) -> Result<(), Fault> {
    if reader.is_empty() { Ok(()) } else { Err(reader.fault(DecodeErrorKind::TrailingBytes)) }
}

/// [5.0 MQTT-2.1.3-1] [3.1.1 MQTT-2.2.2-1] [3.1.1 MQTT-2.2.2-2]
#[inline(always)]
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

#[inline(never)]
fn decode_rare(frame: &[u8], context: Context) -> Result<Packet<'_>, DecodeError> {
    let mut version = context.version;
    match decode_rare_frame(frame, &mut version, context.sender) {
        Ok(packet) => Ok(packet),
        Err(fault) => Err(decode_error(frame, version, fault)),
    }
}

#[inline(always)]
fn decode_rare_frame<'a>(
    frame: &'a [u8],
    version: &mut Version,
    sender: Option<Sender>,
) -> Result<Packet<'a>, Fault> {
    let (mut reader, flags, form) = read_fixed_header(frame)?;
    let Some(kind) = frame.first().copied().and_then(PacketKind::from_first_byte) else {
        return Err((DecodeErrorKind::PacketKind, 0));
    };
    if kind == PacketKind::Connect {
        *version = Connect::decode_version(&mut reader)?;
    }
    let version = *version;
    check_form(form, version)?;
    check_header(kind, flags, version, sender)?;
    let packet = match kind {
        PacketKind::Connect => Packet::Connect(Connect::decode(&mut reader, version)?),
        PacketKind::Connack => Packet::Connack(Connack::decode(&mut reader, version)?),
        PacketKind::Subscribe => Packet::Subscribe(Subscribe::decode(&mut reader, version)?),
        PacketKind::Suback => Packet::Suback(Suback::decode(&mut reader, version)?),
        PacketKind::Unsubscribe => Packet::Unsubscribe(Unsubscribe::decode(&mut reader, version)?),
        PacketKind::Unsuback => Packet::Unsuback(Unsuback::decode(&mut reader, version)?),
        PacketKind::Pingreq => Packet::Pingreq,
        PacketKind::Pingresp => Packet::Pingresp,
        PacketKind::Disconnect => Packet::Disconnect(Disconnect::decode(&mut reader, version, sender)?),
        PacketKind::Auth => Packet::Auth(Auth::decode(&mut reader, sender)?),
        PacketKind::Publish
        | PacketKind::Puback
        | PacketKind::Pubrec
        | PacketKind::Pubrel
        | PacketKind::Pubcomp => unreachable!("the frequent kinds are decoded in place"),
    };
    check_end(&reader)?;
    Ok(packet)
}
