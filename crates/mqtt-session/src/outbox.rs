//! Messages on their way to the server.
//!
//! Each message is one entry of the [`Store`], from its acceptance to its end: it waits; it is sent, and has a packet
//! identifier until the server answers; with QoS 2 it is released between PUBREC and PUBCOMP. After a reconnect with
//! the session still there, a walk over the store repeats what was sent or released, in original order and before
//! anything new.

mod frames;
mod segments;
mod entry;
mod overtaken;
mod store;
mod answers;
mod ending;
mod quarantine;
mod rebuild;

use alloc::vec::Vec;

use mqtt_parts::{AliasesOut, Instant};
use mqtt_proto::{Ack, Packet, PacketId, PacketKind, QoS};

use crate::audit::Audit;
use crate::command::Publish;
use crate::config::{Config, QueuePolicy};
use crate::error::{Indeterminate, Rejected, SessionRefusal};
use crate::event::{Outcome, Ticket};
use crate::events::{DONE, Events};
use crate::explain::Waits;
use crate::frame::{Frame, Sending};
use crate::lazy::unused;
use crate::negotiated::{Emit, Negotiated};
use crate::record::{PublishBytes, Record};
use entry::{OVERHEAD, Place};
use store::Store;

/// All messages that were accepted and have not ended.
#[derive(Debug)]
pub(crate) struct Outbox {
    store: Store,
    /// A suspect, sent alone on this connection and not answered.
    isolated: Option<PacketId>,
    repeat: Repeat,
    /// Counts PUBRECs.
    releases: u32,
    aliases: AliasesOut,
}

/// How far the walk over what was sent on earlier connections is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Pubrels,
    Messages,
    Nothing,
}

unused!(Outbox, Outbox::new());

impl Outbox {
    const fn new() -> Outbox {
        Outbox {
            store: Store::new(),
            isolated: None,
            repeat: Repeat::Nothing,
            releases: 0,
            aliases: AliasesOut::new(),
        }
    }

    /// Whether no message is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.store.waiting() == 0 && self.store.under_way() == 0
    }

    /// Messages that are to be sent.
    pub(crate) fn waiting(&self) -> usize {
        self.store.waiting()
    }

    /// Messages that have not ended, whether or not somebody waits for their end.
    pub(crate) fn len(&self) -> usize {
        self.store.waiting() + self.store.under_way() + self.store.quarantined()
    }

    /// Messages that take up the window of the connection that is online.
    pub(crate) fn in_flight(&self) -> usize {
        self.store.in_flight()
    }

    /// What was sent on this connection and is not answered.
    pub(crate) fn outstanding(&self) -> usize {
        self.store.outstanding()
    }

    /// Whether a suspect was sent alone, and its answer is awaited.
    pub(crate) fn is_isolating(&self) -> bool {
        self.isolated.is_some()
    }

    /// Takes a message, if there is room for it and the terms of the connection that is online allow it.
    pub(crate) fn push(
        &mut self,
        ticket: Ticket,
        publish: &Publish<'_>,
        now: Instant,
        config: &Config,
        terms: Option<&Negotiated>,
        events: &mut Events,
    ) -> Result<(), SessionRefusal> {
        let waits_for_connection = match config.queue_policy {
            QueuePolicy::Refuse | QueuePolicy::DropOldestQoS0 => true,
            QueuePolicy::KeepAboveQoS0 => publish.qos > QoS::AtMostOnce,
            QueuePolicy::RefuseOffline => false,
        };
        if terms.is_none() && !waits_for_connection {
            return Err(SessionRefusal::Offline);
        }
        let (messages_max, bytes_max) = (config.queue_messages_max, config.queue_bytes_max);
        loop {
            let (messages, bytes) = (self.store.waiting(), self.store.waiting_bytes());
            let pushed = self.store.push(now, ticket, publish, config.version, |frame| {
                if let Some(terms) = terms {
                    frame.check_terms(terms)?;
                }
                if messages >= messages_max {
                    return Err(SessionRefusal::QueueFull { messages_max });
                }
                if bytes + frame.packet_size() + OVERHEAD > bytes_max {
                    return Err(SessionRefusal::QueueBytesFull { bytes_max });
                }
                Ok(())
            });
            let reason =
                match pushed {
                    Ok(()) => break,
                    Err(
                        reason @ (SessionRefusal::QueueFull { .. } | SessionRefusal::QueueBytesFull { .. }),
                    ) if config.queue_policy == QueuePolicy::DropOldestQoS0 => reason,
                    Err(reason) => return Err(reason),
                };
            let oldest = self.store.first_waiting_qos0().ok_or(reason)?;
            self.end_waiting(oldest, Rejected::Dropped, events);
        }
        if publish.qos > QoS::AtMostOnce && events.journal().is_some() {
            let frame = self.store.frame(self.store.len() - 1);
            let packet = PublishBytes { head: frame.bytes, payload: frame.payload };
            events.record(Record::Queued { ticket, accepted_at: now, version: config.version, packet });
        }
        Ok(())
    }

    /// A message that was never sent ends.
    fn end_waiting(&mut self, index: usize, why: Rejected, events: &mut Events) {
        let (ticket, qos) = (self.store.get(index).ticket, self.store.get(index).qos);
        self.store.set_place(index, Place::Tombstone);
        if qos > QoS::AtMostOnce {
            events.record(Record::Ended { ticket });
        }
        events.end(ticket, Outcome::Rejected(why));
    }

    /// Appends what may be sent until `out` holds `out_max` bytes.
    ///
    /// Only PUBLISH waits for the window; a PUBREL is never held back. [5.0 MQTT-3.3.4-8] [5.0 MQTT-4.9.0-2]
    pub(crate) fn poll(&mut self, emit: &mut Emit<'_>, out_max: usize) {
        while self.repeat != Repeat::Nothing && emit.out.len() < out_max {
            if !self.repeat_next(emit) {
                return;
            }
        }
        while emit.out.len() < out_max && self.send_next(emit, out_max) {}
        debug_assert!(self.store.in_flight() <= usize::from(u16::MAX), "each has an identifier");
    }

    /// PUBRELs in the order of their PUBRECs; those of suspects wait for their turn in the walk.
    ///
    /// [5.0 MQTT-4.6.0-4] [3.1.1 MQTT-4.6.0-4]
    fn repeat_pubrels(&mut self, emit: &mut Emit<'_>) {
        let releases = self.releases;
        let entries =
            self.store.iter().filter(|entry| entry.is_due() && !emit.config.is_suspect(entry.failures));
        let due = entries.filter_map(|entry| match entry.place {
            Place::Released { packet_id, release, .. } => {
                Some((releases.wrapping_sub(release.order), packet_id))
            }
            _ => None,
        });
        let mut due: Vec<(u32, PacketId)> = due.collect();
        due.sort_unstable_by(|one, other| other.cmp(one));
        for (_, packet_id) in due {
            let index = self.store.find_id(packet_id).expect("it was found a moment ago");
            self.repeat_pubrel(index, emit);
        }
    }

    fn repeat_pubrel(&mut self, index: usize, emit: &mut Emit<'_>) {
        if let Place::Released { packet_id, release, .. } = self.store.get(index).place {
            self.store.set_place(index, Place::Released { packet_id, is_due: false, release });
            let pubrel = Packet::Pubrel(Ack::success(packet_id));
            emit.out.put(&pubrel, emit.config.version).expect("it has no variable part");
            emit.events.counters.count_sent(PacketKind::Pubrel);
        }
    }

    /// The next step of the walk over what was sent on earlier connections; false if something has to happen first.
    ///
    /// Topics are written in full, since the aliases of the last connection are gone.
    /// [5.0 MQTT-4.4.0-1] [5.0 MQTT-4.6.0-1] [3.1.1 MQTT-4.4.0-1] [3.1.1 MQTT-4.6.0-1]
    fn repeat_next(&mut self, emit: &mut Emit<'_>) -> bool {
        if self.repeat == Repeat::Pubrels {
            self.repeat = Repeat::Messages;
            self.repeat_pubrels(emit);
        }
        let Some(index) = self.store.first_due() else {
            self.repeat = Repeat::Nothing;
            return true;
        };
        let entry = self.store.get(index);
        let is_suspect = emit.config.is_suspect(entry.failures);
        let Some(packet_id) = entry.place.packet_id().filter(|_| self.admits(is_suspect, emit)) else {
            return false;
        };
        if let Place::Sent { .. } = entry.place {
            if self.store.in_flight() >= usize::from(emit.terms.in_flight_max) {
                return false;
            }
            let frame = self.store.frame(index);
            // The server takes less than before; what the first transmission came to is unknown.
            if frame.check_terms(emit.terms).is_err() {
                self.give_up(index, Indeterminate::SessionLost, emit.events);
                return true;
            }
            frame.put(Sending { now: emit.now, packet_id: Some(packet_id), dup: true }, emit.out);
            emit.count_publish(true);
            self.store.set_place(index, Place::Sent { packet_id, is_due: false });
        } else {
            self.repeat_pubrel(index, emit);
        }
        self.isolated = is_suspect.then_some(packet_id);
        true
    }

    /// Whether a message may go out now: a suspect only when nothing else is under way, and then alone.
    fn admits(&self, is_suspect: bool, emit: &Emit<'_>) -> bool {
        !self.is_isolating() && (!is_suspect || self.store.outstanding() == 0 && emit.others == 0)
    }

    /// The first messages that wait; false if something has to happen first.
    #[inline]
    fn send_next(&mut self, emit: &mut Emit<'_>, out_max: usize) -> bool {
        let Some(index) = self.store.first_waiting() else { return false };
        let may_run = emit.terms.topic_aliases_max == 0 && !self.is_isolating();
        let is_run = may_run && self.store.get(index).qos == QoS::AtMostOnce;
        is_run && self.send_qos0_run(index, emit, out_max) || self.send_one(index, emit)
    }

    /// A run of QoS 0 messages whose bytes lie ready one behind the other.
    #[inline]
    fn send_qos0_run(&mut self, index: usize, emit: &mut Emit<'_>, out_max: usize) -> bool {
        let mut room = out_max - emit.out.len();
        let terms = emit.terms;
        let (count, bytes) = self.store.qos0_run(index, |flags, size| {
            let is_taken = room > 0 && (flags & 1 == 0 || terms.retain_available);
            room = room.saturating_sub(size);
            is_taken && size <= terms.packet_size_max as usize
        });
        if count == 0 {
            return false;
        }
        emit.out.put_encoded(bytes);
        self.store.end_run(index, count, |ticket| emit.events.end(ticket, DONE));
        emit.events.counters.add_sent(PacketKind::Publish, count as u64);
        true
    }

    /// A message of a session that was lost is sent anew; if it cannot be sent any more, it may have arrived then.
    #[inline]
    fn send_one(&mut self, index: usize, emit: &mut Emit<'_>) -> bool {
        let (entry, frame) = (self.store.get(index), self.store.frame(index));
        let was_sent = entry.place == Place::Waiting { was_sent: true };
        if let Err(why) = check(emit, &frame) {
            match was_sent {
                true => self.give_up(index, Indeterminate::SessionLost, emit.events),
                false => self.end_waiting(index, why, emit.events),
            }
            return true;
        }
        let is_suspect = emit.config.is_suspect(entry.failures);
        if !self.admits(is_suspect, emit) {
            return false;
        }
        let packet_id = match entry.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => {
                if self.store.in_flight() >= usize::from(emit.terms.in_flight_max) {
                    return false;
                }
                let Some(id) = emit.events.ids.take() else { return false };
                Some(id)
            }
        };
        let sending = Sending { now: emit.now, packet_id, dup: false };
        if emit.terms.topic_aliases_max == 0 {
            frame.put(sending, emit.out);
        } else {
            frame.put_short(sending, &mut self.aliases, emit.terms.packet_size_max, emit.out);
        }
        let ticket = entry.ticket;
        emit.count_publish(was_sent);
        let Some(packet_id) = packet_id else {
            self.store.set_place(index, Place::Tombstone);
            emit.events.end(ticket, DONE);
            return true;
        };
        emit.events.record(Record::Sent { ticket, packet_id });
        if !was_sent {
            self.store.get_mut(index).sent_at = emit.now;
        }
        self.store.set_place(index, Place::Sent { packet_id, is_due: false });
        self.isolated = is_suspect.then_some(packet_id);
        true
    }

    /// What becomes of a message is unknown from now on. A server that may know its identifier as one of QoS 2 would
    /// take another message under it for a repetition: it is used again in the next session only.
    fn give_up(&mut self, index: usize, why: Indeterminate, events: &mut Events) {
        let entry = self.store.get(index);
        let (ticket, qos, is_awaited) = (entry.ticket, entry.qos, entry.is_awaited);
        let packet_id = entry.place.packet_id();
        self.store.set_place(index, Place::Tombstone);
        events.record(Record::Ended { ticket });
        match packet_id {
            Some(packet_id) if qos == QoS::ExactlyOnce => {
                self.store.reserve(packet_id);
                events.record(Record::Reserved { packet_id });
            }
            Some(_) | None => events.ids.release_all(packet_id),
        }
        if is_awaited {
            events.end(ticket, Outcome::Indeterminate(why));
        }
    }

    /// The time of a message is over that was never sent; false if it was, or has ended.
    pub(crate) fn withdraw(&mut self, ticket: Ticket, events: &mut Events) -> bool {
        let index = self.store.find(ticket);
        let index = index.filter(|index| self.store.get(*index).place == Place::Waiting { was_sent: false });
        index.into_iter().for_each(|index| self.end_waiting(index, Rejected::TimedOut, events));
        index.is_some()
    }

    /// The timeout of an operation has passed: withdraws it, or reports it and goes on with the exchange.
    pub(crate) fn on_deadline(&mut self, ticket: Ticket, events: &mut Events) {
        if self.withdraw(ticket, events) {
            return;
        }
        let index = self.store.find(ticket).filter(|index| self.store.get(*index).is_awaited);
        let Some(index) = index else { return };
        if self.store.get(index).is_waiting() {
            self.store.set_place(index, Place::Tombstone);
            events.record(Record::Ended { ticket });
        } else {
            self.store.get_mut(index).is_awaited = events.journal().is_some();
        }
        events.end(ticket, Outcome::Indeterminate(Indeterminate::TimedOut));
    }

    /// Whether the message waits for an acknowledgement or will; QoS 0 never does.
    pub(crate) fn awaits_acknowledgement(&self, ticket: Ticket) -> bool {
        let entry = self.store.find(ticket).map(|index| self.store.get(index));
        entry.is_some_and(|entry| entry.is_awaited && entry.qos > QoS::AtMostOnce)
    }

    /// What a message waits for that has not ended.
    pub(crate) fn waits(&self, ticket: Ticket) -> Option<Waits> {
        let index = self.store.find(ticket)?;
        let entry = self.store.get(index);
        Some(match entry.place {
            Place::Waiting { was_sent: true } => Waits::SendingAnew,
            Place::Waiting { was_sent: false } => {
                Waits::Turn { ahead: self.store.ahead(index), qos: Some(entry.qos) }
            }
            Place::Sent { .. } | Place::Released { .. } if !entry.is_awaited => return None,
            Place::Sent { .. } | Place::Released { .. } if entry.is_due() => Waits::Repetition,
            Place::Sent { .. } if entry.qos == QoS::ExactlyOnce => Waits::Answer(PacketKind::Pubrec),
            Place::Sent { .. } => Waits::Answer(PacketKind::Puback),
            Place::Released { .. } => Waits::Answer(PacketKind::Pubcomp),
            Place::Quarantined { .. } => Waits::Decision,
            Place::Tombstone => return None,
        })
    }

    pub(crate) fn audit(&self, audit: &mut Audit) {
        self.store.audit(audit);
        let is_there = self.isolated.is_none_or(|id| self.store.find_id(id).is_some());
        audit.holds("a suspect that was sent alone is under way", is_there);
    }

    /// A connection was accepted, or these are the terms of the last one: aliases start afresh. [5.0 MQTT-3.3.2-7]
    pub(crate) fn on_online(&mut self, terms: &Negotiated) {
        self.aliases.reset(terms.topic_aliases_max);
    }
}

#[inline]
fn check(emit: &Emit<'_>, frame: &Frame<'_>) -> Result<(), Rejected> {
    if frame.is_expired(emit.now) {
        return Err(Rejected::Expired);
    }
    frame.check_terms(emit.terms).map_err(Rejected::BySession)
}
