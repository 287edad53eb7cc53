//! What an earlier outbox has recorded, done once more.

use bytes::Bytes;
use mqtt_parts::{Instant, PacketIds};
use mqtt_proto::{Packet, QoS, Version};

use super::Outbox;
use super::entry::Place;
use crate::command::Publish;
use crate::error::SessionRefusal;
use crate::event::Ticket;
use crate::record::{Record, RecordErrorKind, packet};

impl Outbox {
    /// Fails if the record does not follow from those before it, or cannot be read.
    pub(crate) fn apply_record(
        &mut self,
        record: &Record<'_>,
        version: Version,
        ids: &mut PacketIds,
    ) -> Result<(), RecordErrorKind> {
        let follows = match *record {
            Record::Queued { ticket, accepted_at, version: recorded, packet: bytes } => {
                return match packet(bytes.head, recorded)? {
                    Packet::Publish(publish) if publish.qos > QoS::AtMostOnce => {
                        self.rebuild_queued(ticket, accepted_at, &publish, version)
                    }
                    _ => Err(RecordErrorKind::Malformed),
                };
            }
            Record::Sent { ticket, packet_id } => {
                // What was sent behind it in an earlier session may stand in front of it here.
                let waiting = self.store.find(ticket).filter(|index| self.store.get(*index).is_waiting());
                let waiting = waiting.filter(|_| ids.claim(packet_id));
                if let Some(index) = waiting {
                    self.store.set_place(index, Place::Sent { packet_id, is_due: false });
                }
                waiting.is_some()
            }
            Record::Released { packet_id, reason } => match self.find(packet_id) {
                Some((index, Place::Sent { .. }, QoS::ExactlyOnce)) => {
                    self.release(index, packet_id, reason);
                    true
                }
                _ => false,
            },
            // What was never recorded is over too.
            Record::Ended { ticket } => {
                if let Some(index) = self.store.find(ticket) {
                    ids.release_all(self.store.get(index).place.packet_id());
                    self.store.set_place(index, Place::Tombstone);
                }
                true
            }
            Record::Reserved { packet_id } => {
                if self.store.find_id(packet_id).is_none() && ids.claim(packet_id) {
                    self.store.reserve(packet_id);
                }
                true
            }
            _ => true,
        };
        follows.then_some(()).ok_or(RecordErrorKind::Inconsistent)
    }

    fn rebuild_queued(
        &mut self,
        ticket: Ticket,
        accepted_at: Instant,
        publish: &mqtt_proto::Publish<'_>,
        version: Version,
    ) -> Result<(), RecordErrorKind> {
        if self.store.last_ticket().is_some_and(|last| last >= ticket) {
            return Err(RecordErrorKind::Inconsistent);
        }
        let publish = Publish {
            topic: publish.topic,
            payload: Bytes::copy_from_slice(publish.payload),
            qos: publish.qos,
            retain: publish.retain,
            properties: publish.properties,
            timeout: None,
        };
        let pushed = self.store.push(accepted_at, ticket, &publish, version, |_| Ok(()));
        pushed.map_err(|reason| match reason {
            SessionRefusal::Encode(error) => RecordErrorKind::Version(error),
            _ => RecordErrorKind::Inconsistent,
        })
    }
}
