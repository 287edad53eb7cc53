//! Requests that were sent and not answered: in the order in which they were sent, and found by packet identifier in
//! whatever order the server answers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use mqtt_proto::PacketId;

use super::request::Request;
use crate::audit::Audit;

/// The requests of each packet.
pub(super) struct Sent {
    /// By [`Sent::sent`] when the packet was sent.
    packets: BTreeMap<u64, (PacketId, Vec<Request>)>,
    by_id: BTreeMap<PacketId, u64>,
    /// Packets that were ever sent.
    sent: u64,
}

/// Shows the packets: how many there were before changes nothing that a session does.
impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.packets.values()).finish()
    }
}

impl Sent {
    pub(super) const fn new() -> Sent {
        Sent { packets: BTreeMap::new(), by_id: BTreeMap::new(), sent: 0 }
    }

    /// Packets that are not answered.
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn push(&mut self, packet_id: PacketId, requests: Vec<Request>) {
        self.sent += 1;
        let earlier = self.by_id.insert(packet_id, self.sent);
        debug_assert_eq!(earlier, None, "no identifier has two packets");
        self.packets.insert(self.sent, (packet_id, requests));
    }

    /// The requests of the packet that has this identifier.
    pub(super) fn get(&self, packet_id: PacketId) -> Option<&[Request]> {
        let (_, requests) = self.packets.get(self.by_id.get(&packet_id)?)?;
        Some(requests)
    }

    pub(super) fn remove(&mut self, packet_id: PacketId) -> Option<Vec<Request>> {
        let (_, requests) = self.packets.remove(&self.by_id.remove(&packet_id)?)?;
        Some(requests)
    }

    /// Takes off the packet that was sent last.
    pub(super) fn pop_last(&mut self) -> Option<(PacketId, Vec<Request>)> {
        let (_, (packet_id, requests)) = self.packets.pop_last()?;
        self.by_id.remove(&packet_id);
        Some((packet_id, requests))
    }

    /// The requests of the packet that was sent first.
    pub(super) fn first(&self) -> &[Request] {
        self.packets.first_key_value().map_or(&[], |(_, (_, requests))| requests)
    }

    /// All requests, in the order in which they were sent.
    pub(super) fn requests(&self) -> impl Iterator<Item = &Request> {
        self.packets.values().flat_map(|(_, requests)| requests)
    }

    pub(super) fn audit(&self, audit: &mut Audit) {
        self.packets.values().for_each(|(packet_id, _)| audit.uses(*packet_id));
        let is_listed =
            |(number, (packet_id, _)): (&u64, &(PacketId, _))| self.by_id.get(packet_id) == Some(number);
        audit.holds("a packet is found by its identifier", self.packets.iter().all(is_listed));
        audit.equal("packets without an answer", self.by_id.len(), self.packets.len());
    }

    /// The requests of each packet, in the order in which they were sent.
    pub(super) fn packets_mut(&mut self) -> impl Iterator<Item = &mut Vec<Request>> {
        self.packets.values_mut().map(|(_, requests)| requests)
    }
}
