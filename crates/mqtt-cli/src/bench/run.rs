//! One run: its executor, what ends it early, and what is said while it goes on.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::IsTerminal;
use std::rc::Rc;
use std::time::Duration;

use smol::channel::{Receiver, Sender, unbounded};
use smol::future::or;
use smol::{LocalExecutor, Timer};

use super::report::Ending;
use crate::failure::Failure;
use crate::interrupt::Interrupts;

/// Something that happens once and that any number of tasks wait for.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    sender: Sender<()>,
    receiver: Receiver<()>,
}

impl Stop {
    fn new() -> Stop {
        let (sender, receiver) = unbounded();
        Stop { sender, receiver }
    }

    pub(crate) fn stop(&self) {
        self.sender.close();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.sender.is_closed()
    }

    pub(crate) async fn stopped(&self) {
        // Nothing is ever sent: it fails once the channel is closed.
        let _ = self.receiver.recv().await;
    }
}

/// Shared by all tasks of a run. Clients, connections and timers run on one thread, so that no message waits for another
/// thread to wake, and its processor time is that of all the work.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) executor: LocalExecutor<'static>,
    /// Nothing more is started.
    pub(crate) starting: Stop,
    /// Nothing more is waited for.
    pub(crate) waiting: Stop,
    is_interrupted: Cell<bool>,
    /// Why no client can go on.
    fatal: RefCell<Option<Failure>>,
    pub(crate) connections_lost: Cell<u64>,
    pub(crate) is_quiet: bool,
    said: Cell<u32>,
}

impl Run {
    fn new(is_quiet: bool) -> Run {
        Run {
            executor: LocalExecutor::new(),
            starting: Stop::new(),
            waiting: Stop::new(),
            is_interrupted: Cell::new(false),
            fatal: RefCell::new(None),
            connections_lost: Cell::new(0),
            is_quiet,
            said: Cell::new(0),
        }
    }

    pub(crate) fn ending(&self) -> Ending {
        Ending { connections_lost: self.connections_lost.get(), is_interrupted: self.is_interrupted.get() }
    }

    /// Ends the run, because no client can go on.
    pub(crate) fn fail(&self, failure: Failure) {
        self.fatal.borrow_mut().get_or_insert(failure);
        self.starting.stop();
        self.waiting.stop();
    }

    /// The failure that has ended the run.
    pub(crate) fn take_failure(&self) -> Result<(), Failure> {
        self.fatal.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// Says something on standard error, as long as it is not too much.
    pub(crate) fn say(&self, text: &str) {
        self.said.set(self.said.get().saturating_add(1));
        match self.said.get() {
            _ if self.is_quiet => {}
            1..LINES_MAX => eprintln!("{}mqtt: {text}", clear()),
            LINES_MAX => eprintln!("{}mqtt: {text}; no more of this is said", clear()),
            _ => {}
        }
    }

    /// The work, unless a signal comes first.
    pub(crate) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        or(work, async {
            self.starting.stopped().await;
            self.take_failure()?;
            Err(Failure::silent(Failure::INTERRUPTED))
        })
        .await
    }
}

/// Runs the work with an executor of its own. SIGINT and SIGTERM stop it: at first what is started, and a second later
/// also the waiting for what is under way.
pub(crate) async fn with_executor<T>(
    is_quiet: bool,
    work: impl AsyncFnOnce(&Rc<Run>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let run = Rc::new(Run::new(is_quiet));
    let interrupts = Interrupts::new()?;
    let interrupting = async {
        interrupts.next().await;
        run.is_interrupted.set(true);
        run.starting.stop();
        or(interrupts.next(), pause(PATIENCE)).await;
        run.waiting.stop();
        smol::future::pending().await
    };
    run.executor.run(or(work(&run), interrupting)).await
}

/// Waits that long.
pub(crate) async fn pause(time: Duration) {
    Timer::after(time).await;
}

/// What removes the line of progress, which stands only on a terminal.
pub(crate) fn clear() -> &'static str {
    if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" }
}

/// How long an interrupted run waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines about connections that are said.
const LINES_MAX: u32 = 20;
