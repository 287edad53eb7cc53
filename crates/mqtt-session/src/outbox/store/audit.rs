//! Counts the messages anew, and looks each of them up.

use mqtt_proto::{PacketId, QoS};

use super::super::entry::{OVERHEAD, Place};
use super::{RESERVED, Store};
use crate::audit::Audit;

impl Store {
    pub(in super::super) fn audit(&self, audit: &mut Audit) {
        let (mut counts, mut bytes, mut qos0, mut unused) = ([0; 7], 0, 0, 0);
        for (index, entry) in self.iter().enumerate() {
            let position = self.first + index as u64;
            counts[entry.place.kind()] += 1;
            if entry.place.is_without_frame() {
                unused += entry.frame_len as usize;
                audit.holds("a payload goes with its frame", entry.payload.is_none());
            }
            if entry.is_waiting() {
                bytes += entry.packet_size() + OVERHEAD;
                qos0 += usize::from(entry.qos == QoS::AtMostOnce);
                audit.holds("what waits is found", position >= self.waiting_from);
            }
            if entry.is_due() {
                audit.holds("what is to be repeated is found", position >= self.due_from);
            }
            if let Some(id) = entry.place.packet_id() {
                audit.uses(id);
                audit.equal("where the message of a packet identifier is", self.find_id(id), Some(index));
            }
            if entry.place != Place::Tombstone {
                audit.equal("where the message of a ticket is", self.find(entry.ticket), Some(index));
            }
        }
        let reserved = self.by_id.iter().enumerate().filter(|(_, position)| **position == RESERVED);
        reserved.filter_map(|(id, _)| PacketId::new(id as u16)).for_each(|id| audit.uses(id));
        audit.equal("messages by place", self.counts, counts);
        audit.equal("bytes that wait", self.waiting_bytes, bytes);
        audit.equal("messages of QoS 0 that wait", self.waiting_qos0, qos0);
        audit.equal("bytes that no message needs", self.unused, unused);
    }
}
