//! One direction of a link: bytes that are under way, and when the reader may see them.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::task::Waker;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use mqtt_client::Instant;
use mqtt_parts::Rng;

use crate::fault::Direction;

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) direction: Direction,
    /// What was written, with the moment of its arrival; moments never go back.
    pieces: VecDeque<(Instant, Bytes)>,
    /// Bytes in `pieces`.
    under_way: usize,
    /// Bytes that were ever written.
    written: u64,
    last_arrival: Instant,
    /// When the end of the stream arrives, once the writer has shut it down.
    end_at: Option<Instant>,
    stalled_until: Instant,
    /// Nothing gets through any more.
    pub(crate) is_silent: bool,
    /// Nothing gets through for now.
    pub(crate) is_parted: bool,
    /// What is written is thrown away.
    is_reader_gone: bool,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

/// What a reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Bytes(usize),
    End,
    Nothing,
}

impl Pipe {
    pub(crate) fn new(direction: Direction) -> Pipe {
        Pipe {
            direction,
            pieces: VecDeque::new(),
            under_way: 0,
            written: 0,
            last_arrival: Instant::ORIGIN,
            end_at: None,
            stalled_until: Instant::ORIGIN,
            is_silent: false,
            is_parted: false,
            is_reader_gone: false,
            reader: None,
            writer: None,
        }
    }

    /// Takes what there is room for; true if that was the byte at which the link breaks.
    pub(crate) fn write(&mut self, now: Instant, chunks: &[IoSlice<'_>], rng: &mut Rng) -> (usize, bool) {
        let len = chunks.iter().map(|chunk| chunk.len()).sum::<usize>().min(self.room());
        let to_cut = self.direction.cut_at.map_or(u64::MAX, |at| at.saturating_sub(self.written));
        let len = len.min(usize::try_from(to_cut).unwrap_or(usize::MAX));
        let mut left = len;
        for chunk in chunks {
            let mut chunk = &chunk[..left.min(chunk.len())];
            left -= chunk.len();
            while !chunk.is_empty() {
                let piece = piece_size(chunk.len(), self.direction.piece_max, rng);
                self.send(now, &chunk[..piece], rng);
                chunk = &chunk[piece..];
            }
        }
        (len, len as u64 == to_cut)
    }

    pub(crate) fn room(&self) -> usize {
        self.direction.room.saturating_sub(self.under_way)
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.end_at.is_some()
    }

    fn send(&mut self, now: Instant, bytes: &[u8], rng: &mut Rng) {
        self.written += bytes.len() as u64;
        if let Some((_, long)) = self.direction.stall.take_if(|(at, _)| *at <= self.written) {
            self.stalled_until = now + long;
        }
        if self.is_reader_gone {
            return;
        }
        self.last_arrival =
            self.last_arrival.max(now + self.direction.latency + rng.duration_up_to(self.direction.jitter));
        self.under_way += bytes.len();
        match self.pieces.back_mut() {
            // What arrives at one moment is one piece, unless pieces are to stay small.
            Some((at, last)) if *at == self.last_arrival && self.direction.piece_max == usize::MAX => {
                let mut merged = BytesMut::from(last.as_ref());
                merged.extend_from_slice(bytes);
                *last = merged.freeze();
            }
            _ => self.pieces.push_back((self.last_arrival, Bytes::copy_from_slice(bytes))),
        }
    }

    /// Takes what has arrived.
    pub(crate) fn read(&mut self, now: Instant, buf: &mut [u8], rng: &mut Rng) -> Found {
        if self.is_held(now) {
            return Found::Nothing;
        }
        let wanted = piece_size(buf.len(), self.direction.piece_max, rng);
        let mut len = 0;
        while let Some((at, piece)) = self.pieces.front_mut() {
            if *at > now || len == wanted {
                break;
            }
            let part = piece.len().min(wanted - len);
            buf[len..len + part].copy_from_slice(&piece[..part]);
            len += part;
            piece.advance(part);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        self.under_way -= len;
        match len {
            0 if self.pieces.is_empty() && self.end_at.is_some_and(|at| at <= now) => Found::End,
            0 => Found::Nothing,
            len => Found::Bytes(len),
        }
    }

    fn is_held(&self, now: Instant) -> bool {
        self.is_silent || self.is_parted || now < self.stalled_until
    }

    /// When there is something to read; none if nobody knows.
    pub(crate) fn readable_at(&self) -> Option<Instant> {
        if self.is_silent || self.is_parted {
            return None;
        }
        let next = self.pieces.front().map(|(at, _)| *at).or(self.end_at)?;
        Some(next.max(self.stalled_until))
    }

    /// The writer writes no more; what is under way arrives first, that much later than it would have.
    pub(crate) fn shut_down(&mut self, now: Instant, late: Duration) {
        if self.end_at.is_none() {
            for (at, _) in self.pieces.iter_mut().filter(|(at, _)| *at > now) {
                *at = *at + late;
            }
            self.end_at = Some(self.last_arrival.max(now + self.direction.latency) + late);
        }
    }

    /// When the last byte arrives, or a notification of the end could.
    pub(crate) fn drained_at(&self, now: Instant) -> Instant {
        self.last_arrival.max(now + self.direction.latency)
    }

    /// Nobody reads any more.
    pub(crate) fn abandon(&mut self) {
        self.is_reader_gone = true;
        self.pieces.clear();
        self.under_way = 0;
    }

    /// No further faults.
    pub(crate) fn heal(&mut self, room: usize) {
        self.direction.piece_max = usize::MAX;
        self.direction.cut_at = None;
        self.direction.stall = None;
        self.direction.room = room;
        self.stalled_until = Instant::ORIGIN;
    }
}

fn piece_size(len: usize, piece_max: usize, rng: &mut Rng) -> usize {
    if piece_max == usize::MAX || len <= 1 {
        return len;
    }
    len.min(1 + rng.below(piece_max as u64) as usize)
}
