//! What was read and is not handled yet, in pieces of memory that come back.
//!
//! A message is a slice of the piece that it came with, so a small message that is kept keeps a piece, and pieces are
//! small. While messages wait to be taken, the next ones need other pieces; those that were taken are used again, so that
//! steady traffic allocates nothing.

use std::collections::VecDeque;

use bytes::BytesMut;

/// Bytes of a piece: what is handed over at once, unless it is the beginning of a larger packet.
const PIECE: usize = 4 * 1024;

/// Pieces that are kept for use: as many as the largest read needs.
const RETIRED_MAX: usize = 16;

/// Memory for a large packet that may stay, in bytes: a connection that has once needed more gives it back.
const KEPT_MAX: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(super) struct InputBuf {
    current: BytesMut,
    /// Whether `current` has grown beyond a piece.
    is_large: bool,
    /// The most that `current` has held since it was made.
    len_max: usize,
    /// The ends of earlier pieces, oldest first. Messages may still hold the rest of them.
    retired: VecDeque<BytesMut>,
}

impl InputBuf {
    /// Takes a piece off what was read: more if a packet needs it.
    pub(super) fn take<'a>(&mut self, read: &mut &'a [u8]) -> &'a [u8] {
        let len = if self.current.len() < PIECE { PIECE.min(read.len()) } else { read.len() };
        let (piece, rest) = read.split_at(len);
        *read = rest;
        piece
    }

    /// Appends what was read to the beginning of a packet, if there is one.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let len = self.current.len() + bytes.len();
        self.len_max = self.len_max.max(len);
        if !self.current.try_reclaim(bytes.len()) {
            if len <= 2 * PIECE {
                self.renew(len);
            } else {
                self.is_large = true;
            }
        }
        self.current.extend_from_slice(bytes);
    }

    /// Goes on in another piece, since messages hold the current one.
    fn renew(&mut self, len: usize) {
        let is_free = self.retired.front_mut().is_some_and(|oldest| oldest.try_reclaim(len));
        let reused = if is_free { self.retired.pop_front() } else { None };
        let mut next = reused.unwrap_or_else(|| BytesMut::with_capacity(len.max(PIECE)));
        next.extend_from_slice(&self.current);
        let mut current = std::mem::replace(&mut self.current, next);
        if !std::mem::take(&mut self.is_large) && self.retired.len() < RETIRED_MAX {
            current.clear();
            self.retired.push_back(current);
        }
    }

    /// What the session takes packets from.
    pub(super) fn bytes(&mut self) -> &mut BytesMut {
        &mut self.current
    }

    /// Gives the memory of a large message back once it is handled.
    pub(super) fn give_large_back(&mut self) {
        if self.current.is_empty() && self.len_max > KEPT_MAX {
            self.current = BytesMut::new();
            (self.is_large, self.len_max) = (false, 0);
        }
    }

    /// Gives the memory back that only load needs.
    pub(super) fn give_pieces_back(&mut self) {
        self.retired = VecDeque::new();
    }

    /// Forgets what belongs to an earlier link.
    pub(super) fn reset(&mut self) {
        self.current.clear();
        self.give_large_back();
        self.give_pieces_back();
    }
}
