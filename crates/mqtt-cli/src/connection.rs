//! From arguments to a client that is online.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::time::Duration;

use async_signal::{Signal, Signals};
use mqtt_smol::{Capture, Client, ConnectionEvent, Credentials, Options, Version};
use smol::future::or;
use smol::stream::StreamExt;
use smol::{Task, Timer};

use crate::args::ConnectionArgs;
use crate::failure::Failure;

/// Connects, and says on standard error what happens from then on.
///
/// `recording` becomes what moves the bytes, if its end has to be waited for.
async fn connect(args: &ConnectionArgs, recording: &Cell<Option<Task<()>>>) -> Result<Client, Failure> {
    let spawn = |drive| match args.capture {
        Some(_) => recording.set(Some(smol::spawn(drive))),
        None => smol::spawn(drive).detach(),
    };
    let client = mqtt_smol::connect(options(args)?, spawn).await?;
    if args.debug {
        eprintln!("mqtt: connected as {:?}", client.client_id());
    }
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
                ConnectionEvent::Online { .. } if debug => eprintln!("mqtt: connected again"),
                _ => {}
            }
        }
    })
    .detach();
    Ok(client)
}

fn options(args: &ConnectionArgs) -> Result<Options, Failure> {
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
    let online = OnceCell::new();
    let recording = Cell::new(None);
    let connected = async {
        let client = connect(args, &recording).await?;
        work(online.get_or_init(|| client)).await
    };
    let ended = bounded(timeout, connected).await;
    let drain =
        if matches!(ended, Ok(Bounded::Done(Ok(())))) { args.network_timeout } else { Duration::ZERO };
    // It fails only if the client is disconnected already.
    if let Some(Ok(disconnecting)) = online.get().map(|client| client.disconnect_within(drain)) {
        disconnecting.await;
    }
    drop(online);
    if let Some(drive) = recording.take() {
        // A capture is whole when its last bytes are written.
        bounded(Some(args.network_timeout), drive).await?;
    }
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
