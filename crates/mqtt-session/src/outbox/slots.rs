//! Messages that keep a packet identifier: by identifier for the server's answers, in order for everything else.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use mqtt_parts::{Instant, PacketIds};
use mqtt_proto::{PacketId, QoS, ReasonCode};

use crate::error::Indeterminate;
use crate::event::{Outcome, Ticket};
use crate::frame::{Frame, Shape};
use crate::queue::OVERHEAD;

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    by_id: Vec<Slot>,
    /// Slots that are neither free nor reserved.
    under_way: usize,
    /// Identifiers in the order of their messages, which is that of sending; some have ended since.
    sequence: VecDeque<(u64, PacketId)>,
    /// Counts PUBRECs, to repeat PUBRELs in their order.
    releases: u64,
    /// Memory of messages that have ended.
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) enum Slot {
    Free,
    MaybeSent(Stored),
    Released {
        ticket: Option<Ticket>,
        order: u64,
        release: u64,
        /// That of the PUBREC, which says whether anyone listened.
        reason: ReasonCode,
        sent_at: Instant,
    },
    /// QoS 2 that was given up: no other message may have the identifier while the server may know it.
    Reserved,
}

/// A message that was sent.
#[derive(Debug)]
pub(crate) struct Stored {
    /// None once its end was reported.
    pub(crate) ticket: Option<Ticket>,
    /// Orders the message among all others.
    pub(crate) order: u64,
    bytes: Vec<u8>,
    payload: Option<Bytes>,
    shape: Shape,
    /// When it first went out on a connection of this session.
    sent_at: Instant,
}

/// How a message ended that somebody waits for.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) ticket: Ticket,
    pub(crate) outcome: Outcome,
    /// When it was sent, if the server has answered it.
    pub(crate) sent_at: Option<Instant>,
}

/// Pieces of memory that are kept for later messages, and how large a kept one may be.
const SPARE_MAX: usize = 1024;
const SPARE_SIZE_MAX: usize = 8192;

impl Stored {
    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame { bytes: &self.bytes, payload: self.payload.as_ref(), shape: self.shape }
    }

    /// What it counts as against the bound of a queue.
    pub(crate) fn size(&self) -> usize {
        OVERHEAD + self.frame().packet_size()
    }
}

impl Slot {
    fn order(&self) -> Option<u64> {
        match self {
            Slot::Free | Slot::Reserved => None,
            Slot::MaybeSent(Stored { order, .. }) | Slot::Released { order, .. } => Some(*order),
        }
    }

    fn ticket_mut(&mut self) -> Option<&mut Option<Ticket>> {
        match self {
            Slot::Free | Slot::Reserved => None,
            Slot::MaybeSent(Stored { ticket, .. }) | Slot::Released { ticket, .. } => Some(ticket),
        }
    }
}

impl Slots {
    pub(crate) fn under_way(&self) -> usize {
        self.under_way
    }

    #[inline]
    pub(crate) fn get(&self, id: PacketId) -> &Slot {
        self.by_id.get(usize::from(id.get())).unwrap_or(&Slot::Free)
    }

    /// A message that goes out for the first time in this session.
    #[inline]
    pub(crate) fn put_copy(&mut self, id: PacketId, ticket: Ticket, frame: &Frame<'_>, now: Instant) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.extend_from_slice(frame.bytes);
        let payload = frame.payload.cloned();
        let stored = Stored {
            ticket: Some(ticket),
            order: ticket.get(),
            bytes,
            payload,
            shape: frame.shape,
            sent_at: now,
        };
        self.put(id, stored);
    }

    /// A message that goes out in this session; none of a lower order does so later.
    pub(crate) fn put(&mut self, id: PacketId, stored: Stored) {
        let index = usize::from(id.get());
        while self.by_id.len() <= index {
            self.by_id.push(Slot::Free);
        }
        if self.sequence.len() > 2 * self.under_way + SEQUENCE_SPARE {
            let by_id = &self.by_id;
            self.sequence.retain(|(order, id)| by_id[usize::from(id.get())].order() == Some(*order));
        }
        self.sequence.push_back((stored.order, id));
        self.under_way += 1;
        self.by_id[index] = Slot::MaybeSent(stored);
    }

    /// The server has taken a QoS 2 message.
    pub(crate) fn release(&mut self, id: PacketId, reason: ReasonCode) {
        let Some(slot) = self.by_id.get_mut(usize::from(id.get())) else { return };
        let Slot::MaybeSent(Stored { ticket, order, sent_at, .. }) = slot else { return };
        let (ticket, order, sent_at) = (*ticket, *order, *sent_at);
        let released = Slot::Released { ticket, order, release: self.releases, reason, sent_at };
        self.releases += 1;
        if let Slot::MaybeSent(stored) = core::mem::replace(slot, released) {
            self.recycle(stored);
        }
    }

    /// Frees the identifier; none if the end was reported before.
    #[inline]
    pub(crate) fn end(&mut self, id: PacketId, ids: &mut PacketIds, outcome: Outcome) -> Option<Ended> {
        ids.release(id);
        let (ticket, sent_at) = self.take(id, Slot::Free)?;
        Some(Ended { ticket: ticket?, outcome, sent_at: Some(sent_at) })
    }

    /// A message that cannot be repeated: what the first transmission came to is unknown.
    pub(crate) fn give_up(&mut self, id: PacketId, ids: &mut PacketIds) -> Option<Ended> {
        let is_qos_2 =
            matches!(self.get(id), Slot::MaybeSent(stored) if stored.frame().qos() == QoS::ExactlyOnce);
        if !is_qos_2 {
            ids.release(id);
        }
        let (ticket, _) = self.take(id, if is_qos_2 { Slot::Reserved } else { Slot::Free })?;
        let outcome = Outcome::Indeterminate(Indeterminate::SessionLost);
        Some(Ended { ticket: ticket?, outcome, sent_at: None })
    }

    #[inline]
    fn take(&mut self, id: PacketId, left: Slot) -> Option<(Option<Ticket>, Instant)> {
        let slot = self.by_id.get_mut(usize::from(id.get()))?;
        let taken = match core::mem::replace(slot, left) {
            Slot::Free | Slot::Reserved => return None,
            Slot::Released { ticket, sent_at, .. } => (ticket, sent_at),
            Slot::MaybeSent(stored) => {
                let taken = (stored.ticket, stored.sent_at);
                self.recycle(stored);
                taken
            }
        };
        self.under_way -= 1;
        self.trim();
        Some(taken)
    }

    /// Forgets messages at the front of the sequence that have ended.
    #[inline]
    fn trim(&mut self) {
        while let Some((order, id)) = self.sequence.front() {
            if self.get(*id).order() == Some(*order) {
                break;
            }
            self.sequence.pop_front();
        }
    }

    /// The identifier of a message whose end was not reported.
    pub(crate) fn find(&self, ticket: Ticket) -> Option<PacketId> {
        let index = self.sequence.binary_search_by_key(&ticket.get(), |(order, _)| *order).ok()?;
        let id = self.sequence[index].1;
        match self.get(id) {
            Slot::MaybeSent(Stored { ticket: owner, .. }) | Slot::Released { ticket: owner, .. } => {
                (*owner == Some(ticket)).then_some(id)
            }
            Slot::Free | Slot::Reserved => None,
        }
    }

    /// Nobody waits for the end of a message any more, but the exchange goes on; false if it is not under way.
    pub(crate) fn forget(&mut self, ticket: Ticket) -> bool {
        let Some(id) = self.find(ticket) else { return false };
        let slot = self.by_id.get_mut(usize::from(id.get())).and_then(Slot::ticket_mut);
        slot.and_then(Option::take).is_some()
    }

    /// Nobody waits for anything any more, but the exchanges go on: who waited, in order.
    pub(crate) fn forget_all(&mut self) -> impl Iterator<Item = Ticket> {
        let by_id = &mut self.by_id;
        self.sequence.iter().filter_map(|(order, id)| {
            let slot = by_id.get_mut(usize::from(id.get())).filter(|slot| slot.order() == Some(*order))?;
            slot.ticket_mut()?.take()
        })
    }

    /// What is to be repeated: PUBRELs in the order of their PUBRECs, then messages in their order.
    pub(crate) fn put_replay(&self, replay: &mut VecDeque<PacketId>) -> usize {
        replay.clear();
        let live = self.sequence.iter().filter(|(order, id)| self.get(*id).order() == Some(*order));
        let is_released = |id: PacketId| matches!(self.get(id), Slot::Released { .. });
        replay.extend(live.clone().map(|(_, id)| *id).filter(|id| is_released(*id)));
        let released = replay.len();
        replay.make_contiguous().sort_unstable_by_key(|id| match self.get(*id) {
            Slot::Released { release, .. } => *release,
            Slot::Free | Slot::Reserved | Slot::MaybeSent(_) => u64::MAX,
        });
        replay.extend(live.map(|(_, id)| *id).filter(|id| !is_released(*id)));
        released
    }

    /// Empties all slots and frees their identifiers: messages in their order, then released ones in theirs.
    pub(crate) fn drain(&mut self, ids: &mut PacketIds, mut taken: impl FnMut(Slot)) {
        for index in 0..self.by_id.len() {
            if let (Slot::Reserved, Some(id)) = (&self.by_id[index], PacketId::new(index as u16)) {
                ids.release(id);
                self.by_id[index] = Slot::Free;
            }
        }
        while let Some((order, id)) = self.sequence.pop_front() {
            let slot = &mut self.by_id[usize::from(id.get())];
            if slot.order() == Some(order) {
                ids.release(id);
                taken(core::mem::replace(slot, Slot::Free));
            }
        }
        self.under_way = 0;
    }

    /// Keeps the memory of a message that has ended.
    #[inline]
    pub(crate) fn recycle(&mut self, stored: Stored) {
        let mut bytes = stored.bytes;
        if self.spare.len() < SPARE_MAX && bytes.capacity() <= SPARE_SIZE_MAX {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

/// Ended messages that may stand in the sequence besides one for each that has not ended.
const SEQUENCE_SPARE: usize = 64;
