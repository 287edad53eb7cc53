//! What the connections of a served broker share: the broker behind one lock, and who is to be called.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use mqtt_broker::{Broker, Config, ConnectionId};
use mqtt_client::{Clock, Instant, SystemClock};

/// Shared by the tasks of one broker.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Apart from the rest, since it is looked at whenever any task is woken.
    stop: Mutex<Stop>,
}

#[derive(Debug, Default)]
struct Stop {
    is_stopped: bool,
    waker: Option<Waker>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) broker: Broker,
    connections: BTreeMap<ConnectionId, Call>,
    /// The task that keeps time.
    clock: Call,
    /// The deadline that the clock knows of.
    deadline: Option<Instant>,
}

/// Calls one task; a call that comes while the task is busy is remembered.
#[derive(Debug, Default)]
struct Call {
    is_due: bool,
    is_cut: bool,
    waker: Option<Waker>,
}

impl Call {
    fn call(&mut self) -> Option<Waker> {
        self.is_due = true;
        self.waker.take()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.is_due) {
            return Poll::Ready(());
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Shared {
    pub(crate) fn new(config: Config, seed: u64) -> Shared {
        let state = State {
            broker: Broker::new(config, seed),
            connections: BTreeMap::new(),
            clock: Call::default(),
            deadline: None,
        };
        Shared { state: Mutex::new(state), stop: Mutex::default() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the broker go after a change, and calls those whom it concerns.
    fn release(&self, mut state: MutexGuard<'_, State>, mut wakers: Vec<Waker>) {
        while let Some(id) = state.broker.poll_ready() {
            wakers.extend(state.connections.get_mut(&id).and_then(Call::call));
        }
        let deadline = state.broker.poll_timeout();
        let is_earlier = deadline.is_some_and(|new| state.deadline.is_none_or(|old| new < old));
        if is_earlier {
            state.deadline = deadline;
            wakers.extend(state.clock.call());
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Changes the broker, now.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Broker, Instant) -> T) -> T {
        let now = SystemClock.now();
        let mut state = self.lock();
        let result = change(&mut state.broker, now);
        self.release(state, Vec::new());
        result
    }

    pub(crate) fn open(&self) -> ConnectionId {
        let mut state = self.lock();
        let id = state.broker.handle_opened(SystemClock.now());
        state.connections.insert(id, Call::default());
        self.release(state, Vec::new());
        id
    }

    pub(crate) fn close(&self, id: ConnectionId) {
        self.lock().connections.remove(&id);
        self.change(|broker, now| broker.handle_closed(now, id));
    }

    /// Ready when a connection has something to send, or is to be closed.
    pub(crate) fn poll_connection(&self, id: ConnectionId, context: &mut Context<'_>) -> Poll<()> {
        self.lock().connections.get_mut(&id).map_or(Poll::Ready(()), |call| call.poll(context))
    }

    /// Whether a connection was cut.
    pub(crate) fn is_cut(&self, id: ConnectionId) -> bool {
        self.lock().connections.get(&id).is_none_or(|call| call.is_cut)
    }

    /// Cuts the connections of some clients and says how many there were.
    pub(crate) fn cut(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        let mut state = self.lock();
        let meant: Vec<ConnectionId> = state
            .broker
            .connections()
            .filter(|(_, client_id)| is_meant(client_id))
            .map(|(id, _)| id)
            .collect();
        let mut wakers = Vec::new();
        for id in &meant {
            if let Some(call) = state.connections.get_mut(id) {
                call.is_cut = true;
                wakers.extend(call.call());
            }
        }
        self.release(state, wakers);
        meant.len()
    }

    /// Tells the broker the time, and returns when it wants to know again.
    pub(crate) fn handle_timeout(&self) -> Option<Instant> {
        self.change(Broker::handle_timeout);
        let mut state = self.lock();
        state.deadline = state.broker.poll_timeout();
        state.deadline
    }

    /// Ready when the clock has to look at its deadline anew.
    pub(crate) fn poll_clock(&self, context: &mut Context<'_>) -> Poll<()> {
        self.lock().clock.poll(context)
    }

    pub(crate) fn stop(&self) {
        let waker = {
            let mut stop = self.lock_stop();
            stop.is_stopped = true;
            stop.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Resolves once the broker is to stop.
    pub(crate) async fn stopped(&self) {
        poll_fn(|context| {
            let mut stop = self.lock_stop();
            if stop.is_stopped {
                return Poll::Ready(());
            }
            stop.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn lock_stop(&self) -> MutexGuard<'_, Stop> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
