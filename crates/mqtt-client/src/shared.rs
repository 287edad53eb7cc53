//! What handles and driver share: the state behind one short lock, and how it is let go.
//!
//! Nothing of the application runs, is woken or is dropped while the lock is held: callbacks, wakers, payloads with an
//! owner, errors of layers, sources of credentials. Wakers are cloned before, the rest waits until the lock is released.

use std::fmt;
use std::io;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use mqtt_proto::ReasonCode;
use mqtt_session::{
    AuthAnswer, AuthStage, Command, Config, Input, Instant, OfflineCause, Session, SessionRefusal, Target,
    Ticket,
};
use mqtt_store::{StoreError, StoreErrorKind, StoreHandle};

use crate::authentication::{Authenticator, Dialogue};
use crate::clock::Clock;
#[cfg(feature = "capture")]
use crate::connection_events::ConnectionEvent;
use crate::durability::StoreFailure;
use crate::durable::Durable;
use crate::error::{ConnectError, Gone, OptionsError, SubmitError, ValueError};
use crate::filters::Taker;
use crate::machine::Machine;
use crate::options::{CredentialsSource, Options};
use crate::payload::Bin;
use crate::requests::Requests;
use crate::route::{Route, TransportOptions};
use crate::routes::{Queue, Routes};
use crate::server::Server;
use crate::state::State;
use crate::waiting::Part;

/// Shared by all handles of a client and its driver.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    clock: Box<dyn Clock>,
    pub(crate) servers: Vec<Server>,
    transport: TransportOptions,
    credentials: Option<CredentialsSource>,
    authenticator: Option<Arc<dyn Authenticator>>,
    /// Payloads that are to be dropped without the lock.
    pub(crate) bin: Arc<Bin>,
}

impl Shared {
    /// Fails if the options do not fit each other, or what an earlier client has left in the store cannot be read.
    pub(crate) fn new(
        options: Options,
        seed: u64,
        clock: Box<dyn Clock>,
    ) -> Result<Arc<Shared>, OptionsError> {
        let Options {
            server,
            other_servers: mut servers,
            mut config,
            incoming_bytes_max,
            unclaimed_grace,
            response_topic,
            credentials_source,
            authenticator,
            transport,
            #[cfg(feature = "capture")]
            capture,
            store,
            store_failure,
        } = options;
        servers.insert(0, server);
        config.servers.count =
            u16::try_from(servers.len()).ok().and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MAX);
        config.asks_credentials |= credentials_source.is_some();
        #[cfg(feature = "capture")]
        if capture.is_some() && store.is_some() {
            return Err(OptionsError::CaptureWithStore);
        }
        let waker = DriverWaker::default();
        let (session, durable) = match store {
            None => (Machine::new(Session::new(config, seed), None), None),
            Some(store) => open_store(&store, config, seed, store_failure, waker.clone())?,
        };
        #[cfg(feature = "capture")]
        let session = capture.into_iter().fold(session, |mut session, capture| {
            session.record(seed, capture);
            session
        });
        let requests = Requests::new(seed, response_topic);
        let mut state = State::new(session, requests, Routes::new(incoming_bytes_max, unclaimed_grace));
        state.durable = durable;
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            clock,
            servers,
            transport,
            credentials: credentials_source,
            authenticator,
            bin: Arc::default(),
        });
        // It was made a moment ago, and is empty.
        let _ = waker.0.set(Arc::downgrade(&shared));
        Ok(shared)
    }

    /// Wakes the driver from outside, such as from the thread of a store.
    fn wake_driver(&self) {
        let mut state = self.lock();
        state.is_driver_due = true;
        let driver = state.driver.take();
        drop(state);
        driver.into_iter().for_each(Waker::wake);
    }

    /// The server of the current attempt.
    pub(crate) fn server(&self, state: &State) -> Server {
        let first = || self.servers[0].clone();
        match state.session.target() {
            Target::Listed(number) => self.servers.get(usize::from(number)).cloned().unwrap_or_else(first),
            Target::Named(reference) => Server::from_reference(reference, &self.servers[0]),
        }
    }

    /// The route to the server of the current attempt.
    pub(crate) fn route(&self) -> Route {
        self.transport.route_to(self.server(&self.lock()))
    }

    /// Gives the session the credentials that it asks for, if the options say who knows them.
    pub(crate) fn answer_credentials(&self) {
        let Some(source) = &self.credentials else { return };
        if !std::mem::take(&mut self.lock().wants_credentials) {
            return;
        }
        let credentials = source.ask();
        let mut state = self.lock();
        if let Err(reason) = state.session.apply(self.now(), Input::SetCredentials(credentials)) {
            state.set_link_error(Some(Arc::new(io::Error::new(io::ErrorKind::InvalidInput, reason))));
            state.session.notify(self.now(), Input::Closed(OfflineCause::DialFailed));
        }
        self.release(state);
    }

    /// Answers what an authentication asks, if it asks anything; `dialogue` is the one that is going on.
    pub(crate) fn answer_authentication(&self, dialogue: &mut Option<Box<dyn Dialogue>>) -> bool {
        let Some(authenticator) = &self.authenticator else { return false };
        let Some((step, stage)) = self.lock().authentication.take() else { return false };
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
            match state.session.apply(now, Input::Authenticate { step, answer }) {
                // The connection has ended meanwhile.
                Ok(_) | Err(SessionRefusal::AuthenticationStep) => Ok(()),
                Err(reason) => Err(reason.into()),
            }
        });
        if let Err(error) = given {
            state.set_link_error(Some(Arc::new(io::Error::other(error))));
            let _ = state.session.apply(now, Input::Authenticate { step, answer: AuthAnswer::Abort });
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
        command: &Command<'_>,
        then: impl FnOnce(&mut State, Instant, Ticket) -> T,
    ) -> Result<T, SubmitError> {
        self.change(|state, now| {
            let ticket = state.submit(now, command)?;
            Ok(then(state, now, ticket))
        })
    }

    /// Changes the state before the driver can look at it, unless nothing will happen any more, and wakes the driver.
    pub(crate) fn change<T, E: From<SubmitError>>(
        &self,
        change: impl FnOnce(&mut State, Instant) -> Result<T, E>,
    ) -> Result<T, E> {
        let now = self.now();
        let mut state = self.lock();
        if let Some(gone) = state.gone {
            return Err(SubmitError::Gone(gone).into());
        }
        let changed = change(&mut state, now);
        self.release(state);
        changed
    }

    /// Asks `look` whether something is ready. If nothing is, the task is woken through the slot once it may be.
    pub(crate) fn poll<T>(
        &self,
        context: &mut Context<'_>,
        mut look: impl FnMut(&mut State) -> Poll<T>,
        mut slot: impl FnMut(&mut State) -> Option<&mut Option<Waker>>,
    ) -> Poll<T> {
        let mut state = self.lock();
        if let Poll::Ready(ready) = look(&mut state) {
            self.unlock(state);
            return Poll::Ready(ready);
        }
        match slot(&mut state) {
            Some(Some(waker)) if waker.will_wake(context.waker()) => return Poll::Pending,
            Some(_) => {}
            None => return Poll::Pending,
        }
        drop(state);
        let mut waker = Some(context.waker().clone());
        let mut state = self.lock();
        let result = look(&mut state);
        if result.is_pending() {
            if let Some(slot) = slot(&mut state) {
                std::mem::swap(slot, &mut waker);
            }
        }
        self.unlock(state);
        drop(waker);
        result
    }

    /// The next message of a queue; none once nothing more comes.
    pub(crate) fn poll_queue<T>(
        &self,
        queue: Queue,
        take: fn(&mut State, Queue) -> Option<T>,
        context: &mut Context<'_>,
        slot: impl FnMut(&mut State) -> Option<&mut Option<Waker>>,
    ) -> Poll<Option<T>> {
        let look = |state: &mut State| match take(state, queue) {
            Some(next) => Poll::Ready(Some(next)),
            None if state.routes.is_ended(queue) || state.is_stopped() => Poll::Ready(None),
            None => Poll::Pending,
        };
        self.poll(context, look, slot)
    }

    /// The next message of a queue, if there is one already.
    pub(crate) fn try_queue<T>(&self, queue: Queue, take: fn(&mut State, Queue) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        let taken = take(&mut state, queue);
        self.unlock(state);
        taken
    }

    /// A guard has said what became of its message; without a reason it stays unacknowledged.
    pub(crate) fn settle(&self, taker: Taker, part: Part, reason: Option<ReasonCode>) {
        let mut state = self.lock();
        let State { routes, session, .. } = &mut *state;
        routes.settle(taker, part, reason, session);
        self.release(state);
    }

    /// A guard acknowledges its message together with a value that is stored in the same step.
    pub(crate) fn settle_with(
        &self,
        taker: Taker,
        part: Part,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), ValueError> {
        let now = self.now();
        let mut state = self.lock();
        if state.gone.is_some() {
            return Err(ValueError::Stopped);
        }
        if !state.routes.is_alone(part) {
            return Err(ValueError::NotAlone);
        }
        let State { routes, session, durable, .. } = &mut *state;
        let durable = durable.as_mut().ok_or(ValueError::NotAccepted(SessionRefusal::NoStore))?;
        durable.set_value(key, value, session, now).map_err(ValueError::NotAccepted)?;
        routes.settle(taker, part, Some(ReasonCode::Success), session);
        self.release(state);
        Ok(())
    }

    /// A guard goes without a word.
    pub(crate) fn hand_back(&self, taker: Taker, part: Part) {
        let now = self.now();
        let mut state = self.lock();
        let (routes, mut env) = state.routes(now);
        routes.hand_back(taker, part, &mut env);
        self.release(state);
    }

    /// Lets the state go after a call of the application, which may have changed something.
    pub(crate) fn unlock(&self, mut state: MutexGuard<'_, State>) {
        if std::mem::take(&mut state.is_changed) {
            self.release(state);
        }
    }

    /// Lets the state go after a change: what the session says is passed on, and the driver looks at it.
    pub(crate) fn release(&self, mut state: MutexGuard<'_, State>) {
        state.pass_events_on(self.now());
        state.is_changed = false;
        state.is_driver_due = true;
        let driver = state.driver.take();
        // What has room in it stays, for those whom the driver is to wake.
        let wakers = if state.wakers.is_empty() { Vec::new() } else { std::mem::take(&mut state.wakers) };
        let errors = state.take_old_errors();
        drop(state);
        driver.into_iter().chain(wakers).for_each(Waker::wake);
        drop(errors);
        self.bin.empty();
    }

    /// Lets the state go after the driver's own change. Whom to wake is added to `wakers`, and that is left to the driver, so
    /// that a turn wakes nobody twice.
    pub(crate) fn release_by_driver(
        &self,
        mut state: MutexGuard<'_, State>,
        now: Instant,
        wakers: &mut Vec<Waker>,
    ) {
        state.pass_events_on(now);
        state.session.collect_records();
        if wakers.is_empty() {
            std::mem::swap(&mut state.wakers, wakers);
        } else {
            wakers.append(&mut state.wakers);
        }
        let errors = state.take_old_errors();
        drop(state);
        drop(errors);
        self.bin.empty();
    }

    /// Ready when the driver has something to do that it has not seen.
    pub(crate) fn poll_driver_due(&self, context: &mut Context<'_>) -> Poll<()> {
        let look = |state: &mut State| match std::mem::take(&mut state.is_driver_due) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        };
        self.poll(context, look, |state| Some(&mut state.driver))
    }

    /// The driver is gone: the client is offline for good, and nobody should wait for it.
    pub(crate) fn on_driver_gone(&self) {
        let now = self.now();
        let mut state = self.lock();
        // In a panic the driver is dropped wherever it stood, perhaps in the middle of the session.
        if !std::thread::panicking() && state.gone.is_none() {
            // What is stored goes on with the next client: that this one ends is not for the store to know.
            state.pass_events_on(now);
            state.session.collect_records();
            state.session.close_journal();
            state.session.notify(now, Input::Closed(OfflineCause::DriverGone));
            state.pass_offline_on();
        }
        state.set_gone(Gone::Driver);
        let wakers = std::mem::take(&mut state.wakers);
        let errors = state.take_old_errors();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        drop(errors);
        self.bin.empty();
    }

    /// The log of the session could not be written: it ends, and the client goes on.
    #[cfg(feature = "capture")]
    pub(crate) fn on_capture_failed(&self, kind: io::ErrorKind) {
        let mut state = self.lock();
        state.session.end_log();
        state.notify(&ConnectionEvent::CaptureFailed { kind });
        self.release(state);
    }

    pub(crate) fn connect_error(&self, state: &State, cause: OfflineCause) -> ConnectError {
        ConnectError::offline(self.server(state).to_string(), cause, state.link_error.clone())
    }
}

/// Wakes the driver of a client that is yet to be made.
#[derive(Clone, Default)]
struct DriverWaker(Arc<OnceLock<Weak<Shared>>>);

fn open_store(
    store: &StoreHandle,
    config: Config,
    seed: u64,
    policy: StoreFailure,
    waker: DriverWaker,
) -> Result<(Machine, Option<Box<Durable>>), OptionsError> {
    if config.client_id.is_empty() {
        return Err(OptionsError::StoreNeedsClientId);
    }
    let notify = move || {
        waker.0.get().and_then(Weak::upgrade).into_iter().for_each(|shared| shared.wake_driver());
    };
    let (journal, recovered) = store.open(&config.client_id, notify).map_err(OptionsError::Store)?;
    let damaged = |detail: String| {
        let detail = format!("client {:?}: {detail}", journal.client());
        OptionsError::Store(StoreError::new(store.name(), StoreErrorKind::Damaged, detail))
    };
    let mut durable =
        Durable::new(policy, &recovered).ok_or_else(|| damaged("a note that nobody has made".into()))?;
    let session =
        Session::rebuild(config, seed, &recovered.records).map_err(|error| damaged(error.to_string()))?;
    session.mark().into_iter().for_each(|mark| durable.on_stored(mark, &mut Vec::new()));
    Ok((Machine::new(session, Some(journal)), Some(Box::new(durable))))
}

/// One for all handles of a client: when the last is dropped, the driver disconnects.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_abandoned = true;
        state.routes.on_abandoned();
        self.shared.release(state);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.shared.servers).finish()
    }
}
