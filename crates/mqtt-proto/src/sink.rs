//! Writing the wire's data types into memory whose size is known, and checking strings while they are copied.
//!
//! A string that may not be sent is noted and written nevertheless: it hardly ever happens, and whoever finds the
//! note afterwards throws away what was written and looks for the culprit.

use crate::text::{self, HIGHS, zero_byte};

/// A position in the memory of one packet.
pub(crate) struct Sink<'o> {
    out: &'o mut [u8],
    at: usize,
    /// Has the highest bit of a byte set once a string held what it may not hold.
    hits: u64,
}

impl<'o> Sink<'o> {
    /// Writes into exactly these bytes.
    #[inline(always)]
    pub(crate) fn new(out: &'o mut [u8]) -> Sink<'o> {
        Sink { out, at: 0, hits: 0 }
    }

    /// Whether all strings may be sent.
    #[inline(always)]
    pub(crate) fn is_clean(&self) -> bool {
        self.hits & HIGHS == 0
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self, value: u8) {
        self.out[self.at] = value;
        self.at += 1;
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
        copy(self.next(bytes.len()), bytes, |_| 0);
    }

    /// Bytes after their length, of which the caller knows that it is at most 65,535.
    #[inline(always)]
    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        self.u16(bytes.len() as u16);
        self.bytes(bytes);
    }

    /// A string, which may not hold U+0000. [5.0 MQTT-1.5.4-2] [3.1.1 MQTT-1.5.3-2]
    #[inline(always)]
    pub(crate) fn text(&mut self, text: &str) {
        self.u16(text.len() as u16);
        self.hits |= copy(self.next(text.len()), text.as_bytes(), zero_byte);
    }

    /// A topic name, which may hold neither U+0000 nor a wildcard.
    #[inline(always)]
    pub(crate) fn name(&mut self, name: &str) {
        self.u16(name.len() as u16);
        self.hits |= copy(self.next(name.len()), name.as_bytes(), text::zero_or_wildcard);
    }

    #[inline(always)]
    fn next(&mut self, len: usize) -> &mut [u8] {
        let start = self.at;
        self.at += len;
        &mut self.out[start..start + len]
    }
}

/// Copies bytes and gives what `hits` says of them, eight at a time.
///
/// A call to copy a few bytes costs more than copying them; the last eight overlap those before them.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8], hits: impl Fn(u64) -> u64) -> u64 {
    if from.len() >= LONG {
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

/// From here on a call to copy is worth it, in bytes.
const LONG: usize = 32;
