//! What the server answers to messages, and how their exchanges end.

use mqtt_parts::Instant;
use mqtt_proto::{Ack, PacketId, QoS, ReasonCode};

use super::Outbox;
use super::entry::{Place, Release};
use crate::event::Outcome;
use crate::events::Events;
use crate::record::Record;

impl Outbox {
    /// The answer to a QoS 1 message; false if no such message is under way.
    pub(crate) fn on_puback(&mut self, now: Instant, ack: &Ack<'_>, events: &mut Events) -> bool {
        match self.find(ack.packet_id) {
            Some((index, Place::Sent { .. }, QoS::AtLeastOnce)) => {
                self.end_exchange(now, index, Outcome::of(ack.reason), events);
                true
            }
            _ => false,
        }
    }

    /// The first answer to a QoS 2 message; false if no such message is under way.
    ///
    /// A failure ends the exchange without a PUBREL. [5.0 MQTT-4.3.3-4] [5.0 MQTT-4.4.0-2] [5.0 MQTT-4.3.3-9]
    pub(crate) fn on_pubrec(&mut self, now: Instant, ack: &Ack<'_>, events: &mut Events) -> bool {
        match self.find(ack.packet_id) {
            Some((index, Place::Sent { .. }, QoS::ExactlyOnce)) => {
                if ack.reason.is_error() {
                    self.end_exchange(now, index, Outcome::of(ack.reason), events);
                    return true;
                }
                self.release(index, ack.packet_id, ack.reason);
                events.record(Record::Released { packet_id: ack.packet_id, reason: ack.reason });
                true
            }
            // The server repeats its PUBREC: the PUBREL is repeated too.
            Some((_, Place::Released { .. }, _)) if !ack.reason.is_error() => true,
            _ => false,
        }
    }

    /// The last answer to a QoS 2 message; false if no such message is released.
    ///
    /// That the server does not know the identifier any more means that it has completed the exchange.
    pub(crate) fn on_pubcomp(&mut self, now: Instant, ack: &Ack<'_>, events: &mut Events) -> bool {
        match self.find(ack.packet_id) {
            Some((index, Place::Released { release, .. }, _)) => {
                self.end_exchange(now, index, Outcome::Done(release.reason), events);
                true
            }
            _ => false,
        }
    }

    #[inline]
    pub(super) fn find(&self, id: PacketId) -> Option<(usize, Place, QoS)> {
        let index = self.store.find_id(id)?;
        let entry = self.store.get(index);
        Some((index, entry.place, entry.qos))
    }

    /// The server has taken a QoS 2 message.
    #[inline]
    pub(super) fn release(&mut self, index: usize, packet_id: PacketId, reason: ReasonCode) {
        let release = Release { order: self.releases, reason };
        self.releases = self.releases.wrapping_add(1);
        self.store.set_place(index, Place::Released { packet_id, is_due: false, release });
    }

    /// An exchange is over; its end may have been reported before.
    #[inline]
    fn end_exchange(&mut self, now: Instant, index: usize, outcome: Outcome, events: &mut Events) {
        let entry = self.store.get(index);
        let (ticket, sent_at, is_awaited) = (entry.ticket, entry.sent_at, entry.is_awaited);
        if let Some(packet_id) = entry.place.packet_id() {
            self.isolated.take_if(|isolated| *isolated == packet_id);
            events.ids.release(packet_id);
        }
        self.store.set_place(index, Place::Tombstone);
        events.record(Record::Ended { ticket });
        if !is_awaited {
            return;
        }
        // What an earlier program has sent, it sent at a time that nobody knows.
        if sent_at > Instant::ORIGIN {
            events.counters.acknowledgement_latency.count(sent_at, now);
        }
        events.end(ticket, outcome);
    }
}
