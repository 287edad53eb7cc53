//! What handles and driver share: the session behind one short lock, and who is to be woken.
//!
//! No waker is woken and no code of the application runs while the lock is held.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use mqtt_proto::ReasonCode;
use mqtt_session::{
    AuthAnswer, AuthStage, AuthStep, Command, Event, Instant, Message, OfflineCause, Outcome, RefusedReason,
    Status, Target, Ticket,
};

use crate::authentication::{Authenticator, Dialogue};
use crate::clock::Clock;
use crate::error::ConnectError;
#[cfg(feature = "tracing")]
use crate::log;
use crate::machine::Machine;
use crate::news::{ConnectionEvent, EventQueues};
use crate::options::{CredentialsSource, Options};
use crate::route::{Route, Ways};
use crate::routes::{Routes, Taken};
use crate::server::Server;
use crate::waiters::{Waiters, keep_waker};

/// Shared by all handles of a client and its driver.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    clock: Box<dyn Clock>,
    pub(crate) servers: Vec<Server>,
    ways: Ways,
    credentials: Option<CredentialsSource>,
    authenticator: Option<Arc<dyn Authenticator>>,
}

/// Everything behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) session: Machine,
    pub(crate) waiters: Waiters,
    pub(crate) routes: Routes,
    pub(crate) events: EventQueues,
    /// Responses that nobody has taken yet, by the request.
    pub(crate) responses: HashMap<Ticket, Message>,
    /// Whether the driver has something to do that it has not seen.
    is_driver_due: bool,
    /// The driver, while it sleeps.
    driver: Option<Waker>,
    /// Whether all handles are gone.
    pub(crate) is_abandoned: bool,
    /// Whether the driver is gone.
    pub(crate) is_driver_gone: bool,
    /// Whether credentials were asked for and nobody has been asked yet.
    pub(crate) wants_credentials: bool,
    /// What an authentication asks, if nobody has answered yet.
    authentication: Option<(AuthStep, AuthStage)>,
    /// Why the last link could not be had or broke.
    pub(crate) link_error: Option<Arc<io::Error>>,
    /// Why no connection is wanted any more.
    pub(crate) stopped: Option<OfflineCause>,
    /// Counters when packets were last told to the log.
    #[cfg(feature = "tracing")]
    logged: mqtt_session::Stats,
    /// Whether those who wait for messages know of it.
    is_stop_told: bool,
    /// To be woken once the lock is released; kept for its memory.
    wakers: Vec<Waker>,
}

impl Shared {
    pub(crate) fn new(options: Options, seed: u64, clock: Box<dyn Clock>) -> Shared {
        let Options {
            server,
            other_servers: mut servers,
            mut config,
            waiting_messages_max,
            credentials_source,
            authenticator,
            ways,
            #[cfg(feature = "capture")]
            capture,
        } = options;
        servers.insert(0, server);
        config.servers.count =
            u16::try_from(servers.len()).ok().and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MAX);
        config.asks_credentials |= credentials_source.is_some();
        let session = Machine::new(
            config,
            seed,
            #[cfg(feature = "capture")]
            capture,
        );
        let state = State {
            session,
            waiters: Waiters::default(),
            routes: Routes::new(waiting_messages_max),
            events: EventQueues::default(),
            responses: HashMap::new(),
            is_driver_due: false,
            driver: None,
            is_abandoned: false,
            is_driver_gone: false,
            wants_credentials: false,
            authentication: None,
            link_error: None,
            stopped: None,
            #[cfg(feature = "tracing")]
            logged: mqtt_session::Stats::default(),
            is_stop_told: false,
            wakers: Vec::new(),
        };
        Shared {
            state: Mutex::new(state),
            clock,
            servers,
            ways,
            credentials: credentials_source,
            authenticator,
        }
    }

    /// The server of the current attempt.
    pub(crate) fn server(&self, state: &State) -> Server {
        let first = || self.servers[0].clone();
        match state.session.target() {
            Target::Listed(number) => self.servers.get(usize::from(number)).cloned().unwrap_or_else(first),
            Target::Named(reference) => Server::from_reference(reference, &self.servers[0]),
        }
    }

    /// The way to the server of the current attempt.
    pub(crate) fn route(&self) -> Route {
        self.ways.to(self.server(&self.lock()))
    }

    /// Gives the session the credentials that it asks for, if the options say who knows them.
    pub(crate) fn answer_credentials(&self) {
        let Some(source) = &self.credentials else { return };
        if !std::mem::take(&mut self.lock().wants_credentials) {
            return;
        }
        // The application's code runs without the lock.
        let credentials = source.ask();
        let mut state = self.lock();
        if let Err(reason) = state.session.set_credentials(credentials) {
            state.link_error = Some(Arc::new(io::Error::new(io::ErrorKind::InvalidInput, reason)));
            state.session.handle_closed(self.now(), OfflineCause::DialFailed);
        }
        self.release(state);
    }

    /// Answers what an authentication asks, if it asks anything; `dialogue` is the one that is going on.
    pub(crate) fn answer_authentication(&self, dialogue: &mut Option<Box<dyn Dialogue>>) -> bool {
        let Some(authenticator) = &self.authenticator else { return false };
        let Some((step, stage)) = self.lock().authentication.take() else { return false };
        // The application's code runs without the lock.
        let answer = match (stage, dialogue.as_mut()) {
            (AuthStage::Begin, _) => authenticator.begin().map(|(begun, first)| {
                *dialogue = Some(begun);
                AuthAnswer::Data(first)
            }),
            (AuthStage::Challenge(challenge), Some(dialogue)) => {
                dialogue.answer(&challenge).map(AuthAnswer::Data)
            }
            (AuthStage::Verdict(last), Some(dialogue)) => dialogue.verify(&last).map(|()| AuthAnswer::Accept),
            (AuthStage::Challenge(_) | AuthStage::Verdict(_), None) => Ok(AuthAnswer::Abort),
        };
        let now = self.now();
        let mut state = self.lock();
        let given = answer.and_then(|answer| {
            match state.session.answer_authentication(now, step, answer) {
                // The connection has ended meanwhile.
                Ok(()) | Err(RefusedReason::AuthenticationStep) => Ok(()),
                Err(reason) => Err(reason.into()),
            }
        });
        if let Err(error) = given {
            state.link_error = Some(Arc::new(io::Error::other(error)));
            let _ = state.session.answer_authentication(now, step, AuthAnswer::Abort);
        }
        self.release(state);
        true
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The state; a panic of another thread has left it whole, since nothing of the application runs inside.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits a command, looks at the state before the driver can, and wakes the driver.
    pub(crate) fn submit<T>(
        &self,
        command: Command<'_>,
        then: impl FnOnce(&mut State, Ticket) -> T,
    ) -> Result<T, RefusedReason> {
        let now = self.now();
        let mut state = self.lock();
        let ticket = state.session.submit(now, command).map_err(|refused| refused.reason)?;
        state.waiters.register(ticket);
        let result = then(&mut state, ticket);
        self.release(state);
        Ok(result)
    }

    /// A message was taken, which acknowledges it unless somebody else holds it too.
    pub(crate) fn accept(&self, taken: Taken) -> Message {
        let mut state = self.lock();
        if let Some((receipt, reason)) = state.routes.release(taken.hold, ReasonCode::Success) {
            // The reason was checked when it was given.
            let _ = state.session.acknowledge_with(receipt, reason);
            self.release(state);
        }
        taken.message
    }

    /// Lets the state go after a change: what the session says is passed on, and the driver looks at it.
    pub(crate) fn release(&self, mut state: MutexGuard<'_, State>) {
        state.pass_events_on();
        state.is_driver_due = true;
        let driver = state.driver.take();
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        driver.into_iter().chain(wakers).for_each(Waker::wake);
    }

    /// Lets the state go after the driver's own change; `wakers` is memory that the driver keeps for it.
    pub(crate) fn release_by_driver(&self, mut state: MutexGuard<'_, State>, wakers: &mut Vec<Waker>) {
        state.pass_events_on();
        std::mem::swap(&mut state.wakers, wakers);
        drop(state);
        wakers.drain(..).for_each(Waker::wake);
    }

    /// Ready when the driver has something to do that it has not seen.
    pub(crate) fn poll_driver_due(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if std::mem::take(&mut state.is_driver_due) {
            return Poll::Ready(());
        }
        keep_waker(&mut state.driver, context);
        Poll::Pending
    }

    /// The driver is gone: nobody should wait for it.
    pub(crate) fn on_driver_gone(&self) {
        let mut state = self.lock();
        state.is_driver_gone = true;
        let mut wakers = state.waiters.take_wakers();
        wakers.extend(state.routes.take_wakers());
        wakers.extend(state.events.take_wakers());
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The log of the session could not be written: it ends, and the client goes on.
    #[cfg(feature = "capture")]
    pub(crate) fn on_capture_failed(&self, kind: io::ErrorKind) {
        let mut state = self.lock();
        state.session.end_log();
        state.tell(ConnectionEvent::CaptureFailed { kind });
        self.release(state);
    }

    pub(crate) fn connect_error(&self, state: &State, cause: OfflineCause) -> ConnectError {
        ConnectError::offline(self.server(state).to_string(), cause, state.link_error.clone())
    }
}

impl State {
    /// Nothing more will come: the client was stopped, or nobody drives it.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_driver_gone || self.stopped.is_some() && self.session.status() == Status::Idle
    }

    fn pass_events_on(&mut self) {
        #[cfg(feature = "tracing")]
        self.log_packets();
        while let Some(event) = self.session.poll_event() {
            #[cfg(feature = "tracing")]
            log::event(&event);
            match event {
                Event::Response { ticket, message } => self.on_response(ticket, message),
                Event::Message(message) => self.routes.route(message, &self.session, &mut self.wakers),
                Event::Ended { ticket, outcome } => {
                    let is_done = matches!(outcome, Outcome::Done(_));
                    self.wakers.extend(self.waiters.on_ended(ticket, outcome));
                    self.wakers.extend(self.routes.on_subscribe_ended(ticket, is_done));
                }
                Event::Online { session_present } => {
                    self.stopped = None;
                    self.link_error = None;
                    self.tell(ConnectionEvent::Online { session_present });
                }
                Event::Offline { cause, retry_at } => {
                    if retry_at.is_none() {
                        self.stopped = Some(cause);
                    }
                    self.tell(ConnectionEvent::Offline { cause, will_retry: retry_at.is_some() });
                }
                Event::SetAside { ticket, evidence } => {
                    self.tell(ConnectionEvent::SetAside { ticket, evidence });
                }
                Event::Authentication { step, stage } => self.authentication = Some((step, stage)),
                Event::CredentialsWanted { .. } => {
                    self.wants_credentials = true;
                    self.tell(ConnectionEvent::CredentialsWanted);
                }
                _ => {}
            }
        }
        self.tell_if_stopped();
    }

    /// A response is taken when its request's token is there to take it, and acknowledged either way.
    fn on_response(&mut self, ticket: Ticket, message: Message) {
        message.receipt().into_iter().for_each(|receipt| self.session.acknowledge(receipt));
        self.is_driver_due = true;
        self.wakers.extend(self.driver.take());
        if self.waiters.is_awaited(ticket) {
            self.responses.insert(ticket, message);
        }
    }

    #[cfg(feature = "tracing")]
    fn log_packets(&mut self) {
        let stats = self.session.stats();
        log::packets(&self.logged, &stats);
        self.logged = stats;
    }

    /// Those who wait for messages learn that none will come: once the last link is closed, not before.
    fn tell_if_stopped(&mut self) {
        let is_stopped = self.is_stopped();
        if is_stopped && !self.is_stop_told {
            self.wakers.extend(self.routes.take_wakers());
        }
        self.is_stop_told = is_stopped;
    }

    fn tell(&mut self, event: ConnectionEvent) {
        let State { events, wakers, .. } = self;
        events.push(event, wakers);
    }
}

/// One for all handles of a client: when the last is dropped, the driver disconnects.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_abandoned = true;
        self.shared.release(state);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.shared.servers).finish()
    }
}
