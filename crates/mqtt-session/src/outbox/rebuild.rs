//! What an earlier outbox has recorded, done once more.

use mqtt_parts::{Instant, PacketIds};
use mqtt_proto::{PacketId, QoS, ReasonCode, Version};

use super::Outbox;
use super::slots::SlotState;
use crate::command::Publish;
use crate::error::RefusedReason;
use crate::event::Ticket;
use crate::events::Events;
use crate::record::{PublishBytes, Record};

impl Outbox {
    /// The last message of the queue was accepted.
    pub(super) fn record_queued(&self, ticket: Ticket, now: Instant, version: Version, events: &mut Events) {
        if events.journal().is_none() {
            return;
        }
        if let Some(frame) = self.queue.last() {
            let packet = PublishBytes { head: frame.bytes, payload: frame.payload };
            events.record(Record::Queued { ticket, accepted_at: now, version, packet });
        }
    }

    pub(crate) fn rebuild_queued(
        &mut self,
        ticket: Ticket,
        publish: &Publish<'_>,
        accepted_at: Instant,
        version: Version,
    ) -> Result<(), RefusedReason> {
        self.queue.push(accepted_at, ticket, publish, version, |_| Ok(()))
    }

    /// False if that is not the message that was next.
    pub(crate) fn rebuild_sent(&mut self, ticket: Ticket, packet_id: PacketId, ids: &mut PacketIds) -> bool {
        if !ids.claim(packet_id) {
            return false;
        }
        if self.again.front().is_some_and(|stored| stored.order == ticket) {
            if let Some(stored) = self.pop_again() {
                self.slots.put(packet_id, stored);
            }
            return true;
        }
        let Some((_, frame)) = self.queue.first().filter(|(first, _)| *first == ticket) else { return false };
        self.slots.put_copy(packet_id, ticket, &frame, Instant::ORIGIN);
        self.queue.pop();
        true
    }

    /// False if no such message was sent.
    pub(crate) fn rebuild_released(&mut self, packet_id: PacketId, reason: ReasonCode) -> bool {
        let is_known = self.slots.get(packet_id).qos_sent() == Some(QoS::ExactlyOnce);
        if is_known {
            self.slots.release(packet_id, reason);
        }
        is_known
    }

    /// A message is over, wherever it was. What was never recorded is over too.
    pub(crate) fn rebuild_ended(&mut self, ticket: Ticket, ids: &mut PacketIds) {
        if self.queue.withdraw(ticket) {
            return;
        }
        if let Ok(index) = self.again.binary_search_by_key(&ticket, |stored| stored.order) {
            if let Some(stored) = self.again.remove(index) {
                self.again_bytes -= stored.size();
            }
        } else if let Some(id) = self.slots.id_of(ticket) {
            self.slots.end(id, ids, crate::events::DONE);
        }
    }

    pub(crate) fn rebuild_reserved(&mut self, packet_id: PacketId, ids: &mut PacketIds) {
        if ids.claim(packet_id) && self.slots.get(packet_id).state == SlotState::Free {
            self.slots.reserve(packet_id);
        }
    }

    /// Nobody waits for the end of a message any more.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        self.slots.forget(ticket);
    }
}
