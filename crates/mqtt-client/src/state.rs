//! Everything that a client's handles and its driver share behind one lock.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use mqtt_proto::ReasonCode;
use mqtt_session::{
    AuthStage, AuthStep, Command, Disconnect, Event, Explanation, Indeterminate, Input, Instant, Message,
    OfflineCause, Outcome, Stats, Status, Ticket, Waits,
};
use mqtt_store::StoreError;

use crate::connection_events::{ConnectionEvent, EventQueues};
use crate::durability::StoreFailure;
use crate::durable::Durable;
use crate::error::{Gone, SubmitError};
use crate::filters::Taker;
#[cfg(feature = "tracing")]
use crate::log;
use crate::machine::Machine;
use crate::requests::Requests;
use crate::routes::{Env, Queue, Routes};
use crate::waiters::Waiters;
use crate::waiting::Part;

/// Everything behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) session: Machine,
    pub(crate) requests: Requests,
    pub(crate) waiters: Waiters,
    pub(crate) routes: Routes,
    pub(crate) events: EventQueues,
    /// Responses that nobody has taken yet, by the request.
    pub(crate) responses: HashMap<Ticket, Message>,
    /// Whether something has changed that the driver or those who wait have to know.
    pub(crate) is_changed: bool,
    /// Whether the driver has something to do that it has not seen.
    pub(crate) is_driver_due: bool,
    /// The driver, while it sleeps.
    pub(crate) driver: Option<Waker>,
    /// Whether all handles are gone.
    pub(crate) is_abandoned: bool,
    /// Why nothing will happen any more.
    pub(crate) gone: Option<Gone>,
    /// What the store adds, if there is one.
    pub(crate) durable: Option<Box<Durable>>,
    /// Whether credentials were asked for and nobody has been asked yet.
    pub(crate) wants_credentials: bool,
    /// What an authentication asks, if nobody has answered yet.
    pub(crate) authentication: Option<(AuthStep, AuthStage)>,
    /// Why the last link failed.
    pub(crate) link_error: Option<Arc<io::Error>>,
    /// Errors of links before, which may be the application's and are dropped once the lock is released.
    old_errors: Vec<Arc<io::Error>>,
    /// Why no connection is wanted any more.
    pub(crate) stopped: Option<OfflineCause>,
    /// Counters when packets were last logged.
    #[cfg(feature = "tracing")]
    logged: Stats,
    /// Whether those who wait for messages were woken for it.
    is_stop_notified: bool,
    /// To be woken once the lock is released; reused for its memory.
    pub(crate) wakers: Vec<Waker>,
}

/// A message that was taken under a guard.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) message: Message,
    pub(crate) taker: Taker,
    pub(crate) part: Part,
}

impl State {
    pub(crate) fn new(session: Machine, requests: Requests, routes: Routes) -> State {
        State {
            session,
            requests,
            waiters: Waiters::default(),
            routes,
            events: EventQueues::default(),
            responses: HashMap::new(),
            is_changed: false,
            is_driver_due: false,
            driver: None,
            is_abandoned: false,
            gone: None,
            durable: None,
            wants_credentials: false,
            authentication: None,
            link_error: None,
            old_errors: Vec::new(),
            stopped: None,
            #[cfg(feature = "tracing")]
            logged: Stats::default(),
            is_stop_notified: false,
            wakers: Vec::new(),
        }
    }

    /// Nothing more will come: the client was stopped, or nobody drives it.
    pub(crate) fn is_stopped(&self) -> bool {
        self.gone.is_some() || self.stopped.is_some() && self.session.status() == Status::Idle
    }

    /// Submits a command, for whose end somebody waits.
    pub(crate) fn submit(&mut self, now: Instant, command: &Command<'_>) -> Result<Ticket, SubmitError> {
        let submitted = self.session.apply(now, Input::Submit(command)).map_err(SubmitError::NotAccepted)?;
        let ticket = submitted.expect("an accepted command has a ticket");
        self.waiters.register(ticket);
        Ok(ticket)
    }

    /// The routes, and what a change of them may use.
    pub(crate) fn routes(&mut self, now: Instant) -> (&mut Routes, Env<'_>) {
        let State { routes, session, wakers, .. } = self;
        (routes, Env { now, session, wakers })
    }

    /// All handles are gone: what was accepted may still end, then the client disconnects. Without a connection, and
    /// with nothing left to send, it does not connect again: another client of its name may be there already.
    pub(crate) fn disconnect_abandoned(&mut self, now: Instant, drain: Duration) {
        let unfinished = self.session.unfinished();
        let has_purpose = unfinished > 0 || self.session.status() == Status::Online;
        let drain = if has_purpose { drain } else { Duration::ZERO };
        // It is refused if the client is disconnected or about to be, which is what is wanted.
        let disconnect = Command::Disconnect(Disconnect::within(drain));
        let is_new = self.session.apply(now, Input::Submit(&disconnect)).is_ok();
        if is_new && unfinished > 0 {
            self.notify(&ConnectionEvent::Draining { unfinished });
        }
    }

    /// Time has passed, for the session and for what waits behind it.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.session.notify(now, Input::Timeout);
        let late = self.requests.handle_timeout(now, &mut self.session);
        self.end_requests(late, Indeterminate::TimedOut);
        let (routes, mut env) = self.routes(now);
        routes.handle_timeout(&mut env);
    }

    /// When [`State::handle_timeout`] is due at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let behind = [self.requests.next_deadline(), self.routes.poll_timeout()];
        self.session.poll_timeout().into_iter().chain(behind.into_iter().flatten()).min()
    }

    /// Counters of the session and of what is behind it.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.session.stats();
        self.routes.notices.count(&mut stats);
        stats.responses_dropped = self.requests.dropped;
        stats
    }

    pub(crate) fn set_link_error(&mut self, error: Option<Arc<io::Error>>) {
        let old = std::mem::replace(&mut self.link_error, error);
        self.old_errors.extend(old);
    }

    /// What the application may have made and is to be dropped without the lock.
    pub(crate) fn take_old_errors(&mut self) -> Vec<Arc<io::Error>> {
        std::mem::take(&mut self.old_errors)
    }

    /// Takes the next message of a queue for good, which acknowledges it unless another taker owes it too.
    pub(crate) fn take(&mut self, queue: Queue) -> Option<Message> {
        let (_, part) = self.routes.next(queue)?;
        let message = self.routes.take(part, &mut self.session);
        // An acknowledgement may be due, or there is something to be read or fetched.
        self.is_changed |= part.owes || self.routes.has_room_again(&self.session);
        Some(message)
    }

    /// Takes the next message of a queue under a guard.
    pub(crate) fn hold(&mut self, queue: Queue) -> Option<Taken> {
        let (taker, part) = self.routes.next(queue)?;
        let message = self.routes.hold(part);
        self.is_changed |= self.routes.has_room_again(&self.session);
        Some(Taken { message, taker, part })
    }

    /// Passes the events of the session on.
    pub(crate) fn pass_events_on(&mut self, now: Instant) {
        #[cfg(feature = "tracing")]
        self.log_packets();
        while let Some(event) = self.session.poll_event() {
            self.pass_on(event, now);
        }
        if !self.routes.notices.is_empty() {
            for notice in self.routes.notices.take() {
                self.notify(&notice);
            }
        }
        self.notify_if_stopped();
    }

    /// Looks at what the store has done meanwhile.
    pub(crate) fn look_at_store(&mut self, now: Instant) {
        match self.session.poll_stored() {
            Ok(None) => {}
            Ok(Some(mark)) => {
                self.session.notify(now, Input::Stored(mark));
                let Some(durable) = &mut self.durable else { return };
                durable.on_stored(mark, &mut self.wakers);
            }
            Err(error) => self.on_store_failed(now, error),
        }
    }

    /// Where the client stops, no operation ends: what is stored goes on when a client starts anew with the store.
    fn on_store_failed(&mut self, now: Instant, error: StoreError) {
        self.session.close_journal();
        let Some(durable) = &mut self.durable else { return };
        let goes_on = durable.policy() == StoreFailure::GoOn;
        durable.on_failed(error.clone(), &mut self.wakers);
        self.notify(&ConnectionEvent::StoreFailed { error, goes_on });
        if goes_on {
            self.session.notify(now, Input::StoreLost);
        } else {
            self.pass_events_on(now);
            self.session.notify(now, Input::Closed(OfflineCause::StoreFailed));
            self.pass_offline_on();
            self.stopped = Some(OfflineCause::StoreFailed);
            self.set_gone(Gone::Store);
        }
    }

    /// Nothing will happen any more, and nobody should wait for it.
    pub(crate) fn set_gone(&mut self, gone: Gone) {
        self.gone.get_or_insert(gone);
        self.session.close_journal();
        self.wakers.extend(self.driver.take());
        self.wakers.extend(self.waiters.take_wakers());
        self.wakers.extend(self.routes.take_wakers());
        self.wakers.extend(self.events.take_wakers());
        if let Some(durable) = &mut self.durable {
            durable.take_wakers(&mut self.wakers);
        }
    }

    /// Passes on that the connection is gone, and no end of an operation: those are for tokens to find out.
    pub(crate) fn pass_offline_on(&mut self) {
        while let Some(event) = self.session.poll_event() {
            if let Event::Offline { cause, .. } = event {
                self.routes.on_connection_lost();
                self.stopped = Some(cause);
                self.notify(&ConnectionEvent::Offline { cause, will_retry: false });
            }
        }
    }

    fn pass_on(&mut self, event: Event, now: Instant) {
        #[cfg(feature = "tracing")]
        log::event(&event);
        match event {
            Event::Message(message) if self.requests.is_response(&message) => self.on_response(message),
            Event::Message(message) => {
                let (routes, mut env) = self.routes(now);
                routes.route(message, &mut env);
            }
            Event::Ended { ticket, outcome } => self.on_ended(ticket, outcome, now),
            Event::Online { session_present } => {
                self.stopped = None;
                self.set_link_error(None);
                self.notify(&ConnectionEvent::Online { session_present });
            }
            Event::Offline { cause, retry_at } => {
                if retry_at.is_none() {
                    self.stopped = Some(cause);
                    let unanswered = self.requests.on_stopped();
                    self.end_requests(unanswered, Indeterminate::Disconnected);
                }
                self.routes.on_connection_lost();
                self.notify(&ConnectionEvent::Offline { cause, will_retry: retry_at.is_some() });
            }
            Event::Quarantined { ticket, report } => {
                self.notify(&ConnectionEvent::Quarantined { ticket, report });
            }
            Event::Authentication { step, stage } => self.authentication = Some((step, stage)),
            Event::CredentialsWanted { .. } => {
                self.wants_credentials = true;
                self.notify(&ConnectionEvent::CredentialsWanted);
            }
            Event::ReceiveMaximumExceeded { unacknowledged } => {
                self.notify(&ConnectionEvent::ReceiveMaximumExceeded { unacknowledged });
            }
            Event::IdentifierReused { packet_id } => {
                self.notify(&ConnectionEvent::IdentifierReused { packet_id: packet_id.get() });
            }
            Event::SubscriptionRefused { filter, why } => {
                let (routes, mut env) = self.routes(now);
                routes.on_refused(&filter, &mut env);
                self.notify(&ConnectionEvent::SubscriptionRefused { filter: filter.into(), why });
            }
            Event::FaultRepeated { cause, connections } => {
                self.notify(&ConnectionEvent::FaultRepeated { cause, connections });
            }
            _ => {}
        }
    }

    fn on_ended(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) {
        let is_done = matches!(outcome, Outcome::Done(_));
        if let Some(durable) = &mut self.durable {
            durable.on_ended(ticket, outcome, &mut self.session, now, &mut self.wakers);
        }
        if let Some(outcome) = self.requests.on_ended(ticket, outcome) {
            self.wakers.extend(self.waiters.on_ended(ticket, outcome));
        }
        if !is_done {
            let failed = self.requests.on_failed(ticket);
            self.end_requests(failed, Indeterminate::NoResponses);
        }
        let (routes, mut env) = self.routes(now);
        routes.on_subscribe_ended(ticket, is_done, &mut env);
    }

    /// A response is taken when its request's token is there to take it, and acknowledged either way.
    fn on_response(&mut self, message: Message) {
        message
            .receipt()
            .into_iter()
            .for_each(|receipt| self.session.acknowledge(receipt, ReasonCode::Success));
        self.is_driver_due = true;
        self.wakers.extend(self.driver.take());
        let Some(request) = self.requests.on_response(&message) else { return };
        if self.waiters.is_awaited(request) {
            self.responses.insert(request, message);
        }
        self.wakers.extend(self.waiters.on_ended(request, Outcome::Done(ReasonCode::Success)));
    }

    /// Requests end without a response.
    fn end_requests(&mut self, requests: Vec<Ticket>, why: Indeterminate) {
        let State { wakers, waiters, .. } = self;
        let ended = requests.into_iter();
        wakers.extend(ended.filter_map(|request| waiters.on_ended(request, Outcome::Indeterminate(why))));
    }

    /// What an operation waits for.
    pub(crate) fn explain(&self, ticket: Ticket) -> Explanation {
        let mut explanation = self.session.explain(ticket);
        if self.requests.awaits_response(ticket) {
            explanation.waits = Waits::Response;
        }
        explanation
    }

    #[cfg(feature = "tracing")]
    fn log_packets(&mut self) {
        let stats = self.session.stats();
        log::packets(&self.logged, &stats);
        self.logged = stats;
    }

    /// Wakes those who wait for messages when none will come: once the last link is closed, not before.
    fn notify_if_stopped(&mut self) {
        let is_stopped = self.is_stopped();
        if is_stopped && !self.is_stop_notified {
            self.wakers.extend(self.routes.take_wakers());
        }
        self.is_stop_notified = is_stopped;
    }

    /// Puts an event into the queue of each [`Events`](crate::Events).
    pub(crate) fn notify(&mut self, event: &ConnectionEvent) {
        #[cfg(feature = "tracing")]
        log::connection_event(event);
        let State { events, wakers, .. } = self;
        events.push(event, wakers);
    }
}
