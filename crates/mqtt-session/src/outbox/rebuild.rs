//! What an earlier outbox has recorded, done once more.

use mqtt_parts::{Instant, PacketIds};
use mqtt_proto::{PacketId, QoS, ReasonCode, Version};

use super::Outbox;
use super::store::Place;
use crate::command::Publish;
use crate::error::SessionRefusal;
use crate::event::Ticket;

impl Outbox {
    pub(crate) fn rebuild_queued(
        &mut self,
        ticket: Ticket,
        publish: &Publish<'_>,
        accepted_at: Instant,
        version: Version,
    ) -> Result<(), SessionRefusal> {
        self.store.push(accepted_at, ticket, publish, version, |_| Ok(()))
    }

    /// False if that is not the message that was next.
    pub(crate) fn rebuild_sent(&mut self, ticket: Ticket, packet_id: PacketId, ids: &mut PacketIds) -> bool {
        let next = self.store.first_waiting().filter(|index| self.store.get(*index).ticket == ticket);
        let Some(index) = next.filter(|_| ids.claim(packet_id)) else { return false };
        self.store.set_place(index, Place::Sent { packet_id, is_due: false });
        true
    }

    /// False if no such message was sent.
    pub(crate) fn rebuild_released(&mut self, packet_id: PacketId, reason: ReasonCode) -> bool {
        match self.find(packet_id) {
            Some((index, Place::Sent { .. })) if self.store.get(index).qos == QoS::ExactlyOnce => {
                self.release(index, packet_id, reason);
                true
            }
            _ => false,
        }
    }

    /// A message is over, wherever it was. What was never recorded is over too.
    pub(crate) fn rebuild_ended(&mut self, ticket: Ticket, ids: &mut PacketIds) {
        if let Some(index) = self.store.find(ticket) {
            ids.release_all(self.store.get(index).place().packet_id());
            self.store.set_place(index, Place::Tombstone);
        }
    }

    pub(crate) fn rebuild_reserved(&mut self, packet_id: PacketId, ids: &mut PacketIds) {
        if self.store.find_id(packet_id).is_none() && ids.claim(packet_id) {
            self.store.reserve(packet_id);
        }
    }

    /// Nobody waits for the end of a message any more.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        if let Some(index) = self.store.find(ticket).filter(|index| !self.store.get(*index).is_waiting()) {
            self.store.get_mut(index).is_awaited = false;
        }
    }
}
