//! PUBACK, PUBREC, PUBREL and PUBCOMP from a client.
//!
//! What nobody waits for is ignored, or answered as the next step asks; what ends another exchange than the one
//! under way with that identifier is an error.

use mqtt_proto::{Ack, ReasonCode};

use crate::broker::Broker;
use crate::control::{AckKind, Control};
use crate::fault::Fault;
use crate::ids::ConnectionId;
use crate::outbox::{Acknowledged, Outbox};

impl Broker {
    pub(super) fn on_puback(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some(outbox) = self.outbox_of(id) else { return Ok(()) };
        let outcome = outbox.on_puback(ack.packet_id);
        self.list(id);
        expect_no_mistake(outcome)
    }

    /// [5.0 MQTT-4.3.3-4] [5.0 MQTT-4.4.0-2] [3.1.1 MQTT-4.3.3-1]
    pub(super) fn on_pubrec(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some(outbox) = self.outbox_of(id) else { return Ok(()) };
        let outcome = outbox.on_pubrec(ack.packet_id, ack.reason.is_error());
        self.list(id);
        let reason = match outcome {
            Acknowledged::Expected => ReasonCode::Success,
            Acknowledged::Unknown => ReasonCode::PacketIdentifierNotFound,
            Acknowledged::Wrong => return expect_no_mistake(outcome),
        };
        if !ack.reason.is_error() {
            let (kind, packet_id) = (AckKind::Pubrel, ack.packet_id);
            self.queue(id, Control::Ack { kind, packet_id, reason, text: "", ends_message: false });
        }
        Ok(())
    }

    /// [5.0 MQTT-4.3.3-11] [5.0 MQTT-4.3.3-12] [3.1.1 MQTT-4.3.3-2]
    pub(super) fn on_pubrel(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let key = self.session_of(id);
        let Some(session) = key.and_then(|key| self.sessions.get_mut(key)) else { return Ok(()) };
        let seen_by = session.received.remove(&ack.packet_id);
        let (reason, text) = match seen_by {
            Some(_) => (ReasonCode::Success, ""),
            None => (ReasonCode::PacketIdentifierNotFound, ""),
        };
        let ends_message = seen_by == Some(id);
        let (kind, packet_id) = (AckKind::Pubcomp, ack.packet_id);
        self.queue(id, Control::Ack { kind, packet_id, reason, text, ends_message });
        Ok(())
    }

    pub(super) fn on_pubcomp(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some(outbox) = self.outbox_of(id) else { return Ok(()) };
        let outcome = outbox.on_pubcomp(ack.packet_id);
        self.list(id);
        expect_no_mistake(outcome)
    }

    fn outbox_of(&mut self, id: ConnectionId) -> Option<&mut Outbox> {
        let key = self.connections.get(&id)?.session()?;
        self.sessions.get_mut(key).map(|session| &mut session.outbox)
    }
}

fn expect_no_mistake(outcome: Acknowledged) -> Result<(), Fault> {
    match outcome {
        Acknowledged::Expected | Acknowledged::Unknown => Ok(()),
        Acknowledged::Wrong => {
            let text = "an acknowledgement that is not the next step of its message";
            Err(Fault::new(ReasonCode::ProtocolError, text))
        }
    }
}
