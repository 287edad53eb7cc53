//! One broker, a writer, and a reader that a test plays, through every adapter and in two versions.

use std::thread;
use std::time::{Duration, Instant};

use mqtt_smol::{
    Client, ConnectionEvent, Events, Options, Publish, QoS, Subscribe, Subscription, Version, broker,
};

use crate::adapter::{ALL, Adapter};
use crate::scenario::TOO_LONG;

pub(crate) const BOTH: [Version; 2] = [Version::V3_1_1, Version::V5_0];

/// One broker, one adapter and one version; the reader's session is persistent.
pub(crate) struct Bench {
    pub(crate) broker: broker::Running,
    pub(crate) adapter: Adapter,
    pub(crate) version: Version,
    pub(crate) writer: Client,
}

impl Bench {
    /// Runs a test through every adapter, in both versions.
    pub(crate) fn each(test: impl Fn(&Bench)) {
        for adapter in ALL {
            for version in BOTH {
                let broker = broker::start("127.0.0.1:0").expect("there is a free port");
                let writer = adapter.connect(options(&broker, "writer", version)).expect("accepted");
                test(&Bench { broker, adapter, version, writer });
            }
        }
    }

    pub(crate) fn persistent(&self) -> Options {
        options(&self.broker, "reader", self.version).clean_session(false)
    }

    pub(crate) fn clean(&self) -> Options {
        options(&self.broker, "reader", self.version)
    }

    pub(crate) fn connect(&self, options: Options) -> Client {
        self.adapter.connect(options).expect("accepted")
    }

    /// A life of the reader that subscribes and goes.
    pub(crate) fn subscribe_and_go(&self, filter: &str) {
        let reader = self.connect(self.persistent());
        drop(subscribed(&reader, filter));
        leave(&reader);
    }

    pub(crate) fn publish(&self, topic: &str, payload: impl ToString) {
        self.publish_with(Publish::new(topic, payload.to_string()).qos(QoS::AtLeastOnce));
    }

    pub(crate) fn publish_with(&self, publish: Publish<'_>) {
        let token = self.writer.publish(publish).expect("accepted");
        token.wait_for(TOO_LONG).expect("in time").expect("published");
    }

    pub(crate) fn publish_all(&self, topic: &str, payloads: std::ops::Range<u32>) {
        payloads.for_each(|number| self.publish(topic, number));
    }
}

pub(crate) fn options(broker: &broker::Handle, name: &str, version: Version) -> Options {
    Options::from_url(&broker.url())
        .expect("a good URL")
        .client_id(name)
        .version(version)
        .reconnect_after(Duration::from_millis(20))
}

pub(crate) fn subscribed(client: &Client, filter: &str) -> Subscription {
    let mut stream = client.subscribe(Subscribe::new(filter).qos(QoS::ExactlyOnce)).expect("accepted");
    stream.wait_granted().expect("granted");
    stream
}

pub(crate) fn leave(client: &Client) {
    client.disconnect().expect("online").wait_for(TOO_LONG).expect("in time");
}

pub(crate) fn next(stream: &mut Subscription) -> String {
    let message = stream.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
    String::from_utf8_lossy(message.payload()).into_owned()
}

pub(crate) fn expect(stream: &mut Subscription, payloads: std::ops::Range<u32>) {
    for number in payloads {
        assert_eq!(next(stream), number.to_string());
    }
}

/// Waits until something holds that no event reports.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + TOO_LONG;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}

pub(crate) fn event(events: &mut Events, is_meant: impl Fn(&ConnectionEvent) -> bool) -> ConnectionEvent {
    loop {
        let event = events.wait_next_for(TOO_LONG).expect("in time").expect("the driver is there");
        if is_meant(&event) {
            return event;
        }
    }
}
