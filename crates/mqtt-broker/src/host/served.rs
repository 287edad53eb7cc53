//! One connection of a hosted broker: the counterpart of a client's driver turn.
//!
//! It never stops reading, so that the two sides never wait for one another, and it takes from the broker only what it is
//! about to write, so that what waits for a client that does not read stays in the broker, where it is bounded. A connection
//! that the broker has ended is gone after some time, whatever the other side does.

use core::time::Duration;

use bytes::BytesMut;
use mqtt_parts::{Instant, TransmitBuf};

use super::Access;
use crate::ids::ConnectionId;

/// One connection, and what is under way on it.
#[derive(Debug)]
pub struct Served {
    id: ConnectionId,
    /// How long the other side may take to read the last bytes, and to close a connection that the broker has ended.
    linger: Duration,
    /// The beginning of a packet that has not arrived completely.
    input: BytesMut,
    output: TransmitBuf,
    /// Bytes that went through `output` since it was new.
    sent: usize,
    /// When a connection that the broker has ended is let go, whatever the other side does.
    closes_at: Option<Instant>,
    is_shut_down: bool,
}

/// The link of a connection, as its host reads and writes it without waiting.
pub trait Peer {
    /// Why the link is gone.
    type Error;

    /// Reads into `buf`: how many bytes, with 0 at the end of the stream, or none if nothing has come.
    fn read(&mut self, buf: &mut [u8]) -> Result<Option<usize>, Self::Error>;

    /// Writes from the front of `output`, which is not empty: how many bytes, or none if there is no room.
    fn write(&mut self, output: &TransmitBuf) -> Result<Option<usize>, Self::Error>;

    /// Says that nothing more will be written; what comes in is still read.
    fn shut_down(&mut self) -> Result<(), Self::Error>;

    /// Whether a read that does not fill its buffer has taken all that there was. Default: yes.
    fn short_read_is_all(&self) -> bool {
        true
    }

    /// Hands the broker bytes that were read; `input` holds the beginning of a packet.
    /// Default: all of them at once.
    fn pass_in(&mut self, host: &impl Access, id: ConnectionId, input: &mut BytesMut, bytes: &[u8]) {
        host.change(|broker, now| broker.handle_bytes(now, id, input, bytes));
    }

    /// Appends to `output` what is to be written next, [`OUTPUT_LOW`] bytes and one packet at most: if the broker has
    /// more, it says so by another notification. Default: what the broker has for the client.
    fn pass_out(&mut self, host: &impl Access, id: ConnectionId, output: &mut TransmitBuf) {
        host.change(|broker, now| broker.poll_transmit(now, id, output));
    }

    /// When [`Peer::pass_out`] appends what it has held back so far. Default: nothing is held back.
    fn holds_until(&self) -> Option<Instant> {
        None
    }
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// More can be done at once; others may go first.
    Again,
    /// Another turn is due when the link can be read, when it can be written if `wants_write`, when
    /// [`Host::poll_due`](super::Host::poll_due) is ready, or at the deadline.
    Wait {
        /// Whether bytes wait to be written.
        wants_write: bool,
        /// The latest moment for another turn.
        deadline: Option<Instant>,
    },
    /// The link is to be closed, since the connection has ended.
    Closed,
    /// The link is to be dropped as in an outage.
    Cut,
}

/// While more bytes than this wait to be written, what the broker has for the client stays there, where it is bounded.
pub const OUTPUT_LOW: usize = 64 * 1024;

/// Writes of one turn at the most, so that others get their share.
const WRITES_PER_TURN: usize = 16;

/// The buffer of an idle connection that sent more than this is not kept.
const OUTPUT_KEPT: usize = 16 * 1024;

impl Served {
    /// A connection that was just opened.
    pub fn new(id: ConnectionId, linger: Duration) -> Served {
        Served {
            id,
            linger,
            input: BytesMut::new(),
            output: TransmitBuf::new(),
            sent: 0,
            closes_at: None,
            is_shut_down: false,
        }
    }

    /// Reads, has the broker answer, and writes: everything that can be done without waiting. `buf` is memory to read into.
    ///
    /// An error is the link's: it is gone, as it is after the end of what it can give (`None`).
    pub fn turn<P: Peer>(
        &mut self,
        host: &impl Access,
        peer: &mut P,
        buf: &mut [u8],
    ) -> Result<Turn, Option<P::Error>> {
        let id = self.id;
        if host.access(|host, _| host.is_cut(id)) {
            return Ok(Turn::Cut);
        }
        let is_more_to_read = self.read(host, peer, buf)?;
        let is_more_to_write = self.write(host, peer)?;
        if let Some(now) = host.access(|host, now| host.broker().is_closing(id).then_some(now)) {
            if *self.closes_at.get_or_insert(now + self.linger) <= now {
                return Ok(Turn::Closed);
            }
            let is_written = self.output.is_empty() && peer.holds_until().is_none();
            if is_written && !is_more_to_write && !self.is_shut_down {
                self.is_shut_down = true;
                peer.shut_down()?;
            }
        }
        if is_more_to_read || is_more_to_write {
            return Ok(Turn::Again);
        }
        if self.output.is_empty() && self.sent > OUTPUT_KEPT {
            (self.output, self.sent) = (TransmitBuf::new(), 0);
        }
        let deadline = peer.holds_until().into_iter().chain(self.closes_at).min();
        Ok(Turn::Wait { wants_write: !self.output.is_empty(), deadline })
    }

    /// Whether there may be more to read.
    fn read<P: Peer>(
        &mut self,
        host: &impl Access,
        peer: &mut P,
        buf: &mut [u8],
    ) -> Result<bool, Option<P::Error>> {
        match peer.read(buf)? {
            None => Ok(false),
            Some(0) => Err(None),
            Some(len) => {
                peer.pass_in(host, self.id, &mut self.input, &buf[..len]);
                Ok(len == buf.len() || !peer.short_read_is_all())
            }
        }
    }

    /// Whether there is more to write, for which there may be room.
    fn write<P: Peer>(&mut self, host: &impl Access, peer: &mut P) -> Result<bool, P::Error> {
        let is_full = self.output.len() >= OUTPUT_LOW;
        if !is_full {
            peer.pass_out(host, self.id, &mut self.output);
        }
        for _write in 0..WRITES_PER_TURN {
            if self.output.is_empty() {
                // The broker may have announced more while there was no room for it, and announces it once.
                return Ok(is_full);
            }
            match peer.write(&self.output)? {
                Some(len) => {
                    self.output.advance(len);
                    self.sent = self.sent.saturating_add(len);
                }
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}
