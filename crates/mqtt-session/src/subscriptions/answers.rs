//! What the server answers to requests.

use alloc::vec::Vec;

use mqtt_proto::{PacketId, QoS, ReasonCode, Suback, Unsuback, Version};

use super::request::{Change, Request};
use super::{SubscriptionStatus, Subscriptions};
use crate::error::{PeerFault, Rejected};
use crate::event::{Event, Outcome};
use crate::events::Events;
use crate::record::Record;

impl Subscriptions {
    /// The answer to a SUBSCRIBE; false if nobody waits for it.
    pub(crate) fn on_suback(&mut self, suback: &Suback<'_>, events: &mut Events) -> Result<bool, PeerFault> {
        let codes_len = Some(suback.codes.len());
        let Some(requests) = self.take_sent(suback.packet_id, true, codes_len, events)? else {
            return Ok(false);
        };
        for (request, code) in requests.iter().zip(suback.codes.iter()) {
            if !self.is_current(request) {
                continue;
            }
            let Some(wanted) = self.wanted_mut(request.filter()) else { continue };
            let (status, outcome) = match granted_qos(code) {
                Some(qos) => (SubscriptionStatus::Granted(qos), Outcome::Done(code)),
                None => (SubscriptionStatus::Refused(code), Outcome::Rejected(Rejected::ByServer(code))),
            };
            events.record(Record::Granted { ticket: wanted.order, code, filter: request.filter().as_str() });
            wanted.status = status;
            wanted.was_sent = false;
            if let (Outcome::Rejected(why), true) = (outcome, wanted.tickets.is_empty()) {
                events.push(Event::SubscriptionRefused { filter: request.filter().as_str().into(), why });
            }
            events.end_all(wanted.tickets.drain(..), outcome);
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
        let Some(requests) = self.take_sent(unsuback.packet_id, false, codes_len, events)? else {
            return Ok(false);
        };
        let codes = unsuback.codes.iter().chain(core::iter::repeat(ReasonCode::Success));
        for (request, code) in requests.iter().zip(codes) {
            let Change::Unsubscribe { ticket } = request.change else { continue };
            let outcome = match code {
                code if code.is_error() => Outcome::Rejected(Rejected::ByServer(code)),
                code => Outcome::Done(code),
            };
            events.record(Record::Unsubscribed { ticket });
            events.end(ticket, outcome);
        }
        Ok(true)
    }

    /// The request of that kind that the identifier names, if there is one; an error if the answer has not as many
    /// codes as it has filters.
    fn take_sent(
        &mut self,
        packet_id: PacketId,
        is_subscribe: bool,
        codes: Option<usize>,
        events: &mut Events,
    ) -> Result<Option<Vec<Request>>, PeerFault> {
        let index = self.sent.iter().position(|(id, requests)| {
            *id == packet_id && requests.iter().all(|request| request.is_subscribe() == is_subscribe)
        });
        let filters = index.and_then(|index| self.sent.get(index)).map(|(_, requests)| requests.len());
        if let (Some(codes), Some(filters)) = (codes, filters) {
            check_count(codes, filters)?;
        }
        let found = index.and_then(|index| self.sent.remove(index));
        let Some((_, requests)) = found else { return Ok(None) };
        events.ids.release(packet_id);
        self.isolated.take_if(|isolated| *isolated == packet_id);
        Ok(Some(requests))
    }
}

/// The QoS that a code grants; none if it refuses.
pub(super) fn granted_qos(code: ReasonCode) -> Option<QoS> {
    QoS::from_bits(code.byte())
}

fn check_count(codes: usize, filters: usize) -> Result<(), PeerFault> {
    if codes == filters { Ok(()) } else { Err(PeerFault::CodeCount { codes, filters }) }
}
