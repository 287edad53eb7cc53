//! The floor: a hand-written walk over the fields that checks every string and does nothing else.
//!
//! It knows what comes and refuses only what it must to stay within its bounds; no codec can do less.

use std::hint::black_box;

/// Walks over one packet of a stream and returns where the next begins.
#[inline]
pub fn decode(stream: &[u8], is_v5: bool) -> Option<usize> {
    let first = *stream.first()?;
    let (remaining, at) = variable(stream, 1)?;
    let end = at + remaining;
    let frame = stream.get(..end)?;
    match first >> 4 {
        1 => connect(frame, at, is_v5)?,
        3 => publish(frame, at, first, is_v5)?,
        4..=7 => {
            black_box(u16_at(frame, at)?);
        }
        8 => subscribe(frame, at, is_v5)?,
        12 | 13 => {}
        _ => return None,
    }
    Some(end)
}

#[inline]
fn publish(frame: &[u8], at: usize, first: u8, is_v5: bool) -> Option<()> {
    let (topic, mut at) = string(frame, at)?;
    if topic.bytes().any(|byte| matches!(byte, b'+' | b'#')) {
        return None;
    }
    black_box(topic);
    if first & 0b0110 != 0 {
        black_box(u16_at(frame, at)?);
        at += 2;
    }
    if is_v5 {
        at = properties(frame, at)?;
    }
    black_box(frame.get(at..)?);
    Some(())
}

fn connect(frame: &[u8], at: usize, is_v5: bool) -> Option<()> {
    let (name, at) = string(frame, at)?;
    black_box(name);
    let flags = *frame.get(at + 1)?;
    black_box(u16_at(frame, at + 2)?);
    let mut at = at + 4;
    if is_v5 {
        at = properties(frame, at)?;
    }
    let (client_id, mut at) = string(frame, at)?;
    black_box(client_id);
    if flags & 0x04 != 0 {
        if is_v5 {
            at = properties(frame, at)?;
        }
        let (topic, next) = string(frame, at)?;
        black_box(topic);
        let (payload, next) = binary(frame, next)?;
        black_box(payload);
        at = next;
    }
    if flags & 0x80 != 0 {
        let (user_name, next) = string(frame, at)?;
        black_box(user_name);
        at = next;
    }
    if flags & 0x40 != 0 {
        black_box(binary(frame, at)?);
    }
    Some(())
}

fn subscribe(frame: &[u8], at: usize, is_v5: bool) -> Option<()> {
    black_box(u16_at(frame, at)?);
    let mut at = if is_v5 { properties(frame, at + 2)? } else { at + 2 };
    while at < frame.len() {
        let (filter, next) = string(frame, at)?;
        // Wildcards fill a level: after a slash or first, before a slash or last.
        let bytes = filter.as_bytes();
        for (index, byte) in bytes.iter().enumerate() {
            let is_free = (index == 0 || bytes[index - 1] == b'/')
                && bytes.get(index + 1).is_none_or(|next| *next == b'/' && *byte == b'+');
            if matches!(byte, b'+' | b'#') && !is_free {
                return None;
            }
        }
        black_box((filter, *frame.get(next)?));
        at = next + 1;
    }
    Some(())
}

/// Reads each property that the samples hold.
#[inline]
fn properties(frame: &[u8], at: usize) -> Option<usize> {
    let (len, mut at) = variable(frame, at)?;
    let end = at + len;
    while at < end {
        let id = *frame.get(at)?;
        at += 1;
        match id {
            0x01 => {
                black_box(*frame.get(at)?);
                at += 1;
            }
            0x02 => {
                black_box(frame.get(at..at + 4)?);
                at += 4;
            }
            0x03 | 0x08 => {
                let (text, next) = string(frame, at)?;
                black_box(text);
                at = next;
            }
            0x26 => {
                let (name, next) = string(frame, at)?;
                let (value, next) = string(frame, next)?;
                black_box((name, value));
                at = next;
            }
            _ => return None,
        }
    }
    Some(end)
}

#[inline]
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

#[inline]
fn u16_at(frame: &[u8], at: usize) -> Option<u16> {
    let bytes = frame.get(at..at + 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}

#[inline]
fn binary(frame: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let end = at + 2 + usize::from(u16_at(frame, at)?);
    Some((frame.get(at + 2..end)?, end))
}

#[inline]
fn string(frame: &[u8], at: usize) -> Option<(&str, usize)> {
    let (bytes, end) = binary(frame, at)?;
    let text = std::str::from_utf8(bytes).ok()?;
    if bytes.contains(&0) { None } else { Some((text, end)) }
}
