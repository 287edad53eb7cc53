//! Threads that move the bytes of clients: one for each core at the most, each with many clients, so that a
//! connection costs no thread of its own.
//!
//! A worker is a small executor: each client is a task, the loop that all adapters share, and stays with its worker. It is
//! polled when it is woken, by its socket, a timer or the application. What wakes it on the worker's own thread costs no
//! system call, and so a worker may run a future of the application beside its clients: see [`Worker::run_until`].

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use mio::{Events, Token};
use mqtt_client::adapter::{Clock, Driver, SystemClock};
use mqtt_transport::drive;

use crate::runtime::{Reactor, Std};

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

/// Hands clients over to a worker.
pub(crate) struct WorkerHandle {
    incoming: Sender<Driver>,
    alert: Arc<Alert>,
}

impl WorkerHandle {
    pub(crate) fn register(&self, driver: Driver) -> io::Result<()> {
        self.incoming.send(driver).map_err(|_| io::Error::other("the thread of this client has ended"))?;
        self.alert.waker.wake()
    }
}

/// Wakes a worker, and says for whom.
struct Alert {
    waker: mio::Waker,
    called: Mutex<Vec<usize>>,
}

/// Calls a worker for one of its tasks.
struct Call {
    alert: Arc<Alert>,
    task: usize,
    is_called: AtomicBool,
}

thread_local! {
    /// The alert of the worker that runs on this thread.
    static OWN_ALERT: Cell<*const Alert> = const { Cell::new(std::ptr::null()) };
}

/// Says that a worker runs on this thread, until it is dropped.
struct OwnAlert {
    before: *const Alert,
}

impl OwnAlert {
    fn set(alert: &Arc<Alert>) -> OwnAlert {
        OwnAlert { before: OWN_ALERT.replace(Arc::as_ptr(alert)) }
    }
}

impl Drop for OwnAlert {
    fn drop(&mut self) {
        OWN_ALERT.set(self.before);
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_called.swap(true, Ordering::AcqRel) {
            lock(&self.alert.called).push(self.task);
            // The worker itself looks before it sleeps.
            if OWN_ALERT.get() != Arc::as_ptr(&self.alert) {
                // It fails only if the poll is gone, and then nobody sleeps there.
                let _ = self.alert.waker.wake();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a worker knows of its clients.
pub(crate) struct Worker {
    poll: mio::Poll,
    reactor: Rc<Reactor>,
    alert: Arc<Alert>,
    incoming: Receiver<Driver>,
    tasks: Vec<Option<Task>>,
}

struct Task {
    drive: Pin<Box<dyn Future<Output = ()>>>,
    call: Arc<Call>,
    waker: Waker,
}

/// The token of the alert; those of sockets count up from 0.
const ALERT: Token = Token(usize::MAX);

/// The task that is a future of the application; those of clients count up from 0.
const APPLICATION: usize = usize::MAX;

/// What a worker is made of, on whatever thread.
struct Parts {
    poll: mio::Poll,
    registry: mio::Registry,
    alert: Arc<Alert>,
    incoming: Receiver<Driver>,
}

impl Parts {
    fn new() -> io::Result<(WorkerHandle, Parts)> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = mio::Waker::new(poll.registry(), ALERT)?;
        let alert = Arc::new(Alert { waker, called: Mutex::default() });
        let (sender, incoming) = mpsc::channel();
        let handle = WorkerHandle { incoming: sender, alert: Arc::clone(&alert) };
        Ok((handle, Parts { poll, registry, alert, incoming }))
    }

    fn into_worker(self) -> Worker {
        let Parts { poll, registry, alert, incoming } = self;
        let reactor = Rc::new(Reactor::new(registry));
        Worker { poll, reactor, alert, incoming, tasks: Vec::new() }
    }
}

impl Worker {
    /// A worker on a thread of its own, which runs as long as the program.
    fn start() -> io::Result<WorkerHandle> {
        let (handle, parts) = Parts::new()?;
        let run = move || {
            let never = std::future::pending::<()>();
            parts.into_worker().run_until(std::pin::pin!(never));
        };
        thread::Builder::new().name("mqtt-client".into()).spawn(run)?;
        Ok(handle)
    }

    /// A worker of this thread, which runs when it is told to.
    pub(crate) fn of_this_thread() -> io::Result<(WorkerHandle, Worker)> {
        Parts::new().map(|(handle, parts)| (handle, parts.into_worker()))
    }

    /// Moves the bytes of its clients until a future of the application, which is polled on this thread too, is ready.
    pub(crate) fn run_until<T>(&mut self, mut work: Pin<&mut impl Future<Output = T>>) -> T {
        let _own = OwnAlert::set(&self.alert);
        let call = self.call(APPLICATION);
        let waker = Waker::from(Arc::clone(&call));
        waker.wake_by_ref();
        let mut events = Events::with_capacity(256);
        let mut called = Vec::new();
        loop {
            self.accept_incoming();
            while let Some(task) = self.reactor.pop_due() {
                self.wake(task);
            }
            std::mem::swap(&mut *lock(&self.alert.called), &mut called);
            let mut output = None;
            for task in called.drain(..) {
                if task != APPLICATION {
                    self.poll_task(task);
                } else if output.is_none() {
                    call.is_called.store(false, Ordering::Release);
                    match work.as_mut().poll(&mut Context::from_waker(&waker)) {
                        Poll::Ready(ready) => output = Some(ready),
                        Poll::Pending => {}
                    }
                }
            }
            if let Some(output) = output {
                return output;
            }
            // An error is an interruption, after which everything is looked at again.
            let _ = self.poll.poll(&mut events, self.timeout());
            for event in events.iter().filter(|event| event.token() != ALERT) {
                if let Some(task) = self.reactor.on_event(event) {
                    self.wake(task);
                }
            }
        }
    }

    fn call(&self, task: usize) -> Arc<Call> {
        Arc::new(Call { alert: Arc::clone(&self.alert), task, is_called: AtomicBool::new(false) })
    }

    fn accept_incoming(&mut self) {
        while let Ok(driver) = self.incoming.try_recv() {
            let task = self.tasks.iter().position(Option::is_none).unwrap_or(self.tasks.len());
            let call = self.call(task);
            let waker = Waker::from(Arc::clone(&call));
            let reactor = Rc::clone(&self.reactor);
            let drive = Box::pin(drive(Std { reactor, task }, driver));
            waker.wake_by_ref();
            if task == self.tasks.len() {
                self.tasks.push(None);
            }
            self.tasks[task] = Some(Task { drive, call, waker });
        }
    }

    fn wake(&self, task: usize) {
        if let Some(task) = self.tasks.get(task).and_then(Option::as_ref) {
            task.waker.wake_by_ref();
        }
    }

    /// A late call for a task that has ended reaches the one in its place, which finds nothing new.
    fn poll_task(&mut self, index: usize) {
        let Some(task) = self.tasks.get_mut(index).and_then(Option::as_mut) else { return };
        task.call.is_called.store(false, Ordering::Release);
        let mut context = Context::from_waker(&task.waker);
        // Code of the application that panics takes its own client with it, and no other.
        let polled = catch_unwind(AssertUnwindSafe(|| task.drive.as_mut().poll(&mut context).is_ready()));
        if polled.unwrap_or(true) {
            self.tasks[index] = None;
        }
    }

    /// How long the poll may wait for events.
    fn timeout(&self) -> Option<Duration> {
        if !lock(&self.alert.called).is_empty() {
            return Some(Duration::ZERO);
        }
        self.reactor.next_due().map(|due| round_up(due.since(SystemClock.now())))
    }
}

/// The system waits in whole milliseconds; waiting too short would turn in circles.
fn round_up(duration: Duration) -> Duration {
    duration.checked_add(Duration::from_micros(999)).unwrap_or(duration)
}
