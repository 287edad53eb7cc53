//! How connections and sessions end, and what becomes of wills.
//!
//! A connection that ends leaves its session, which ends too or lives on until its expiry interval has passed. A
//! will that was not taken back is published when its delay has passed or the session ends, whichever is first.

use alloc::borrow::Cow;
use alloc::sync::Arc;

use mqtt_parts::Instant;
use mqtt_proto::{ReasonCode, TopicFilter};

use crate::broker::Broker;
use crate::connection::State;
use crate::control::Control;
use crate::event::{End, Event};
use crate::fault::Fault;
use crate::ids::{ConnectionId, SessionKey, Timer};
use crate::session_state::Expiry;
use crate::will;

/// What becomes of the will when a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Will {
    /// The client took it back.
    Goes,
    /// It will be published.
    Stays,
}

impl Broker {
    /// The client broke a rule, was silent for too long or is not wanted any more; 5.0 clients get a DISCONNECT.
    ///
    /// [5.0 MQTT-3.14.0-1] [5.0 MQTT-4.13.1-1]
    pub(super) fn fail(&mut self, now: Instant, id: ConnectionId, fault: Fault) {
        let end = match fault.reason {
            ReasonCode::KeepAliveTimeout => End::KeepAliveTimeout,
            ReasonCode::SessionTakenOver => End::TakenOver,
            _ => self.fault_end(&fault),
        };
        self.fail_with(now, id, fault, end);
    }

    /// What an event says of a fault; the text is copied only if there are events.
    pub(super) fn fault_end(&self, fault: &Fault) -> End {
        let text = if self.events.is_on() { fault.text.clone() } else { Cow::default() };
        End::Fault { reason: fault.reason, text }
    }

    /// [`Broker::fail`] with what the event says.
    pub(super) fn fail_with(&mut self, now: Instant, id: ConnectionId, fault: Fault, end: End) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.session().is_some() && connection.limits.version.has_properties() {
            let Fault { reason, text } = fault;
            connection.control.push(Control::Disconnect { reason, text });
        }
        self.close(now, id, Will::Stays, Some(end));
    }

    /// Nothing is read any more on this connection; what is queued is still sent. Without an `end` there is no event.
    pub(super) fn close(&mut self, now: Instant, id: ConnectionId, will: Will, end: Option<End>) {
        let from = self.origin(id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let state = core::mem::replace(&mut connection.state, State::Closing);
        self.open -= usize::from(state != State::Closing);
        self.deadlines.remove(Timer::Connection(id));
        if let Some(end) = end.filter(|_| state != State::Closing) {
            let session = match state {
                State::Online(key) => self.sessions.get(key),
                State::Handshake | State::Closing => None,
            };
            let client_id = || session.map(|session| Arc::clone(&session.client_id));
            self.events.record(|| Event::Ended { from, client_id: client_id(), end });
        }
        match state {
            State::Handshake => self.list(id),
            State::Online(key) => {
                self.list(id);
                self.leave(now, key, will);
            }
            // It was listed when it began to close.
            State::Closing => {}
        }
    }

    /// CONNECT did not come in time, or nothing came for too long.
    pub(super) fn on_connection_timer(&mut self, now: Instant, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match (connection.state, connection.silence_max) {
            (State::Handshake, _) => self.close(now, id, Will::Stays, Some(End::ConnectTimeout)),
            (State::Online(_), Some(silence_max)) => {
                let deadline = connection.last_packet + silence_max;
                if deadline > now {
                    self.deadlines.set(Timer::Connection(id), deadline);
                } else {
                    // [5.0 MQTT-3.1.2-22] [3.1.1 MQTT-3.1.2-24]
                    let text = "nothing came for one and a half times the keep alive";
                    self.fail(now, id, Fault::new(ReasonCode::KeepAliveTimeout, text));
                }
            }
            (State::Online(_), None) | (State::Closing, _) => {}
        }
    }

    /// A session has no connection any more.
    ///
    /// [5.0 MQTT-3.1.2-8] [5.0 MQTT-3.1.2-10] [5.0 MQTT-3.14.4-3] [3.1.1 MQTT-3.1.2-8] [3.1.1 MQTT-3.1.2-10]
    pub(super) fn leave(&mut self, now: Instant, key: SessionKey, will: Will) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.connection = None;
        self.stats.dropped_offline += session.outbox.on_offline(&self.config) as u64;
        if will == Will::Goes {
            session.will = None;
        }
        session.will_at = session.will.as_ref().map(|will| now + will.delay);
        session.ends_at = match session.expiry {
            Expiry::WithConnection => Some(now),
            Expiry::After(duration) => Some(now + duration),
            Expiry::Never => None,
        };
        self.settle(now, key);
    }

    /// Does what is due for a session, and sets its next deadline.
    pub(super) fn settle(&mut self, now: Instant, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.ends_at.is_some_and(|at| at <= now) {
            // [5.0 MQTT-4.1.0-2]
            return self.end_session(now, key);
        }
        let is_due = session.will_at.is_some_and(|at| at <= now);
        let will = if is_due { session.will.take() } else { None };
        if is_due {
            session.will_at = None;
        }
        self.deadlines.set(Timer::Session(key), session.due_at());
        let client_id = Arc::clone(&session.client_id);
        self.publish_will(now, will, client_id);
    }

    /// Forgets a session; its will is published, since it does not wait any longer. [5.0 MQTT-4.8.2-5]
    pub(super) fn end_session(&mut self, now: Instant, key: SessionKey) {
        let Some(session) = self.sessions.remove(key) else { return };
        self.deadlines.remove(Timer::Session(key));
        for filter in &session.filters {
            if let Ok(filter) = TopicFilter::new(filter) {
                self.subscriptions.remove(filter, key);
            }
        }
        self.publish_will(now, session.will, session.client_id);
    }

    fn publish_will(&mut self, now: Instant, will: Option<will::Will>, client_id: Arc<str>) {
        if let Some(will) = will {
            self.stats.wills += 1;
            // Refused for want of room: nobody waits for an answer.
            let _ = self.route(now, will.into_message(now, client_id));
        }
    }
}
