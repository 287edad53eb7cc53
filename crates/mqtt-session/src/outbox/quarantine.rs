//! Messages that were under way whenever a connection broke: found out one by one, and quarantined.
//!
//! Each abrupt end of a connection counts as a failure of what was under way on it. A message that is one failure short
//! of the limit is a suspect and is repeated alone, so that the last failure hits only the one that deserves it. What
//! is quarantined keeps its identifier, since the server may know it, and waits for the application.

use mqtt_proto::PacketKind;

use super::entry::Place;
use super::{Outbox, Repeat};
use crate::error::Indeterminate;
use crate::event::{Event, QuarantineReport, Ticket};
use crate::events::Events;

impl Outbox {
    /// A connection ended abruptly: a failure of all that was under way on it.
    pub(crate) fn count_failure(
        &mut self,
        limit: u8,
        report: impl Fn(PacketKind, u8) -> QuarantineReport,
        events: &mut Events,
    ) {
        self.store.visit(|entry| {
            let (packet, packet_id, release) = match entry.place {
                Place::Sent { packet_id, .. } => (PacketKind::Publish, packet_id, None),
                Place::Released { packet_id, release, .. } => (PacketKind::Pubrel, packet_id, Some(release)),
                place @ (Place::Waiting { .. } | Place::Quarantined { .. } | Place::Tombstone) => {
                    return place;
                }
            };
            if entry.is_due() {
                return entry.place;
            }
            entry.failures += 1;
            if entry.failures < limit {
                return entry.place;
            }
            let report = report(packet, entry.failures);
            events.push(Event::Quarantined { ticket: entry.ticket, report });
            Place::Quarantined { packet_id: Some(packet_id), release }
        });
    }

    /// A connection ended in good order: nobody is suspected any more.
    pub(crate) fn clear_suspects(&mut self) {
        self.store.visit(|entry| {
            if !matches!(entry.place, Place::Quarantined { .. }) {
                entry.failures = 0;
            }
            entry.place
        });
    }

    /// Where a message is quarantined.
    fn find_quarantined(&self, ticket: Ticket) -> Option<usize> {
        let is_quarantined =
            |index: &usize| matches!(self.store.get(*index).place, Place::Quarantined { .. });
        self.store.find(ticket).filter(is_quarantined)
    }

    /// A quarantined message goes out again, free of suspicion; false if it is not quarantined.
    pub(crate) fn retry(&mut self, ticket: Ticket, is_online: bool) -> bool {
        let Some(index) = self.find_quarantined(ticket) else { return false };
        let place = self.store.get(index).place.resumed(is_online);
        self.store.get_mut(index).failures = 0;
        self.store.set_place(index, place);
        if is_online {
            self.repeat = Repeat::Pubrels;
        }
        true
    }

    /// A quarantined message is dropped; false if it is not quarantined. What it came to is unknown.
    pub(crate) fn drop_quarantined(&mut self, ticket: Ticket, events: &mut Events) -> bool {
        let index = self.find_quarantined(ticket);
        if let Some(index) = index {
            self.give_up(index, Indeterminate::GivenUp, events);
        }
        index.is_some()
    }
}
