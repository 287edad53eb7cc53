//! Messages that keep a packet identifier: by identifier for the server's answers, in order for everything else.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use mqtt_parts::{Instant, PacketIds};
use mqtt_proto::{PacketId, QoS, ReasonCode};

use crate::error::Indeterminate;
use crate::event::{Outcome, Ticket};
use crate::events::Events;
use crate::frame::{Frame, Shape};
use crate::queue::OVERHEAD;
use crate::record::Record;

/// What is under way.
#[derive(Debug)]
pub(crate) struct Slots {
    by_id: Vec<Slot>,
    /// Slots that are neither free nor reserved.
    under_way: usize,
    /// Identifiers in the order of their messages, which is that of sending; some have ended since.
    sequence: VecDeque<(Ticket, PacketId)>,
    /// Counts PUBRECs, to repeat PUBRELs in their order.
    releases: u64,
}

/// The place of one identifier. Its memory is used again by the next message that has it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) state: SlotState,
    message: Stored,
}

/// How far the message of a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    Free,
    /// Sent on this connection or an earlier one, and not answered.
    MaybeSent,
    /// QoS 2 between PUBREC and PUBCOMP; what is left of the message is its ticket.
    Released {
        release: u64,
        /// That of the PUBREC, which says whether anyone listened.
        reason: ReasonCode,
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
    pub(crate) order: Ticket,
    bytes: Vec<u8>,
    payload: Option<Bytes>,
    shape: Shape,
    /// When it first went out.
    sent_at: Instant,
    /// Connections in a row that broke while it was under way.
    pub(crate) strikes: u8,
}

/// How a message ended that somebody waits for.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) ticket: Ticket,
    pub(crate) outcome: Outcome,
    /// When it was sent, if the server has answered it.
    pub(crate) sent_at: Option<Instant>,
}

/// Memory of a message that is kept for the next one; more is given back.
const SPARE_SIZE_MAX: usize = 8192;

/// Ended messages that may stand in the sequence besides one for each that has not ended.
const SEQUENCE_SPARE: usize = 64;

/// What stands for an identifier that was never used.
static NEVER_USED: Slot = Slot { state: SlotState::Free, message: Stored::NONE };

impl Stored {
    const NONE: Stored = Stored {
        ticket: None,
        order: Ticket::after(0),
        bytes: Vec::new(),
        payload: None,
        shape: Shape::NONE,
        sent_at: Instant::ORIGIN,
        strikes: 0,
    };

    #[inline]
    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame { bytes: &self.bytes, payload: self.payload.as_ref(), shape: self.shape }
    }

    /// What it counts as against the bound of a queue.
    pub(crate) fn size(&self) -> usize {
        OVERHEAD + self.frame().packet_size()
    }
}

impl Slot {
    /// The frame of a message that was sent.
    #[inline]
    pub(crate) fn frame(&self) -> Frame<'_> {
        self.message.frame()
    }

    /// The QoS of a message that was sent and not answered.
    #[inline]
    pub(crate) fn qos_sent(&self) -> Option<QoS> {
        (self.state == SlotState::MaybeSent).then(|| self.frame().qos())
    }

    pub(crate) fn strikes(&self) -> u8 {
        self.message.strikes
    }

    /// Orders its message among all others.
    pub(crate) fn order(&self) -> Ticket {
        self.message.order
    }

    #[inline]
    fn is_under_way(&self) -> bool {
        matches!(self.state, SlotState::MaybeSent | SlotState::Released { .. })
    }

    #[inline]
    fn is_of(&self, order: Ticket) -> bool {
        self.is_under_way() && self.message.order == order
    }

    /// Gives large memory back.
    #[inline]
    fn forget_bytes(&mut self) {
        self.message.payload = None;
        if self.message.bytes.capacity() > SPARE_SIZE_MAX {
            self.message.bytes = Vec::new();
        }
    }
}

impl Slots {
    pub(crate) const fn new() -> Slots {
        Slots { by_id: Vec::new(), under_way: 0, sequence: VecDeque::new(), releases: 0 }
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way
    }

    #[inline]
    pub(crate) fn get(&self, id: PacketId) -> &Slot {
        self.by_id.get(usize::from(id.get())).unwrap_or(&NEVER_USED)
    }

    /// A message that goes out for the first time in this session.
    #[inline]
    pub(crate) fn put_copy(&mut self, id: PacketId, ticket: Ticket, frame: &Frame<'_>, now: Instant) {
        self.note(id, ticket);
        let message = &mut self.by_id[usize::from(id.get())].message;
        message.ticket = Some(ticket);
        message.order = ticket;
        message.bytes.clear();
        message.bytes.extend_from_slice(frame.bytes);
        message.payload = frame.payload.cloned();
        message.shape = frame.shape;
        message.sent_at = now;
        message.strikes = 0;
    }

    /// A message that goes out again, but in another session.
    pub(crate) fn put(&mut self, id: PacketId, message: Stored) {
        self.note(id, message.order);
        self.by_id[usize::from(id.get())].message = message;
    }

    /// No message of a lower order is noted later.
    #[inline]
    fn note(&mut self, id: PacketId, order: Ticket) {
        let index = usize::from(id.get());
        self.grow_to(id);
        if self.sequence.len() > 2 * self.under_way + SEQUENCE_SPARE {
            let by_id = &self.by_id;
            self.sequence.retain(|(order, id)| by_id[usize::from(id.get())].is_of(*order));
        }
        self.sequence.push_back((order, id));
        self.under_way += 1;
        self.by_id[index].state = SlotState::MaybeSent;
    }

    /// The server has taken a QoS 2 message.
    pub(crate) fn release(&mut self, id: PacketId, reason: ReasonCode) {
        let Some(slot) = self.by_id.get_mut(usize::from(id.get())) else { return };
        slot.state = SlotState::Released { release: self.releases, reason };
        slot.forget_bytes();
        self.releases += 1;
    }

    /// Frees the identifier; none if the end was reported before.
    #[inline]
    pub(crate) fn end(&mut self, id: PacketId, ids: &mut PacketIds, outcome: Outcome) -> Option<Ended> {
        ids.release(id);
        let (ticket, sent_at) = self.take(id, SlotState::Free)?;
        Some(Ended { ticket: ticket?, outcome, sent_at: Some(sent_at) })
    }

    /// A message that cannot be repeated: what the first transmission came to is unknown.
    pub(crate) fn give_up(&mut self, id: PacketId, ids: &mut PacketIds) -> Option<Ended> {
        let is_qos_2 = self.get(id).qos_sent() == Some(QoS::ExactlyOnce);
        if !is_qos_2 {
            ids.release(id);
        }
        let left = if is_qos_2 { SlotState::Reserved } else { SlotState::Free };
        let (ticket, _) = self.take(id, left)?;
        let outcome = Outcome::Indeterminate(Indeterminate::SessionLost);
        Some(Ended { ticket: ticket?, outcome, sent_at: None })
    }

    /// A message is about to be given up.
    pub(crate) fn record_given_up(&self, id: PacketId, events: &mut Events) {
        let slot = self.get(id);
        events.record(Record::Ended { ticket: slot.order() });
        if slot.qos_sent() == Some(QoS::ExactlyOnce) {
            events.record(Record::Reserved { packet_id: id });
        }
    }

    /// The identifier of a message, whether or not somebody waits for its end.
    pub(crate) fn id_of(&self, order: Ticket) -> Option<PacketId> {
        let index = self.sequence.binary_search_by_key(&order, |(order, _)| *order).ok()?;
        let id = self.sequence[index].1;
        self.get(id).is_of(order).then_some(id)
    }

    /// Looks at all messages that are not set aside.
    pub(crate) fn for_each_under_way(&mut self, mut look: impl FnMut(PacketId, &mut Stored)) {
        for (order, id) in &self.sequence {
            if let Some(slot) = self.by_id.get_mut(usize::from(id.get())).filter(|slot| slot.is_of(*order)) {
                look(*id, &mut slot.message);
            }
        }
    }

    /// Takes a message out, whose identifier stays in use; with the code of its PUBREC if it was released.
    pub(crate) fn set_aside(&mut self, id: PacketId) -> Option<(Stored, Option<ReasonCode>)> {
        let slot = self.by_id.get_mut(usize::from(id.get())).filter(|slot| slot.is_under_way())?;
        let released = match slot.state {
            SlotState::Released { reason, .. } => Some(reason),
            SlotState::Free | SlotState::Reserved | SlotState::MaybeSent => None,
        };
        slot.state = SlotState::Reserved;
        let stored = core::mem::replace(&mut slot.message, Stored::NONE);
        self.under_way -= 1;
        self.trim();
        Some((stored, released))
    }

    /// A message that was taken out is under way again.
    pub(crate) fn put_back(&mut self, id: PacketId, stored: Stored, released: Option<ReasonCode>) {
        let index = self.sequence.partition_point(|(order, _)| *order < stored.order);
        self.sequence.insert(index, (stored.order, id));
        self.under_way += 1;
        let slot = &mut self.by_id[usize::from(id.get())];
        slot.state = SlotState::MaybeSent;
        slot.message = stored;
        if let Some(reason) = released {
            self.release(id, reason);
        }
    }

    /// The identifier of a message that was taken out is free.
    pub(crate) fn free(&mut self, id: PacketId) {
        self.by_id[usize::from(id.get())].state = SlotState::Free;
    }

    /// No other message may have that identifier.
    pub(crate) fn reserve(&mut self, id: PacketId) {
        self.grow_to(id);
        self.by_id[usize::from(id.get())].state = SlotState::Reserved;
    }

    fn grow_to(&mut self, id: PacketId) {
        while self.by_id.len() <= usize::from(id.get()) {
            self.by_id.push(Slot { state: SlotState::Free, message: Stored::NONE });
        }
    }

    #[inline]
    fn take(&mut self, id: PacketId, left: SlotState) -> Option<(Option<Ticket>, Instant)> {
        let slot = self.by_id.get_mut(usize::from(id.get()))?;
        let was_under_way = slot.is_under_way();
        slot.state = left;
        if !was_under_way {
            return None;
        }
        slot.forget_bytes();
        let taken = (slot.message.ticket.take(), slot.message.sent_at);
        self.under_way -= 1;
        self.trim();
        Some(taken)
    }

    /// Forgets messages at the front of the sequence that have ended.
    #[inline]
    fn trim(&mut self) {
        while let Some((order, id)) = self.sequence.front() {
            if self.by_id[usize::from(id.get())].is_of(*order) {
                break;
            }
            self.sequence.pop_front();
        }
    }

    /// The identifier of a message whose end was not reported.
    pub(crate) fn find(&self, ticket: Ticket) -> Option<PacketId> {
        self.id_of(ticket).filter(|id| self.get(*id).message.ticket == Some(ticket))
    }

    /// Nobody waits for the end of a message any more, but the exchange goes on; false if it is not under way.
    pub(crate) fn forget(&mut self, ticket: Ticket) -> bool {
        let Some(id) = self.find(ticket) else { return false };
        self.by_id[usize::from(id.get())].message.ticket.take().is_some()
    }

    /// Nobody waits for anything any more, but the exchanges go on: who waited, in order.
    pub(crate) fn forget_all(&mut self) -> impl Iterator<Item = Ticket> {
        let by_id = &mut self.by_id;
        self.sequence.iter().filter_map(|(order, id)| {
            let slot = by_id.get_mut(usize::from(id.get())).filter(|slot| slot.is_of(*order))?;
            slot.message.ticket.take()
        })
    }

    /// What is to be repeated: PUBRELs in the order of their PUBRECs, then messages in their order.
    pub(crate) fn put_replay(&self, replay: &mut VecDeque<PacketId>) -> usize {
        replay.clear();
        let live = self.sequence.iter().filter(|(order, id)| self.get(*id).is_of(*order)).map(|(_, id)| *id);
        let release_of = |id: PacketId| match self.get(id).state {
            SlotState::Released { release, .. } => Some(release),
            SlotState::Free | SlotState::Reserved | SlotState::MaybeSent => None,
        };
        replay.extend(live.clone().filter(|id| release_of(*id).is_some()));
        let released = replay.len();
        replay.make_contiguous().sort_unstable_by_key(|id| release_of(*id));
        replay.extend(live.filter(|id| release_of(*id).is_none()));
        released
    }

    /// Empties all slots and frees their identifiers: messages in their order, and whether they were released.
    pub(crate) fn drain(&mut self, ids: &mut PacketIds, mut taken: impl FnMut(Stored, bool)) {
        for index in 0..self.by_id.len() {
            if let (SlotState::Reserved, Some(id)) = (self.by_id[index].state, PacketId::new(index as u16)) {
                ids.release(id);
                self.by_id[index].state = SlotState::Free;
            }
        }
        while let Some((order, id)) = self.sequence.pop_front() {
            let slot = &mut self.by_id[usize::from(id.get())];
            if slot.is_of(order) {
                ids.release(id);
                let is_released = slot.state != SlotState::MaybeSent;
                slot.state = SlotState::Free;
                taken(core::mem::replace(&mut slot.message, Stored::NONE), is_released);
            }
        }
        self.under_way = 0;
    }
}
