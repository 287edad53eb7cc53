//! Reading and writing the wire's data types: integers, strings, binary fields.
//!
//! [`Reader`] is one offset into the frame; every read checks its bound and a fault knows its offset. Strings are
//! checked eight bytes at a time for what MQTT forbids beyond ill-formed UTF-8.

use alloc::vec::Vec;

use crate::error::{DecodeErrorKind, EncodeError};

/// A fault at an offset; the caller adds packet and version.
pub(crate) type Fault = (DecodeErrorKind, usize);

/// Whether a variable byte integer has bytes that it does not need.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Shortest,
    Overlong,
}

/// A position in a frame.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(frame: &'a [u8], at: usize) -> Reader<'a> {
        Reader { frame, at }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.frame.len()
    }

    pub(crate) fn fault(&self, kind: DecodeErrorKind) -> Fault {
        (kind, self.at)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        match self.frame.get(self.at) {
            Some(&byte) => {
                self.at += 1;
                Ok(byte)
            }
            None => Err(self.fault(DecodeErrorKind::Truncated)),
        }
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        match self.frame.get(self.at..self.at + 2) {
            Some(&[high, low]) => {
                self.at += 2;
                Ok(u16::from_be_bytes([high, low]))
            }
            _ => Err(self.fault(DecodeErrorKind::Truncated)),
        }
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        match self.frame.get(self.at..self.at + 4) {
            Some(&[a, b, c, d]) => {
                self.at += 4;
                Ok(u32::from_be_bytes([a, b, c, d]))
            }
            _ => Err(self.fault(DecodeErrorKind::Truncated)),
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        match self.frame.get(self.at..self.at + len) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(self.fault(DecodeErrorKind::Truncated)),
        }
    }

    #[inline]
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.frame[self.at..];
        self.at = self.frame.len();
        rest
    }

    /// A variable byte integer in its shortest form. [5.0 MQTT-1.5.5-1]
    #[inline]
    pub(crate) fn variable(&mut self) -> Result<u32, Fault> {
        let start = self.at;
        match self.variable_in_any_form()? {
            (value, Form::Shortest) => Ok(value),
            (_, Form::Overlong) => Err((DecodeErrorKind::IntegerOverlong, start)),
        }
    }

    /// A variable byte integer; only 5.0 forbids forms that are longer than needed.
    #[inline]
    pub(crate) fn variable_in_any_form(&mut self) -> Result<(u32, Form), Fault> {
        let first = self.u8()?;
        if first < 0x80 { Ok((u32::from(first), Form::Shortest)) } else { self.variable_rest(first) }
    }

    fn variable_rest(&mut self, first: u8) -> Result<(u32, Form), Fault> {
        let start = self.at - 1;
        let mut value = u32::from(first & 0x7f);
        for shift in [7, 14, 21] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value, if byte == 0 { Form::Overlong } else { Form::Shortest }));
            }
        }
        Err((DecodeErrorKind::IntegerTooLong, start))
    }

    /// Binary data after a two byte length.
    #[inline]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], Fault> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A string that is not used as topic or filter.
    ///
    /// U+FEFF stays part of it. [5.0 MQTT-1.5.4-1] [5.0 MQTT-1.5.4-2] [5.0 MQTT-1.5.4-3]
    #[inline]
    pub(crate) fn string(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        let text = self.utf8()?;
        if has_nul(text.as_bytes()) {
            return Err(nul_fault(text, start).unwrap_or((DecodeErrorKind::NulInString, start)));
        }
        Ok(text)
    }

    /// A string of which only the UTF-8 form was checked.
    #[inline]
    pub(crate) fn utf8(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        let bytes = self.binary()?;
        core::str::from_utf8(bytes)
            .map_err(|error| (DecodeErrorKind::Utf8, start + LENGTH_SIZE + error.valid_up_to()))
    }
}

/// Size of the length in front of strings and binary data, in bytes.
const LENGTH_SIZE: usize = 2;

/// Where U+0000 stands in a string whose length starts at `start`.
#[cold]
pub(crate) fn nul_fault(text: &str, start: usize) -> Option<Fault> {
    let nul_at = text.find('\0')?;
    Some((DecodeErrorKind::NulInString, start + LENGTH_SIZE + nul_at))
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Nonzero if one of the eight bytes is zero.
const fn zero_byte(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Whether `hits` is nonzero for some eight bytes of `bytes`; fewer than eight are padded with `b'a'`.
///
/// The last eight bytes overlap those before them, so that no byte is looked at one by one.
#[inline(always)]
fn any_word(bytes: &[u8], hits: impl Fn(u64) -> u64) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        let short = bytes.iter().fold(PADDING, |word, byte| word << 8 | u64::from(*byte));
        return hits(short) != 0;
    };
    let mut found = hits(u64::from_le_bytes(*last));
    for word in bytes.chunks_exact(8) {
        if let Some(word) = word.first_chunk::<8>() {
            found |= hits(u64::from_le_bytes(*word));
        }
    }
    found != 0
}

/// Eight times `b'a'`, which no check looks for.
const PADDING: u64 = ONES * b'a' as u64;

/// Whether a string holds U+0000.
#[inline]
pub(crate) fn has_nul(bytes: &[u8]) -> bool {
    any_word(bytes, zero_byte)
}

/// Whether a string holds U+0000, `+` or `#`: what no topic name may hold.
///
/// The two wildcards differ in one bit, so one comparison finds both.
#[inline]
pub(crate) fn has_nul_or_wildcard(bytes: &[u8]) -> bool {
    const WILDCARD_BIT: u64 = ONES * (b'+' ^ b'#') as u64;
    const WILDCARDS: u64 = ONES * (b'+' | b'#') as u64;
    any_word(bytes, |word| zero_byte(word) | zero_byte((word | WILDCARD_BIT) ^ WILDCARDS))
}

/// Size of a variable byte integer in bytes; `value` is at most 268,435,455.
pub(crate) const fn variable_len(value: usize) -> usize {
    match value {
        0..128 => 1,
        128..16_384 => 2,
        16_384..2_097_152 => 3,
        _ => 4,
    }
}

/// Appends a variable byte integer of at most 268,435,455.
#[inline]
pub(crate) fn put_variable(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends binary data after its length; the size was checked by [`check_binary`].
#[inline]
pub(crate) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// The encoded size of a binary field, if it has one.
#[inline]
pub(crate) fn check_binary(bytes: &[u8]) -> Result<usize, EncodeError> {
    if bytes.len() > usize::from(u16::MAX) {
        Err(EncodeError::FieldTooLong { size: bytes.len() })
    } else {
        Ok(2 + bytes.len())
    }
}

/// The encoded size of a string field, if it has one. [5.0 MQTT-1.5.4-2]
#[inline]
pub(crate) fn check_string(text: &str) -> Result<usize, EncodeError> {
    if has_nul(text.as_bytes()) { Err(EncodeError::NulInString) } else { check_binary(text.as_bytes()) }
}
