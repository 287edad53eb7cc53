//! Messages on their way to the server, each in one of three places.
//!
//! A message is *never sent* and waits in the queue; or *maybe sent* and keeps a packet identifier until the server
//! answers; or *released*, which is QoS 2 between PUBREC and PUBCOMP. After a reconnect with the session still
//! there, what is maybe sent or released goes out again, in original order and before anything new. Memory of
//! messages that have ended is used again.

mod slots;
mod poison;
mod stopping;
mod rebuild;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use mqtt_parts::{AliasesOut, PacketIds};
use mqtt_proto::{Ack, Packet, PacketId, QoS, ReasonCode};

use crate::command::Publish;
use crate::config::{Config, QueuePolicy};
use crate::error::{Indeterminate, RefusedReason, Rejected};
use crate::event::{Outcome, Ticket};
use crate::events::Events;
use crate::frame::{Frame, Sending};
use crate::lazy::unused;
use crate::negotiated::{Emit, Negotiated};
use crate::planted::{self, Planted};
use crate::queue::{OVERHEAD, Queue};
use crate::record::Record;
use poison::Aside;
use slots::{SlotState, Slots, Stored};

pub(crate) use slots::Ended;

/// All messages that were accepted and have not ended.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Never sent.
    queue: Queue,
    /// Sent in a session that the server has lost since, to be sent anew before the queue.
    again: VecDeque<Stored>,
    again_bytes: usize,
    /// Maybe sent, or released.
    slots: Slots,
    /// Identifiers to be repeated on this connection, in original order.
    replay: VecDeque<PacketId>,
    /// Messages that were sent on this connection, or released before it, and are not answered.
    in_flight: usize,
    aliases: AliasesOut,
    /// Those that were under way whenever a connection broke.
    aside: Vec<Aside>,
    /// Repeated alone on this connection, and not answered.
    isolated: Option<PacketId>,
}

unused!(Outbox, Outbox::new());

/// Where a message is that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Never sent, behind so many others.
    Queued { ahead: usize, qos: QoS },
    /// Sent in a session that was lost, to be sent anew.
    Again,
    /// Maybe sent; whether it waits to be repeated.
    MaybeSent { qos: QoS, is_due: bool },
    /// Under way whenever a connection broke.
    Aside,
    /// QoS 2 between PUBREC and PUBCOMP; whether its PUBREL waits to be repeated.
    Released { is_due: bool },
}

impl Outbox {
    const fn new() -> Outbox {
        Outbox {
            queue: Queue::new(),
            again: VecDeque::new(),
            again_bytes: 0,
            slots: Slots::new(),
            replay: VecDeque::new(),
            in_flight: 0,
            aliases: AliasesOut::new(),
            aside: Vec::new(),
            isolated: None,
        }
    }

    /// Whether no message is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.again.is_empty() && self.slots.under_way() == 0
    }

    /// Messages that were never sent, or are to be sent anew.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len() + self.again.len()
    }

    /// Messages that have not ended, whether or not somebody waits for their end.
    pub(crate) fn len(&self) -> usize {
        self.queued() + self.slots.under_way() + self.aside.len()
    }

    /// Messages sent and not answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes a message, if there is room for it and the terms of the connection that is online allow it.
    pub(crate) fn push(
        &mut self,
        ticket: Ticket,
        publish: &Publish<'_>,
        now: mqtt_parts::Instant,
        config: &Config,
        terms: Option<&Negotiated>,
        events: &mut Events,
    ) -> Result<(), RefusedReason> {
        let is_kept = match config.queue_policy {
            QueuePolicy::Refuse | QueuePolicy::DropOldestQoS0 => true,
            QueuePolicy::KeepAboveQoS0 => terms.is_some() || publish.qos > QoS::AtMostOnce,
            QueuePolicy::RefuseOffline => terms.is_some(),
        };
        if !is_kept {
            return Err(RefusedReason::Offline);
        }
        loop {
            let (messages, bytes) = (self.queued(), self.queue.bytes() + self.again_bytes);
            let (messages_max, bytes_max) = (config.queue_messages_max, config.queue_bytes_max);
            let check = |frame: &Frame<'_>| {
                if let Some(terms) = terms {
                    frame.check_terms(terms)?;
                }
                if messages >= messages_max && !planted::is(Planted::UnboundedQueue) {
                    return Err(RefusedReason::QueueFull { messages_max });
                }
                if bytes + frame.packet_size() + OVERHEAD > bytes_max {
                    return Err(RefusedReason::QueueBytesFull { bytes_max });
                }
                Ok(())
            };
            let reason =
                match self.queue.push(now, ticket, publish, config.version, check) {
                    Err(
                        reason @ (RefusedReason::QueueFull { .. } | RefusedReason::QueueBytesFull { .. }),
                    ) if config.queue_policy == QueuePolicy::DropOldestQoS0 => reason,
                    Ok(()) if publish.qos > QoS::AtMostOnce => {
                        self.record_queued(ticket, now, config.version, events);
                        return Ok(());
                    }
                    result => return result,
                };
            let dropped = self.queue.withdraw_at_most_once().ok_or(reason)?;
            let outcome = Outcome::Rejected(Rejected::Dropped);
            events.end(dropped, outcome);
        }
    }

    /// Appends what may be sent until `out` holds `out_max` bytes.
    ///
    /// Only PUBLISH waits for the window; a PUBREL is never held back. [5.0 MQTT-3.3.4-8] [5.0 MQTT-4.9.0-2]
    pub(crate) fn poll(&mut self, emit: &mut Emit<'_>, out_max: usize) {
        if self.is_isolating() {
            return;
        }
        while emit.out.len() < out_max && self.poll_replay(emit) {}
        if self.replay.is_empty() {
            while emit.out.len() < out_max && self.poll_again(emit) {}
        }
        if self.replay.is_empty() && self.again.is_empty() && !self.is_isolating() {
            while emit.out.len() < out_max && (self.poll_plain(emit, out_max) || self.poll_queue(emit)) {}
        }
    }

    /// A run of QoS 0 messages whose bytes lie ready one behind the other.
    #[inline]
    fn poll_plain(&mut self, emit: &mut Emit<'_>, out_max: usize) -> bool {
        if emit.terms.topic_aliases_max > 0 {
            return false;
        }
        let mut room = out_max.saturating_sub(emit.out.len());
        let terms = emit.terms;
        let (count, bytes) = self.queue.plain_run(|flags, size| {
            let is_taken = room > 0 && (flags & 1 == 0 || terms.retain_available);
            room = room.saturating_sub(size);
            is_taken && size <= terms.packet_size_max as usize
        });
        emit.out.put_encoded(bytes);
        for _message in 0..count {
            let Some(ticket) = self.queue.pop() else { break };
            emit.end(ticket, Outcome::Done(ReasonCode::Success));
        }
        emit.count_publishes(count as u64);
        count > 0
    }

    /// Topics are written in full, since the aliases of the last connection are gone.
    ///
    /// [5.0 MQTT-4.4.0-1] [5.0 MQTT-4.6.0-1] [3.1.1 MQTT-4.4.0-1] [3.1.1 MQTT-4.6.0-1]
    fn poll_replay(&mut self, emit: &mut Emit<'_>) -> bool {
        let Some(&packet_id) = self.replay.front() else { return false };
        if self.is_isolating() || !self.admits(emit, self.slots.get(packet_id).strikes(), Some(packet_id)) {
            return false;
        }
        let slot = self.slots.get(packet_id);
        match slot.state {
            SlotState::Free | SlotState::Reserved => {}
            SlotState::Released { .. } if planted::is(Planted::ForgetPubrelOnReplay) => {}
            SlotState::Released { .. } => {
                let pubrel = Packet::Pubrel(Ack::success(packet_id));
                emit.out.put(&pubrel, emit.config.version).expect("it has no variable part");
                emit.counters.count_sent(mqtt_proto::PacketKind::Pubrel);
            }
            SlotState::MaybeSent if self.in_flight >= usize::from(emit.terms.in_flight_max) => return false,
            SlotState::MaybeSent if planted::is(Planted::DropOnReplay) => {}
            SlotState::MaybeSent => {
                let frame = slot.frame();
                match frame.check_terms(emit.terms) {
                    Ok(()) => {
                        let dup = !planted::is(Planted::NoDupOnReplay);
                        frame.put(Sending { now: emit.now, packet_id: Some(packet_id), dup }, emit.out);
                        self.in_flight += 1;
                        emit.count_publish(true);
                    }
                    // The server takes less than before; what the first one came to is unknown.
                    Err(_) => {
                        self.slots.record_given_up(packet_id, emit.events);
                        if let Some(ended) = self.slots.give_up(packet_id, emit.ids) {
                            emit.end(ended.ticket, ended.outcome);
                        }
                    }
                }
            }
        }
        self.replay.pop_front();
        true
    }

    /// A message of a session that was lost; one that cannot be sent any more may have arrived then.
    fn poll_again(&mut self, emit: &mut Emit<'_>) -> bool {
        let Some(first) = self.again.front() else { return false };
        let strikes = first.strikes;
        let frame = first.frame();
        if frame.is_expired(emit.now) || frame.check_terms(emit.terms).is_err() {
            if let Some(stored) = self.pop_again() {
                emit.events.record(Record::Ended { ticket: stored.order });
                if let Some(ticket) = stored.ticket {
                    emit.end(ticket, Outcome::Indeterminate(Indeterminate::SessionLost));
                }
            }
            return true;
        }
        if self.is_isolating() || !self.admits(emit, strikes, None) {
            return false;
        }
        let Some(packet_id) = self.take_id(emit) else { return false };
        self.isolated = emit.config.is_suspect(strikes).then_some(packet_id);
        frame_of(&self.again)
            .put(Sending { now: emit.now, packet_id: Some(packet_id), dup: false }, emit.out);
        emit.count_publish(true);
        if let Some(stored) = self.pop_again() {
            emit.events.record(Record::Sent { ticket: stored.order, packet_id });
            self.in_flight += 1;
            self.slots.put(packet_id, stored);
        }
        true
    }

    fn pop_again(&mut self) -> Option<Stored> {
        let stored = self.again.pop_front()?;
        self.again_bytes -= stored.size();
        Some(stored)
    }

    /// An identifier, if the window lets another message be sent.
    fn take_id(&self, emit: &mut Emit<'_>) -> Option<PacketId> {
        let is_full = self.in_flight >= usize::from(emit.terms.in_flight_max);
        if is_full && !planted::is(Planted::IgnoreReceiveMaximum) {
            return None;
        }
        if planted::is(Planted::ReuseIdentifier) {
            return Some(PacketId::MIN);
        }
        emit.ids.take()
    }

    #[inline]
    fn poll_queue(&mut self, emit: &mut Emit<'_>) -> bool {
        let Some((ticket, frame)) = self.queue.first() else { return false };
        if let Err(why) = check_first(emit, &frame) {
            if frame.qos() > QoS::AtMostOnce {
                emit.events.record(Record::Ended { ticket });
            }
            self.queue.pop();
            emit.end(ticket, Outcome::Rejected(why));
            return true;
        }
        let packet_id = match frame.qos() {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => match self.take_id(emit) {
                Some(id) => Some(id),
                None => return false,
            },
        };
        let sending = Sending { now: emit.now, packet_id, dup: false };
        if emit.terms.topic_aliases_max == 0 {
            frame.put(sending, emit.out);
        } else {
            frame.put_short(sending, &mut self.aliases, emit.terms.packet_size_max, emit.out);
        }
        emit.count_publish(false);
        if packet_id.is_some() && planted::is(Planted::EndWhenSent) {
            emit.end(ticket, Outcome::Done(ReasonCode::Success));
        }
        match packet_id {
            Some(id) => {
                emit.events.record(Record::Sent { ticket, packet_id: id });
                self.in_flight += 1;
                self.slots.put_copy(id, ticket, &frame, emit.now);
            }
            None => emit.end(ticket, Outcome::Done(ReasonCode::Success)),
        }
        self.queue.pop();
        true
    }

    /// The answer to a QoS 1 message; an error if no such message is under way.
    pub(crate) fn on_puback(
        &mut self,
        ack: &Ack<'_>,
        ids: &mut PacketIds,
        events: &mut Events,
    ) -> Result<Option<Ended>, Unknown> {
        if self.slots.get(ack.packet_id).qos_sent() != Some(QoS::AtLeastOnce) {
            return Err(Unknown);
        }
        self.leave_window(ack.packet_id);
        events.record(Record::Ended { ticket: self.slots.get(ack.packet_id).order() });
        Ok(self.slots.end(ack.packet_id, ids, outcome_of(ack.reason)))
    }

    /// An exchange is over. What waits to be repeated does not count yet, though a server may answer it early.
    fn leave_window(&mut self, id: PacketId) {
        self.isolated.take_if(|isolated| *isolated == id);
        if planted::is(Planted::LeakWindow) {
            return;
        }
        if !self.leave_replay(id) || matches!(self.slots.get(id).state, SlotState::Released { .. }) {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
    }

    /// It is not to be repeated any more; false if it was not to be.
    fn leave_replay(&mut self, id: PacketId) -> bool {
        if self.replay.is_empty() {
            return false;
        }
        let index = self.replay.iter().position(|waiting| *waiting == id);
        index.and_then(|index| self.replay.remove(index)).is_some()
    }

    /// The first answer to a QoS 2 message; an error if no such message is under way.
    ///
    /// A failure ends the exchange without a PUBREL. [5.0 MQTT-4.3.3-4] [5.0 MQTT-4.4.0-2] [5.0 MQTT-4.3.3-9]
    pub(crate) fn on_pubrec(
        &mut self,
        ack: &Ack<'_>,
        ids: &mut PacketIds,
        events: &mut Events,
    ) -> Result<Option<Ended>, Unknown> {
        let slot = self.slots.get(ack.packet_id);
        match slot.state {
            SlotState::MaybeSent if slot.frame().qos() == QoS::ExactlyOnce => {
                if ack.reason.is_error() {
                    self.leave_window(ack.packet_id);
                    events.record(Record::Ended { ticket: self.slots.get(ack.packet_id).order() });
                    return Ok(self.slots.end(ack.packet_id, ids, outcome_of(ack.reason)));
                }
                self.slots.release(ack.packet_id, ack.reason);
                events.record(Record::Released { packet_id: ack.packet_id, reason: ack.reason });
                self.in_flight += usize::from(self.leave_replay(ack.packet_id));
                Ok(None)
            }
            // The server repeats its PUBREC: the PUBREL is repeated too.
            SlotState::Released { .. } if !ack.reason.is_error() => Ok(None),
            SlotState::Released { .. } | SlotState::MaybeSent | SlotState::Reserved | SlotState::Free => {
                Err(Unknown)
            }
        }
    }

    /// The last answer to a QoS 2 message; an error if no such message is released.
    ///
    /// That the server does not know the identifier any more means that it has completed the exchange.
    pub(crate) fn on_pubcomp(
        &mut self,
        ack: &Ack<'_>,
        ids: &mut PacketIds,
        events: &mut Events,
    ) -> Result<Option<Ended>, Unknown> {
        let SlotState::Released { reason, .. } = self.slots.get(ack.packet_id).state else {
            return Err(Unknown);
        };
        self.leave_window(ack.packet_id);
        events.record(Record::Ended { ticket: self.slots.get(ack.packet_id).order() });
        let ended = self.slots.end(ack.packet_id, ids, Outcome::Done(reason));
        Ok(ended.filter(|_| !planted::is(Planted::NeverEnd)))
    }

    /// Takes a message back that was never sent; false if it was, or has ended.
    pub(crate) fn withdraw(&mut self, ticket: Ticket, events: &mut Events) -> bool {
        let is_withdrawn = self.queue.withdraw(ticket);
        if is_withdrawn {
            events.record(Record::Ended { ticket });
        }
        is_withdrawn
    }

    /// The timeout of an operation has passed: withdraws it, or reports it and goes on with the exchange.
    pub(crate) fn on_deadline(&mut self, ticket: Ticket, events: &mut Events) -> Option<Outcome> {
        if self.withdraw(ticket, events) {
            return Some(Outcome::Rejected(Rejected::TimedOut));
        }
        let mut outcome = Outcome::Indeterminate(Indeterminate::TimedOut);
        if planted::is(Planted::CallItRejected) {
            outcome = Outcome::Rejected(Rejected::TimedOut);
        }
        if let Ok(index) = self.again.binary_search_by_key(&ticket, |stored| stored.order) {
            let stored = self.again.remove(index)?;
            self.again_bytes -= stored.size();
            events.record(Record::Ended { ticket });
            return Some(outcome);
        }
        let is_under_way = self.slots.forget(ticket) || self.forget_aside(ticket);
        if is_under_way {
            events.record(Record::Forgotten { ticket });
        }
        is_under_way.then_some(outcome)
    }

    /// Whether the message waits for an acknowledgement or will; QoS 0 never does.
    pub(crate) fn awaits_acknowledgement(&self, ticket: Ticket) -> bool {
        match self.queue.qos(ticket) {
            Some(qos) => qos > QoS::AtMostOnce,
            None => {
                self.again.binary_search_by_key(&ticket, |stored| stored.order).is_ok()
                    || self.is_aside(ticket)
                    || self.slots.find(ticket).is_some()
            }
        }
    }

    /// Where a message is; none if it has ended.
    pub(crate) fn place(&self, ticket: Ticket) -> Option<Place> {
        if let Some((ahead, qos)) = self.queue.position(ticket) {
            return Some(Place::Queued { ahead: ahead + self.again.len() + self.replay.len(), qos });
        }
        if self.again.binary_search_by_key(&ticket, |stored| stored.order).is_ok() {
            return Some(Place::Again);
        }
        if self.is_aside(ticket) {
            return Some(Place::Aside);
        }
        let id = self.slots.find(ticket)?;
        let is_due = self.replay.contains(&id);
        let slot = self.slots.get(id);
        match slot.state {
            SlotState::Free | SlotState::Reserved => None,
            SlotState::MaybeSent => Some(Place::MaybeSent { qos: slot.frame().qos(), is_due }),
            SlotState::Released { .. } => Some(Place::Released { is_due }),
        }
    }

    /// A connection was accepted, or these are the terms of the last one: aliases start afresh. [5.0 MQTT-3.3.2-7]
    pub(crate) fn on_online(&mut self, terms: &Negotiated) {
        let has_none = matches!(self.aliases.naming(b"any/longer/topic"), mqtt_parts::Naming::Name);
        if has_none || !planted::is(Planted::KeepAliases) {
            self.aliases.reset(terms.topic_aliases_max);
        }
    }
}

/// An acknowledgement of something that is not under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown;

fn frame_of(stored: &VecDeque<Stored>) -> Frame<'_> {
    stored.front().expect("it was there a moment ago").frame()
}

#[inline]
fn check_first(emit: &Emit<'_>, first: &Frame<'_>) -> Result<(), Rejected> {
    if first.is_expired(emit.now) {
        return Err(Rejected::Expired);
    }
    first.check_terms(emit.terms).map_err(Rejected::Refused)
}

/// What the server's reason code means for the operation. "No matching subscribers" is success.
fn outcome_of(reason: ReasonCode) -> Outcome {
    if reason.is_error() { Outcome::Rejected(Rejected::ByServer(reason)) } else { Outcome::Done(reason) }
}
