//! Memory for the frames of messages, one behind the other in pieces of about one size: it grows without moving what is
//! in it, and what lies in front of the first message is used again.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Frames in the order in which they were put in.
#[derive(Debug)]
pub(super) struct Frames {
    /// A frame begins in one of the first [`SEGMENT`] bytes and ends in the same segment.
    segments: VecDeque<Vec<u8>>,
    /// The number of the first segment. Those of later ones follow.
    first: u16,
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
    const fn segment(self) -> u16 {
        (self.0 >> OFFSET_BITS) as u16
    }

    #[inline]
    const fn offset(self) -> usize {
        self.0 as usize & (SEGMENT - 1)
    }
}

impl Frames {
    pub(super) const fn new() -> Frames {
        Frames { segments: VecDeque::new(), first: 0, spare: None, len: 0 }
    }

    /// Bytes of all frames.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Whether no frame can be told from all others any more.
    pub(super) fn is_full(&self) -> bool {
        self.segments.len() >= usize::from(u16::MAX)
    }

    /// Has `put` append a frame, which stays if that succeeds: where it begins, and what `put` returned.
    #[inline]
    pub(super) fn append<T, E>(
        &mut self,
        put: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
    ) -> Result<(FrameAt, T), E> {
        self.open_segment();
        let index = self.segments.len() - 1;
        let start = self.segments[index].len();
        let at = self.address(index, start);
        let last = &mut self.segments[index];
        match put(last) {
            Ok(value) => {
                self.len += last.len() - start;
                Ok((at, value))
            }
            Err(error) => {
                last.truncate(start);
                Err(error)
            }
        }
    }

    /// Appends a copy of the first bytes of a frame.
    pub(super) fn put_again(&mut self, at: FrameAt, len: usize) -> FrameAt {
        let bytes = at.offset()..at.offset() + len;
        self.open_segment();
        let index = self.index(at);
        let mut last = self.segments.pop_back().expect("one is open");
        let to = self.address(self.segments.len(), last.len());
        match self.segments.get(index) {
            Some(segment) => last.extend_from_slice(&segment[bytes]),
            None => last.extend_from_within(bytes),
        }
        self.segments.push_back(last);
        self.len += len;
        to
    }

    #[inline]
    fn address(&self, index: usize, offset: usize) -> FrameAt {
        let number = self.first.wrapping_add(index as u16);
        FrameAt(u32::from(number) << OFFSET_BITS | offset as u32)
    }

    /// The last segment takes one more frame from now on.
    #[inline]
    fn open_segment(&mut self) {
        if self.segments.back().is_none_or(|last| last.len() >= SEGMENT) {
            self.push_segment();
        }
    }

    #[cold]
    fn push_segment(&mut self) {
        // The first grows with what is in it: most sessions have little to send.
        let capacity = if self.segments.is_empty() { 0 } else { CAPACITY };
        self.segments.push_back(self.spare.take().unwrap_or_else(|| Vec::with_capacity(capacity)));
    }

    #[inline]
    fn index(&self, at: FrameAt) -> usize {
        usize::from(at.segment().wrapping_sub(self.first))
    }

    /// The bytes from the beginning of a frame to the end of its segment.
    #[inline]
    pub(super) fn from(&self, at: FrameAt) -> &[u8] {
        &self.segments[self.index(at)][at.offset()..]
    }

    /// That is where the first frame begins from now on.
    #[inline]
    pub(super) fn advance(&mut self, at: FrameAt) {
        while self.first != at.segment() {
            let segment = self.segments.pop_front();
            self.first = self.first.wrapping_add(1);
            segment.into_iter().for_each(|segment| self.set_spare(segment));
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
        let index = self.index(at);
        while self.segments.len() > index + 1 {
            let segment = self.segments.pop_back().expect("there are more");
            self.set_spare(segment);
        }
        if let Some(last) = self.segments.get_mut(index) {
            self.len -= last.len().saturating_sub(at.offset());
            last.truncate(at.offset());
        }
    }

    /// All frames have ended.
    #[inline]
    pub(super) fn clear(&mut self) {
        while self.segments.len() > 1 {
            let segment = self.segments.pop_back().expect("there are more");
            self.set_spare(segment);
        }
        if let Some(first) = self.segments.front_mut() {
            first.clear();
        }
        self.len = 0;
    }
}
