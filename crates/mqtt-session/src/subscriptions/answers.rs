//! What the server answers to requests.

use alloc::vec::Vec;

use mqtt_proto::{PacketId, QoS, ReasonCode, Suback, Unsuback, Version};

use super::request::{Kind, Request};
use super::{SubscriptionStatus, Subscriptions, end_subscribe, end_unsubscribe};
use crate::error::PeerFault;
use crate::event::Outcome;
use crate::events::Events;
use crate::record::Record;

impl Subscriptions {
    /// The answer to a SUBSCRIBE; false if nobody waits for it.
    pub(crate) fn on_suback(&mut self, suback: &Suback<'_>, events: &mut Events) -> Result<bool, PeerFault> {
        let codes_len = Some(suback.codes.len());
        let Some(requests) = self.take_sent(suback.packet_id, Kind::Subscribe, codes_len, events)? else {
            return Ok(false);
        };
        for (request, code) in requests.iter().zip(suback.codes.iter()) {
            let wanted = self.wanted.get_mut(&request.filter);
            let Some(wanted) = wanted.filter(|wanted| wanted.order == request.ticket) else { continue };
            events.record(Record::Granted { ticket: wanted.order, code, filter: &request.filter });
            wanted.status =
                granted_qos(code).map_or(SubscriptionStatus::Refused(code), SubscriptionStatus::Granted);
            wanted.was_sent = false;
            end_subscribe(&request.filter, &mut wanted.tickets, Outcome::of(code), events);
            self.pending -= 1;
        }
        Ok(true)
    }

    /// The answer to an UNSUBSCRIBE, false if nobody waits for it; before 5.0 it has no codes and means success.
    pub(crate) fn on_unsuback(
        &mut self,
        unsuback: &Unsuback<'_>,
        version: Version,
        events: &mut Events,
    ) -> Result<bool, PeerFault> {
        let codes_len = version.has_properties().then_some(unsuback.codes.len());
        let Some(requests) = self.take_sent(unsuback.packet_id, Kind::Unsubscribe, codes_len, events)? else {
            return Ok(false);
        };
        let codes = unsuback.codes.iter().chain(core::iter::repeat(ReasonCode::Success));
        for (request, code) in requests.iter().zip(codes) {
            end_unsubscribe(request, Outcome::of(code), events);
        }
        Ok(true)
    }

    /// The request of that kind that the identifier names, if there is one; an error if the answer has not as many
    /// codes as it has filters.
    fn take_sent(
        &mut self,
        packet_id: PacketId,
        kind: Kind,
        codes: Option<usize>,
        events: &mut Events,
    ) -> Result<Option<Vec<Request>>, PeerFault> {
        let sent = self.sent.get(packet_id);
        let is_meant = |requests: &&[Request]| requests.iter().all(|request| request.kind == kind);
        let Some(requests) = sent.filter(is_meant) else { return Ok(None) };
        let filters = requests.len();
        if let Some(codes) = codes.filter(|codes| *codes != filters) {
            return Err(PeerFault::CodeCount { codes, filters });
        }
        events.ids.release(packet_id);
        Ok(self.sent.remove(packet_id))
    }
}

/// The QoS that a code grants; none if it refuses.
pub(super) fn granted_qos(code: ReasonCode) -> Option<QoS> {
    QoS::from_bits(code.byte())
}
