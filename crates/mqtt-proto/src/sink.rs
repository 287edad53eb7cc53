//! Writing the wire's data types into memory whose size is known, and checking strings while they are copied.
//!
//! A string that may not be sent is noted and written nevertheless: it hardly ever happens, and whoever finds the
//! note afterwards throws away what was written and looks for the culprit.

use alloc::vec::Vec;

use crate::text::{self, HIGHS, zero_byte};

/// Has the highest bit of a byte set once a string held what it may not hold; the other bits mean nothing.
pub(crate) type Hits = u64;

/// A position in the memory of one packet.
pub(crate) struct Sink<'o> {
    /// What is still to be written.
    rest: &'o mut [u8],
    hits: Hits,
}

impl<'o> Sink<'o> {
    /// Writes into exactly these bytes.
    #[inline(always)]
    pub(crate) fn new(out: &'o mut [u8]) -> Sink<'o> {
        Sink { rest: out, hits: 0 }
    }

    /// Has the next bytes written elsewhere, so that this sink need not be in memory for it.
    #[inline(always)]
    pub(crate) fn part(&mut self, len: usize, put: impl FnOnce(Sink<'_>) -> Hits) {
        self.hits |= put(Sink::new(self.next(len)));
    }

    /// What was noted, for the sink that this one is a part of.
    #[inline(always)]
    pub(crate) fn hits(&self) -> Hits {
        self.hits
    }

    /// Whether all strings may be sent.
    #[inline(always)]
    pub(crate) fn is_clean(&self) -> bool {
        self.hits & HIGHS == 0
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self, value: u8) {
        self.next(1)[0] = value;
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self, value: u16) {
        self.next(2).copy_from_slice(&value.to_be_bytes());
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self, value: u32) {
        self.next(4).copy_from_slice(&value.to_be_bytes());
    }

    /// A variable byte integer of at most 268,435,455.
    #[inline(always)]
    pub(crate) fn variable(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }

    /// Bytes without a length in front.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        copy_plain(self.next(bytes.len()), bytes);
    }

    /// Bytes after their length, of which the caller knows that it is at most 65,535.
    #[inline(always)]
    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        copy_plain(self.field(bytes.len()), bytes);
    }

    /// A string, which may not hold U+0000. [5.0 MQTT-1.5.4-2] [3.1.1 MQTT-1.5.3-2]
    #[inline(always)]
    pub(crate) fn text(&mut self, text: &str) {
        self.hits |= copy(self.field(text.len()), text.as_bytes(), zero_byte);
    }

    /// A topic name, which may hold neither U+0000 nor a wildcard.
    #[inline(always)]
    pub(crate) fn name(&mut self, name: &str) {
        self.hits |= copy(self.field(name.len()), name.as_bytes(), text::zero_or_wildcard);
    }

    /// Writes the length of a field and gives the place for its bytes.
    #[inline(always)]
    fn field(&mut self, len: usize) -> &'o mut [u8] {
        let (length, bytes) = self.next(2 + len).split_at_mut(2);
        length.copy_from_slice(&(len as u16).to_be_bytes());
        bytes
    }

    #[inline(always)]
    fn next(&mut self, len: usize) -> &'o mut [u8] {
        let (next, rest) = core::mem::take(&mut self.rest).split_at_mut(len);
        self.rest = rest;
        next
    }
}

/// Appends that many bytes to be written, and gives them.
///
/// Where there is room, few bytes are appended in blocks and cut, which needs no call.
#[inline(always)]
pub(crate) fn grow(out: &mut Vec<u8>, len: usize) -> &mut [u8] {
    let start = out.len();
    let room = out.capacity() - start;
    if len <= 64 && room >= 64 {
        out.extend_from_slice(&[0; 64]);
        out.truncate(start + len);
    } else if len <= 128 && room >= 128 {
        out.extend_from_slice(&[0; 128]);
        out.truncate(start + len);
    } else {
        out.resize(start + len, 0);
    }
    &mut out[start..]
}

/// Copies bytes; sixteen at a time if they are few, and the last sixteen overlap those before them.
#[inline(always)]
fn copy_plain(to: &mut [u8], from: &[u8]) {
    if from.len() > SHORT {
        to.copy_from_slice(from);
    } else if let (Some(to_last), Some(last)) = (to.last_chunk_mut::<16>(), from.last_chunk::<16>()) {
        *to_last = *last;
        let (mut to, mut from) = (to, from);
        while let (Some((to_block, to_rest)), Some((block, rest))) =
            (to.split_first_chunk_mut::<16>(), from.split_first_chunk::<16>())
        {
            *to_block = *block;
            (to, from) = (to_rest, rest);
        }
    } else {
        copy(to, from, |_| 0);
    }
}

/// Copies bytes and gives what `hits` says of them, eight at a time.
///
/// A call to copy a few bytes costs more than copying them; the last eight overlap those before them.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8], hits: impl Fn(u64) -> u64) -> u64 {
    if from.len() > SHORT {
        to.copy_from_slice(from);
        return text::fold_words(from, hits);
    }
    if let (Some(to_last), Some(last)) = (to.last_chunk_mut::<8>(), from.last_chunk::<8>()) {
        *to_last = *last;
        let mut found = hits(u64::from_le_bytes(*last));
        let (mut to, mut from) = (to, from);
        while let (Some((to_word, to_rest)), Some((word, rest))) =
            (to.split_first_chunk_mut::<8>(), from.split_first_chunk::<8>())
        {
            *to_word = *word;
            found |= hits(u64::from_le_bytes(*word));
            (to, from) = (to_rest, rest);
        }
        return found;
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    text::fold_few(from, hits)
}

/// Up to here no call to copy is worth it, in bytes.
const SHORT: usize = 64;
