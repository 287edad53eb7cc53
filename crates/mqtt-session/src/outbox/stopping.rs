//! What becomes of messages when a connection, a session, or the client itself ends.

use alloc::vec::Vec;

use mqtt_parts::PacketIds;
use mqtt_proto::QoS;

use super::Outbox;
use crate::config::{Lost, QueuePolicy, SessionLoss};
use crate::error::{Indeterminate, OfflineCause, Rejected};
use crate::event::Outcome;
use crate::events::Events;
use crate::planted::{self, Planted};
use crate::record::Record;

impl Outbox {
    /// The connection is gone; nothing is repeated before the server has said whether it kept the session.
    pub(crate) fn on_connection_lost(
        &mut self,
        cause: OfflineCause,
        policy: QueuePolicy,
        events: &mut Events,
    ) {
        self.forget_connection();
        if planted::is(Planted::LoseNeverSent) {
            self.queue.pop();
        }
        match policy {
            QueuePolicy::Refuse | QueuePolicy::DropOldestQoS0 => {}
            QueuePolicy::KeepAboveQoS0 => {
                let outcome = Outcome::Rejected(Rejected::Offline(cause));
                while let Some(ticket) = self.queue.withdraw_at_most_once() {
                    events.end(ticket, outcome);
                }
            }
            QueuePolicy::RefuseOffline => self.reject_queue(Rejected::Offline(cause), events),
        }
    }

    fn forget_connection(&mut self) {
        self.replay.clear();
        self.in_flight = 0;
        self.isolated = None;
    }

    fn reject_queue(&mut self, why: Rejected, events: &mut Events) {
        while let Some(ticket) = self.queue.pop() {
            events.record(Record::Ended { ticket });
            events.end(ticket, Outcome::Rejected(why));
        }
    }

    /// The server kept the session: PUBRELs in the order of their PUBRECs, then messages in their order.
    pub(crate) fn start_replay(&mut self) {
        self.in_flight = self.slots.put_replay(&mut self.replay);
        if planted::is(Planted::ReplayBackwards) {
            self.replay.make_contiguous().reverse();
        }
    }

    /// The server lost the session. What becomes of its messages is a matter of policy; what QoS 2 came to that the
    /// server had taken is unknown, and its payload is not kept.
    pub(crate) fn on_session_lost(&mut self, policy: SessionLoss, ids: &mut PacketIds, events: &mut Events) {
        self.forget_connection();
        self.lose_aside(policy, events);
        let again_before = self.again.len();
        let Outbox { slots, again, again_bytes, .. } = self;
        let mut over = Vec::new();
        slots.drain(ids, |stored, is_released| {
            let fate = match is_released {
                true => Lost::End,
                false if stored.frame().qos() == QoS::ExactlyOnce => policy.exactly_once,
                false => policy.at_least_once,
            };
            match (fate, stored.ticket) {
                (Lost::Resend, Some(_)) => {
                    *again_bytes += stored.size();
                    again.push_back(stored);
                }
                (Lost::End, _) | (_, None) => over.push((stored.order, stored.ticket)),
            }
        });
        // Messages of the session before, which were not sent in this one, come after those that were.
        again.rotate_left(again_before);
        let outcome = Outcome::Indeterminate(Indeterminate::SessionLost);
        for (order, ticket) in over {
            events.record(Record::Ended { ticket: order });
            events.end_all(ticket, outcome);
        }
    }

    /// A session was lost, and what was never sent shares its fate.
    pub(crate) fn end_queue_with_session(&mut self, policy: SessionLoss, events: &mut Events) {
        if policy.never_sent == Lost::End {
            self.reject_queue(Rejected::SessionLost, events);
        }
    }

    /// The client stops for good: everything is reported. If the server keeps the session, exchanges go on with the
    /// next connection, so that nothing is doubled and no identifier means two messages; otherwise nothing stays.
    ///
    /// [5.0 MQTT-4.4.0-1] [3.1.1 MQTT-4.4.0-1]
    pub(crate) fn on_stopped(&mut self, is_kept: bool, ids: &mut PacketIds, events: &mut Events) {
        self.forget_connection();
        self.restore_aside();
        let outcome = Outcome::Indeterminate(Indeterminate::Disconnected);
        for ticket in self.slots.forget_all() {
            events.record(Record::Forgotten { ticket });
            events.end(ticket, outcome);
        }
        while let Some(stored) = self.pop_again() {
            events.record(Record::Ended { ticket: stored.order });
            events.end_all(stored.ticket, outcome);
        }
        self.reject_queue(Rejected::Disconnected, events);
        if !is_kept {
            self.slots.drain(ids, |stored, _| events.record(Record::Ended { ticket: stored.order }));
        }
    }
}
