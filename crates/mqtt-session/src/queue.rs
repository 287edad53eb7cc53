//! Messages that were accepted and never sent, in the order of their tickets.
//!
//! Frames lie one behind the other in one piece of memory that is used again and again. A message that is taken out
//! of the middle leaves a gap, which is closed once there are more gaps than messages; so every operation costs the
//! same however long the queue is.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{PropertyBuf, QoS, Version};

use crate::command::Publish;
use crate::error::RefusedReason;
use crate::event::Ticket;
use crate::frame::{Frame, Shape, encode};

/// What waits.
#[derive(Debug)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    /// The frames of `entries`, in their order, behind what was taken out at the front.
    frames: Vec<u8>,
    /// Where the frame of the first entry begins.
    first_at: usize,
    /// Entries that are gaps.
    gaps: usize,
    /// Messages of QoS 0.
    at_most_once: usize,
    /// No message of QoS 0 has a lower number.
    at_most_once_from: Ticket,
    /// What counts against the bound of bytes.
    bytes: usize,
    /// Memory to put properties in order.
    scratch: PropertyBuf,
}

#[derive(Debug)]
struct Entry {
    ticket: Ticket,
    shape: Shape,
    frame_len: u32,
    qos: QoS,
    /// Taken out.
    is_gap: bool,
    payload: Option<Bytes>,
}

impl Entry {
    fn packet_size(&self) -> usize {
        self.frame_len as usize + self.payload.as_ref().map_or(0, Bytes::len)
    }

    /// Whether its bytes go out as they are.
    fn is_plain(&self) -> bool {
        self.qos == QoS::AtMostOnce && self.payload.is_none() && !self.shape.expires() && !self.is_gap
    }
}

/// A message counts as so many bytes more than its packet has.
pub(crate) const OVERHEAD: usize = size_of::<Entry>();

/// Gaps that are left alone.
const GAPS_MIN: usize = 64;

/// Memory in front of the first frame that is left alone.
const UNUSED_MIN: usize = 65_536;

impl Queue {
    pub(crate) const fn new() -> Queue {
        Queue {
            entries: VecDeque::new(),
            frames: Vec::new(),
            first_at: 0,
            gaps: 0,
            at_most_once: 0,
            at_most_once_from: Ticket::after(0),
            bytes: 0,
            scratch: PropertyBuf::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.gaps
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all messages, and [`OVERHEAD`] for each.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a message if `check` agrees to its frame.
    #[inline]
    pub(crate) fn push(
        &mut self,
        now: Instant,
        ticket: Ticket,
        publish: &Publish<'_>,
        version: Version,
        check: impl FnOnce(&Frame<'_>) -> Result<(), RefusedReason>,
    ) -> Result<(), RefusedReason> {
        let start = self.frames.len();
        let encoded = encode(publish, now, version, &mut self.scratch, &mut self.frames);
        let (shape, payload) = encoded.inspect_err(|_| self.frames.truncate(start))?;
        let frame = Frame { bytes: &self.frames[start..], payload: payload.as_ref(), shape };
        let size = frame.packet_size() + OVERHEAD;
        if let Err(reason) = check(&frame) {
            self.frames.truncate(start);
            return Err(reason);
        }
        let frame_len = (self.frames.len() - start) as u32;
        self.bytes += size;
        if publish.qos == QoS::AtMostOnce {
            if self.at_most_once == 0 {
                self.at_most_once_from = ticket;
            }
            self.at_most_once += 1;
        }
        let qos = publish.qos;
        self.entries.push_back(Entry { ticket, shape, frame_len, qos, is_gap: false, payload });
        Ok(())
    }

    /// The oldest message.
    #[inline]
    pub(crate) fn first(&self) -> Option<(Ticket, Frame<'_>)> {
        let entry = self.entries.front()?;
        let bytes = &self.frames[self.first_at..self.first_at + entry.frame_len as usize];
        Some((entry.ticket, Frame { bytes, payload: entry.payload.as_ref(), shape: entry.shape }))
    }

    /// The message that was accepted last.
    pub(crate) fn last(&self) -> Option<Frame<'_>> {
        let entry = self.entries.back()?;
        let bytes = &self.frames[self.frames.len() - entry.frame_len as usize..];
        Some(Frame { bytes, payload: entry.payload.as_ref(), shape: entry.shape })
    }

    /// The oldest messages, as far as they go out as they are and `is_taken` wants them with their flags and sizes:
    /// how many there are, and their bytes.
    #[inline]
    pub(crate) fn plain_run(&self, mut is_taken: impl FnMut(u8, usize) -> bool) -> (usize, &[u8]) {
        let mut count = 0;
        let mut end = self.first_at;
        for entry in &self.entries {
            let len = entry.frame_len as usize;
            if !entry.is_plain() || !is_taken(self.frames[end], len) {
                break;
            }
            end += len;
            count += 1;
        }
        (count, &self.frames[self.first_at..end])
    }

    /// Takes the oldest message out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Ticket> {
        let entry = self.entries.pop_front()?;
        self.first_at += entry.frame_len as usize;
        self.uncount(entry.packet_size(), entry.qos);
        if self.gaps > 0 {
            self.skip_gaps();
        }
        if self.entries.is_empty() {
            self.frames.clear();
            self.first_at = 0;
        } else if self.first_at >= UNUSED_MIN && self.first_at * 2 > self.frames.len() {
            self.frames.drain(..self.first_at);
            self.first_at = 0;
        }
        Some(entry.ticket)
    }

    #[inline]
    fn uncount(&mut self, packet_size: usize, qos: QoS) {
        self.bytes -= packet_size + OVERHEAD;
        self.at_most_once -= usize::from(qos == QoS::AtMostOnce);
    }

    /// The first entry is never a gap.
    fn skip_gaps(&mut self) {
        while let Some(gap) = self.entries.front().filter(|entry| entry.is_gap) {
            self.first_at += gap.frame_len as usize;
            self.gaps -= 1;
            self.entries.pop_front();
        }
        if self.entries.is_empty() {
            self.frames.clear();
            self.first_at = 0;
        }
    }

    /// How many messages go before this one, and its QoS; none if it does not wait here.
    pub(crate) fn position(&self, ticket: Ticket) -> Option<(usize, QoS)> {
        let index = self.entries.binary_search_by_key(&ticket, |entry| entry.ticket).ok()?;
        let entry = self.entries.get(index).filter(|entry| !entry.is_gap)?;
        Some((index - self.entries.range(..index).filter(|entry| entry.is_gap).count(), entry.qos))
    }

    /// The QoS of a message; none if it does not wait here.
    pub(crate) fn qos(&self, ticket: Ticket) -> Option<QoS> {
        let index = self.entries.binary_search_by_key(&ticket, |entry| entry.ticket).ok()?;
        self.entries.get(index).filter(|entry| !entry.is_gap).map(|entry| entry.qos)
    }

    /// Takes a message out wherever it stands; false if it does not wait here.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> bool {
        match self.entries.binary_search_by_key(&ticket, |entry| entry.ticket) {
            Ok(index) if !self.entries[index].is_gap => {
                self.take_out(index);
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    /// Takes the oldest message of QoS 0 out.
    pub(crate) fn withdraw_at_most_once(&mut self) -> Option<Ticket> {
        if self.at_most_once == 0 {
            return None;
        }
        let start = self.entries.partition_point(|entry| entry.ticket < self.at_most_once_from);
        let is_meant = |entry: &Entry| entry.qos == QoS::AtMostOnce && !entry.is_gap;
        let index = start + self.entries.range(start..).position(is_meant)?;
        let ticket = self.entries[index].ticket;
        self.at_most_once_from = ticket.next();
        self.take_out(index);
        Some(ticket)
    }

    fn take_out(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        entry.is_gap = true;
        let (packet_size, qos) = (entry.packet_size(), entry.qos);
        entry.payload = None;
        self.gaps += 1;
        self.uncount(packet_size, qos);
        self.skip_gaps();
        if self.gaps > GAPS_MIN && self.gaps > self.len() {
            self.close_gaps();
        }
    }

    fn close_gaps(&mut self) {
        let mut from = self.first_at;
        let mut to = 0;
        let frames = &mut self.frames;
        self.entries.retain(|entry| {
            let len = entry.frame_len as usize;
            if !entry.is_gap {
                frames.copy_within(from..from + len, to);
                to += len;
            }
            from += len;
            !entry.is_gap
        });
        frames.truncate(to);
        self.first_at = 0;
        self.gaps = 0;
    }
}
