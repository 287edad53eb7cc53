//! AUTH: the dialogue that a CONNECT begins, and those that follow while a client is online.

use alloc::sync::Arc;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{Auth, Connect, Context, Packet, ReasonCode, Sender, Version, decode};

use crate::authentication::{Authentication, Step};
use crate::broker::Broker;
use crate::broker::ending::Will;
use crate::control::Control;
use crate::event::End;
use crate::fault::Fault;
use crate::ids::ConnectionId;

impl Broker {
    /// Begins the dialogue that a CONNECT asks for; the CONNECT waits for its end. [5.0 MQTT-4.12.0-1]
    pub(super) fn begin_authentication(
        &mut self,
        now: Instant,
        id: ConnectionId,
        connect: &Connect<'_>,
        method: &str,
        frame: &[u8],
    ) {
        let authenticator = self.config.authenticator.as_ref();
        let dialogue = authenticator.and_then(|it| it.begin(method, connect.client_id));
        let Some(mut dialogue) = dialogue else {
            let fault =
                Fault::new(ReasonCode::BadAuthenticationMethod, "the authentication method is not known");
            return self.refuse(now, id, connect.version, fault, Some(connect));
        };
        let step = dialogue.answer(connect.properties.authentication_data().unwrap_or_default());
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.authentication = Some(Authentication {
                method: method.into(),
                dialogue: Some(dialogue),
                connect: Some(Bytes::copy_from_slice(frame)),
            });
        }
        self.go_on_connecting(now, id, step);
    }

    /// A packet while the dialogue of a CONNECT goes on. [5.0 MQTT-4.12.0-2]
    pub(super) fn on_packet_before_connack(&mut self, now: Instant, id: ConnectionId, packet: &Packet<'_>) {
        match packet {
            Packet::Auth(auth) if auth.reason == ReasonCode::ContinueAuthentication => {
                match self.next_step(id, auth) {
                    Ok(step) => self.go_on_connecting(now, id, step),
                    Err(fault) => self.refuse_authentication(now, id, fault),
                }
            }
            Packet::Disconnect(disconnect) => {
                let end = End::Disconnected { reason: disconnect.reason };
                self.close(now, id, Will::Stays, Some(end));
            }
            _ => {
                let fault = Fault::new(ReasonCode::ProtocolError, "only AUTH may come before CONNACK");
                self.refuse_authentication(now, id, fault);
            }
        }
    }

    fn go_on_connecting(&mut self, now: Instant, id: ConnectionId, step: Step) {
        match step {
            Step::Continue(data) => self.queue_auth(id, ReasonCode::ContinueAuthentication, data),
            Step::Refuse(reason) => {
                self.refuse_authentication(now, id, Fault::new(reason, "the authentication has failed"));
            }
            Step::Accept(data) => {
                let authentication = self.connections.get_mut(&id).and_then(|it| it.authentication.as_mut());
                let frame = authentication.and_then(|it| {
                    it.dialogue = None;
                    it.connect.take()
                });
                let context = Context { version: Version::V5_0, sender: Some(Sender::Client) };
                // It was decoded before.
                if let Some(Ok(Packet::Connect(connect))) =
                    frame.as_deref().map(|frame| decode(frame, context))
                {
                    self.finish_connect(now, id, &connect.fields(), Some(data));
                }
            }
        }
    }

    /// Refuses the CONNECT that waits for the end of its authentication.
    fn refuse_authentication(&mut self, now: Instant, id: ConnectionId, fault: Fault) {
        let authentication = self.connections.get(&id).and_then(|it| it.authentication.as_ref());
        let frame = authentication.and_then(|it| it.connect.clone()).unwrap_or_default();
        let context = Context { version: Version::V5_0, sender: Some(Sender::Client) };
        let connect = match decode(&frame, context) {
            Ok(Packet::Connect(connect)) => Some(connect.fields()),
            Ok(_) | Err(_) => None,
        };
        self.refuse(now, id, Version::V5_0, fault, connect.as_ref());
    }

    /// AUTH on a connection that is online: a client proves again who it is. [5.0 MQTT-4.12.0-6] [5.0 MQTT-4.12.1-2]
    pub(super) fn on_auth(&mut self, id: ConnectionId, auth: &Auth<'_>) -> Result<(), Fault> {
        if auth.reason == ReasonCode::ReAuthenticate {
            let client_id = self.client_id(id).map(Arc::<str>::from).unwrap_or_default();
            let authenticator = self.config.authenticator.clone();
            let authentication = self.connections.get_mut(&id).and_then(|it| it.authentication.as_mut());
            if let (Some(it), Some(authenticator)) = (authentication, authenticator) {
                it.dialogue = authenticator.begin(&it.method, &client_id);
            }
        }
        match self.next_step(id, auth)? {
            Step::Continue(data) => self.queue_auth(id, ReasonCode::ContinueAuthentication, data),
            Step::Accept(data) => {
                if let Some(it) = self.connections.get_mut(&id).and_then(|it| it.authentication.as_mut()) {
                    it.dialogue = None;
                }
                self.queue_auth(id, ReasonCode::Success, data);
            }
            Step::Refuse(reason) => return Err(Fault::new(reason, "the authentication has failed")),
        }
        Ok(())
    }

    /// What the dialogue makes of an AUTH, which must name the method of the CONNECT. [5.0 MQTT-4.12.0-5]
    fn next_step(&mut self, id: ConnectionId, auth: &Auth<'_>) -> Result<Step, Fault> {
        let error = |text| Fault::new(ReasonCode::ProtocolError, text);
        let authentication = self.connections.get_mut(&id).and_then(|it| it.authentication.as_mut());
        let Some(authentication) = authentication else {
            return Err(error("AUTH without an Authentication Method in CONNECT"));
        };
        if auth.properties.authentication_method() != Some(&*authentication.method) {
            return Err(error("AUTH with another Authentication Method than CONNECT"));
        }
        let Some(dialogue) = &mut authentication.dialogue else {
            return Err(error("AUTH where no authentication goes on"));
        };
        Ok(dialogue.answer(auth.properties.authentication_data().unwrap_or_default()))
    }

    fn queue_auth(&mut self, id: ConnectionId, reason: ReasonCode, data: alloc::vec::Vec<u8>) {
        let authentication = self.connections.get(&id).and_then(|it| it.authentication.as_ref());
        let Some(method) = authentication.map(|it| Arc::clone(&it.method)) else { return };
        self.queue(id, Control::Auth { reason, method, data });
    }
}
