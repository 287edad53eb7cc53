//! Our client at work: each step is waited for as long as it may take, and says what went wrong.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mqtt_smol::{
    Client, ConnectionEvent, Message, Options, Publish, QoS, ReasonCode, Subscribe, Subscription,
};
use mqtt_smol::{Version, Will};
use smol::Task;

/// What a check found wrong.
pub(crate) type Outcome = Result<(), String>;

/// A step that takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Where to connect, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) version: Version,
    pub(crate) credentials: Option<(&'static str, &'static str)>,
}

impl Target {
    /// Options for a client whose name nobody had before; short enough for 3.1.
    pub(crate) fn options(&self) -> Options {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("interop{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let options = Options::new("127.0.0.1")
            .port(self.port)
            .client_id(name)
            .version(self.version)
            .reconnect_after(Duration::from_millis(50));
        match self.credentials {
            Some((user_name, password)) => options.credentials(user_name, password),
            None => options,
        }
    }

    /// A client that is online and whose session ends with its connection.
    pub(crate) fn connect(&self) -> Result<Peer, String> {
        Peer::connect(self.options())
    }

    /// [`Peer::connect`] with a will.
    pub(crate) fn connect_with_will(&self, will: Will) -> Result<Peer, String> {
        Peer::connect(self.options().will(will))
    }
}

/// A client of ours and the task that moves its bytes.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) client: Client,
    /// Whether the server has resumed a session.
    pub(crate) session_present: bool,
    drive: Option<Task<()>>,
}

impl Peer {
    pub(crate) fn connect(options: Options) -> Result<Peer, String> {
        let (client, drive) = mqtt_smol::client(options).map_err(|error| error.to_string())?;
        let mut events = client.events();
        let mut peer = Peer { client, session_present: false, drive: Some(smol::spawn(drive)) };
        let token = peer.client.connect().map_err(|error| error.to_string())?;
        match token.wait_for(PATIENCE) {
            Ok(accepted) => accepted.map_err(|error| format!("not connected: {error}"))?,
            Err(token) => return Err(format!("not connected: {}", token.explain())),
        }
        // It is there already: the token resolves with the same packet.
        peer.session_present =
            matches!(events.wait_next(), Some(ConnectionEvent::Online { session_present: true }));
        Ok(peer)
    }

    /// Publishes and waits for the acknowledgement.
    pub(crate) fn publish(&self, publish: Publish<'_>) -> Result<ReasonCode, String> {
        let token = self.client.publish(publish).map_err(|error| error.to_string())?;
        match token.wait_for(PATIENCE) {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(token) => Err(format!("a message is not acknowledged: {}", token.explain())),
        }
    }

    /// Publishes the numbers from 0 and waits for all acknowledgements.
    pub(crate) fn publish_numbers(&self, topic: &str, qos: QoS, count: usize) -> Outcome {
        let mut tokens = Vec::with_capacity(count);
        for number in 0..count {
            let publish = Publish::new(topic, number.to_string()).qos(qos);
            tokens.push(self.client.publish(publish).map_err(|error| error.to_string())?);
        }
        for (number, token) in tokens.into_iter().enumerate() {
            match token.wait_for(PATIENCE) {
                Ok(Ok(_reason)) => {}
                Ok(Err(error)) => return Err(format!("message {number}: {error}")),
                Err(token) => {
                    return Err(format!("message {number} is not acknowledged: {}", token.explain()));
                }
            }
        }
        Ok(())
    }

    /// Subscribes and waits until exactly that QoS is granted.
    pub(crate) fn subscribe(&self, filter: &str, qos: QoS) -> Result<Inbox, String> {
        self.subscribe_as(Subscribe::new(filter).qos(qos), qos)
    }

    /// The same with options of 5.0.
    pub(crate) fn subscribe_as(&self, subscribe: Subscribe<'_>, qos: QoS) -> Result<Inbox, String> {
        let mut subscription = self.client.subscribe(subscribe).map_err(|error| error.to_string())?;
        let answer = async { Some(subscription.granted().await) };
        let granted = within(PATIENCE, answer).ok_or("the subscription is not answered")?;
        let granted = granted.map_err(|error| format!("not subscribed: {error}"))?;
        if granted == qos {
            Ok(Inbox(subscription))
        } else {
            Err(format!("granted QoS {granted} instead of {qos}"))
        }
    }

    pub(crate) fn unsubscribe(&self, filter: &str) -> Outcome {
        let token = self.client.unsubscribe(filter).map_err(|error| error.to_string())?;
        match token.wait_for(PATIENCE) {
            Ok(outcome) => outcome.map(drop).map_err(|error| format!("not unsubscribed: {error}")),
            Err(token) => Err(format!("the end of a subscription is not answered: {}", token.explain())),
        }
    }

    /// The next message of a persistent session, whose subscriptions another client made.
    pub(crate) fn receive(&self) -> Result<Message, String> {
        match self.client.wait_receive_for(PATIENCE) {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err("the client was disconnected for good".into()),
            Err(_) => Err("no message came".into()),
        }
    }

    /// Ends the connection as the protocol wants it.
    pub(crate) fn leave(self) -> Outcome {
        let token = self.client.disconnect().map_err(|error| error.to_string())?;
        token.wait_for(PATIENCE).map_err(|token| format!("not disconnected: {}", token.explain()))
    }

    /// Closes the socket without a packet.
    pub(crate) fn cut(mut self) {
        self.end_drive();
    }

    fn end_drive(&mut self) {
        if let Some(drive) = self.drive.take() {
            smol::block_on(drive.cancel());
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A client that went on would look for a broker at a port that another one may have by then.
        self.end_drive();
    }
}

/// The messages of one subscription.
#[derive(Debug)]
pub(crate) struct Inbox(Subscription);

impl Inbox {
    pub(crate) fn next(&mut self) -> Result<Message, String> {
        match self.0.wait_next_for(PATIENCE) {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err("the subscription has ended".into()),
            Err(_) => Err("no message came".into()),
        }
    }

    /// The next message, if one comes in time.
    pub(crate) fn next_within(&mut self, timeout: Duration) -> Result<Option<Message>, String> {
        match self.0.wait_next_for(timeout) {
            Ok(Some(message)) => Ok(Some(message)),
            Ok(None) => Err("the subscription has ended".into()),
            Err(_) => Ok(None),
        }
    }

    pub(crate) fn try_next(&mut self) -> Option<Message> {
        self.0.try_next()
    }

    /// Takes the numbers from 0, in order and each once.
    pub(crate) fn expect_numbers(&mut self, qos: QoS, count: usize) -> Outcome {
        (0..count).try_for_each(|number| {
            let message =
                self.next().map_err(|problem| format!("of {count} messages, {number}: {problem}"))?;
            expect_number(&message, qos, number)
        })
    }

    /// Takes a message that has this payload.
    pub(crate) fn expect(&mut self, payload: &str) -> Result<Message, String> {
        let message = self.next().map_err(|problem| format!("{payload:?}: {problem}"))?;
        expect_payload(&message, payload)?;
        Ok(message)
    }
}

pub(crate) fn expect_number(message: &Message, qos: QoS, number: usize) -> Outcome {
    expect_payload(message, &number.to_string())?;
    if message.qos() == qos {
        Ok(())
    } else {
        Err(format!("message {number} came with QoS {} instead of {qos}", message.qos()))
    }
}

pub(crate) fn expect_payload(message: &Message, payload: &str) -> Outcome {
    let text = String::from_utf8_lossy(message.payload());
    if text == payload { Ok(()) } else { Err(format!("{text:?} came where {payload:?} was due")) }
}

/// Fails with what `wrong` says unless the condition holds.
pub(crate) fn expect_that(holds: bool, wrong: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(wrong()) }
}

/// Waits for a future for as long as `timeout`.
pub(crate) fn within<T>(timeout: Duration, future: impl Future<Output = Option<T>>) -> Option<T> {
    let too_late = async {
        smol::Timer::after(timeout).await;
        None
    };
    smol::block_on(smol::future::or(future, too_late))
}
