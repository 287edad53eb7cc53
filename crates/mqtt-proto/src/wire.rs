//! Reading and writing the wire's data types: integers, strings, binary fields.
//!
//! [`Reader`] is one offset into the frame; every read checks its bound and a fault knows its offset.

use crate::error::{DecodeErrorKind, EncodeError};
use crate::text;

/// A fault at an offset; the caller adds packet and version.
pub(crate) type Fault = (DecodeErrorKind, usize);

/// Says that the reader holds a fault.
///
/// Results stay small this way: a fault that travelled in them would make each packet take the way over memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faulty;

/// Whether a variable byte integer has bytes that it does not need.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Shortest,
    Overlong,
}

/// A position in a frame, and the fault that ended the reading.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
    fault: Fault,
}

impl<'a> Reader<'a> {
    #[inline(always)]
    pub(crate) fn new(frame: &'a [u8], at: usize) -> Reader<'a> {
        Reader { frame, at, fault: (DecodeErrorKind::Truncated, 0) }
    }

    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Bytes that are left.
    #[inline(always)]
    pub(crate) fn remaining(&self) -> usize {
        self.frame.len() - self.at
    }

    /// The next byte, or 0 behind the last.
    #[inline(always)]
    pub(crate) fn peek(&self) -> u8 {
        self.frame.get(self.at).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.frame.len()
    }

    /// What is wrong, once a read was [`Faulty`].
    #[inline(always)]
    pub(crate) fn fault(&self) -> Fault {
        self.fault
    }

    #[inline(always)]
    pub(crate) fn refuse(&mut self, kind: DecodeErrorKind, at: usize) -> Faulty {
        self.fault = (kind, at);
        Faulty
    }

    #[inline(always)]
    pub(crate) fn refuse_here(&mut self, kind: DecodeErrorKind) -> Faulty {
        self.refuse(kind, self.at)
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self) -> Result<u8, Faulty> {
        match self.frame.get(self.at) {
            Some(&byte) => {
                self.at += 1;
                Ok(byte)
            }
            None => Err(self.refuse_here(DecodeErrorKind::Truncated)),
        }
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self) -> Result<u16, Faulty> {
        match self.frame.get(self.at..).and_then(<[u8]>::first_chunk) {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(u16::from_be_bytes(*bytes))
            }
            None => Err(self.refuse_here(DecodeErrorKind::Truncated)),
        }
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Faulty> {
        match self.frame.get(self.at..self.at + len) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(self.refuse_here(DecodeErrorKind::Truncated)),
        }
    }

    #[inline(always)]
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.frame.get(self.at..).unwrap_or_default();
        self.at = self.frame.len();
        rest
    }

    /// A variable byte integer in its shortest form. [5.0 MQTT-1.5.5-1]
    #[inline(always)]
    pub(crate) fn variable(&mut self) -> Result<u32, Faulty> {
        let start = self.at;
        match self.variable_in_any_form()? {
            (value, Form::Shortest) => Ok(value),
            (_, Form::Overlong) => Err(self.refuse(DecodeErrorKind::IntegerOverlong, start)),
        }
    }

    /// A variable byte integer; only 5.0 forbids forms that are longer than needed.
    #[inline(always)]
    pub(crate) fn variable_in_any_form(&mut self) -> Result<(u32, Form), Faulty> {
        let start = self.at;
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let is_shortest = byte > 0 || shift == 0;
                return Ok((value, if is_shortest { Form::Shortest } else { Form::Overlong }));
            }
        }
        Err(self.refuse(DecodeErrorKind::IntegerTooLong, start))
    }

    /// Binary data after a two byte length.
    #[inline(always)]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], Faulty> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A string that is not used as topic or filter, left as the bytes that were checked.
    ///
    /// U+FEFF stays part of it. [5.0 MQTT-1.5.4-1] [5.0 MQTT-1.5.4-2] [5.0 MQTT-1.5.4-3]
    #[inline(always)]
    pub(crate) fn text(&mut self) -> Result<&'a [u8], Faulty> {
        let start = self.at;
        let bytes = self.binary()?;
        if !text::is_plain(bytes) {
            check_text(bytes, start).map_err(|(kind, at)| self.refuse(kind, at))?;
        }
        Ok(bytes)
    }

    /// All from there to here.
    #[inline(always)]
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.frame.get(start..self.at).unwrap_or_default()
    }
}

/// What stands behind its two byte length, and the rest.
#[inline(always)]
pub(crate) fn split_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

/// Size of the length in front of strings and binary data, in bytes.
const LENGTH_SIZE: usize = 2;

/// Checks a string that is not plain for its form and for U+0000; its length starts at `start`.
#[inline(never)]
pub(crate) fn check_text(bytes: &[u8], start: usize) -> Result<(), Fault> {
    match core::str::from_utf8(bytes) {
        Ok(_) if !text::has_nul(bytes) => Ok(()),
        Ok(_) | Err(_) => Err(text_fault(bytes, start, DecodeErrorKind::NulInString)),
    }
}

/// The fault of a string whose length starts at `start`: its form, or U+0000, or else `kind`.
#[cold]
pub(crate) fn text_fault(bytes: &[u8], start: usize, kind: DecodeErrorKind) -> Fault {
    if let Err(error) = core::str::from_utf8(bytes) {
        return (DecodeErrorKind::Utf8, start + LENGTH_SIZE + error.valid_up_to());
    }
    match bytes.iter().position(|byte| *byte == 0) {
        Some(nul_at) => (DecodeErrorKind::NulInString, start + LENGTH_SIZE + nul_at),
        None => (kind, start),
    }
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

/// The encoded size of a string or binary field, if it has one.
#[inline]
pub(crate) fn field_size(bytes: &[u8]) -> Result<usize, EncodeError> {
    if bytes.len() > usize::from(u16::MAX) {
        Err(EncodeError::FieldTooLong { size: bytes.len() })
    } else {
        Ok(2 + bytes.len())
    }
}
