//! What the server answers to messages, and how their exchanges end.

use mqtt_parts::Instant;
use mqtt_proto::{Ack, PacketId, QoS, ReasonCode};

use super::Outbox;
use super::entry::{Place, Release};
use crate::error::Rejected;
use crate::event::{Outcome, Ticket};
use crate::events::Events;
use crate::record::Record;

/// How a message ended that somebody waits for.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) ticket: Ticket,
    pub(crate) outcome: Outcome,
    /// When it was sent.
    pub(crate) sent_at: Instant,
}

/// An acknowledgement of something that is not under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown;

impl Outbox {
    /// The answer to a QoS 1 message; an error if no such message is under way.
    pub(crate) fn on_puback(&mut self, ack: &Ack<'_>, events: &mut Events) -> Result<Option<Ended>, Unknown> {
        match self.find(ack.packet_id) {
            Some((index, Place::Sent { .. }, QoS::AtLeastOnce)) => {
                Ok(self.end_exchange(index, outcome_of(ack.reason), events))
            }
            _ => Err(Unknown),
        }
    }

    /// The first answer to a QoS 2 message; an error if no such message is under way.
    ///
    /// A failure ends the exchange without a PUBREL. [5.0 MQTT-4.3.3-4] [5.0 MQTT-4.4.0-2] [5.0 MQTT-4.3.3-9]
    pub(crate) fn on_pubrec(&mut self, ack: &Ack<'_>, events: &mut Events) -> Result<Option<Ended>, Unknown> {
        match self.find(ack.packet_id) {
            Some((index, Place::Sent { .. }, QoS::ExactlyOnce)) => {
                if ack.reason.is_error() {
                    return Ok(self.end_exchange(index, outcome_of(ack.reason), events));
                }
                self.release(index, ack.packet_id, ack.reason);
                events.record(Record::Released { packet_id: ack.packet_id, reason: ack.reason });
                Ok(None)
            }
            // The server repeats its PUBREC: the PUBREL is repeated too.
            Some((_, Place::Released { .. }, _)) if !ack.reason.is_error() => Ok(None),
            _ => Err(Unknown),
        }
    }

    /// The last answer to a QoS 2 message; an error if no such message is released.
    ///
    /// That the server does not know the identifier any more means that it has completed the exchange.
    pub(crate) fn on_pubcomp(
        &mut self,
        ack: &Ack<'_>,
        events: &mut Events,
    ) -> Result<Option<Ended>, Unknown> {
        match self.find(ack.packet_id) {
            Some((index, Place::Released { release, .. }, _)) => {
                Ok(self.end_exchange(index, Outcome::Done(release.reason), events))
            }
            _ => Err(Unknown),
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

    /// An exchange is over; none if its end was reported before.
    #[inline]
    fn end_exchange(&mut self, index: usize, outcome: Outcome, events: &mut Events) -> Option<Ended> {
        let entry = self.store.get(index);
        let (ticket, sent_at, is_awaited) = (entry.ticket, entry.sent_at, entry.is_awaited);
        if let Some(packet_id) = entry.place.packet_id() {
            self.isolated.take_if(|isolated| *isolated == packet_id);
            events.ids.release(packet_id);
        }
        self.store.set_place(index, Place::Tombstone);
        events.record(Record::Ended { ticket });
        is_awaited.then_some(Ended { ticket, outcome, sent_at })
    }
}

/// What the server's reason code means for the operation. "No matching subscribers" is success.
fn outcome_of(reason: ReasonCode) -> Outcome {
    if reason.is_error() { Outcome::Rejected(Rejected::ByServer(reason)) } else { Outcome::Done(reason) }
}
