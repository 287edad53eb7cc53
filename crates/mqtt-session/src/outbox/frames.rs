//! Memory for the frames of messages, one behind the other in pieces of about one size: it grows without moving what is
//! in it, and what lies in front of the first message is used again.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Frames in the order in which they were put in. A frame begins in one of the first [`SEGMENT`] bytes of a segment and
/// ends in the same one.
#[derive(Debug)]
pub(super) struct Frames {
    /// The first segment, on its own since it is all that a short queue has.
    first: Vec<u8>,
    /// Its number. Those of later ones follow.
    number: u16,
    rest: VecDeque<Vec<u8>>,
    /// An empty one, to be used next.
    spare: Option<Vec<u8>>,
    len: usize,
}

/// Where a frame begins: the number of its segment, and the offset there in [`OFFSET_BITS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameAt(u32);

const OFFSET_BITS: u32 = 16;

/// A segment that has so many bytes takes no further frame.
const SEGMENT: usize = 1 << OFFSET_BITS;

/// What a segment has room for: most frames that begin near its end, too.
const CAPACITY: usize = SEGMENT + 8 * 1024;

impl FrameAt {
    #[inline]
    const fn new(number: u16, offset: usize) -> FrameAt {
        FrameAt((number as u32) << OFFSET_BITS | offset as u32)
    }

    #[inline]
    const fn number(self) -> u16 {
        (self.0 >> OFFSET_BITS) as u16
    }

    #[inline]
    const fn offset(self) -> usize {
        self.0 as usize & (SEGMENT - 1)
    }
}

impl Frames {
    pub(super) const fn new() -> Frames {
        Frames { first: Vec::new(), number: 0, rest: VecDeque::new(), spare: None, len: 0 }
    }

    /// Bytes of all frames.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Whether no frame can be told from all others any more.
    pub(super) fn is_full(&self) -> bool {
        self.rest.len() + 1 >= usize::from(u16::MAX)
    }

    /// Has `put` append a frame, which stays if that succeeds: where it begins, and what `put` returned.
    #[inline]
    pub(super) fn append<T, E>(
        &mut self,
        put: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
    ) -> Result<(FrameAt, T), E> {
        let (number, segment) = self.open_segment();
        let start = segment.len();
        match put(segment) {
            Ok(value) => {
                let len = segment.len() - start;
                self.len += len;
                Ok((FrameAt::new(number, start), value))
            }
            Err(error) => {
                segment.truncate(start);
                Err(error)
            }
        }
    }

    /// Appends a copy of the first bytes of a frame.
    pub(super) fn put_again(&mut self, at: FrameAt, len: usize) -> FrameAt {
        let bytes = at.offset()..at.offset() + len;
        let (number, segment) = self.open_segment();
        let start = segment.len();
        if at.number() == number {
            segment.extend_from_within(bytes);
        } else {
            let mut segment = core::mem::take(segment);
            segment.extend_from_slice(&self.from(at)[..len]);
            *self.rest.back_mut().unwrap_or(&mut self.first) = segment;
        }
        self.len += len;
        FrameAt::new(number, start)
    }

    /// The segment that takes the next frame, and its number.
    #[inline]
    fn open_segment(&mut self) -> (u16, &mut Vec<u8>) {
        if self.rest.is_empty() && self.first.len() < SEGMENT {
            return (self.number, &mut self.first);
        }
        self.open_last()
    }

    #[cold]
    fn open_last(&mut self) -> (u16, &mut Vec<u8>) {
        if self.rest.back().is_none_or(|last| last.len() >= SEGMENT) {
            self.rest.push_back(self.spare.take().unwrap_or_else(|| Vec::with_capacity(CAPACITY)));
        }
        let number = self.number.wrapping_add(self.rest.len() as u16);
        (number, self.rest.back_mut().unwrap_or(&mut self.first))
    }

    /// The bytes from the beginning of a frame to the end of its segment.
    #[inline]
    pub(super) fn from(&self, at: FrameAt) -> &[u8] {
        let behind = at.number().wrapping_sub(self.number);
        let segment = if behind == 0 { &self.first } else { &self.rest[usize::from(behind) - 1] };
        &segment[at.offset()..]
    }

    /// That is where the first frame begins from now on.
    #[inline]
    pub(super) fn advance(&mut self, at: FrameAt) {
        if self.number != at.number() {
            self.advance_to(at.number());
        }
    }

    #[cold]
    fn advance_to(&mut self, number: u16) {
        while self.number != number {
            self.number = self.number.wrapping_add(1);
            let next = self.rest.pop_front().unwrap_or_default();
            let segment = core::mem::replace(&mut self.first, next);
            self.set_spare(segment);
        }
    }

    fn set_spare(&mut self, mut segment: Vec<u8>) {
        self.len -= segment.len();
        // One that was made for a huge frame is given back.
        if segment.capacity() <= 2 * CAPACITY {
            segment.clear();
            self.spare = Some(segment);
        }
    }

    /// The frame that begins there has ended, and all behind it.
    pub(super) fn truncate(&mut self, at: FrameAt) {
        let behind = usize::from(at.number().wrapping_sub(self.number));
        while self.rest.len() > behind {
            let segment = self.rest.pop_back().unwrap_or_default();
            self.set_spare(segment);
        }
        let last = self.rest.back_mut().unwrap_or(&mut self.first);
        self.len -= last.len().saturating_sub(at.offset());
        last.truncate(at.offset());
    }

    /// All frames have ended.
    #[inline]
    pub(super) fn clear(&mut self) {
        if !self.rest.is_empty() {
            self.advance_to(self.number.wrapping_add(self.rest.len() as u16));
        }
        self.first.clear();
        self.len = 0;
    }
}
