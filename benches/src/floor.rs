//! The floor: a hand-written walk over the fields that checks every string and does nothing else.
//!
//! It knows what comes and refuses only what it must to stay within its bounds; no codec can do less. Its strings stay
//! bytes, checked in one pass for what MQTT forbids; only what is not ASCII is given to the standard library.

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
    let (topic, mut at) = binary(frame, at)?;
    if !is_plain(topic, WILDCARD_BIT) {
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
        if !wildcards_are_free(filter) {
            return None;
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
fn string(frame: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (bytes, end) = binary(frame, at)?;
    if is_plain(bytes, 0) || is_text(bytes) { Some((bytes, end)) } else { None }
}

#[cold]
fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES << 7;

/// The bit in which `+` and `#` differ.
const WILDCARD_BIT: u8 = b'+' ^ b'#';

/// Whether all bytes are ASCII and none is U+0000, or with `WILDCARD_BIT` a wildcard.
#[inline(always)]
fn is_plain(bytes: &[u8], wildcard_bit: u8) -> bool {
    let hits = |word: u64| {
        let wildcard = (word | (ONES * u64::from(wildcard_bit))) ^ (ONES * u64::from(b'+'));
        let is_wildcard = if wildcard_bit == 0 { 0 } else { wildcard.wrapping_sub(ONES) };
        (word.wrapping_sub(ONES) | word | is_wildcard) & HIGHS
    };
    if let Some(last) = bytes.last_chunk::<8>() {
        let mut found = hits(u64::from_le_bytes(*last));
        let mut rest = bytes;
        while let Some((word, after)) = rest.split_first_chunk::<8>() {
            found |= hits(u64::from_le_bytes(*word));
            rest = after;
        }
        return found == 0;
    }
    bytes.iter().all(|byte| (1..0x80).contains(byte) && (wildcard_bit == 0 || !matches!(byte, b'+' | b'#')))
}

/// Whether wildcards fill a level: after a slash or first, before a slash or last. Eight bytes are searched at once.
#[inline(always)]
fn wildcards_are_free(filter: &[u8]) -> bool {
    let is_free = |at: usize| {
        let begins = at == 0 || filter[at - 1] == b'/';
        match (filter[at], filter.get(at + 1)) {
            (b'+', Some(b'/') | None) | (b'#', None) => begins,
            (b'+' | b'#', _) => false,
            _ => true,
        }
    };
    let mut at = 0;
    while let Some(word) = filter[at..].first_chunk::<8>() {
        let word = (u64::from_le_bytes(*word) | (ONES * u64::from(WILDCARD_BIT))) ^ (ONES * u64::from(b'+'));
        let mut found = word.wrapping_sub(ONES) & !word & HIGHS;
        while found != 0 {
            if !is_free(at + found.trailing_zeros() as usize / 8) {
                return false;
            }
            found &= found - 1;
        }
        at += 8;
    }
    (at..filter.len()).all(is_free)
}
