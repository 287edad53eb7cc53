//! Threads that move the bytes of clients: one for each core at the most, each with many clients, so that a
//! connection costs no thread of its own.
//!
//! A client stays with its worker. It is looked at when its socket changes, when it is called, or at its deadline.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use mio::{Events, Registry, Token};
use mqtt_client::{Clock, Driver, Goal, Instant, SystemClock, Turn};

use crate::dial::{Connection, Dialing, Place};

/// Has a worker move the bytes of a client from now on, until all its handles are gone and everything has ended.
pub(crate) fn register(driver: Driver) -> io::Result<()> {
    let mut workers = lock(&WORKERS);
    let number = workers.registered % workers_max();
    if number == workers.handles.len() {
        workers.handles.push(Worker::start()?);
    }
    workers.registered += 1;
    workers.handles[number].register(driver)
}

static WORKERS: Mutex<Workers> = Mutex::new(Workers { handles: Vec::new(), registered: 0 });

/// Those that were started; they wait for further clients for as long as the program runs.
struct Workers {
    handles: Vec<WorkerHandle>,
    /// Clients so far, which take the workers in turn.
    registered: usize,
}

fn workers_max() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

struct WorkerHandle {
    incoming: Sender<Driver>,
    alert: Arc<Alert>,
}

impl WorkerHandle {
    fn register(&self, driver: Driver) -> io::Result<()> {
        self.incoming.send(driver).map_err(|_| io::Error::other("the thread of this client has ended"))?;
        self.alert.waker.wake()
    }
}

/// Wakes a worker, and says for whom.
struct Alert {
    waker: mio::Waker,
    called: Mutex<Vec<usize>>,
}

/// Calls a worker for one of its clients.
struct Call {
    alert: Arc<Alert>,
    index: usize,
    is_called: AtomicBool,
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_called.swap(true, Ordering::AcqRel) {
            lock(&self.alert.called).push(self.index);
            // It fails only if the poll is gone, and then nobody sleeps there.
            let _ = self.alert.waker.wake();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a worker knows of its clients.
struct Worker {
    poll: mio::Poll,
    alert: Arc<Alert>,
    incoming: Receiver<Driver>,
    slots: Vec<Option<Slot>>,
    /// Those to be looked at, each once.
    due: VecDeque<usize>,
    deadlines: BTreeSet<(Instant, usize)>,
    /// Those whose links are left alone for a moment, since more is about to come.
    resting: Vec<usize>,
    rest: Duration,
}

struct Slot {
    driver: Driver,
    state: State,
    call: Arc<Call>,
    waker: Waker,
    deadline: Option<Instant>,
    is_due: bool,
}

enum State {
    Idle,
    Dialing { attempt: u64, dialing: Box<Dialing> },
    Serving { connection: Connection },
}

/// What comes next for a client.
enum Next {
    /// It is looked at again soon; others may go first.
    Again,
    Wait {
        deadline: Option<Instant>,
    },
    /// It is looked at again after that time, whatever happens to its socket.
    Rest(Duration),
    Finished,
}

/// The token of the alert; those of sockets count down from it.
const ALERT: Token = Token(usize::MAX);

impl Worker {
    fn start() -> io::Result<WorkerHandle> {
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), ALERT)?;
        let alert = Arc::new(Alert { waker, called: Mutex::default() });
        let (sender, incoming) = mpsc::channel();
        let handle = WorkerHandle { incoming: sender, alert: Arc::clone(&alert) };
        let slots = Vec::new();
        let worker = Worker {
            poll,
            alert,
            incoming,
            slots,
            due: VecDeque::new(),
            deadlines: BTreeSet::new(),
            resting: Vec::new(),
            rest: Duration::ZERO,
        };
        thread::Builder::new().name("mqtt-client".into()).spawn(move || worker.run())?;
        Ok(handle)
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let mut called = Vec::new();
        loop {
            self.accept_incoming();
            std::mem::swap(&mut *lock(&self.alert.called), &mut called);
            for index in called.drain(..) {
                self.on_called(index);
            }
            self.look_at_overdue();
            for _slot in 0..self.due.len() {
                self.look_at_next();
            }
            self.end_rest();
            // An error is an interruption, after which everything is looked at again.
            let _ = self.poll.poll(&mut events, self.timeout());
            for event in events.iter().filter(|event| event.token() != ALERT) {
                self.on_socket(event.token().0, event.is_read_closed() || event.is_error());
            }
        }
    }

    fn accept_incoming(&mut self) {
        while let Ok(driver) = self.incoming.try_recv() {
            let index = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
            let alert = Arc::clone(&self.alert);
            let call = Arc::new(Call { alert, index, is_called: AtomicBool::new(false) });
            let waker = Waker::from(Arc::clone(&call));
            let slot = Slot { driver, state: State::Idle, call, waker, deadline: None, is_due: false };
            if index == self.slots.len() {
                self.slots.push(None);
            }
            self.slots[index] = Some(slot);
            self.set_due(index);
        }
    }

    /// Late news of a client that has ended reach the one in its place, who finds nothing new.
    fn on_called(&mut self, index: usize) {
        if let Some(slot) = self.slots.get(index).and_then(Option::as_ref) {
            slot.call.is_called.store(false, Ordering::Release);
            self.set_due(index);
        }
    }

    /// One of a client's sockets has changed. That nothing more comes is reported only once; a late report about a socket
    /// that is gone costs the next one a read.
    fn on_socket(&mut self, index: usize, is_read_closed: bool) {
        if let Some(slot) = self.slots.get(index).and_then(Option::as_ref).filter(|_| is_read_closed) {
            match &slot.state {
                State::Idle => {}
                State::Dialing { dialing, .. } => dialing.set_read_closed(),
                State::Serving { connection } => connection.socket.set_read_closed(),
            }
        }
        self.set_due(index);
    }

    fn set_due(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) {
            if !std::mem::replace(&mut slot.is_due, true) {
                self.due.push_back(index);
            }
        }
    }

    fn look_at_overdue(&mut self) {
        while let Some(&(at, index)) = self.deadlines.first() {
            if at > SystemClock.now() {
                return;
            }
            self.deadlines.pop_first();
            self.set_due(index);
        }
    }

    fn look_at_next(&mut self) {
        let Some(index) = self.due.pop_front() else { return };
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
        slot.is_due = false;
        if let Some(deadline) = slot.deadline.take() {
            self.deadlines.remove(&(deadline, index));
        }
        let registry = self.poll.registry();
        // Code of the application that panics takes its own client with it, and no other.
        let next = catch_unwind(AssertUnwindSafe(|| slot.advance(registry, index)));
        match next.unwrap_or(Next::Finished) {
            Next::Again => self.set_due(index),
            Next::Wait { deadline } => {
                slot.deadline = deadline;
                self.deadlines.extend(deadline.map(|deadline| (deadline, index)));
            }
            Next::Rest(rest) => {
                self.rest = rest;
                self.resting.push(index);
            }
            Next::Finished => self.slots[index] = None,
        }
    }

    /// The system's poll knows no times as short as a rest, so that the thread sleeps; what others want meanwhile waits
    /// no longer than that.
    fn end_rest(&mut self) {
        if !self.resting.is_empty() {
            if self.due.is_empty() {
                thread::sleep(self.rest);
            }
            for index in std::mem::take(&mut self.resting) {
                self.set_due(index);
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.due.is_empty() {
            return Some(Duration::ZERO);
        }
        self.deadlines.first().map(|(deadline, _)| round_up(deadline.since(SystemClock.now())))
    }
}

/// The system waits in whole milliseconds; waiting too short would turn in circles.
fn round_up(duration: Duration) -> Duration {
    duration.checked_add(Duration::from_micros(999)).unwrap_or(duration)
}

impl Slot {
    /// Goes on as far as it gets without waiting.
    fn advance(&mut self, registry: &Registry, index: usize) -> Next {
        loop {
            let deadline = match std::mem::replace(&mut self.state, State::Idle) {
                State::Idle => match self.driver.goal() {
                    Goal::Finished => return Next::Finished,
                    Goal::Idle { deadline } => deadline,
                    Goal::Link { attempt, .. } => {
                        let dialing = Box::new(Dialing::new(self.driver.route()));
                        self.state = State::Dialing { attempt, dialing };
                        continue;
                    }
                },
                State::Dialing { attempt, dialing } => match self.driver.goal() {
                    Goal::Link { attempt: wanted, deadline } if wanted == attempt => {
                        match self.dial(registry, index, attempt, dialing) {
                            Poll::Ready(()) => continue,
                            Poll::Pending => deadline.into_iter().chain(self.dial_deadline()).min(),
                        }
                    }
                    Goal::Link { .. } | Goal::Idle { .. } | Goal::Finished => continue,
                },
                State::Serving { mut connection } => {
                    let turn = self.driver.turn(&mut connection.link);
                    if turn == Turn::Drop {
                        continue;
                    }
                    self.state = State::Serving { connection };
                    match turn {
                        // Both directions are announced once each, so nothing need be said about what is wanted.
                        Turn::Wait { rest: Some(rest), .. } => return Next::Rest(rest),
                        Turn::Wait { deadline, .. } => deadline,
                        Turn::Again | Turn::Drop => return Next::Again,
                    }
                }
            };
            let mut context = Context::from_waker(&self.waker);
            if self.driver.poll_woken(&mut context).is_pending() {
                return Next::Wait { deadline };
            }
        }
    }

    /// Goes on with a dial; ready once it has ended.
    fn dial(
        &mut self,
        registry: &Registry,
        index: usize,
        attempt: u64,
        mut dialing: Box<Dialing>,
    ) -> Poll<()> {
        let place = Place { registry, token: Token(index), now: SystemClock.now() };
        match dialing.poll(place, &mut Context::from_waker(&self.waker)) {
            Poll::Ready(Ok(connection)) => {
                self.driver.on_opened(attempt);
                self.state = State::Serving { connection };
            }
            Poll::Ready(Err(error)) => self.driver.on_dial_failed(attempt, error),
            Poll::Pending => {
                self.state = State::Dialing { attempt, dialing };
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    fn dial_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Dialing { dialing, .. } => dialing.deadline(),
            State::Idle | State::Serving { .. } => None,
        }
    }
}
