//! Messages that were under way whenever a connection broke: found out one by one, and set aside.
//!
//! Each abrupt end of a connection is a strike for what was under way on it. A message that is one strike short of
//! the limit is repeated alone, so that the last strike hits only the one that deserves it. What is set aside keeps
//! its identifier, since the server may know it, and waits for the application.

use alloc::vec::Vec;

use mqtt_parts::PacketIds;
use mqtt_proto::{PacketId, PacketKind, QoS, ReasonCode};

use super::Outbox;
use super::slots::{SlotState, Stored};
use crate::config::{Lost, SessionLoss};
use crate::error::{Indeterminate, OfflineCause};
use crate::event::{Event, Evidence, Outcome, Ticket};
use crate::events::Events;
use crate::negotiated::Emit;
use crate::record::Record;

/// A message that is set aside.
#[derive(Debug)]
pub(super) struct Aside {
    stored: Stored,
    /// None once the server has lost the session.
    packet_id: Option<PacketId>,
    /// The code of its PUBREC.
    released: Option<ReasonCode>,
}

impl Outbox {
    /// Whether a message is repeated alone, and its answer is awaited.
    pub(crate) fn is_isolating(&self) -> bool {
        self.isolated.is_some()
    }

    /// What was sent on this connection and is not answered.
    pub(crate) fn outstanding(&self) -> usize {
        let is_released = |id: &&PacketId| matches!(self.slots.get(**id).state, SlotState::Released { .. });
        self.in_flight - self.replay.iter().filter(is_released).count()
    }

    /// Whether a message goes out now: a suspect only when nothing else is under way, and then alone.
    pub(super) fn admits(&mut self, emit: &Emit<'_>, strikes: u8, packet_id: Option<PacketId>) -> bool {
        if !emit.config.is_suspect(strikes) {
            return true;
        }
        let is_quiet = self.outstanding() == 0 && emit.others == 0;
        if is_quiet {
            self.isolated = packet_id;
        }
        is_quiet
    }

    /// A connection ended abruptly: a strike for all that was under way on it.
    pub(crate) fn strike(&mut self, limit: u8, cause: OfflineCause, was_alone: bool, events: &mut Events) {
        let Outbox { slots, replay, .. } = self;
        let mut over = Vec::new();
        slots.for_each_under_way(|id, stored| {
            if !replay.contains(&id) {
                stored.strikes = stored.strikes.saturating_add(1);
                if stored.strikes >= limit {
                    over.push(id);
                }
            }
        });
        for id in over {
            let Some((stored, released)) = self.slots.set_aside(id) else { continue };
            let packet = if released.is_some() { PacketKind::Pubrel } else { PacketKind::Publish };
            let evidence = Evidence { packet, closes: stored.strikes, last_cause: cause, was_alone };
            let ticket = events.open_requests().request_of(stored.order);
            events.push(Event::SetAside { ticket, evidence });
            self.aside.push(Aside { stored, packet_id: Some(id), released });
        }
    }

    /// A connection ended in good order: nobody is suspected any more.
    pub(crate) fn acquit(&mut self) {
        self.slots.for_each_under_way(|_, stored| stored.strikes = 0);
        self.again.iter_mut().for_each(|stored| stored.strikes = 0);
    }

    pub(super) fn is_aside(&self, ticket: Ticket) -> bool {
        self.aside.iter().any(|aside| aside.stored.order == ticket)
    }

    /// Nobody waits for the end of a message that was set aside; false if there is none.
    pub(super) fn forget_aside(&mut self, ticket: Ticket) -> bool {
        let found = self.aside.iter_mut().find(|aside| aside.stored.order == ticket);
        found.is_some_and(|aside| aside.stored.ticket.take().is_some())
    }

    /// A message that was set aside goes out again, free of suspicion; false if it was not set aside.
    pub(crate) fn retry(&mut self, ticket: Ticket, is_online: bool) -> bool {
        let Some(index) = self.aside.iter().position(|aside| aside.stored.order == ticket) else {
            return false;
        };
        let Aside { mut stored, packet_id, released } = self.aside.remove(index);
        stored.strikes = 0;
        let Some(id) = packet_id else {
            self.again_bytes += stored.size();
            let index = self.again.partition_point(|other| other.order < stored.order);
            self.again.insert(index, stored);
            return true;
        };
        self.slots.put_back(id, stored, released);
        if is_online {
            self.in_flight += usize::from(released.is_some());
            self.replay.push_back(id);
        }
        true
    }

    /// A message that was set aside is dropped; false if it was not set aside. What it came to is unknown.
    pub(crate) fn give_up(&mut self, ticket: Ticket, ids: &mut PacketIds, events: &mut Events) -> bool {
        let Some(index) = self.aside.iter().position(|aside| aside.stored.order == ticket) else {
            return false;
        };
        let Aside { stored, packet_id, released } = self.aside.remove(index);
        events.record(Record::Ended { ticket });
        match packet_id {
            // The server may know the identifier; it is used again in the next session only.
            Some(packet_id) if stored.frame().qos() == QoS::ExactlyOnce || released.is_some() => {
                events.record(Record::Reserved { packet_id });
            }
            Some(packet_id) => {
                self.slots.free(packet_id);
                ids.release(packet_id);
            }
            None => {}
        }
        events.end_all(stored.ticket, Outcome::Indeterminate(Indeterminate::GivenUp));
        true
    }

    /// The server lost the session: what is set aside shares the fate of what was sent, or stays set aside.
    pub(super) fn lose_aside(&mut self, policy: SessionLoss, events: &mut Events) {
        self.aside.retain_mut(|aside| {
            let fate = match (aside.released, aside.stored.frame().qos()) {
                (Some(_), _) => Lost::End,
                (None, QoS::ExactlyOnce) => policy.exactly_once,
                (None, _) => policy.at_least_once,
            };
            aside.packet_id = None;
            if fate == Lost::Resend && aside.stored.ticket.is_some() {
                return true;
            }
            events.record(Record::Ended { ticket: aside.stored.order });
            events.end_all(aside.stored.ticket, Outcome::Indeterminate(Indeterminate::SessionLost));
            false
        });
    }

    /// The client stops: exchanges go on with the next connection, those of suspects too.
    pub(super) fn restore_aside(&mut self) {
        let tickets: Vec<Ticket> = self.aside.iter().map(|aside| aside.stored.order).collect();
        for ticket in tickets {
            self.retry(ticket, false);
        }
    }
}
