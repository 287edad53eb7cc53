//! Carries the dialogue of an authentication between application and server.

use alloc::vec::Vec;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{Auth, Connack, Packet, PacketKind, Properties, Property, ReasonCode};

use super::Session;
use crate::authentication::{AuthAnswer, AuthStage, AuthStep};
use crate::dialogue::{Dialogue, Turn};
use crate::error::{OfflineCause, PeerFault, Rejected, SessionRefusal};
use crate::event::{Event, Outcome, Ticket};
use crate::state::{DisconnectReason, State};

impl Session {
    pub(super) fn authenticate(
        &mut self,
        now: Instant,
        step: AuthStep,
        answer: AuthAnswer,
    ) -> Result<(), SessionRefusal> {
        if !self.dialogue.asks(step) {
            return Err(SessionRefusal::AuthenticationStep);
        }
        match (self.dialogue.turn, answer) {
            (_, AuthAnswer::Abort) => {
                let disconnect = DisconnectReason::new(ReasonCode::UnspecifiedError);
                self.disconnect(now, OfflineCause::AuthenticationAborted, disconnect);
                Ok(())
            }
            (Turn::Begin, AuthAnswer::Data(data)) if self.dialogue.ticket.is_some() => {
                self.put_auth(ReasonCode::ReAuthenticate, &data)
            }
            (Turn::Begin, AuthAnswer::Data(data)) => self.say_first(data),
            (Turn::Challenge, AuthAnswer::Data(data)) => {
                self.put_auth(ReasonCode::ContinueAuthentication, &data)
            }
            (Turn::Verdict, AuthAnswer::Accept) => {
                self.accept_server(now);
                Ok(())
            }
            _ => Err(SessionRefusal::AuthenticationStep),
        }
    }

    /// A link is being opened, and its CONNECT is to begin a dialogue.
    pub(super) fn ask_first_word(&mut self) {
        if self.config.authentication_method.is_some() {
            self.dialogue.get_or_init().ticket = None;
            self.ask(AuthStage::Begin);
        }
    }

    /// [5.0 MQTT-4.12.1-1]
    pub(super) fn reauthenticate(&mut self, now: Instant, ticket: Ticket) -> Result<(), SessionRefusal> {
        self.check_not_stopping()?;
        if self.config.authentication_method.is_none() {
            return Err(SessionRefusal::NoAuthenticationMethod);
        }
        if !self.connection.is_online() {
            return Err(SessionRefusal::Offline);
        }
        if self.dialogue.turn != Turn::Nobody {
            return Err(SessionRefusal::AuthenticationUnderWay);
        }
        self.dialogue.get_or_init().ticket = Some(ticket);
        self.ask(AuthStage::Begin);
        self.events.deadlines.get_or_init().set(ticket, now + self.config.network_timeout);
        Ok(())
    }

    fn say_first(&mut self, data: Vec<u8>) -> Result<(), SessionRefusal> {
        self.put_connect(true, &data, &mut Vec::new()).map_err(SessionRefusal::Config)?;
        self.dialogue.get_or_init().say_first(data);
        self.connect_if_ready();
        Ok(())
    }

    fn put_auth(&mut self, reason: ReasonCode, data: &[u8]) -> Result<(), SessionRefusal> {
        let method = self.config.authentication_method.as_deref().unwrap_or_default();
        let said = [Property::AuthenticationMethod(method), Property::AuthenticationData(data)];
        let said = if data.is_empty() { &said[..1] } else { &said[..] };
        let packet = Packet::Auth(Auth { reason, properties: Properties::new(said) });
        let size = packet.encoded_len(self.config.version).map_err(SessionRefusal::Encode)?;
        if self.connection.is_online() {
            self.negotiated.check_size(size)?;
        }
        packet.encode(self.config.version, &mut self.control).map_err(SessionRefusal::Encode)?;
        self.events.counters.count_sent(PacketKind::Auth);
        self.dialogue.get_or_init().turn = Turn::Server;
        Ok(())
    }

    /// The application has accepted what the server has said last.
    fn accept_server(&mut self, now: Instant) {
        if let Some(ticket) = self.dialogue.get_mut().and_then(Dialogue::end) {
            self.events.end(ticket, Outcome::Done(ReasonCode::Success));
        }
        if let State::Verifying { session_present, .. } = self.connection.state() {
            self.go_online(now, session_present);
        }
    }

    /// The server has a word in the dialogue. [5.0 MQTT-4.12.0-5]
    pub(super) fn on_auth(&mut self, auth: &Auth<'_>) -> Result<(), PeerFault> {
        if self.dialogue.turn != Turn::Server {
            return Err(PeerFault::Unexpected(PacketKind::Auth));
        }
        self.check_method(&auth.properties)?;
        let data = data(&auth.properties);
        match auth.reason {
            ReasonCode::ContinueAuthentication => self.ask(AuthStage::Challenge(data)),
            ReasonCode::Success if self.dialogue.ticket.is_some() => self.ask(AuthStage::Verdict(data)),
            _ => return Err(PeerFault::Unexpected(PacketKind::Auth)),
        }
        Ok(())
    }

    fn ask(&mut self, stage: AuthStage) {
        let step = self.dialogue.get_or_init().ask(&stage);
        self.events.push(Event::Authentication { step, stage });
    }

    /// The server is satisfied: the application has to be so too, before anything else is read or sent.
    pub(super) fn ask_for_verdict(&mut self, connack: &Connack<'_>) -> Result<(), PeerFault> {
        if self.dialogue.turn != Turn::Server {
            return Err(PeerFault::Unexpected(PacketKind::Connack));
        }
        self.ask(AuthStage::Verdict(data(&connack.properties)));
        self.connection.on_verdict_asked(connack.session_present);
        Ok(())
    }

    /// Both sides name the same method, or none. [5.0 MQTT-4.12.0-5] [5.0 MQTT-4.12.0-6]
    pub(super) fn check_method(&self, properties: &Properties<'_>) -> Result<(), PeerFault> {
        if properties.authentication_method() == self.config.authentication_method.as_deref() {
            Ok(())
        } else {
            Err(PeerFault::AuthenticationMethod)
        }
    }

    /// The connection has ended, and the dialogue with it.
    pub(super) fn end_dialogue(&mut self, cause: OfflineCause) {
        let ticket = self.dialogue.get_mut().and_then(Dialogue::end);
        if let Some(ticket) = ticket {
            self.events.end(ticket, Outcome::Rejected(Rejected::Offline(cause)));
        }
    }
}

/// What the server says in a dialogue.
fn data(properties: &Properties<'_>) -> Bytes {
    Bytes::copy_from_slice(properties.authentication_data().unwrap_or_default())
}
