//! Messages on their way to the server, each in one of three places.
//!
//! A message is *never sent* and waits in the queue; or *maybe sent* and keeps a packet identifier until the server
//! answers; or *released*, which is QoS 2 between PUBREC and PUBCOMP. After a reconnect with the session still
//! there, what is maybe sent or released goes out again, in original order and before anything new. Memory of
//! messages that have ended is used again.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use mqtt_parts::{Instant, PacketIds};
use mqtt_proto::{
    Ack, EncodeError, Packet, PacketId, PropertyBuf, PropertyId, PropertyOwner, QoS, ReasonCode, Version,
};

use crate::command::Publish;
use crate::config::Config;
use crate::error::{Indeterminate, RefusedReason, Rejected};
use crate::event::{Event, Outcome, Ticket};
use crate::negotiated::{Emit, Negotiated};
use crate::stored::{STORED_OVERHEAD, Stored};

/// All messages that were accepted and have not ended.
#[derive(Debug)]
pub(crate) struct Outbox {
    version: Version,
    queue_messages_max: usize,
    queue_bytes_max: usize,
    /// Never sent, in the order of their tickets.
    queue: VecDeque<Stored>,
    queue_bytes: usize,
    /// What is under way, by packet identifier.
    slots: Vec<Slot>,
    /// Slots that are not free.
    under_way: usize,
    /// Identifiers to be repeated on this connection, in original order.
    replay: VecDeque<PacketId>,
    /// Messages that were sent on this connection, or released before it, and are not answered.
    in_flight: usize,
    /// Counts PUBRECs, to repeat PUBRELs in their order.
    releases: u64,
    /// Memory of messages that have ended.
    spare: Vec<(String, PropertyBuf)>,
}

#[derive(Debug)]
enum Slot {
    Free,
    MaybeSent(Stored),
    Released {
        ticket: Option<Ticket>,
        release: u64,
        /// That of the PUBREC, which says whether anyone listened.
        reason: ReasonCode,
    },
    /// QoS 2 that was given up: no other message may have the identifier while the server may know it.
    Reserved,
}

/// What a look at one message came to, so that the caller may report it.
type Report = Option<(Ticket, Outcome)>;

/// Messages whose memory is kept for later.
const SPARE_MAX: usize = 1024;

impl Outbox {
    pub(crate) fn new(config: &Config) -> Outbox {
        Outbox {
            version: config.version,
            queue_messages_max: config.queue_messages_max,
            queue_bytes_max: config.queue_bytes_max,
            queue: VecDeque::new(),
            queue_bytes: 0,
            slots: Vec::new(),
            under_way: 0,
            replay: VecDeque::new(),
            in_flight: 0,
            releases: 0,
            spare: Vec::new(),
        }
    }

    /// Whether no message is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.under_way == 0
    }

    /// Messages that were never sent.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Messages sent and not answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether one more message may wait that is so large as a packet.
    pub(crate) fn check_room(&self, packet_size: usize) -> Result<(), RefusedReason> {
        if self.queue.len() >= self.queue_messages_max {
            return Err(RefusedReason::QueueFull { messages_max: self.queue_messages_max });
        }
        if self.queue_bytes + STORED_OVERHEAD + packet_size > self.queue_bytes_max {
            return Err(RefusedReason::QueueBytesFull { bytes_max: self.queue_bytes_max });
        }
        Ok(())
    }

    /// Takes a message that [`Outbox::check_room`] has room for.
    pub(crate) fn push(
        &mut self,
        now: Instant,
        ticket: Ticket,
        publish: &Publish<'_>,
        packet_size: usize,
    ) -> Result<(), EncodeError> {
        let (mut topic, mut properties) = self.spare.pop().unwrap_or_default();
        properties.extend(PropertyOwner::Publish, publish.properties, |id| {
            id != PropertyId::MessageExpiryInterval
        })?;
        topic.push_str(publish.topic.as_str());
        let lifetime = publish.properties.message_expiry_interval();
        let expires_at = lifetime.map(|secs| now + core::time::Duration::from_secs(u64::from(secs)));
        let stored = Stored {
            ticket: Some(ticket),
            order: ticket.get(),
            topic,
            properties,
            payload: publish.payload.clone(),
            qos: publish.qos,
            retain: publish.retain,
            expires_at,
            packet_size,
            was_sent: false,
        };
        self.queue_bytes += stored.size();
        self.queue.push_back(stored);
        Ok(())
    }

    /// Appends what may be sent until `out` holds `out_max` bytes.
    ///
    /// Only PUBLISH waits for the window; a PUBREL is never held back. [5.0 MQTT-3.3.4-8] [5.0 MQTT-4.9.0-2]
    pub(crate) fn poll(&mut self, emit: &mut Emit<'_>, out_max: usize) {
        while emit.out.len() < out_max && self.poll_replay(emit) {}
        if self.replay.is_empty() {
            while emit.out.len() < out_max && self.poll_queue(emit) {}
        }
    }

    /// [5.0 MQTT-4.4.0-1] [5.0 MQTT-4.6.0-1] [3.1.1 MQTT-4.4.0-1] [3.1.1 MQTT-4.6.0-1]
    fn poll_replay(&mut self, emit: &mut Emit<'_>) -> bool {
        let Some(&packet_id) = self.replay.front() else { return false };
        match &self.slots[usize::from(packet_id.get())] {
            Slot::Free | Slot::Reserved => {}
            Slot::Released { .. } => {
                let pubrel = Packet::Pubrel(Ack::success(packet_id));
                emit.out.put(&pubrel, self.version).expect("it has no variable part");
            }
            Slot::MaybeSent(_) if self.in_flight >= usize::from(emit.terms.in_flight_max) => return false,
            Slot::MaybeSent(stored) => {
                match stored.check_terms(emit.terms) {
                    Ok(()) => {
                        stored
                            .put(emit.now, Some(packet_id), true, self.version, emit.out)
                            .expect("its size is known");
                        self.in_flight += 1;
                        emit.stats.messages_resent += 1;
                    }
                    // The server takes less than before; what the first one came to is unknown.
                    Err(_) => {
                        let report = self.give_up(packet_id, emit.ids);
                        emit.events.extend(report.map(|(ticket, outcome)| Event::Ended { ticket, outcome }));
                    }
                }
            }
        }
        self.replay.pop_front();
        true
    }

    fn poll_queue(&mut self, emit: &mut Emit<'_>) -> bool {
        let Some(first) = self.queue.front() else { return false };
        if let Err(why) = Outbox::check_first(emit.now, emit.terms, first) {
            self.reject_first(why, emit.events);
            return true;
        }
        let packet_id = match first.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => {
                if self.in_flight >= usize::from(emit.terms.in_flight_max) {
                    return false;
                }
                match emit.ids.take() {
                    Some(id) => Some(id),
                    None => return false,
                }
            }
        };
        first.put(emit.now, packet_id, false, self.version, emit.out).expect("its size is known");
        if first.was_sent {
            emit.stats.messages_resent += 1;
        } else {
            emit.stats.messages_sent += 1;
        }
        let stored = self.pop_first().expect("it was there a moment ago");
        match packet_id {
            Some(id) => {
                self.in_flight += 1;
                self.under_way += 1;
                self.put_slot(id, Slot::MaybeSent(stored));
            }
            None => {
                let outcome = Outcome::Done(ReasonCode::Success);
                emit.events.extend(stored.ticket.map(|ticket| Event::Ended { ticket, outcome }));
                self.recycle(stored);
            }
        }
        true
    }

    fn check_first(now: Instant, terms: &Negotiated, first: &Stored) -> Result<(), Rejected> {
        if first.is_expired(now) {
            return Err(Rejected::Expired);
        }
        first.check_terms(terms).map_err(Rejected::Refused)
    }

    fn reject_first(&mut self, why: Rejected, events: &mut VecDeque<Event>) {
        if let Some(stored) = self.pop_first() {
            let outcome = stored.outcome(why);
            events.extend(stored.ticket.map(|ticket| Event::Ended { ticket, outcome }));
            self.recycle(stored);
        }
    }

    fn pop_first(&mut self) -> Option<Stored> {
        let stored = self.queue.pop_front()?;
        self.queue_bytes -= stored.size();
        Some(stored)
    }

    fn put_slot(&mut self, id: PacketId, slot: Slot) {
        let index = usize::from(id.get());
        while self.slots.len() <= index {
            self.slots.push(Slot::Free);
        }
        self.slots[index] = slot;
    }

    fn slot_mut(&mut self, id: PacketId) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(id.get()))
    }

    /// The answer to a QoS 1 message; none if no such message is under way.
    pub(crate) fn on_puback(&mut self, ack: &Ack<'_>, ids: &mut PacketIds) -> Option<Report> {
        match self.slot_mut(ack.packet_id)? {
            Slot::MaybeSent(Stored { qos: QoS::AtLeastOnce, .. }) => {}
            Slot::MaybeSent(_) | Slot::Released { .. } | Slot::Reserved | Slot::Free => return None,
        }
        self.leave_window(ack.packet_id);
        Some(self.end(ack.packet_id, ids, outcome_of(ack.reason)))
    }

    /// An exchange is over. What waits to be repeated does not count yet, though a server may answer it early.
    fn leave_window(&mut self, id: PacketId) {
        if !self.leave_replay(id) || matches!(self.slot_mut(id), Some(Slot::Released { .. })) {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
    }

    /// It is not to be repeated any more; false if it was not to be.
    fn leave_replay(&mut self, id: PacketId) -> bool {
        let index = self.replay.iter().position(|waiting| *waiting == id);
        index.and_then(|index| self.replay.remove(index)).is_some()
    }

    /// The first answer to a QoS 2 message; none if no such message is under way.
    ///
    /// A failure ends the exchange without a PUBREL. [5.0 MQTT-4.3.3-4] [5.0 MQTT-4.4.0-2] [5.0 MQTT-4.3.3-9]
    pub(crate) fn on_pubrec(&mut self, ack: &Ack<'_>, ids: &mut PacketIds) -> Option<Report> {
        let release = self.releases;
        let slot = self.slot_mut(ack.packet_id)?;
        match slot {
            Slot::MaybeSent(Stored { qos: QoS::ExactlyOnce, ticket, .. }) => {
                if ack.reason.is_error() {
                    self.leave_window(ack.packet_id);
                    return Some(self.end(ack.packet_id, ids, outcome_of(ack.reason)));
                }
                let released = Slot::Released { ticket: *ticket, release, reason: ack.reason };
                if let Slot::MaybeSent(stored) = core::mem::replace(slot, released) {
                    self.recycle(stored);
                }
                self.releases += 1;
                self.in_flight += usize::from(self.leave_replay(ack.packet_id));
                Some(None)
            }
            // The server repeats its PUBREC: the PUBREL is repeated too.
            Slot::Released { .. } if !ack.reason.is_error() => Some(None),
            Slot::Released { .. } | Slot::MaybeSent(_) | Slot::Reserved | Slot::Free => None,
        }
    }

    /// The last answer to a QoS 2 message; none if no such message is released.
    ///
    /// That the server does not know the identifier any more means that it has completed the exchange.
    pub(crate) fn on_pubcomp(&mut self, ack: &Ack<'_>, ids: &mut PacketIds) -> Option<Report> {
        let reason = match self.slot_mut(ack.packet_id)? {
            Slot::Released { reason, .. } => *reason,
            Slot::MaybeSent(_) | Slot::Reserved | Slot::Free => return None,
        };
        self.leave_window(ack.packet_id);
        Some(self.end(ack.packet_id, ids, Outcome::Done(reason)))
    }

    /// A message that cannot be repeated: what the first transmission came to is unknown.
    fn give_up(&mut self, id: PacketId, ids: &mut PacketIds) -> Report {
        let outcome = Outcome::Indeterminate(Indeterminate::SessionLost);
        let ticket = match self.slot_mut(id)? {
            Slot::MaybeSent(Stored { qos: QoS::ExactlyOnce, ticket, .. }) => *ticket,
            Slot::MaybeSent(_) | Slot::Released { .. } | Slot::Reserved | Slot::Free => {
                return self.end(id, ids, outcome);
            }
        };
        self.put_slot(id, Slot::Reserved);
        self.under_way -= 1;
        ticket.map(|ticket| (ticket, outcome))
    }

    /// Frees the identifier; the report is none if the end was reported before.
    fn end(&mut self, id: PacketId, ids: &mut PacketIds, outcome: Outcome) -> Report {
        ids.release(id);
        let slot = self.slot_mut(id)?;
        let ended = core::mem::replace(slot, Slot::Free);
        self.under_way -= usize::from(!matches!(ended, Slot::Free));
        let ticket = match ended {
            Slot::Free | Slot::Reserved => None,
            Slot::Released { ticket, .. } => ticket,
            Slot::MaybeSent(stored) => {
                let ticket = stored.ticket;
                self.recycle(stored);
                ticket
            }
        };
        ticket.map(|ticket| (ticket, outcome))
    }

    /// The timeout of an operation has passed: withdraws it, or reports it and goes on with the exchange.
    pub(crate) fn on_deadline(&mut self, ticket: Ticket) -> Option<Outcome> {
        if let Ok(index) = self.queue.binary_search_by_key(&ticket.get(), |stored| stored.order) {
            let stored = self.queue.remove(index)?;
            self.queue_bytes -= stored.size();
            let outcome = stored.outcome(Rejected::TimedOut);
            self.recycle(stored);
            return Some(outcome);
        }
        let under_way = self.slots.iter_mut().find_map(|slot| match slot {
            Slot::MaybeSent(Stored { ticket: owner, .. }) | Slot::Released { ticket: owner, .. }
                if *owner == Some(ticket) =>
            {
                Some(owner)
            }
            Slot::MaybeSent(_) | Slot::Released { .. } | Slot::Reserved | Slot::Free => None,
        })?;
        *under_way = None;
        Some(Outcome::Indeterminate(Indeterminate::TimedOut))
    }

    /// Whether the message waits for an acknowledgement or will; QoS 0 never does.
    pub(crate) fn awaits_acknowledgement(&self, ticket: Ticket) -> bool {
        let queued = self.queue.binary_search_by_key(&ticket.get(), |stored| stored.order);
        queued.is_ok_and(|index| self.queue[index].qos != QoS::AtMostOnce)
            || self.slots.iter().any(|slot| match slot {
                Slot::MaybeSent(Stored { ticket: owner, .. }) | Slot::Released { ticket: owner, .. } => {
                    *owner == Some(ticket)
                }
                Slot::Reserved | Slot::Free => false,
            })
    }

    /// The connection is gone; nothing is repeated before the server has said whether it kept the session.
    pub(crate) fn on_connection_lost(&mut self) {
        self.replay.clear();
        self.in_flight = 0;
    }

    /// The server kept the session: PUBRELs in the order of their PUBRECs, then messages in their order.
    pub(crate) fn start_replay(&mut self) {
        let mut released = Vec::new();
        let mut maybe_sent = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(id) = u16::try_from(index).ok().and_then(PacketId::new) else { continue };
            match slot {
                Slot::Free | Slot::Reserved => {}
                Slot::Released { release, .. } => released.push((*release, id)),
                Slot::MaybeSent(stored) => maybe_sent.push((stored.order, id)),
            }
        }
        released.sort_unstable();
        maybe_sent.sort_unstable();
        self.in_flight = released.len();
        self.replay.clear();
        self.replay.extend(released.into_iter().chain(maybe_sent).map(|(_, id)| id));
    }

    /// The server lost the session. QoS 1 starts anew, since it may arrive twice; what QoS 2 came to is unknown.
    pub(crate) fn on_session_lost(&mut self, ids: &mut PacketIds, events: &mut VecDeque<Event>) {
        let mut again = Vec::new();
        let mut lost = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if let Some(id) = u16::try_from(index).ok().and_then(PacketId::new) {
                if !matches!(slot, Slot::Free) {
                    ids.release(id);
                }
            }
            match core::mem::replace(slot, Slot::Free) {
                Slot::Free | Slot::Reserved => {}
                Slot::Released { ticket, release, .. } => lost.push((release, ticket)),
                Slot::MaybeSent(stored) if stored.qos == QoS::ExactlyOnce || stored.ticket.is_none() => {
                    lost.push((stored.order, stored.ticket));
                }
                Slot::MaybeSent(stored) => again.push(Stored { was_sent: true, ..stored }),
            }
        }
        self.replay.clear();
        self.in_flight = 0;
        self.under_way = 0;
        lost.sort_unstable();
        let outcome = Outcome::Indeterminate(Indeterminate::SessionLost);
        events.extend(
            lost.into_iter().filter_map(|(_, ticket)| Some(Event::Ended { ticket: ticket?, outcome })),
        );
        again.sort_unstable_by_key(|stored| core::cmp::Reverse(stored.order));
        for stored in again {
            self.queue_bytes += stored.size();
            self.queue.push_front(stored);
        }
    }

    /// The client stops for good: everything is reported. If the server keeps the session, exchanges go on with the
    /// next connection, so that nothing is doubled and no identifier means two messages; otherwise nothing stays.
    ///
    /// [5.0 MQTT-4.4.0-1] [3.1.1 MQTT-4.4.0-1]
    pub(crate) fn on_stopped(&mut self, is_kept: bool, ids: &mut PacketIds, events: &mut VecDeque<Event>) {
        let mut ended = Vec::new();
        for slot in &mut self.slots {
            match slot {
                Slot::Free | Slot::Reserved => {}
                Slot::Released { ticket, .. } | Slot::MaybeSent(Stored { ticket, .. }) => {
                    ended.extend(ticket.take());
                }
            }
        }
        ended.sort_unstable();
        let outcome = Outcome::Indeterminate(Indeterminate::Disconnected);
        events.extend(ended.into_iter().map(|ticket| Event::Ended { ticket, outcome }));
        while !self.queue.is_empty() {
            self.reject_first(Rejected::Disconnected, events);
        }
        self.on_connection_lost();
        if !is_kept {
            self.slots.clear();
            self.under_way = 0;
            ids.clear();
        }
    }

    fn recycle(&mut self, stored: Stored) {
        if self.spare.len() < SPARE_MAX {
            let Stored { mut topic, mut properties, .. } = stored;
            topic.clear();
            properties.clear();
            self.spare.push((topic, properties));
        }
    }
}

/// What the server's reason code means for the operation. "No matching subscribers" is success.
fn outcome_of(reason: ReasonCode) -> Outcome {
    if reason.is_error() { Outcome::Rejected(Rejected::ByServer(reason)) } else { Outcome::Done(reason) }
}
