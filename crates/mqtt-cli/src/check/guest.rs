//! Clients of the check: each connects anew, under a name of its own.

use std::cell::Cell;
use std::time::Duration;

use mqtt_smol::{Client, Message, Options, PropertyBuf, Publish, QoS, Subscribe, Subscription, Version};
use smol::future::or;
use smol::{Task, Timer};

use crate::args::CheckArgs;
use crate::failure::Failure;
use crate::wire::Watch;

/// Makes clients for the broker that is checked.
pub(crate) struct House {
    options: Options,
    prefix: String,
    timeout: Duration,
    debug: bool,
    count: Cell<u32>,
}

/// A client that is online.
pub(crate) struct Guest {
    pub(crate) client: Client,
    watch: Watch,
    drive: Task<()>,
    timeout: Duration,
}

impl House {
    pub(crate) fn new(args: &CheckArgs, options: Options) -> House {
        let prefix = format!("{}/{:08x}", args.topic, fastrand::u32(..));
        House {
            options,
            prefix,
            timeout: args.timeout,
            debug: args.connection.server.debug,
            count: Cell::new(0),
        }
    }

    /// A topic that nobody else uses.
    pub(crate) fn topic(&self, name: &str) -> String {
        self.count.set(self.count.get() + 1);
        format!("{}/{}/{name}", self.prefix, self.count.get())
    }

    /// A client identifier that nobody else uses, of letters and digits, as short as 3.1 wants it.
    pub(crate) fn client_id(&self) -> String {
        format!("check{:012x}", fastrand::u64(..1 << 48))
    }

    /// Options for a session that ends with its connection.
    pub(crate) fn options(&self, version: Version) -> Options {
        self.options
            .clone()
            .version(version)
            .client_id(self.client_id())
            .clean_session(true)
            .retry_first(false)
    }

    pub(crate) async fn guest(&self, version: Version) -> Result<Guest, Failure> {
        self.connect(self.options(version)).await
    }

    pub(crate) async fn connect(&self, options: Options) -> Result<Guest, Failure> {
        let watch = Watch::new(options.config.version, self.debug);
        let (client, drive) = mqtt_smol::client(options.layer(watch.clone()))?;
        let drive = smol::spawn(drive);
        let connected = client.connect()?.await;
        connected.map_err(|error| Failure::from(error).with_words(watch.words()))?;
        Ok(Guest { client, watch, drive, timeout: self.timeout })
    }

    /// What the server says with its CONNACK to a client without identifier, where the version has such clients.
    pub(crate) async fn announced(&self, version: Version) -> Result<PropertyBuf, Failure> {
        let mut options = self.options(version);
        if version == Version::V5_0 {
            options = options.client_id("");
        }
        let guest = self.connect(options).await?;
        let announced = guest.watch.announced();
        guest.leave().await;
        Ok(announced)
    }
}

impl Guest {
    /// A stream whose subscription is granted, and at which QoS.
    pub(crate) async fn subscribe(&self, subscribe: Subscribe<'_>) -> Result<(Subscription, QoS), Failure> {
        let mut stream = self.client.subscribe(subscribe)?;
        let qos = stream.granted().await?;
        Ok((stream, qos))
    }

    pub(crate) async fn publish(&self, publish: Publish<'_>) -> Result<(), Failure> {
        self.client.publish(publish)?.await.map(drop).map_err(Failure::from)
    }

    /// The next message, if one comes in time.
    pub(crate) async fn next(&self, stream: &mut Subscription) -> Option<Message> {
        or(stream.next(), async {
            Timer::after(self.timeout).await;
            None
        })
        .await
    }

    /// Disconnects.
    pub(crate) async fn leave(self) {
        if let Ok(left) = self.client.disconnect() {
            left.await;
        }
        // Streams may hold the client still, and the driver would wait for them.
        self.drive.cancel().await;
    }

    /// Ends without a word, as a crash would.
    pub(crate) async fn crash(self) {
        self.drive.cancel().await;
    }
}
