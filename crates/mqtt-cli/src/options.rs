//! From the arguments of a connection to the options of a client.

use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_smol::{Capture, Credentials, Options, Property, SocketOptions, StoreHandle, Version, Will};

use crate::args::{ConnectionArgs, LoginArgs, WillArgs};
use crate::failure::Failure;
use crate::properties::Sorted;
use crate::values::{self, Retry};
use crate::wire::Watch;
use crate::{address, password, security};

/// What a connection is made of.
pub(crate) struct Prepared {
    pub(crate) options: Options,
    pub(crate) store: Option<StoreHandle>,
    pub(crate) watch: Watch,
    /// Session Expiry Interval of DISCONNECT.
    pub(crate) disconnect_expiry: Option<u32>,
}

/// Checks the arguments and reads the files that they name.
pub(crate) fn prepare(args: &ConnectionArgs) -> Result<Prepared, Failure> {
    let ConnectionArgs { server, session, .. } = args;
    let sorted = sorted(args)?;
    let mut options = unwatched(args, &sorted)?;
    let watch = Watch::new(server.version, server.debug);
    options = options.layer(watch.clone());
    let mut store = None;
    if let Some(path) = &session.store {
        let handle = mqtt_store_redb::open(path)?;
        store = Some(handle.clone());
        options = options.store(handle).clean_session(false).retry_first(true);
    }
    if let Some(path) = &server.capture {
        let mut capture = Capture::to_file(path).map_err(|error| {
            Failure::new(Failure::OTHER, format_args!("cannot write {}: {error}", path.display()))
        })?;
        if server.capture_payloads {
            capture = capture.with_payloads();
        }
        options = options.capture(capture);
    }
    let disconnect_expiry = sorted.disconnect_expiry;
    let ends = options.config.session_expiry_secs.map_or(options.config.clean_session, |secs| secs == 0);
    if ends && disconnect_expiry.is_some_and(|secs| secs > 0) {
        let why = "-D disconnect session-expiry-interval: the session ends with its connection; begin a longer one by -x";
        return Err(Failure::new(Failure::USAGE, why));
    }
    Ok(Prepared { options, store, watch, disconnect_expiry })
}

/// The options for many clients: without a store or a capture, and without the layer that looks at packets unless `-d`
/// asks for it.
pub(crate) fn prepare_many(args: &ConnectionArgs, command: &str) -> Result<Options, Failure> {
    let refused = [("--store", args.session.store.is_some()), ("--capture", args.server.capture.is_some())];
    if let Some((option, _)) = refused.iter().find(|(_, is_given)| *is_given) {
        return Err(Failure::new(
            Failure::USAGE,
            format_args!("{option} is for one client, and mqtt {command} has several"),
        ));
    }
    let options = unwatched(args, &sorted(args)?)?;
    Ok(match args.server.debug {
        true => options.layer(Watch::new(args.server.version, true)),
        false => options,
    })
}

fn sorted(args: &ConnectionArgs) -> Result<Sorted<'_>, Failure> {
    Sorted::new(&args.session.properties).map_err(|why| Failure::new(Failure::USAGE, why))
}

/// What the arguments say of one connection.
fn unwatched(args: &ConnectionArgs, sorted: &Sorted<'_>) -> Result<Options, Failure> {
    let ConnectionArgs { server, login, tls, session, will } = args;
    let usage = |why: String| Failure::new(Failure::USAGE, why);
    let has_properties = !session.properties.is_empty();
    if server.version != Version::V5_0 && has_properties {
        return Err(usage(format!("-D: properties are part of version 5.0, and this is {}", server.version)));
    }
    let mut options = address::options(server, tls)?
        .version(server.version)
        .clean_session(!session.keep_session)
        .keep_alive(Duration::from_secs(server.keepalive.into()))
        .network_timeout(server.network_timeout)
        .reconnect_after(Duration::from_secs(1))
        .retry_first(server.retry.is_some_and(|retry| retry != Retry::Attempts(0)));
    options.config.reconnect.after_max = PAUSE_MAX;
    if options.server.scheme.is_secure() {
        options = options.tls(security::tls(tls)?);
    }
    if tls.insecure && !server.quiet {
        eprintln!("mqtt: --insecure: whoever is between here and the server can read and change everything");
    }
    if let Some(address) = server.bind {
        options = options.socket(SocketOptions::default().bind(Some(address)));
    }
    if let Some(client_id) = client_id(login, server.version) {
        options = options.client_id(client_id);
    }
    if let Some(expiry) = session.session_expiry {
        options.config.session_expiry_secs = Some(expiry.0);
    }
    for property in &sorted.connect {
        set_connect_property(&mut options, *property)?;
    }
    for (packet, name, value) in &sorted.user {
        options = options.user_property(*packet, *name, *value);
    }
    if let Some(will) = self::will(will, sorted) {
        options = options.will(will);
    }
    set_credentials(&mut options, login)?;
    Ok(options)
}

fn client_id(login: &LoginArgs, version: Version) -> Option<String> {
    match (&login.client_id, &login.id_prefix) {
        (Some(client_id), _) => Some(client_id.clone()),
        (None, Some(prefix)) => Some(format!("{prefix}{}", std::process::id())),
        // 3.1 has no identifiers that the server chooses.
        (None, None) => (version == Version::V3_1).then(|| format!("mqtt-{}", std::process::id())),
    }
}

/// Properties of CONNECT that are settings of the session.
fn set_connect_property(options: &mut Options, property: Property<'_>) -> Result<(), Failure> {
    let config = &mut options.config;
    match property {
        Property::SessionExpiryInterval(secs) => config.session_expiry_secs = Some(secs),
        Property::MaximumPacketSize(size) => config.packet_size_max = size,
        Property::TopicAliasMaximum(count) => config.topic_alias_maximum = count,
        Property::RequestResponseInformation(asks) => config.asks_response_information = asks == 1,
        Property::ReceiveMaximum(count) => match NonZeroU16::new(count) {
            Some(count) => config.receive_maximum = count,
            None => return Err(Failure::new(Failure::USAGE, "-D connect receive-maximum is at least 1")),
        },
        other => {
            return Err(Failure::new(
                Failure::USAGE,
                format_args!("-D connect {}: not a setting", other.id()),
            ));
        }
    }
    Ok(())
}

fn will(args: &WillArgs, sorted: &Sorted<'_>) -> Option<Will> {
    let topic = args.will_topic.as_deref()?;
    let payload = args.will_payload.clone().map(values::bytes).unwrap_or_default();
    let will = Will::new(topic, payload).qos(args.will_qos).retain(args.will_retain);
    Some(will.properties(sorted.will.clone()))
}

/// User name and password, over those of the URL.
fn set_credentials(options: &mut Options, login: &LoginArgs) -> Result<(), Failure> {
    let credentials = options.config.credentials.get_or_insert_with(Credentials::default);
    if let Some(user_name) = &login.user_name {
        credentials.user_name = Some(user_name.clone());
    }
    let password = match (&login.password, &login.password_file, login.ask_password) {
        (Some(password), ..) => Some(values::bytes(password.clone())),
        (None, Some(path), _) => Some(password::from_file(path)?),
        (None, None, true) => Some(password::ask("Password")?),
        (None, None, false) => None,
    };
    if password.is_some() {
        credentials.password = password;
    }
    if *credentials == Credentials::default() {
        options.config.credentials = None;
    }
    Ok(())
}

/// Longest pause before an attempt to connect again.
const PAUSE_MAX: Duration = Duration::from_secs(30);
