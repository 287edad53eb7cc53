//! What was read and is not handled yet, in pieces of memory that come back.
//!
//! A message is a slice of the piece that it came with, so a small message that is kept keeps a piece, and pieces are
//! small. While messages wait to be taken, the next ones need other pieces; those that were taken are used again, so that
//! steady traffic allocates nothing.

use std::collections::VecDeque;

use bytes::BytesMut;

/// Bytes of a piece under load: what is handed over at once, unless it is the beginning of a larger packet.
const PIECE: usize = 4 * 1024;

/// Bytes of the first piece, so that an idle connection costs little.
const FIRST_PIECE: usize = 256;

/// Pieces that are kept for use: as many as the largest read needs.
const RETIRED_MAX: usize = 16;

/// Memory for a large packet that may stay, in bytes: a connection that has once needed more gives it back.
const KEPT_MAX: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(super) struct InputBuf {
    current: BytesMut,
    /// About the bytes of the memory that `current` is the rest of.
    piece_len: usize,
    /// The most that `current` has held since it was made.
    len_max: usize,
    /// The ends of earlier pieces of full size, oldest first. Messages may still hold the rest of them.
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
                self.piece_len = len.next_power_of_two();
            }
        }
        self.current.extend_from_slice(bytes);
    }

    /// Goes on in another piece, since messages hold the current one: a larger one each time.
    fn renew(&mut self, len: usize) {
        let piece_len = (2 * self.piece_len).clamp(FIRST_PIECE, PIECE).max(len.next_power_of_two());
        let mut next = self.take_retired(len).unwrap_or_else(|| BytesMut::with_capacity(piece_len));
        next.extend_from_slice(&self.current);
        let mut last = std::mem::replace(&mut self.current, next);
        let last_len = std::mem::replace(&mut self.piece_len, piece_len);
        if (PIECE..=2 * PIECE).contains(&last_len) {
            last.clear();
            if self.retired.len() == RETIRED_MAX {
                self.retired.pop_front();
            }
            self.retired.push_back(last);
        }
    }

    /// The oldest piece that is free again. One that is held for longer than the next does not come back.
    fn take_retired(&mut self, len: usize) -> Option<BytesMut> {
        let index = self.retired.iter_mut().take(2).position(|piece| piece.try_reclaim(len))?;
        self.retired.drain(..=index).next_back()
    }

    /// What the session takes packets from.
    pub(super) fn bytes(&mut self) -> &mut BytesMut {
        &mut self.current
    }

    /// Gives the memory of a large message back once it is handled.
    pub(super) fn give_large_back(&mut self) {
        if self.current.is_empty() && self.len_max > KEPT_MAX {
            self.give_current_back();
        }
    }

    /// Gives the memory back that only load needs, and not a turn that reads `len` bytes.
    pub(super) fn give_pieces_back(&mut self, len: usize) {
        self.retired = VecDeque::new();
        if self.current.is_empty() && self.piece_len > FIRST_PIECE.max(4 * len) {
            self.give_current_back();
        }
    }

    fn give_current_back(&mut self) {
        self.current = BytesMut::new();
        (self.piece_len, self.len_max) = (0, 0);
    }

    /// Forgets what belongs to an earlier link.
    pub(super) fn reset(&mut self) {
        self.current.clear();
        self.give_large_back();
        self.give_pieces_back(0);
    }
}

#[cfg(test)]
mod tests;
