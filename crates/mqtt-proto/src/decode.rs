//! From bytes to packets: how long the first packet is, and what one whole frame says.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::packet::{
    Ack, Auth, Connack, Connect, ConnectRef, Disconnect, Packet, Publish, Suback, Subscribe, Unsuback,
    Unsubscribe,
};
use crate::types::{Context, PacketId, PacketKind, Sender, Version};
use crate::wire::{Fault, Faulty, Form, Reader};

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

/// Takes the first packet off `bytes` and decodes it, or gives none if it is not all there.
///
/// This is [`frame_len`], the waiting for the rest, and [`decode`] in one step, which looks at the fixed header once: what
/// a read loop needs. At an error `bytes` stay as they are.
///
/// ```
/// use mqtt_proto::{Context, Packet, Version, decode_next};
///
/// let context = Context { version: Version::V5_0, sender: None };
/// let mut read: &[u8] = b"\xd0\0\x40\x02\0";
/// assert_eq!(decode_next(&mut read, 1024, context)?, Some(Packet::Pingresp));
/// assert_eq!(decode_next(&mut read, 1024, context)?, None);
/// assert_eq!(read, b"\x40\x02\0");
/// # Ok::<(), mqtt_proto::DecodeError>(())
/// ```
#[inline(always)]
pub fn decode_next<'a>(
    bytes: &mut &'a [u8],
    packet_size_max: u32,
    context: Context,
) -> Result<Option<Packet<'a>>, DecodeError> {
    if let [first, ACK_BODY, high, low, rest @ ..] = *bytes
        && packet_size_max >= ACK_SIZE
        && let Some(ack) = decode_ack(*first, [*high, *low])
    {
        *bytes = rest;
        return Ok(Some(ack));
    }
    let Some(header) = Header::read(bytes) else {
        return match check_header(bytes) {
            Ok(()) => Ok(None),
            Err(error) => Err(error),
        };
    };
    if header.end > packet_size_max as usize {
        let kind = DecodeErrorKind::PacketTooLarge { size: header.end as u32, size_max: packet_size_max };
        return Err(decode_error(bytes, Version::V5_0, (kind, 1)));
    }
    let Some((frame, rest)) = bytes.split_at_checked(header.end) else { return Ok(None) };
    if let Some(packet) = decode_plain(frame, header, context) {
        *bytes = rest;
        return Ok(Some(packet));
    }
    let packet = decode_other(frame, header.at, context)?;
    *bytes = rest;
    Ok(Some(packet))
}

/// Decodes one whole frame, as long as [`frame_len`] says, into a packet that borrows from it.
///
/// What a busy connection carries is decoded in place: messages and acknowledgements with nothing unusual about them.
/// The rest is kept out of the caller's code, and so is everything that finds out what is wrong with a packet.
#[inline(always)]
pub fn decode(frame: &[u8], context: Context) -> Result<Packet<'_>, DecodeError> {
    if let [first, ACK_BODY, high, low] = *frame
        && let Some(ack) = decode_ack(first, [high, low])
    {
        return Ok(ack);
    }
    match Header::read(frame) {
        Some(header) if header.end == frame.len() => match decode_plain(frame, header, context) {
            Some(packet) => Ok(packet),
            None => decode_other(frame, header.at, context),
        },
        Some(_) | None => decode_rare(frame, context),
    }
}

/// A fixed header.
#[derive(Clone, Copy)]
struct Header {
    /// Where the variable header begins.
    at: usize,
    /// Where the packet ends.
    end: usize,
    /// Whether the remaining length takes no more bytes than it must.
    is_shortest: bool,
}

impl Header {
    #[inline(always)]
    fn read(bytes: &[u8]) -> Option<Header> {
        let mut at = 1;
        let mut remaining = 0;
        for shift in [0, 7, 14, 21] {
            let byte = *bytes.get(at)?;
            at += 1;
            remaining |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(Header { at, end: at + remaining, is_shortest: byte > 0 || shift == 0 });
            }
        }
        None
    }
}

/// Whether a fixed header that cannot be read is only not all there.
#[cold]
#[inline(never)]
fn check_header(bytes: &[u8]) -> Result<(), DecodeError> {
    frame_len(bytes, u32::MAX).map(|_len| ())
}

/// What a busy connection carries, or none if there is anything unusual about the packet, broken or not.
#[inline(always)]
fn decode_plain<'a>(frame: &'a [u8], header: Header, context: Context) -> Option<Packet<'a>> {
    let first = *frame.first()?;
    if first >> 4 == PacketKind::Publish as u8 {
        if !header.is_shortest {
            return None;
        }
        return Some(Packet::Publish(Publish::decode_plain(frame, header.at, context)?));
    }
    match first {
        _ if frame.len() != 2 => None,
        PINGREQ if context.sender != Some(Sender::Server) => Some(Packet::Pingreq),
        PINGRESP if context.sender != Some(Sender::Client) => Some(Packet::Pingresp),
        _ => None,
    }
}

/// An acknowledgement that says success and nothing else; its kind and its packet identifier.
#[inline(always)]
fn decode_ack<'a>(first: u8, id: [u8; 2]) -> Option<Packet<'a>> {
    let ack = Ack::success(PacketId::new(u16::from_be_bytes(id))?);
    match first {
        PUBACK => Some(Packet::Puback(ack)),
        PUBREC => Some(Packet::Pubrec(ack)),
        PUBREL => Some(Packet::Pubrel(ack)),
        PUBCOMP => Some(Packet::Pubcomp(ack)),
        _ => None,
    }
}

/// Bytes behind the fixed header of an acknowledgement that only has a packet identifier.
const ACK_BODY: u8 = 2;

/// Size of such an acknowledgement in bytes.
const ACK_SIZE: u32 = 4;

const CONNECT: u8 = PacketKind::Connect.first_byte();
const PUBACK: u8 = PacketKind::Puback.first_byte();
const PUBREC: u8 = PacketKind::Pubrec.first_byte();
const PUBREL: u8 = PacketKind::Pubrel.first_byte();
const PUBCOMP: u8 = PacketKind::Pubcomp.first_byte();
const PINGREQ: u8 = PacketKind::Pingreq.first_byte();
const PINGRESP: u8 = PacketKind::Pingresp.first_byte();

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

/// A whole frame whose variable header begins at `at`, and with which a busy connection is not busy.
#[inline(never)]
fn decode_other(frame: &[u8], at: usize, context: Context) -> Result<Packet<'_>, DecodeError> {
    if let ([CONNECT, ..], Some(body)) = (frame, frame.get(at..))
        && at == 2
        && context.sender != Some(Sender::Server)
        && let Some(connect) = ConnectRef::decode_plain(body)
    {
        return Ok(Packet::Connect(connect));
    }
    decode_rare(frame, context)
}

/// Any frame, and what is wrong with it.
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
    if kind == PacketKind::Publish {
        return Ok(Packet::Publish(Publish::decode(reader, flags, version, sender)?));
    }
    check_flags(reader, kind, flags, version)?;
    if sender.is_some_and(|sender| !kind.is_sent_by(sender, version)) {
        return Err(reader.refuse(DecodeErrorKind::WrongSender, 0));
    }
    let packet = match kind {
        PacketKind::Connect => Packet::Connect(ConnectRef::decode(reader, version)?),
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
        PacketKind::Publish => unreachable!("it has no flags to check"),
    };
    check_end(reader)?;
    Ok(packet)
}

#[cfg(test)]
mod tests;
