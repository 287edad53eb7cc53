//! How numbers and bytes stand in a log: integers in seven bits a byte, the lowest first; bytes behind their length.

use alloc::vec::Vec;
use core::time::Duration;

pub(crate) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small numbers of either sign are short.
pub(crate) fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, (value << 1 ^ value >> 63) as u64);
}

pub(crate) fn put_usize(out: &mut Vec<u8>, value: usize) {
    put_u64(out, value as u64);
}

pub(crate) fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(value.into());
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_usize(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Stands for every masked byte: unlike 0 it may stand in any string.
pub(crate) const MASK: u8 = b'*';

/// Fewer masks than this are written as they are.
const RUN_MIN: usize = 8;

/// More masks than this are several runs, so that a damaged log cannot ask for any amount of memory.
const RUN_MAX: usize = 4096;

/// Bytes of which long runs may be masked: pieces of bytes, each with the number of masks behind it.
pub(crate) fn put_masked(out: &mut Vec<u8>, bytes: &[u8]) {
    put_usize(out, bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece_len, run_len) = next_run(rest);
        put_bytes(out, &rest[..piece_len]);
        put_usize(out, run_len);
        rest = &rest[piece_len + run_len..];
    }
}

/// Bytes in front of the next long run of masks, and its length.
fn next_run(bytes: &[u8]) -> (usize, usize) {
    let mut start = 0;
    while let Some(at) = bytes[start..].iter().position(|byte| *byte == MASK) {
        let masks = bytes[start + at..].iter().take(RUN_MAX).take_while(|byte| **byte == MASK).count();
        if masks >= RUN_MIN {
            return (start + at, masks);
        }
        start += at + masks;
    }
    (bytes.len(), 0)
}

pub(crate) fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    put_u64(out, duration.as_secs());
    put_u64(out, duration.subsec_nanos().into());
}

pub(crate) fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    put_bool(out, value.is_some());
    if let Some(value) = value {
        put(out, value);
    }
}

/// Why a log cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends in the middle of something.
    Short,
    /// No log says that.
    Bad,
}

pub(crate) type Read<T> = Result<T, Fault>;

/// A place in a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    log: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(log: &'a [u8], at: usize) -> Reader<'a> {
        Reader { log, at }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(len).ok_or(Fault::Bad)?;
        let bytes = self.log.get(self.at..end).ok_or(Fault::Short)?;
        self.at = end;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Read<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn bool(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Fault::Bad),
        }
    }

    pub(crate) fn u64(&mut self) -> Read<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Fault::Bad);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Fault::Bad)
    }

    pub(crate) fn i64(&mut self) -> Read<i64> {
        let value = self.u64()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A number of a smaller type.
    pub(crate) fn number<T: TryFrom<u64>>(&mut self) -> Read<T> {
        T::try_from(self.u64()?).map_err(|_| Fault::Bad)
    }

    pub(crate) fn bytes(&mut self) -> Read<&'a [u8]> {
        let len = self.number()?;
        self.take(len)
    }

    pub(crate) fn masked(&mut self) -> Read<Vec<u8>> {
        let len: usize = self.number()?;
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let piece = self.bytes()?;
            let run_len: usize = self.number()?;
            if piece.is_empty() && run_len == 0 || run_len > RUN_MAX {
                return Err(Fault::Bad);
            }
            bytes.extend_from_slice(piece);
            bytes.resize(bytes.len() + run_len, MASK);
        }
        if bytes.len() == len { Ok(bytes) } else { Err(Fault::Bad) }
    }

    pub(crate) fn text(&mut self) -> Read<&'a str> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Fault::Bad)
    }

    /// Eight bytes, the lowest first.
    pub(crate) fn digest(&mut self) -> Read<u64> {
        let bytes = self.take(8)?.try_into().map_err(|_| Fault::Bad)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub(crate) fn duration(&mut self) -> Read<Duration> {
        let secs = self.u64()?;
        match self.number()? {
            nanos @ 0..1_000_000_000 => Ok(Duration::new(secs, nanos)),
            _ => Err(Fault::Bad),
        }
    }

    pub(crate) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if self.bool()? { read(self).map(Some) } else { Ok(None) }
    }
}
