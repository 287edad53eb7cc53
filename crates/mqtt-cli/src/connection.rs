//! From arguments to a client that is online.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::time::Duration;

use async_signal::{Signal, Signals};
use mqtt_smol::{Capture, Client, ConnectToken, ConnectionEvent, Credentials, Options, StoreHandle, Version};
use smol::future::or;
use smol::stream::StreamExt;
use smol::{Task, Timer};

use crate::args::ConnectionArgs;
use crate::failure::Failure;

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

/// A client that connects, and says on standard error what happens from then on; and the end of the first attempt to
/// connect.
fn start(args: &ConnectionArgs, files: &Files) -> Result<(Client, ConnectToken), Failure> {
    let (client, drive) = mqtt_smol::client(options(args, files)?)?;
    match args.capture.is_some() || args.store.is_some() {
        true => files.drive.set(Some(smol::spawn(drive))),
        false => smol::spawn(drive).detach(),
    }
    let connecting = client.connect()?;
    let (mut events, debug) = (client.events(), args.debug);
    smol::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                ConnectionEvent::Offline { cause, will_retry: true } => {
                    eprintln!("mqtt: {cause}; trying again");
                }
                ConnectionEvent::MessagesDropped { count } => {
                    eprintln!("mqtt: {count} messages were dropped: nothing was taken for too long");
                }
                ConnectionEvent::MessagesLeft { count } => {
                    eprintln!("mqtt: there is no room for {count} messages; the server sends them again");
                }
                ConnectionEvent::MessagesGivenUp { topic, count } => {
                    eprintln!(
                        "mqtt: {count} messages of the session that no -t asks for are given up: {topic}"
                    );
                }
                ConnectionEvent::FaultRepeated { cause, connections } => {
                    eprintln!("mqtt: {connections} connections in a row ended like this: {cause}");
                }
                ConnectionEvent::SubscriptionRefused { filter, why } => {
                    eprintln!("mqtt: {filter}: {why}");
                }
                ConnectionEvent::CaptureFailed { kind } => {
                    eprintln!("mqtt: the capture ends here, it cannot be written: {kind}");
                }
                ConnectionEvent::Online { .. } if debug => eprintln!("mqtt: connected"),
                _ => {}
            }
        }
    })
    .detach();
    Ok((client, connecting))
}

/// Works once the server has accepted. With a store the work begins at once, since it is stored until then.
async fn connect_and(
    args: &ConnectionArgs,
    client: &Client,
    connecting: ConnectToken,
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let refused = async {
        match connecting.await {
            Ok(()) if args.store.is_some() => smol::future::pending().await,
            Ok(()) => Ok(()),
            Err(error) => Err(Failure::from(error)),
        }
    };
    if args.store.is_some() {
        return or(work, refused).await;
    }
    refused.await?;
    if args.debug {
        eprintln!("mqtt: connected as {:?}", client.client_id());
    }
    work.await
}

fn options(args: &ConnectionArgs, files: &Files) -> Result<Options, Failure> {
    let mut options = match args.url.as_ref().or(args.url_option.as_ref()) {
        Some(url) => Options::from_url(url)?,
        None => Options::new(args.host.as_str()).port(args.port),
    };
    options = options
        .version(args.version)
        .clean_session(!args.keep_session)
        .keep_alive(Duration::from_secs(args.keepalive.into()))
        .network_timeout(args.network_timeout)
        .reconnect_after(Duration::from_secs(1));
    match &args.client_id {
        Some(client_id) => options = options.client_id(client_id),
        // 3.1 has no identifiers that the server chooses.
        None if args.version == Version::V3_1 => {
            options = options.client_id(format!("mqtt-{}", std::process::id()));
        }
        None => {}
    }
    if let Some(seconds) = args.session_expiry {
        options = options.session_expiry(Duration::from_secs(seconds.into()));
    }
    if let Some(bytes) = args.max_packet {
        options = options.packet_size_max(bytes);
    }
    if let Some(path) = &args.store {
        let store = mqtt_store_redb::open(path)?;
        files.store.set(Some(store.clone()));
        options = options.store(store).clean_session(false).retry_first(true);
    }
    if let Some(path) = &args.capture {
        let mut capture = Capture::to_file(path).map_err(|error| {
            Failure::new(Failure::OTHER, format_args!("cannot write {}: {error}", path.display()))
        })?;
        if args.capture_payloads {
            capture = capture.with_payloads();
        }
        options = options.capture(capture);
    }
    let credentials = options.config.credentials.get_or_insert_with(Credentials::default);
    if let Some(user_name) = &args.user_name {
        credentials.user_name = Some(user_name.clone());
    }
    if let Some(password) = &args.password {
        credentials.password = Some(password.clone().into_bytes());
    }
    if *credentials == Credentials::default() {
        options.config.credentials = None;
    }
    Ok(options)
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
    timeout: Option<Duration>,
    work: impl AsyncFnOnce(&Client) -> Result<(), Failure>,
) -> Result<Ended, Failure> {
    let started = OnceCell::new();
    let files = Files::default();
    let connected = async {
        let (client, connecting) = start(args, &files)?;
        let client = started.get_or_init(|| client);
        connect_and(args, client, connecting, work(client)).await
    };
    let ended = bounded(timeout, connected).await;
    let drain =
        if matches!(ended, Ok(Bounded::Done(Ok(())))) { args.network_timeout } else { Duration::ZERO };
    // It fails only if the client is disconnected already.
    if let Some(Ok(disconnecting)) = started.get().map(|client| client.disconnect_within(drain)) {
        disconnecting.await;
    }
    drop(started);
    files.close(args.network_timeout).await?;
    match ended? {
        Bounded::Done(result) => result.map(|()| Ended::Done),
        Bounded::TimedOut => Ok(Ended::TimedOut),
        Bounded::Interrupted => Err(Failure::silent(Failure::INTERRUPTED)),
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
    let mut signals = Signals::new([Signal::Int, Signal::Term])?;
    let time = async {
        match timeout {
            Some(timeout) => Timer::after(timeout).await,
            None => smol::future::pending().await,
        };
        Bounded::TimedOut
    };
    let signal = async {
        signals.next().await;
        Bounded::Interrupted
    };
    let work = async { Bounded::Done(work.await) };
    Ok(or(work, or(time, signal)).await)
}
