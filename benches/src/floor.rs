//! The floor: a hand-written walk over the fields that checks every string, hands on what it found, and does no more.
//!
//! It knows what comes and refuses only what it must to stay within its bounds; no codec can do less. Its packets are
//! small, and their strings stay bytes, checked in one pass for what MQTT forbids; only what is not ASCII is given to
//! the standard library. Lists, properties and the fields of CONNECT stay as they lie, and are walked when they are read.

mod text;

use text::{WILDCARD_BIT, is_plain, is_text, wildcards_are_free};

/// A packet as the floor hands it on.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// The connect flags, and what follows the client's properties.
    Connect {
        /// The connect flags.
        flags: u8,
        /// From the client identifier on.
        fields: &'a [u8],
    },
    /// A message.
    Publish {
        /// Where it goes.
        topic: &'a [u8],
        /// 0 for none.
        id: u16,
        /// The section without its length.
        properties: &'a [u8],
        /// The message itself.
        payload: &'a [u8],
    },
    /// One of the four acknowledgements.
    Ack(u16),
    /// A request for messages.
    Subscribe {
        /// Names the request.
        id: u16,
        /// Filters and options.
        filters: &'a [u8],
    },
    /// PINGREQ or PINGRESP.
    Ping,
}

/// Takes the next packet off the input, if a whole one is there.
#[inline(always)]
pub fn decode<'a>(input: &mut &'a [u8], is_v5: bool) -> Option<Packet<'a>> {
    let first = *input.first()?;
    let (remaining, at) = variable(input, 1)?;
    let (frame, rest) = input.split_at_checked(at + remaining)?;
    let packet = match first >> 4 {
        1 => connect(frame, at, is_v5)?,
        3 => publish(frame, at, first, is_v5)?,
        4..=7 => Packet::Ack(u16_at(frame, at)?),
        8 => subscribe(frame, at, is_v5)?,
        12 | 13 => Packet::Ping,
        _ => return None,
    };
    *input = rest;
    Some(packet)
}

#[inline(always)]
fn publish(frame: &[u8], at: usize, first: u8, is_v5: bool) -> Option<Packet<'_>> {
    let (topic, mut at) = binary(frame, at)?;
    if !is_plain(topic, WILDCARD_BIT) {
        return None;
    }
    let mut id = 0;
    if first & 0b0110 != 0 {
        id = u16_at(frame, at)?;
        at += 2;
    }
    let mut properties: &[u8] = &[];
    if is_v5 {
        (properties, at) = checked_properties(frame, at)?;
    }
    Some(Packet::Publish { topic, id, properties, payload: frame.get(at..)? })
}

fn connect(frame: &[u8], at: usize, is_v5: bool) -> Option<Packet<'_>> {
    let (_name, at) = string(frame, at)?;
    let flags = *frame.get(at + 1)?;
    let mut at = at + 4;
    if is_v5 {
        at = checked_properties(frame, at)?.1;
    }
    let fields = frame.get(at..)?;
    let (_client_id, mut at) = string(fields, 0)?;
    if flags & WILL != 0 {
        if is_v5 {
            at = checked_properties(fields, at)?.1;
        }
        let (_topic, next) = string(fields, at)?;
        at = binary(fields, next)?.1;
    }
    if flags & USER_NAME != 0 {
        at = string(fields, at)?.1;
    }
    if flags & PASSWORD != 0 {
        binary(fields, at)?;
    }
    Some(Packet::Connect { flags, fields })
}

fn subscribe(frame: &[u8], at: usize, is_v5: bool) -> Option<Packet<'_>> {
    let id = u16_at(frame, at)?;
    let at = if is_v5 { checked_properties(frame, at + 2)?.1 } else { at + 2 };
    let filters = frame.get(at..)?;
    let mut at = 0;
    while at < filters.len() {
        let (filter, next) = string(filters, at)?;
        if !wildcards_are_free(filter) {
            return None;
        }
        at = next + 1;
    }
    Some(Packet::Subscribe { id, filters })
}

/// Reads all that a user reads; what was checked is walked once more and not checked again.
#[inline(always)]
pub fn read(packet: &Packet<'_>, is_v5: bool) -> u64 {
    let sum = match *packet {
        Packet::Publish { topic, id, properties, payload } => {
            topic.len() + payload.len() + usize::from(id) + read_properties(properties)
        }
        Packet::Ack(id) => usize::from(id),
        Packet::Subscribe { id, filters } => {
            let (mut sum, mut at) = (usize::from(id), 0);
            while let Some((filter, next)) = binary(filters, at) {
                sum += filter.len() + usize::from(filters[next] & 0b11);
                at = next + 1;
            }
            sum
        }
        Packet::Connect { flags, fields } => read_connect(flags, fields, is_v5).unwrap_or_default(),
        Packet::Ping => 1,
    };
    sum as u64
}

#[inline(always)]
fn read_connect(flags: u8, fields: &[u8], is_v5: bool) -> Option<usize> {
    let (client_id, mut at) = binary(fields, 0)?;
    let mut sum = client_id.len();
    if flags & WILL != 0 {
        if is_v5 {
            let (len, next) = variable(fields, at)?;
            at = next + len;
        }
        let (topic, next) = binary(fields, at)?;
        let (payload, next) = binary(fields, next)?;
        sum += topic.len() + payload.len();
        at = next;
    }
    if flags & USER_NAME != 0 {
        let (user_name, next) = binary(fields, at)?;
        sum += user_name.len();
        at = next;
    }
    if flags & PASSWORD != 0 {
        sum += binary(fields, at)?.0.len();
    }
    Some(sum)
}

/// The section and what follows it; checks the properties that the samples hold.
#[inline(always)]
fn checked_properties(frame: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (len, at) = variable(frame, at)?;
    if len == 0 {
        return Some((&[], at));
    }
    let section = frame.get(at..at + len)?;
    walk_properties(section, is_text_plain)?;
    Some((section, at + len))
}

#[inline(always)]
fn read_properties(section: &[u8]) -> usize {
    if section.is_empty() { 0 } else { walk_properties(section, |_| true).unwrap_or_default() }
}

/// Sums up the values, if `is_good` says so of each string.
#[inline(always)]
fn walk_properties(section: &[u8], is_good: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let (mut sum, mut at) = (0, 0);
    while at < section.len() {
        let strings = match section[at] {
            0x01 => {
                sum += usize::from(*section.get(at + 1)?);
                at += 2;
                0
            }
            0x02 => {
                let secs = *section.get(at + 1..)?.first_chunk()?;
                sum += u32::from_be_bytes(secs) as usize;
                at += 5;
                0
            }
            0x03 | 0x08 => 1,
            0x26 => 2,
            _ => return None,
        };
        at += usize::from(strings > 0);
        for _ in 0..strings {
            let (text, next) = binary(section, at)?;
            if !is_good(text) {
                return None;
            }
            sum += text.len();
            at = next;
        }
    }
    Some(sum)
}

#[inline(always)]
fn variable(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

#[inline(always)]
fn u16_at(frame: &[u8], at: usize) -> Option<u16> {
    frame.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

#[inline(always)]
fn binary(frame: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let end = at + 2 + usize::from(u16_at(frame, at)?);
    Some((frame.get(at + 2..end)?, end))
}

#[inline(always)]
fn string(frame: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (bytes, end) = binary(frame, at)?;
    if is_text_plain(bytes) { Some((bytes, end)) } else { None }
}

#[inline(always)]
fn is_text_plain(bytes: &[u8]) -> bool {
    is_plain(bytes, 0) || is_text(bytes)
}

/// Bits of the connect flags.
const USER_NAME: u8 = 0x80;
const PASSWORD: u8 = 0x40;
const WILL: u8 = 0x04;
