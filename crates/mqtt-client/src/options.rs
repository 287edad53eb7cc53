//! Where to connect, and how: options with the defaults of the API that this library grew from.

mod url;

use std::fmt;
use std::num::{NonZeroU8, NonZeroU16};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mqtt_proto::Version;
use mqtt_session::{
    Config, Credentials, QueuePolicy, Reconnect, ServerOrder, SessionLoss, UserPropertyOf, Will,
};
use mqtt_store::StoreHandle;

use crate::authentication::Authenticator;
#[cfg(feature = "capture")]
use crate::capture::Capture;
use crate::durability::StoreFailure;
use crate::error::OptionsError;
use crate::link::Layer;
use crate::route::TransportOptions;
use crate::server::{Scheme, Server};
use crate::socket::SocketOptions;

/// Options of a client: a server, the settings of the session, the bounds of the queues of messages.
///
/// ```
/// use std::time::Duration;
/// use mqtt_client::{Options, Version};
///
/// let options = Options::new("localhost")
///     .client_id("door-7")
///     .credentials("user", "secret")
///     .version(Version::V3_1_1)
///     .keep_alive(Duration::from_secs(30));
/// assert_eq!(options.server.port, 1883);
///
/// let options = Options::from_url("mqtt://user:p%40ss@[::1]:1884")?;
/// assert_eq!((options.server.host.as_str(), options.server.port), ("::1", 1884));
/// # Ok::<(), mqtt_client::OptionsError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a client is made of them"]
#[non_exhaustive]
pub struct Options {
    /// Where to connect.
    pub server: Server,
    /// Further servers, which are tried when the first cannot be reached.
    pub other_servers: Vec<Server>,
    /// The settings of the session.
    pub config: Config,
    /// Bytes of messages that may wait to be taken, of all subscriptions together, and 128 for each message. Default:
    /// 64 MiB. See [`Options::incoming_bytes_max`].
    pub incoming_bytes_max: usize,
    /// How long a message without a taker waits. Default: 10 s. See [`Options::unclaimed_grace`].
    pub unclaimed_grace: Duration,
    pub(crate) response_topic: Option<String>,
    pub(crate) credentials_source: Option<CredentialsSource>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) transport: TransportOptions,
    #[cfg(feature = "capture")]
    pub(crate) capture: Option<Capture>,
    pub(crate) store: Option<StoreHandle>,
    pub(crate) store_failure: StoreFailure,
}

/// The function of [`Options::credentials_from`].
#[derive(Clone)]
pub(crate) struct CredentialsSource(Arc<dyn Fn() -> Option<Credentials> + Send + Sync>);

impl CredentialsSource {
    pub(crate) fn ask(&self) -> Option<Credentials> {
        (self.0)()
    }
}

impl fmt::Debug for CredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialsSource(***)")
    }
}

impl Options {
    /// The defaults, for a server at port 1883 of a host.
    pub fn new(host: impl Into<String>) -> Options {
        Options {
            server: Server::new(Scheme::Mqtt, host),
            other_servers: Vec::new(),
            response_topic: None,
            credentials_source: None,
            authenticator: None,
            transport: TransportOptions::default(),
            #[cfg(feature = "capture")]
            capture: None,
            store: None,
            store_failure: StoreFailure::default(),
            config: Config::new(""),
            incoming_bytes_max: 64 * 1024 * 1024,
            unclaimed_grace: Duration::from_secs(10),
        }
    }

    /// The defaults, for the server and the credentials of a URL.
    ///
    /// `mqtt://[USER[:PASSWORD]@]HOST[:PORT]`, `mqtts://` with TLS, `ws://…/PATH` and `wss://…/PATH` over WebSocket,
    /// `unix:///PATH` for a Unix socket; percent-encoded where needed. WebSocket asks for the path of the URL, also for
    /// `/`; a URL without a path, such as `ws://HOST`, asks for `/mqtt`.
    pub fn from_url(url: &str) -> Result<Options, OptionsError> {
        let (server, credentials) = url::parse_url(url)?;
        let mut options = Options::new("");
        options.server = server;
        options.config.credentials = credentials;
        Ok(options)
    }

    /// Whether the first or another server needs TLS, and the options have none.
    pub fn needs_tls(&self) -> bool {
        self.transport.tls.is_none() && self.servers().any(|server| server.scheme.is_secure())
    }

    /// Whether the first or another server needs WebSocket, and the options have none.
    pub fn needs_websocket(&self) -> bool {
        self.transport.websocket.is_none() && self.servers().any(|server| server.scheme.is_websocket())
    }

    fn servers(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.server).chain(&self.other_servers)
    }

    /// TLS for servers whose scheme is `mqtts` or `wss`: `Tls` of mqtt-transport.
    pub fn tls(mut self, layer: impl Layer + 'static) -> Options {
        self.transport.tls = Some(Arc::new(layer));
        self
    }

    /// WebSocket for servers whose scheme is `ws` or `wss`: `WebSocket` of mqtt-transport.
    pub fn websocket(mut self, layer: impl Layer + 'static) -> Options {
        self.transport.websocket = Some(Arc::new(layer));
        self
    }

    /// One more layer, above TLS and WebSocket: what goes through it is MQTT. It sees every packet, in both directions.
    pub fn layer(mut self, layer: impl Layer + 'static) -> Options {
        self.transport.top = Some(Arc::new(layer));
        self
    }

    /// A proxy for all connections over TCP, and its protocol: `Socks5` or `HttpConnect` of mqtt-transport.
    pub fn proxy(mut self, host: impl Into<String>, port: u16, layer: impl Layer + 'static) -> Options {
        let proxy = Server { port, ..Server::new(Scheme::Mqtt, host) };
        self.transport.proxy = Some((proxy, Arc::new(layer)));
        self
    }

    /// Options of sockets.
    pub fn socket(mut self, socket: SocketOptions) -> Options {
        self.transport.socket = socket;
        self
    }

    /// TCP port. Default: that of the scheme.
    pub fn port(mut self, port: u16) -> Options {
        self.server.port = port;
        self
    }

    /// Client identifier, which names the session at the server. Default: the server chooses.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Options {
        self.config.client_id = client_id.into();
        self
    }

    /// User name and password.
    pub fn credentials(mut self, user_name: impl Into<String>, password: impl Into<Vec<u8>>) -> Options {
        let (user_name, password) = (Some(user_name.into()), Some(password.into()));
        self.config.credentials = Some(Credentials { user_name, password });
        self
    }

    /// A source of user name and password, asked before each attempt to connect.
    ///
    /// The call is made by the driver and must not wait. Where it would have to, set
    /// [`Config::asks_credentials`] and answer [`crate::ConnectionEvent::CredentialsWanted`] instead.
    pub fn credentials_from(
        mut self,
        source: impl Fn() -> Option<Credentials> + Send + Sync + 'static,
    ) -> Options {
        self.credentials_source = Some(CredentialsSource(Arc::new(source)));
        self
    }

    /// 5.0: enhanced authentication, such as SCRAM: client and server prove their identity to each other, step by step.
    pub fn authenticator(mut self, authenticator: impl Authenticator + 'static) -> Options {
        self.config.authentication_method = Some(authenticator.method().into());
        self.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Records everything that goes into the session, for a bug report or a test.
    #[cfg(feature = "capture")]
    pub fn capture(mut self, capture: Capture) -> Options {
        self.capture = Some(capture);
        self
    }

    /// A store for everything that must outlive the program: QoS 1 and 2 messages from their acceptance to their end, QoS 2
    /// messages that were taken, and the subscriptions. It needs a client identifier, and the session should be
    /// persistent: `clean_session(false)`.
    ///
    /// Where the identifier has been used with the store before, the client goes on where the last one was. No packet
    /// leaves that follows from something which is not stored yet.
    pub fn store(mut self, store: StoreHandle) -> Options {
        self.store = Some(store);
        self
    }

    /// What the client does when its store fails, beside reporting [`crate::ConnectionEvent::StoreFailed`]. Default: it
    /// stops.
    pub fn store_failure(mut self, policy: StoreFailure) -> Options {
        self.store_failure = policy;
        self
    }

    /// One more server, which is tried when those before it cannot be reached; scheme and path are those of the first.
    pub fn or_server(mut self, host: impl Into<String>, port: u16) -> Options {
        self.other_servers.push(Server { host: host.into(), port, ..self.server.clone() });
        self
    }

    /// In which order several servers are tried. Default: as they were given.
    pub fn server_order(mut self, order: ServerOrder) -> Options {
        self.config.servers.order = order;
        self
    }

    /// How many times in a row a server may send the client to another one (0x9C, 0x9D). Default: never.
    ///
    /// The credentials go to whatever server is named, over the same kind of transport.
    pub fn follow_redirects(mut self, redirects_max: u8) -> Options {
        self.config.servers.redirects_max = redirects_max;
        self
    }

    /// Bounds what waits to be taken by the application, in bytes, with every QoS and over any number of reconnects;
    /// each message counts 128 bytes beside its packet. Default: 64 MiB.
    ///
    /// When the bound is reached, the connection is left unread until something was taken, so that the server has to
    /// wait; pings still go out. If nothing is taken for ten seconds, the connection is read again, and what finds no
    /// room is dropped (QoS 0, and everything in a session that ends with its connection) or left to the server, which
    /// sends it again: see [`crate::ConnectionEvent::MessagesDropped`] and [`crate::ConnectionEvent::MessagesLeft`]. Up to
    /// 256 KiB that were read at once, and a message that is larger than the bound and waits alone, go beyond it.
    pub fn incoming_bytes_max(mut self, bytes: usize) -> Options {
        self.incoming_bytes_max = bytes;
        self
    }

    /// How long a message without a taker waits, unacknowledged. Default: 10 s.
    ///
    /// The server of a persistent session sends what it has collected at once, perhaps before the program has called
    /// `subscribe`: what waits goes to the first stream, callback or `listen` of its filter. All messages of filters
    /// that this client does not know share one such time, which begins with the first of them; those of a stream that
    /// was dropped have one of their own. After it they are acknowledged and given up, with
    /// [`crate::ConnectionEvent::MessagesGivenUp`], since they hold back the acknowledgements of wanted messages.
    pub fn unclaimed_grace(mut self, grace: Duration) -> Options {
        self.unclaimed_grace = grace;
        self
    }

    /// 5.0: how long the server keeps the session after a connection ends, in whole seconds, rounded up.
    pub fn session_expiry(mut self, expiry: Duration) -> Options {
        self.config.session_expiry_secs = Some(u32::try_from(whole_seconds(expiry)).unwrap_or(u32::MAX));
        self
    }

    /// Longest silence before a ping, in whole seconds up to 65,535, rounded up; 0 turns pings off. Default: 60 s.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Options {
        self.config.keep_alive_secs = u16::try_from(whole_seconds(keep_alive)).unwrap_or(u16::MAX);
        self
    }

    /// Longest wait before the first attempt to connect again. Default: 5 s. Later waits grow; with zero the first
    /// attempt follows at once and later ones wait up to a second.
    pub fn reconnect_after(mut self, after: Duration) -> Options {
        self.config.reconnect.after = after;
        self.config.reconnect.after_max = self.config.reconnect.after_max.max(after);
        self
    }

    /// Whether the client also connects again after its first attempt has failed. Default: false.
    pub fn retry_first(mut self, retry_first: bool) -> Options {
        self.config.reconnect.retry_first = retry_first;
        self
    }

    /// What the server publishes if the connection ends without a DISCONNECT.
    pub fn will(mut self, will: Will) -> Options {
        self.config.will = Some(will);
        self
    }

    /// 5.0: Where responses to requests come. Default: below what the server gives as Response Information, if it was
    /// asked for it, and otherwise at `responses/` and the client identifier.
    pub fn response_topic(mut self, topic: impl Into<String>) -> Options {
        self.response_topic = Some(topic.into());
        self
    }

    /// 5.0: A User Property of each CONNECT, SUBSCRIBE, UNSUBSCRIBE or DISCONNECT. A name may repeat.
    pub fn user_property(
        mut self,
        packet: UserPropertyOf,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Options {
        self.config.user_properties.add(packet, name, value);
        self
    }

    /// A will with QoS 0 that is not retained.
    pub fn simple_will(self, topic: impl Into<String>, payload: impl Into<Bytes>) -> Options {
        self.will(Will::new(topic, payload))
    }
}

/// Types that make options: [`Options`] themselves, and URLs.
pub trait IntoOptions {
    /// The options, or why the URL is not a valid server address.
    fn into_options(self) -> Result<Options, OptionsError>;
}

impl IntoOptions for Options {
    fn into_options(self) -> Result<Options, OptionsError> {
        Ok(self)
    }
}

impl IntoOptions for &str {
    fn into_options(self) -> Result<Options, OptionsError> {
        Options::from_url(self)
    }
}

impl IntoOptions for &String {
    fn into_options(self) -> Result<Options, OptionsError> {
        Options::from_url(self)
    }
}

/// Setters of what [`Config`] describes.
macro_rules! config_setters {
    ($($(#[$about:meta])* $name:ident: $type:ty,)*) => {
        /// Setters of the session, each under the name of its field in [`Config`], where it is described.
        impl Options {
            $($(#[$about])*
            pub fn $name(mut self, $name: $type) -> Options {
                self.config.$name = $name;
                self
            })*
        }
    };
}

config_setters! {
    /// Largest packet taken from the server, in bytes. Default: the largest that the protocol has, 256 MiB. See
    /// [`Config::packet_size_max`] for what happens to larger ones.
    packet_size_max: u32,
    /// Unacknowledged QoS 1 and 2 messages that the server is asked to send at once (5.0). Default: 1,024.
    receive_maximum: NonZeroU16,
    /// Whether a server that sends more than the receive maximum is disconnected. Default: false, its messages are
    /// taken and [`crate::ConnectionEvent::ReceiveMaximumExceeded`] reports it.
    strict_receive_maximum: bool,
    /// Policy for messages when the queue is full, or there is no connection.
    queue_policy: QueuePolicy,
    /// Version of the protocol. Default: 5.0.
    version: Version,
    /// Whether the session ends with its connection. Default: true.
    ///
    /// A persistent session needs a client identifier.
    clean_session: bool,
    /// Bound for dialling, for the CONNACK, for the answer to a ping and for progress in writing. Default: 6 s.
    network_timeout: Duration,
    /// Whether [`crate::ConnectionEvent::CredentialsWanted`] asks for credentials before each attempt. Default: false.
    asks_credentials: bool,
    /// Delays and conditions of reconnecting.
    reconnect: Reconnect,
    /// Unacknowledged QoS 1 and 2 messages sent at once. Default: 1,024 in 5.0 and 20 before.
    in_flight_max: Option<NonZeroU16>,
    /// How long messages and requests may go unanswered while the server answers pings. Default: 60 s; none waits for
    /// ever.
    acknowledgement_timeout: Option<Duration>,
    /// Messages that may wait to be sent. Default: 65,536.
    queue_messages_max: usize,
    /// Bytes of messages that may wait to be sent. Default: 64 MiB.
    queue_bytes_max: usize,
    /// Abrupt ends of connections in a row after which an operation is quarantined. Default: none.
    quarantine_after: Option<NonZeroU8>,
    /// Policy for unacknowledged messages when the server has lost the session.
    session_loss: SessionLoss,
    /// 5.0: Topic aliases that are set for the server. Default: 16.
    topic_aliases_max: u16,
    /// 5.0: Topic aliases that the server may set. Default: 16.
    topic_alias_maximum: u16,
    /// 5.0: Whether the server is asked for Response Information. Default: false.
    asks_response_information: bool,
    /// 5.0: Whether each subscription has an identifier. Default: true.
    subscription_identifiers: bool,
    /// Filters that may be subscribed at once. Default: 1,048,576.
    subscriptions_max: usize,
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests;
