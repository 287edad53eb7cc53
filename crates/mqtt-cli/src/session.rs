//! The life of a command that connects: it connects, works, says what happens on the way, and disconnects.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::time::Duration;

use mqtt_smol::{Client, ConnectToken, ConnectionEvent, Disconnect, StoreHandle};
use smol::future::{or, poll_once};
use smol::{Task, Timer};

use crate::args::ConnectionArgs;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::options::Prepared;
use crate::runtime::{self, Mover};
use crate::values::Retry;

/// What has to be waited for once the client is gone.
#[derive(Default)]
struct Files {
    /// Moves the bytes, and writes to the files.
    drive: Cell<Option<Task<()>>>,
    store: Cell<Option<StoreHandle>>,
}

impl Files {
    /// They are whole when their last bytes are written.
    async fn close(self, timeout: Duration) -> Result<(), Failure> {
        if let Some(drive) = self.drive.take() {
            bounded(Some(timeout), drive).await?;
        }
        match self.store.take() {
            Some(store) => Ok(smol::unblock(|| store.close()).await?),
            None => Ok(()),
        }
    }
}

/// How a command's work came to its end.
pub(crate) enum Ended {
    Done,
    TimedOut,
}

/// Connects and works until the work ends, time runs out, or SIGINT or SIGTERM comes; then disconnects.
///
/// Only work that has ended may leave something to be sent; otherwise the disconnection waits for nothing.
pub(crate) async fn session(
    args: &ConnectionArgs,
    prepared: Prepared,
    timeout: Option<Duration>,
    mover: Mover,
    work: impl AsyncFnOnce(&Client) -> Result<(), Failure>,
) -> Result<Ended, Failure> {
    let Prepared { options, store, watch, disconnect_expiry } = prepared;
    let files = Files::default();
    let is_waited_for = args.server.capture.is_some() || store.is_some();
    let has_store = store.is_some();
    files.store.set(store);
    let started = OnceCell::new();
    let connected = async {
        let client = if is_waited_for {
            let (client, drive) = mqtt_smol::client(options)?;
            files.drive.set(Some(smol::spawn(drive)));
            client
        } else {
            runtime::client(options, mover)?
        };
        let client = started.get_or_init(|| client);
        let connecting = client.connect()?;
        let worked = connect_and(args, has_store, client, connecting, work(client));
        match or(worked, observe(args, client)).await {
            // What was under way ends with the connection, which knows better why.
            Err(failure) => Err(end_of_connection(client).await.unwrap_or(failure)),
            done => done,
        }
    };
    let ended = bounded(timeout, connected).await;
    let is_done = matches!(ended, Ok(Bounded::Done(Ok(()))));
    let drain = if is_done { args.server.network_timeout } else { Duration::ZERO };
    let disconnect = Disconnect::within(drain).session_expiry_secs(disconnect_expiry);
    // It fails only if the client is disconnected already.
    if let Some(Ok(disconnecting)) = started.get().map(|client| client.disconnect_with(disconnect)) {
        disconnecting.await;
    }
    drop(started);
    files.close(args.server.network_timeout).await?;
    match ended? {
        Bounded::Done(Ok(())) => Ok(Ended::Done),
        Bounded::Done(Err(failure)) => Err(failure.with_words(watch.words())),
        Bounded::TimedOut => Ok(Ended::TimedOut),
        Bounded::Interrupted => Err(Failure::silent(Failure::INTERRUPTED)),
    }
}

/// Works once the server has accepted. With a store the work begins at once, since it is stored until then.
async fn connect_and(
    args: &ConnectionArgs,
    has_store: bool,
    client: &Client,
    connecting: ConnectToken,
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let refused = async {
        match connecting.await {
            Ok(()) if has_store => smol::future::pending().await,
            Ok(()) => Ok(()),
            Err(error) => Err(Failure::from(error)),
        }
    };
    if has_store {
        return or(work, refused).await;
    }
    refused.await?;
    if args.server.debug {
        eprintln!("mqtt: connected as {:?}", client.client_id());
    }
    work.await
}

/// Says on standard error what happens to the connection. Ends only when the client has given up, or is to.
async fn observe(args: &ConnectionArgs, client: &Client) -> Result<(), Failure> {
    let mut events = client.events();
    let (is_quiet, debug) = (args.server.quiet, args.server.debug);
    let retry = args.server.retry.unwrap_or(RETRY_DEFAULT);
    let mut failures = 0;
    while let Some(event) = events.next().await {
        let text = match event {
            ConnectionEvent::Offline { cause, will_retry: true } => {
                if let Retry::Attempts(attempts) = retry
                    && failures >= attempts
                    && args.session.store.is_none()
                {
                    let what = match attempts {
                        0 => format!("{cause}; --retry would try again"),
                        attempts => format!("{cause}; gave up after {attempts} attempts to connect again"),
                    };
                    return Err(Failure::new(Failure::UNREACHABLE, what));
                }
                failures += 1;
                format!("{cause}; trying again")
            }
            // Where the client has given up for good, its driver knows more about the reason.
            ConnectionEvent::Offline { will_retry: false, .. } => {
                return client.run().await.map_err(Failure::from);
            }
            ConnectionEvent::MessagesDropped { count } => {
                format!("{count} messages were dropped: nothing was taken for too long")
            }
            ConnectionEvent::MessagesLeft { count } => {
                format!("there is no room for {count} messages; the server sends them again")
            }
            ConnectionEvent::MessagesGivenUp { topic, count } => {
                format!("{count} messages of the session that no -t asks for are given up: {topic:?}")
            }
            ConnectionEvent::FaultRepeated { cause, connections } => {
                format!("{connections} connections in a row ended like this: {cause}")
            }
            ConnectionEvent::SubscriptionRefused { filter, why } => format!("{filter:?}: {why}"),
            ConnectionEvent::CaptureFailed { kind } => {
                format!("the capture ends here, it cannot be written: {kind}")
            }
            ConnectionEvent::StoreFailed { error, .. } => format!("the store takes no more: {error}"),
            ConnectionEvent::ReceiveMaximumExceeded { unacknowledged } if debug => {
                format!("the server has {unacknowledged} messages under way, more than it may")
            }
            ConnectionEvent::Online { .. } => {
                let is_again = failures > 0;
                failures = 0;
                // The first time is said where it is waited for.
                if !is_again {
                    continue;
                }
                "connected".into()
            }
            _ => continue,
        };
        if !is_quiet {
            eprintln!("mqtt: {text}");
        }
    }
    smol::future::pending().await
}

/// Why the client has given up for good, if it has.
async fn end_of_connection(client: &Client) -> Option<Failure> {
    match poll_once(client.run()).await {
        Some(Err(error)) => Some(error.into()),
        Some(Ok(())) | None => None,
    }
}

/// What comes first: the end of the work, the end of the time, or a signal to stop.
pub(crate) enum Bounded<T> {
    Done(T),
    TimedOut,
    Interrupted,
}

/// Runs the work until it ends, time runs out, or SIGINT or SIGTERM comes.
pub(crate) async fn bounded<T>(
    timeout: Option<Duration>,
    work: impl Future<Output = T>,
) -> Result<Bounded<T>, Failure> {
    let interrupts = Interrupts::new()?;
    let time = async {
        match timeout {
            Some(timeout) => Timer::after(timeout).await,
            None => smol::future::pending().await,
        };
        Bounded::TimedOut
    };
    let signal = async {
        interrupts.next().await;
        Bounded::Interrupted
    };
    let work = async { Bounded::Done(work.await) };
    Ok(or(work, or(time, signal)).await)
}

/// Attempts in a row to connect again after a connection that was lost.
const RETRY_DEFAULT: Retry = Retry::Attempts(100);
