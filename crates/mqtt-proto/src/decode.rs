//! From bytes to packets: how long the first packet is, and what one whole frame says.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::packet::{
    Ack, Auth, Connack, Connect, Disconnect, Packet, Publish, Suback, Subscribe, Unsuback, Unsubscribe,
};
use crate::types::{PacketId, PacketKind, Sender, Version};
use crate::wire::{Fault, Faulty, Form, Reader};

/// By which rules a frame is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The version of the connection; a CONNECT says its own.
    pub version: Version,
    /// Which side sent the frame, if known; what only the other side sends is then refused.
    pub sender: Option<Sender>,
}

/// Length in bytes of the first packet in `bytes`, or none if more bytes are needed to know.
///
/// At most five bytes are looked at. A packet larger than `packet_size_max` bytes is refused, so that nobody
/// reserves memory for it.
#[inline(always)]
pub fn frame_len(bytes: &[u8], packet_size_max: u32) -> Result<Option<usize>, DecodeError> {
    let mut reader = Reader::new(bytes, 1);
    let Ok((remaining, _form)) = reader.variable_in_any_form() else {
        return match reader.fault() {
            (DecodeErrorKind::Truncated, _) => Ok(None),
            fault => Err(decode_error(bytes, Version::V5_0, fault)),
        };
    };
    let size = reader.at() as u32 + remaining;
    if size > packet_size_max {
        let kind = DecodeErrorKind::PacketTooLarge { size, size_max: packet_size_max };
        // Faults of the fixed header are the same in every version; 5.0 has the statements for them.
        return Err(decode_error(bytes, Version::V5_0, (kind, 1)));
    }
    Ok(Some(size as usize))
}

#[cold]
#[inline(never)]
fn decode_error(frame: &[u8], version: Version, (kind, offset): Fault) -> DecodeError {
    let packet = frame.first().copied().and_then(PacketKind::from_first_byte);
    DecodeError { kind, packet, version, offset: offset as u32 }
}

/// Decodes one whole frame, as long as [`frame_len`] says, into a packet that borrows from it.
///
/// What a busy connection carries is decoded in place: messages, and acknowledgements that say success. The rest is
/// kept out of the caller's code.
#[inline(always)]
pub fn decode(frame: &[u8], context: Context) -> Result<Packet<'_>, DecodeError> {
    let Context { version, sender } = context;
    if let [first, 2, high, low] = *frame {
        match (first, PacketId::new(u16::from_be_bytes([high, low]))) {
            (PUBACK, Some(id)) => return Ok(Packet::Puback(Ack::success(id))),
            (PUBREC, Some(id)) => return Ok(Packet::Pubrec(Ack::success(id))),
            (PUBREL, Some(id)) => return Ok(Packet::Pubrel(Ack::success(id))),
            (PUBCOMP, Some(id)) => return Ok(Packet::Pubcomp(Ack::success(id))),
            _ => {}
        }
    }
    if frame.first().is_none_or(|first| first >> 4 != PacketKind::Publish as u8) {
        return decode_rare(frame, context);
    }
    let mut reader = Reader::new(frame, 0);
    match decode_publish(&mut reader, version, sender) {
        Ok(publish) => Ok(Packet::Publish(publish)),
        Err(Faulty) => Err(decode_error(frame, version, reader.fault())),
    }
}

const PUBACK: u8 = PacketKind::Puback.first_byte();
const PUBREC: u8 = PacketKind::Pubrec.first_byte();
const PUBREL: u8 = PacketKind::Pubrel.first_byte();
const PUBCOMP: u8 = PacketKind::Pubcomp.first_byte();

/// Steps over the fixed header, whose remaining length must be that of the frame.
#[inline(always)]
fn read_fixed_header(reader: &mut Reader<'_>) -> Result<(u8, Form), Faulty> {
    let first = reader.u8()?;
    let (remaining, form) = reader.variable_in_any_form()?;
    if reader.remaining() != remaining as usize {
        return Err(reader.refuse(DecodeErrorKind::FrameLength, 1));
    }
    Ok((first & 0x0f, form))
}

/// [5.0 MQTT-1.5.5-1]
#[inline(always)]
fn check_form(reader: &mut Reader<'_>, form: Form, version: Version) -> Result<(), Faulty> {
    if form == Form::Overlong && version.has_properties() {
        return Err(reader.refuse(DecodeErrorKind::IntegerOverlong, 1));
    }
    Ok(())
}

#[inline(always)]
fn decode_publish<'a>(
    reader: &mut Reader<'a>,
    version: Version,
    sender: Option<Sender>,
) -> Result<Publish<'a>, Faulty> {
    let (flags, form) = read_fixed_header(reader)?;
    check_form(reader, form, version)?;
    Publish::decode(reader, flags, version, sender)
}

#[inline(always)]
fn check_end(reader: &mut Reader<'_>) -> Result<(), Faulty> {
    if reader.is_empty() { Ok(()) } else { Err(reader.refuse_here(DecodeErrorKind::TrailingBytes)) }
}

/// [5.0 MQTT-2.1.3-1] [3.1.1 MQTT-2.2.2-1] [3.1.1 MQTT-2.2.2-2]
#[inline(always)]
fn check_flags(reader: &mut Reader<'_>, kind: PacketKind, flags: u8, version: Version) -> Result<(), Faulty> {
    // 3.1 gives these flags no meaning, and DUP may be set when a request is repeated.
    if flags != kind.flags() && version != Version::V3_1 {
        return Err(reader.refuse(DecodeErrorKind::FixedHeaderFlags, 0));
    }
    Ok(())
}

#[inline(never)]
fn decode_rare(frame: &[u8], context: Context) -> Result<Packet<'_>, DecodeError> {
    let mut version = context.version;
    let mut reader = Reader::new(frame, 0);
    match decode_rare_frame(&mut reader, &mut version, context.sender) {
        Ok(packet) => Ok(packet),
        Err(Faulty) => Err(decode_error(frame, version, reader.fault())),
    }
}

#[inline(always)]
fn decode_rare_frame<'a>(
    reader: &mut Reader<'a>,
    version: &mut Version,
    sender: Option<Sender>,
) -> Result<Packet<'a>, Faulty> {
    let first = reader.peek();
    let (flags, form) = read_fixed_header(reader)?;
    let Some(kind) = PacketKind::from_first_byte(first) else {
        return Err(reader.refuse(DecodeErrorKind::PacketKind, 0));
    };
    if kind == PacketKind::Connect {
        *version = Connect::decode_version(reader)?;
    }
    let version = *version;
    check_form(reader, form, version)?;
    if kind == PacketKind::Auth && !version.has_properties() {
        return Err(reader.refuse(DecodeErrorKind::PacketKind, 0));
    }
    check_flags(reader, kind, flags, version)?;
    if sender.is_some_and(|sender| !kind.is_sent_by(sender, version)) {
        return Err(reader.refuse(DecodeErrorKind::WrongSender, 0));
    }
    let packet = match kind {
        PacketKind::Connect => Packet::Connect(Connect::decode(reader, version)?),
        PacketKind::Connack => Packet::Connack(Connack::decode(reader, version)?),
        PacketKind::Subscribe => Packet::Subscribe(Subscribe::decode(reader, version)?),
        PacketKind::Suback => Packet::Suback(Suback::decode(reader, version)?),
        PacketKind::Unsubscribe => Packet::Unsubscribe(Unsubscribe::decode(reader, version)?),
        PacketKind::Unsuback => Packet::Unsuback(Unsuback::decode(reader, version)?),
        PacketKind::Pingreq => Packet::Pingreq,
        PacketKind::Pingresp => Packet::Pingresp,
        PacketKind::Disconnect => Packet::Disconnect(Disconnect::decode(reader, version, sender)?),
        PacketKind::Auth => Packet::Auth(Auth::decode(reader, sender)?),
        PacketKind::Puback => Packet::Puback(Ack::decode(reader, kind, version)?),
        PacketKind::Pubrec => Packet::Pubrec(Ack::decode(reader, kind, version)?),
        PacketKind::Pubrel => Packet::Pubrel(Ack::decode(reader, kind, version)?),
        PacketKind::Pubcomp => Packet::Pubcomp(Ack::decode(reader, kind, version)?),
        PacketKind::Publish => unreachable!("a message is decoded in place"),
    };
    check_end(reader)?;
    Ok(packet)
}
