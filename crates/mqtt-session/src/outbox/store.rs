//! Outgoing messages that have not ended, in the order of their tickets.
//!
//! Each message is one entry, and its [`Place`] says where it is: waiting, sent, released, quarantined, or ended and a
//! tombstone. Frames lie one behind the other and stay there until the message ends, so that sending copies nothing. What
//! ends at the front is taken off at once; what ends in the middle leaves a tombstone, and once these are the greater
//! part the store closes up. So every operation costs the same, however many messages there are, apart from the one
//! that closes up, and memory of messages that have ended is used again.

use alloc::vec::Vec;
use core::fmt;

use mqtt_parts::Instant;
use mqtt_proto::{PacketId, PropertyBuf, QoS, Version};

use super::entry::{
    Entry, OVERHEAD, Place, QUARANTINED, RELEASED, RELEASED_DUE, SENT, SENT_DUE, TOMBSTONE, WAITING,
};
use super::frames::Frames;
use super::overtaken::Overtaken;
use super::segments::Segments;
use crate::command::Publish;
use crate::error::SessionRefusal;
use crate::event::Ticket;
use crate::frame::{Frame, encode};

/// The messages, and their packet identifiers.
pub(super) struct Store {
    entries: Segments<Entry>,
    /// Position of the first entry. Those of later ones follow, until the store closes up.
    first: u64,
    frames: Frames,
    /// Bytes of frames whose messages need them no more, behind that of the first entry.
    unused: usize,
    /// By packet identifier: the position of its message, or [`RESERVED`], or [`NOBODY`].
    by_id: Vec<u32>,
    /// By [`Place::kind`].
    counts: [usize; 7],
    /// Bytes of all waiting messages, and [`OVERHEAD`] for each.
    waiting_bytes: usize,
    /// Waiting messages of QoS 0.
    waiting_qos0: usize,
    /// No entry in front of this position waits.
    waiting_from: u64,
    /// No entry of QoS 0 in front of this position waits.
    waiting_qos0_from: u64,
    /// No entry in front of this position is to be repeated.
    due_from: u64,
    /// Entries that left the queue before their turn.
    overtaken: Overtaken,
    /// Memory to put properties in order.
    scratch: PropertyBuf,
}

/// Positions are stored with so many of their bits: enough to tell all entries from each other.
const POSITION_BITS: u32 = u32::MAX >> 1;

/// Stands for an identifier whose message was given up while the server may know it.
const RESERVED: u32 = POSITION_BITS + 1;

/// Stands for an identifier that no message has.
const NOBODY: u32 = RESERVED + 1;

/// Tombstones that are left alone, and bytes of memory that no message needs.
const TOMBSTONES_MIN: usize = 64;
const UNUSED_MIN: usize = 65_536;

/// Shows the messages: where they lie changes nothing that a session does.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.entries.iter().filter(|entry| entry.place != Place::Tombstone))
            .finish()?;
        let reserved = self.by_id.iter().enumerate().filter(|(_, position)| **position == RESERVED);
        f.debug_list().entries(reserved.map(|(id, _)| id)).finish()
    }
}

impl Store {
    pub(super) const fn new() -> Store {
        Store {
            entries: Segments::new(),
            first: 0,
            frames: Frames::new(),
            unused: 0,
            by_id: Vec::new(),
            counts: [0; 7],
            waiting_bytes: 0,
            waiting_qos0: 0,
            waiting_from: 0,
            waiting_qos0_from: 0,
            due_from: 0,
            overtaken: Overtaken::new(),
            scratch: PropertyBuf::new(),
        }
    }

    /// Messages that are to be sent.
    pub(super) const fn waiting(&self) -> usize {
        self.counts[WAITING]
    }

    /// What [`Store::waiting`] messages count as, in bytes.
    pub(super) const fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Messages that have an identifier and are not quarantined.
    pub(super) const fn under_way(&self) -> usize {
        self.in_flight() + self.counts[SENT_DUE]
    }

    /// Those that take up the window of this connection: sent on it, or released at any time.
    pub(super) const fn in_flight(&self) -> usize {
        self.outstanding() + self.counts[RELEASED_DUE]
    }

    /// Those that were sent or repeated on this connection.
    pub(super) const fn outstanding(&self) -> usize {
        self.counts[SENT] + self.counts[RELEASED]
    }

    pub(super) const fn quarantined(&self) -> usize {
        self.counts[QUARANTINED]
    }

    /// Takes a message in if `check` agrees to its frame.
    #[inline]
    pub(super) fn push(
        &mut self,
        now: Instant,
        ticket: Ticket,
        publish: &Publish<'_>,
        version: Version,
        check: impl FnOnce(&Frame<'_>) -> Result<(), SessionRefusal>,
    ) -> Result<(), SessionRefusal> {
        debug_assert!(self.entries.back().is_none_or(|last| last.ticket < ticket), "tickets count up");
        if self.frames.is_full() {
            return Err(SessionRefusal::QueueBytesFull { bytes_max: u32::MAX as usize });
        }
        let scratch = &mut self.scratch;
        let (frame_at, (shape, payload, frame_len)) = self.frames.append(|frames| {
            let start = frames.len();
            let (shape, payload) = encode(publish, now, version, scratch, frames)?;
            let bytes = &frames[start..];
            check(&Frame { bytes, payload: payload.as_ref(), shape })?;
            Ok((shape, payload, bytes.len() as u32))
        })?;
        let entry = Entry {
            ticket,
            place: Place::Waiting { was_sent: false },
            qos: publish.qos,
            is_awaited: true,
            failures: 0,
            sent_at: Instant::ORIGIN,
            frame_at,
            frame_len,
            shape,
            payload,
        };
        self.counts[WAITING] += 1;
        self.waiting_bytes += entry.packet_size() + OVERHEAD;
        self.waiting_qos0 += usize::from(publish.qos == QoS::AtMostOnce);
        self.entries.push_back(entry);
        Ok(())
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> &Entry {
        &self.entries[index]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> &mut Entry {
        &mut self.entries[index]
    }

    pub(super) fn last_ticket(&self) -> Option<Ticket> {
        self.entries.back().map(|last| last.ticket)
    }

    /// Entries, tombstones among them.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    #[inline]
    pub(super) fn frame(&self, index: usize) -> Frame<'_> {
        let entry = &self.entries[index];
        debug_assert!(!entry.place.is_without_frame(), "its frame is gone");
        let bytes = &self.frames.from(entry.frame_at)[..entry.frame_len as usize];
        Frame { bytes, payload: entry.payload.as_ref(), shape: entry.shape }
    }

    /// Messages in front of this one that are still to go out.
    pub(super) fn ahead(&self, index: usize) -> usize {
        let position = self.first + index as u64;
        let is_waiting = |position| self.entries[(position - self.first) as usize].is_waiting();
        let in_order_from = self.overtaken.from().clamp(self.first, position);
        let first = in_order_from.min(self.waiting_from.max(self.first));
        let earlier = (first..in_order_from).filter(|position| is_waiting(*position)).count();
        earlier + self.overtaken.waiting(in_order_from, position, is_waiting) + self.due_in_front(index)
    }

    fn due_in_front(&self, index: usize) -> usize {
        if self.counts[SENT_DUE] + self.counts[RELEASED_DUE] == 0 {
            return 0;
        }
        let ids = (1..self.by_id.len()).filter_map(|id| PacketId::new(id as u16));
        ids.filter_map(|id| self.find_id(id)).filter(|at| *at < index && self.entries[*at].is_due()).count()
    }

    /// Where the message of that ticket is, if it has not ended.
    pub(super) fn find(&self, ticket: Ticket) -> Option<usize> {
        let index = self.entries.find_by_key(&ticket, |entry| entry.ticket)?;
        (self.entries[index].place != Place::Tombstone).then_some(index)
    }

    /// Where the message is that has this identifier.
    #[inline]
    pub(super) fn find_id(&self, id: PacketId) -> Option<usize> {
        let position = *self.by_id.get(usize::from(id.get()))?;
        (position < RESERVED).then(|| (position.wrapping_sub(self.first as u32) & POSITION_BITS) as usize)
    }

    /// The first message that waits.
    #[inline]
    pub(super) fn first_waiting(&mut self) -> Option<usize> {
        if self.counts[WAITING] == 0 {
            return None;
        }
        let Store { entries, first, waiting_from, .. } = self;
        first_of(entries, *first, waiting_from, Entry::is_waiting)
    }

    /// The first message of QoS 0 that waits.
    pub(super) fn first_waiting_qos0(&mut self) -> Option<usize> {
        if self.waiting_qos0 == 0 {
            return None;
        }
        let is_meant = |entry: &Entry| entry.is_waiting() && entry.qos == QoS::AtMostOnce;
        first_of(&self.entries, self.first, &mut self.waiting_qos0_from, is_meant)
    }

    /// The first message that is to be repeated.
    pub(super) fn first_due(&mut self) -> Option<usize> {
        first_of(&self.entries, self.first, &mut self.due_from, Entry::is_due)
    }

    /// Messages of QoS 0 from this one on whose bytes go out as they are, as far as `is_taken` wants them with their
    /// flags and sizes: how many there are, and their bytes.
    #[inline]
    pub(super) fn qos0_run(
        &self,
        index: usize,
        mut is_taken: impl FnMut(u8, usize) -> bool,
    ) -> (usize, &[u8]) {
        let bytes = self.frames.from(self.entries[index].frame_at);
        let mut end = 0;
        let mut count = 0;
        for entry in self.entries.run(index) {
            let is_plain = entry.qos == QoS::AtMostOnce && entry.payload.is_none() && !entry.shape.expires();
            let len = entry.frame_len as usize;
            // The next frame is in another segment where this one ends.
            let Some(flags) = bytes.get(end) else { break };
            if !is_plain || !entry.is_waiting() || !is_taken(*flags, len) {
                break;
            }
            end += len;
            count += 1;
        }
        (count, &bytes[..end])
    }

    /// A message is somewhere else from now on. One that ends may move others: indices found before are void then.
    #[expect(clippy::inline_always, reason = "where the place is known, most of it falls away")]
    #[inline(always)]
    pub(super) fn set_place(&mut self, index: usize, place: Place) {
        if self.mark(index, place) {
            self.reclaim();
        }
    }

    /// True if memory is to be reclaimed.
    #[expect(clippy::inline_always, reason = "where the place is known, most of it falls away")]
    #[inline(always)]
    fn mark(&mut self, index: usize, place: Place) -> bool {
        let position = self.first + index as u64;
        let entry = &mut self.entries[index];
        let old = core::mem::replace(&mut entry.place, place);
        debug_assert!(old != Place::Tombstone, "a message ends once");
        let size = entry.packet_size() + OVERHEAD;
        let loses_frame = place.is_without_frame() && !old.is_without_frame();
        if loses_frame {
            entry.payload = None;
            self.unused += entry.frame_len as usize;
        }
        self.counts[old.kind()] -= 1;
        self.counts[place.kind()] += 1;
        match (old, place) {
            (Place::Waiting { .. }, Place::Waiting { .. }) => {}
            (Place::Waiting { .. }, _) => {
                self.waiting_bytes -= size;
                self.waiting_qos0 -= usize::from(entry.qos == QoS::AtMostOnce);
                // None in front of `waiting_from` waits.
                if position <= self.waiting_from {
                    self.overtaken.on_first_left(position);
                } else {
                    self.overtaken.on_left(position);
                }
            }
            (_, Place::Waiting { .. }) => {
                debug_assert!(!old.is_without_frame() && entry.qos > QoS::AtMostOnce, "it can be sent again");
                self.waiting_bytes += size;
                self.waiting_from = self.waiting_from.min(position);
                self.overtaken.on_returned(position);
            }
            _ => {}
        }
        if let Place::Sent { is_due: true, .. } | Place::Released { is_due: true, .. } = place {
            self.due_from = self.due_from.min(position);
        }
        if old.packet_id() != place.packet_id() {
            old.packet_id().into_iter().for_each(|id| self.name(id, NOBODY));
            place.packet_id().into_iter().for_each(|id| self.name(id, position as u32 & POSITION_BITS));
        }
        place == Place::Tombstone || loses_frame && self.unused > UNUSED_MIN
    }

    /// Looks at each message in order, which is where `look` says from then on.
    pub(super) fn visit(&mut self, mut look: impl FnMut(&mut Entry) -> Place) {
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if entry.place != Place::Tombstone {
                let place = look(entry);
                self.mark(index, place);
            }
        }
        self.reclaim();
    }

    /// What an identifier stands for.
    #[inline]
    fn name(&mut self, id: PacketId, position: u32) {
        let at = usize::from(id.get());
        if self.by_id.len() <= at {
            self.by_id.resize(at + 1, NOBODY);
        }
        debug_assert!(position >= RESERVED || self.by_id[at] >= RESERVED, "no identifier has two messages");
        self.by_id[at] = position;
    }

    /// No other message may have that identifier, whose message was given up.
    pub(super) fn reserve(&mut self, id: PacketId) {
        self.name(id, RESERVED);
    }

    /// The identifiers that were reserved may be used again.
    pub(super) fn release_reserved(&mut self) -> impl Iterator<Item = PacketId> {
        let reserved = self.by_id.iter_mut().enumerate().filter(|(_, position)| **position == RESERVED);
        reserved.filter_map(|(id, position)| {
            *position = NOBODY;
            PacketId::new(id as u16)
        })
    }

    /// `count` waiting messages of QoS 0 have ended, from this one on.
    #[inline]
    pub(super) fn end_run(&mut self, index: usize, count: usize, mut ended: impl FnMut(Ticket)) {
        if index == 0 {
            // Under load this is the way of most messages.
            let Store { entries, waiting_bytes, .. } = self;
            entries.drain_front(count, |entry| {
                *waiting_bytes -= entry.frame_len as usize + OVERHEAD;
                ended(entry.ticket);
            });
            self.first += count as u64;
            self.counts[WAITING] -= count;
            self.waiting_qos0 -= count;
        } else {
            for index in index..index + count {
                ended(self.entries[index].ticket);
                self.mark(index, Place::Tombstone);
            }
        }
        self.reclaim();
    }

    /// Takes ended messages off both ends, and closes up if too much memory is not needed any more.
    fn reclaim(&mut self) {
        while let Some(front) = self.entries.front().filter(|front| front.place == Place::Tombstone) {
            self.unused -= front.frame_len as usize;
            self.counts[TOMBSTONE] -= 1;
            self.first += 1;
            self.entries.pop_front();
        }
        self.overtaken.advance(self.first);
        let Some(front) = self.entries.front() else {
            debug_assert_eq!(self.unused, 0, "no message, no memory");
            self.frames.clear();
            return;
        };
        self.frames.advance(front.frame_at);
        if self.counts[TOMBSTONE] == 0 && self.unused == 0 {
            return;
        }
        self.reclaim_back();
        let tombstones = self.counts[TOMBSTONE];
        let is_sparse = tombstones > TOMBSTONES_MIN && tombstones * 2 > self.entries.len();
        if is_sparse || self.unused > UNUSED_MIN && self.unused * 2 > self.frames.len() {
            self.close_up();
        }
    }

    fn reclaim_back(&mut self) {
        while let Some(back) = self.entries.back().filter(|back| back.place == Place::Tombstone) {
            self.unused -= back.frame_len as usize;
            self.counts[TOMBSTONE] -= 1;
            self.frames.truncate(back.frame_at);
            self.entries.pop_back();
            self.overtaken.on_returned(self.first + self.entries.len() as u64);
        }
        // What comes next has the positions of what was taken off.
        let end = self.first + self.entries.len() as u64;
        for from in [&mut self.waiting_from, &mut self.waiting_qos0_from, &mut self.due_from] {
            *from = end.min(*from);
        }
        self.overtaken.truncate(end);
    }

    fn close_up(&mut self) {
        let Store { entries, frames, by_id, .. } = self;
        let (mut position, mut in_order_from) = (self.first, self.first);
        for _entry in 0..entries.len() {
            let Some(mut entry) = entries.pop_front() else { break };
            if entry.place == Place::Tombstone {
                continue;
            }
            frames.advance(entry.frame_at);
            let len = if entry.place.is_without_frame() { 0 } else { entry.frame_len };
            (entry.frame_at, entry.frame_len) = (frames.put_again(entry.frame_at, len as usize), len);
            if let Some(id) = entry.place.packet_id() {
                by_id[usize::from(id.get())] = position as u32 & POSITION_BITS;
            }
            position += 1;
            if !entry.is_waiting() {
                in_order_from = position;
            }
            entries.push_back(entry);
        }
        if let Some(front) = entries.front() {
            frames.advance(front.frame_at);
        }
        self.overtaken.restart(in_order_from);
        self.unused = 0;
        self.counts[TOMBSTONE] = 0;
        (self.waiting_from, self.waiting_qos0_from, self.due_from) = (self.first, self.first, self.first);
    }
}

/// The first entry that `is_meant`. There is none in front of the position `from`, which moves up to it; `first` is the
/// position of the first entry.
#[inline]
fn first_of(
    entries: &Segments<Entry>,
    first: u64,
    from: &mut u64,
    is_meant: impl Fn(&Entry) -> bool,
) -> Option<usize> {
    let start = (*from).max(first).wrapping_sub(first) as usize;
    let found = (start..entries.len()).find(|index| is_meant(&entries[*index]));
    *from = first + found.unwrap_or(entries.len()) as u64;
    found
}

mod audit;
#[cfg(test)]
mod tests;
