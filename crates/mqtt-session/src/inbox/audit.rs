//! Counts what has arrived anew.

use mqtt_proto::QoS;

use super::Inbox;
use crate::audit::Audit;

impl Inbox {
    pub(crate) fn audit(&self, audit: &mut Audit) {
        let of = |qos| self.arrivals.iter().filter(move |arrival| arrival.qos == qos);
        let repeated = self.arrivals.iter().filter(|arrival| arrival.is_repeated).count();
        audit.equal("repetitions", self.repeated, repeated);
        let in_flight = of(QoS::AtLeastOnce).count() + self.open.len();
        audit.equal("what the server counts against its window", self.in_flight, in_flight);
        let is_open =
            of(QoS::ExactlyOnce).all(|arrival| arrival.is_repeated || self.open.contains(arrival.packet_id));
        audit.holds("a QoS 2 message that has arrived is open", is_open);
        let is_held = self.carried.keys().all(|id| self.held.contains(*id));
        audit.holds("what is carried over from a lost connection is held", is_held);
        let is_known = self.refused.keys().all(|id| self.known.contains(*id));
        audit.holds("a refusal is that of a message that the server may repeat", is_known);
        let is_answered = self.refused.keys().all(|id| !self.held.contains(*id));
        audit.holds("what was refused is not held", is_answered);
    }
}
