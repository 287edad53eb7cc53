//! Runs a client's driver on a thread: dials, waits, and takes turns.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use mio::{Events, Poll, Token};
use mqtt_client::{
    Client, Clock, ConnectError, Driver, Goal, Instant, IntoOptions, Options, SystemClock, Turn,
};
use mqtt_transport::with_defaults;

use crate::dial::{Connection, dial};
use crate::socket::Registered;

/// A client whose bytes are moved by a thread of its own, for options or a URL. Nothing is connected yet.
///
/// The thread ends when all handles are gone and everything has ended.
pub fn client(options: impl IntoOptions) -> Result<Client, ConnectError> {
    let options: Options = with_defaults(options.into_options()?)?;
    let server = options.server.to_string();
    let (client, driver) = Client::new(options, SystemClock, fastrand::u64(..));
    let failed = |error| ConnectError::unavailable(server, error);
    let thread = DriverThread::new(driver).map_err(failed.clone())?;
    thread::Builder::new().name("mqtt-client".into()).spawn(move || thread.run()).map_err(failed)?;
    Ok(client)
}

/// Connects with options or to a URL, and waits until the server has accepted.
///
/// Fails if the first attempt fails, unless the options say that it is tried again.
pub fn connect(options: impl IntoOptions) -> Result<Client, ConnectError> {
    let client = client(options)?;
    client.connect()?.wait()?;
    Ok(client)
}

/// Wakes a thread that polls.
struct Alert(mio::Waker);

impl Wake for Alert {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // It fails only if the poll is gone, and then nobody sleeps there.
        let _ = self.0.wake();
    }
}

const ALERT: Token = Token(0);

struct DriverThread {
    driver: Driver,
    poll: Poll,
    events: Events,
    waker: Waker,
}

impl DriverThread {
    fn new(driver: Driver) -> io::Result<DriverThread> {
        let poll = Poll::new()?;
        let waker = Waker::from(Arc::new(Alert(mio::Waker::new(poll.registry(), ALERT)?)));
        Ok(DriverThread { driver, poll, events: Events::with_capacity(8), waker })
    }

    fn run(mut self) {
        loop {
            match self.driver.goal() {
                Goal::Finished => return,
                Goal::Idle { deadline } => self.wait(deadline),
                Goal::Link { attempt, .. } => match self.open(attempt) {
                    Some(Ok(connection)) => self.serve(attempt, connection),
                    Some(Err(error)) => self.driver.on_dial_failed(attempt, error),
                    None => {}
                },
            }
        }
    }

    /// Sleeps until something happens to the socket, the driver is called, or the deadline has passed.
    fn wait(&mut self, deadline: Option<Instant>) {
        let mut context = Context::from_waker(&self.waker);
        if self.driver.poll_woken(&mut context).is_ready() {
            return;
        }
        let timeout = deadline.map(|deadline| round_up(deadline.since(SystemClock.now())));
        // An error is an interruption, after which everything is looked at again.
        let _ = self.poll.poll(&mut self.events, timeout);
    }

    /// Dials for as long as the link of that attempt is wanted.
    fn open(&mut self, attempt: u64) -> Option<io::Result<Connection>> {
        let waker = self.waker.clone();
        let timeout = self.driver.network_timeout();
        let result: Receiver<io::Result<Connection>> =
            match dial(self.driver.route(), timeout, move || waker.wake()) {
                Ok(result) => result,
                Err(error) => return Some(Err(error)),
            };
        loop {
            match result.try_recv() {
                Ok(connection) => return Some(connection),
                Err(TryRecvError::Disconnected) => return Some(Err(io::ErrorKind::Other.into())),
                Err(TryRecvError::Empty) => {}
            }
            match self.driver.goal() {
                Goal::Link { attempt: wanted, deadline } if wanted == attempt => self.wait(deadline),
                Goal::Link { .. } | Goal::Idle { .. } | Goal::Finished => return None,
            }
        }
    }

    fn serve(&mut self, attempt: u64, mut connection: Connection) {
        self.driver.on_opened(attempt);
        let registry = self.poll.registry().try_clone();
        let registered = registry.and_then(|registry| Registered::new(registry, &connection.socket));
        let _registered = match registered {
            Ok(registered) => registered,
            Err(error) => return self.driver.on_dial_failed(attempt, error),
        };
        loop {
            match self.driver.turn(&mut connection.link) {
                Turn::Drop => return,
                Turn::Again => {}
                // Both directions are announced once each, so nothing need be said about what is wanted.
                Turn::Wait { deadline, .. } => self.wait(deadline),
            }
        }
    }
}

/// The system waits in whole milliseconds; waiting too short would turn in circles.
fn round_up(duration: Duration) -> Duration {
    duration.checked_add(Duration::from_micros(999)).unwrap_or(duration)
}
