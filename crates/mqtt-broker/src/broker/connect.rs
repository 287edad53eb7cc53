//! CONNECT: whether a client is accepted, and with which session.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_parts::Instant;
use mqtt_proto::{Connect, PacketKind, ReasonCode, Version, Will as WillPacket};

use crate::access::may_write;
use crate::broker::{Broker, ending};
use crate::config::CLIENT_ID_SIZE_MIN;
use crate::connection::{State, keep_alive_secs};
use crate::control::{Acceptance, AckKind, Control};
use crate::event::Event;
use crate::fault::Fault;
use crate::ids::{ConnectionId, SessionKey, Timer};
use crate::session_state::Expiry;
use crate::will::Will;

impl Broker {
    /// [5.0 MQTT-3.1.4-5] [3.1.1 MQTT-3.1.4-4]
    pub(super) fn on_connect(&mut self, now: Instant, id: ConnectionId, connect: &Connect<'_>, frame: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.set_limits(connect, &self.config);
        }
        match connect.properties.authentication_method() {
            Some(method) => self.begin_authentication(now, id, connect, method, frame),
            // No AUTH is ever sent. [5.0 MQTT-4.12.0-4]
            None => self.finish_connect(now, id, connect, None),
        }
    }

    /// Accepts or refuses a client whose authentication, if it asked for one, has succeeded with these data.
    pub(super) fn finish_connect(
        &mut self,
        now: Instant,
        id: ConnectionId,
        connect: &Connect<'_>,
        authentication: Option<Vec<u8>>,
    ) {
        match self.check_connect(connect, authentication.is_some()) {
            Ok(()) => self.accept(now, id, connect, authentication),
            Err(fault) => self.refuse(now, id, connect.version, fault, Some(connect)),
        }
    }

    /// A CONNACK that says why, if the version has one, and then the end.
    ///
    /// [5.0 MQTT-3.1.4-2] [5.0 MQTT-3.1.4-6] [5.0 MQTT-3.2.2-7] [3.1.1 MQTT-3.1.4-5] [3.1.1 MQTT-3.2.2-5]
    /// [3.1.1 MQTT-3.2.2-6]
    pub(super) fn refuse(
        &mut self,
        now: Instant,
        id: ConnectionId,
        version: Version,
        fault: Fault,
        connect: Option<&Connect<'_>>,
    ) {
        let from = self.origin(id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.limits.version = version;
        self.stats.connections_refused += 1;
        let reason = match version {
            Version::V5_0 if !fault.reason.is_legal_in(PacketKind::Connack) => ReasonCode::MalformedPacket,
            Version::V3_1 | Version::V3_1_1 | Version::V5_0 => fault.reason,
        };
        self.events.record(|| Event::Refused {
            from,
            client_id: connect.map(|connect| String::from(connect.client_id)),
            user_name: connect.and_then(|connect| connect.user_name).map(String::from),
            version,
            reason,
            text: fault.text.clone(),
        });
        if version.has_properties() || reason.return_code().is_some() {
            self.queue(id, Control::Refusal { reason, text: fault.text });
        }
        self.close(now, id, ending::Will::Stays, None);
    }

    fn check_connect(&self, connect: &Connect<'_>, is_authenticated: bool) -> Result<(), Fault> {
        self.check_client_id(connect)?;
        if !is_authenticated {
            self.check_user(connect)?;
        }
        // The versions before 5.0 know the other one only.
        let quota_exceeded = match connect.version {
            Version::V5_0 => ReasonCode::QuotaExceeded,
            Version::V3_1 | Version::V3_1_1 => ReasonCode::ServerUnavailable,
        };
        if let Some(will) = &connect.will {
            self.check_will(connect.user_name, will)?;
            if self.account.bytes() + will.payload.len() > self.config.messages_bytes_max {
                return Err(Fault::new(quota_exceeded, "no room for the will"));
            }
        }
        let is_new = self.sessions.find(connect.client_id).is_none();
        if is_new && self.sessions.len() >= self.config.sessions_max {
            return Err(Fault::new(quota_exceeded, "too many sessions"));
        }
        Ok(())
    }

    /// [5.0 MQTT-3.1.3-5] [5.0 MQTT-3.1.3-8] [3.1.1 MQTT-3.1.3-5] [3.1.1 MQTT-3.1.3-8] [3.1.1 MQTT-3.1.3-9]
    fn check_client_id(&self, connect: &Connect<'_>) -> Result<(), Fault> {
        let client_id = connect.client_id;
        let invalid = |text| Err(Fault::new(ReasonCode::ClientIdentifierNotValid, text));
        match connect.version {
            Version::V3_1 if !(1..=CLIENT_ID_SIZE_MIN).contains(&client_id.chars().count()) => {
                invalid("not 1 to 23 characters")
            }
            Version::V3_1_1 if client_id.is_empty() && !connect.clean_start => {
                invalid("an empty client identifier without Clean Session")
            }
            _ if client_id.len() > self.config.client_id_size_max => {
                invalid("the client identifier is too long")
            }
            Version::V3_1 | Version::V3_1_1 | Version::V5_0 => Ok(()),
        }
    }

    fn check_user(&self, connect: &Connect<'_>) -> Result<(), Fault> {
        if self.config.users.is_empty() {
            return Ok(());
        }
        let Some(name) = connect.user_name else {
            return match self.config.allows_anonymous {
                true => Ok(()),
                false => Err(Fault::new(ReasonCode::NotAuthorized, "a user name is needed")),
            };
        };
        let password = connect.password.unwrap_or_default();
        let is_known = self.config.users.iter().any(|user| user.name == name && user.password == password);
        if is_known { Ok(()) } else { Err(Fault::new(ReasonCode::BadUserNameOrPassword, "")) }
    }

    /// [5.0 MQTT-3.2.2-12] [5.0 MQTT-3.2.2-13]
    fn check_will(&self, user: Option<&str>, will: &WillPacket<'_>) -> Result<(), Fault> {
        if will.qos > self.config.qos_max {
            return Err(Fault::new(ReasonCode::QoSNotSupported, "the QoS of the will is not supported"));
        }
        if will.retain && !self.config.retain_available {
            return Err(Fault::new(ReasonCode::RetainNotSupported, "the will cannot be retained"));
        }
        if is_reserved(will.topic.as_str()) || !may_write(&self.config.rules, user, will.topic) {
            return Err(Fault::new(ReasonCode::NotAuthorized, "the topic of the will is denied"));
        }
        Ok(())
    }

    /// Takes over, begins anew or goes on with a session, and answers.
    ///
    /// [5.0 MQTT-3.1.2-5] [5.0 MQTT-3.1.2-6] [5.0 MQTT-3.1.4-3] [5.0 MQTT-3.1.4-4] [5.0 MQTT-3.2.2-2]
    /// [5.0 MQTT-3.2.2-3] [3.1.1 MQTT-3.1.4-2] [3.1.1 MQTT-3.1.4-3] [3.1.1 MQTT-3.2.2-1] [3.1.1 MQTT-3.2.2-2]
    /// [3.1.1 MQTT-3.2.2-3]
    fn accept(
        &mut self,
        now: Instant,
        id: ConnectionId,
        connect: &Connect<'_>,
        authentication: Option<Vec<u8>>,
    ) {
        let assigned = connect.client_id.is_empty().then(|| self.assign_client_id());
        let client_id = assigned.clone().unwrap_or_else(|| connect.client_id.into());
        if let Some(old) = self.connection_of(&client_id) {
            self.fail(now, old, Fault::new(ReasonCode::SessionTakenOver, ""));
        }
        if connect.clean_start {
            if let Some(old) = self.sessions.find(&client_id) {
                self.end_session(now, old);
            }
        }
        let existing = self.sessions.find(&client_id);
        let key = existing.unwrap_or_else(|| self.sessions.create(client_id));
        let (expiry, session_expiry_secs) = self.negotiate_expiry(connect);
        self.go_online(now, id, key, connect, expiry);
        // The CONNACK of 3.1 cannot say it.
        let session_present = existing.is_some() && connect.version != Version::V3_1;
        let method =
            self.connections.get(&id).and_then(|it| Some(Arc::clone(&it.authentication.as_ref()?.method)));
        let authentication = method.zip(authentication);
        let acceptance =
            Acceptance { session_present, assigned_client_id: assigned, session_expiry_secs, authentication };
        self.send_connack(id, key, acceptance);
        let from = self.origin(id);
        let Some(session) = self.sessions.get(key) else { return };
        self.events.record(|| Event::Accepted {
            from,
            client_id: Arc::clone(&session.client_id),
            user_name: session.user_name.clone(),
            version: connect.version,
            keep_alive_secs: keep_alive_secs(connect, &self.config),
            clean_start: connect.clean_start,
            session_present: existing.is_some(),
        });
    }

    /// How long the session outlives the connection, and the value for CONNACK if it is not the one that a 5.0 client asked
    /// for.
    fn negotiate_expiry(&self, connect: &Connect<'_>) -> (Expiry, Option<u32>) {
        match connect.version {
            Version::V5_0 => {
                let asked = connect.properties.session_expiry_interval().unwrap_or(0);
                let granted = asked.min(self.config.session_expiry_secs_max);
                (Expiry::from_secs(granted), (granted != asked).then_some(granted))
            }
            Version::V3_1 | Version::V3_1_1 if connect.clean_start => (Expiry::WithConnection, None),
            Version::V3_1 | Version::V3_1_1 => (Expiry::from_secs(self.config.session_expiry_v3_secs), None),
        }
    }

    /// The session belongs to this connection from now on. [5.0 MQTT-3.1.3-9] [3.1.1 MQTT-3.1.2-12]
    fn go_online(
        &mut self,
        now: Instant,
        id: ConnectionId,
        key: SessionKey,
        connect: &Connect<'_>,
        expiry: Expiry,
    ) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.connection = Some(id);
            session.user_name = connect.user_name.map(String::from);
            session.expiry = expiry;
            session.will = connect.will.as_ref().map(|will| Will::new(will, &self.account));
            session.will_at = None;
            session.ends_at = None;
            self.deadlines.remove(Timer::Session(key));
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.state = State::Online(key);
            let deadline = connection.silence_max.map(|silence_max| now + silence_max);
            self.deadlines.set(Timer::Connection(id), deadline);
        }
    }

    /// CONNACK comes first, then PUBREL for what was released; messages follow as the window lets them.
    ///
    /// [5.0 MQTT-3.2.0-1] [5.0 MQTT-3.2.0-2]
    fn send_connack(&mut self, id: ConnectionId, key: SessionKey, acceptance: Acceptance) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.control.push(Control::Connack(acceptance));
        for packet_id in session.outbox.on_online() {
            let (kind, reason) = (AckKind::Pubrel, ReasonCode::Success);
            connection.control.push(Control::Ack { kind, packet_id, reason, text: "", ends_message: false });
        }
        self.list(id);
    }

    /// [5.0 MQTT-3.1.3-6] [5.0 MQTT-3.2.2-16] [3.1.1 MQTT-3.1.3-6]
    fn assign_client_id(&mut self) -> Arc<str> {
        loop {
            let client_id = alloc::format!("auto{:016x}", self.rng.next_u64());
            if self.sessions.find(&client_id).is_none() {
                return client_id.into();
            }
        }
    }

    /// DISCONNECT may change the session expiry, but not from zero to more.
    pub(super) fn set_expiry(&mut self, id: ConnectionId, secs: u32) -> Result<(), Fault> {
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        if connection.session_expiry_secs == 0 && secs > 0 {
            let text = "DISCONNECT sets a Session Expiry Interval where CONNECT had 0";
            return Err(Fault::new(ReasonCode::ProtocolError, text));
        }
        if let Some(session) = connection.session().and_then(|key| self.sessions.get_mut(key)) {
            session.expiry = Expiry::from_secs(secs.min(self.config.session_expiry_secs_max));
        }
        Ok(())
    }
}

/// Whether only the broker itself publishes to a topic.
pub(super) fn is_reserved(topic: &str) -> bool {
    topic == "$SYS" || topic.starts_with("$SYS/")
}
