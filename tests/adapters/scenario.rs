//! What a program does with a client, step by step, so that each step decides what is said next.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::PacketKind;
use mqtt_smol::{Client, Options, Publish, QoS, ReasonCode, Subscribe, Version};
use tests::recording::{Recording, replay_equal};

use crate::adapter::Adapter;
use crate::memory::Memory;
use crate::tap::Tap;

/// A wait that is longer has failed.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(20);

pub(crate) const ALL_QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    play: fn(&Client, &dyn Wire),
}

pub(crate) const SCENARIOS: [Scenario; 6] = [
    Scenario { name: "each QoS both ways", play: each_qos },
    Scenario { name: "large messages", play: large },
    Scenario { name: "callbacks", play: callbacks },
    Scenario { name: "an outage", play: outage },
    Scenario { name: "messages that are held", play: held },
    Scenario { name: "many at once", play: many },
];

/// What a scenario may do to the network.
pub(crate) trait Wire {
    /// Cuts the client's connections without a packet.
    fn cut(&self);
}

impl Scenario {
    /// Plays it over a relay to that server, and returns what the client said.
    pub(crate) fn play(&self, adapter: Adapter, server: SocketAddr, version: Version) -> Vec<String> {
        let tap = Tap::start(server);
        let (recording, options) = self.options(&format!("{adapter:?}"), version);
        let client = adapter.client(options.port(tap.port)).expect("good options");
        self.go_through(client, &tap);
        self.check(&recording, &format!("{adapter:?}"), version);
        tap.said()
    }

    /// Plays it in memory, against the broker there.
    pub(crate) fn play_in_memory(&self, version: Version) -> Vec<String> {
        let (recording, options) = self.options("Memory", version);
        let (memory, client) = Memory::start(options);
        self.go_through(client, memory.wire());
        self.check(&recording, "Memory", version);
        memory.said()
    }

    /// Options of a client whose run is recorded.
    fn options(&self, adapter: &str, version: Version) -> (Recording, Options) {
        let (capture, recording) = Recording::start();
        let name = format!("{adapter}{version}{}", self.name);
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
        let options = Options::new("127.0.0.1")
            .client_id(name)
            .version(version)
            .clean_session(false)
            .reconnect_after(Duration::from_millis(10))
            .capture(capture);
        (recording, options)
    }

    fn go_through(&self, client: Client, wire: &dyn Wire) {
        client.connect().expect("it is idle").wait_for(TOO_LONG).expect("in time").expect("accepted");
        (self.play)(&client, wire);
        client.disconnect().expect("it is online").wait_for(TOO_LONG).expect("it disconnects");
    }

    /// What was recorded must replay equal.
    fn check(&self, recording: &Recording, adapter: &str, version: Version) {
        let log = recording.wait(TOO_LONG).expect("the driver ends with its last handle");
        let replayed = replay_equal(&log, &format!("{} through {adapter} in {version}", self.name));
        if let Some(folder) = std::env::var_os("MQTT_CAPTURES") {
            let name: String = self.name.chars().filter(char::is_ascii_alphanumeric).collect();
            let file = format!("{name}-{adapter}-{version}.mqttcap");
            std::fs::write(std::path::Path::new(&folder).join(file), &log).expect("the folder takes files");
        }
        let packets = replayed.packets_in + replayed.packets_out;
        println!(
            "captured {} ({adapter}, {version}): {} bytes, {packets} packets, equal",
            self.name,
            log.len()
        );
    }
}

fn subscribed(client: &Client, filter: &str) -> mqtt_smol::Subscription {
    let mut messages =
        client.subscribe(Subscribe::new(filter).qos(QoS::ExactlyOnce)).expect("it is accepted");
    messages.wait_granted().expect("it is granted");
    messages
}

fn publish(client: &Client, topic: &str, payload: Vec<u8>, qos: QoS) {
    let token = client.publish(Publish::new(topic, payload).qos(qos)).expect("it is accepted");
    token.wait_for(TOO_LONG).expect("it ends in time").expect("it is published");
}

fn next(messages: &mut mqtt_smol::Subscription) -> mqtt_smol::Message {
    messages.wait_next_for(TOO_LONG).expect("it comes in time").expect("the stream goes on")
}

fn each_qos(client: &Client, _: &dyn Wire) {
    let mut messages = subscribed(client, "each/#");
    for (number, qos) in ALL_QOS.into_iter().enumerate() {
        publish(client, "each/qos", vec![number as u8], qos);
        let message = next(&mut messages);
        assert_eq!((message.qos(), message.payload()), (qos, &[number as u8][..]));
    }
}

fn large(client: &Client, _: &dyn Wire) {
    let mut messages = subscribed(client, "large");
    for size in [4_096, 4_097, 70_000, 900_000] {
        let payload: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        publish(client, "large", payload.clone(), QoS::AtLeastOnce);
        assert!(next(&mut messages).payload() == payload, "{size} bytes come back as they went");
    }
}

fn callbacks(client: &Client, _: &dyn Wire) {
    let (sender, seen) = mpsc::channel();
    let on = client.on("callback/+", move |client, message| {
        // Everything may be called from inside.
        assert!(client.is_connected());
        if message.topic() == "callback/start" {
            drop(client.publish(Publish::new("callback/stop", "").qos(QoS::AtLeastOnce)).expect("accepted"));
        }
        sender.send(message.topic().to_owned()).expect("the test listens");
    });
    on.expect("it is accepted").wait_for(TOO_LONG).expect("in time").expect("it is granted");
    let runner = client.clone();
    let run = thread::spawn(move || runner.wait_run());
    publish(client, "callback/start", vec![], QoS::AtLeastOnce);
    for topic in ["callback/start", "callback/stop"] {
        assert_eq!(seen.recv_timeout(TOO_LONG).expect("the callback runs"), topic);
    }
    // What was seen is acknowledged once the callback has returned.
    let begun = Instant::now();
    while client.stats().packets_sent.get(PacketKind::Puback) < 2 {
        assert!(begun.elapsed() < TOO_LONG, "a callback does not return");
        thread::park_timeout(Duration::from_millis(1));
    }
    settle(client);
    drop(client.disconnect().expect("it is online"));
    run.join().expect("no callback panics").expect("it was asked to disconnect");
    client.connect().expect("it may connect again").wait_for(TOO_LONG).expect("in time").expect("accepted");
}

/// Waits until server and client have answered all that was said before.
fn settle(client: &Client) {
    for _round in 0..2 {
        publish(client, "settle", vec![], QoS::AtLeastOnce);
    }
}

fn outage(client: &Client, wire: &dyn Wire) {
    let mut messages = subscribed(client, "outage");
    let mut events = client.events();
    publish(client, "outage", vec![0], QoS::ExactlyOnce);
    assert_eq!(next(&mut messages).payload(), [0]);
    settle(client);
    wire.cut();
    while !matches!(events.wait_next(), Some(mqtt_smol::ConnectionEvent::Online { .. })) {}
    for number in 1..4 {
        publish(client, "outage", vec![number], QoS::ExactlyOnce);
        assert_eq!(next(&mut messages).payload(), [number]);
    }
    assert_eq!(client.stats().connections, 2);
}

fn held(client: &Client, _: &dyn Wire) {
    let mut messages = subscribed(client, "held");
    publish(client, "held", vec![1], QoS::AtLeastOnce);
    let mut first = messages.wait_next_held().expect("the stream goes on");
    if client.stats().connections == 1 && first.refuse(ReasonCode::QuotaExceeded).is_err() {
        // Before 5.0 there is no refusal; the end of this scope acknowledges.
        drop(first);
    }
    publish(client, "held", vec![2], QoS::ExactlyOnce);
    drop(messages.wait_next_held().expect("the stream goes on"));
    publish(client, "other", vec![], QoS::AtLeastOnce);
}

fn many(client: &Client, _: &dyn Wire) {
    let tokens: Vec<_> = (0..200u8)
        .map(|number| client.publish(Publish::new("many", vec![number]).qos(QoS::AtMostOnce)))
        .collect();
    for token in tokens {
        token.expect("it is accepted").wait_for(TOO_LONG).expect("in time").expect("it is sent");
    }
    publish(client, "many/end", vec![], QoS::ExactlyOnce);
}
