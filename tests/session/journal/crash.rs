//! A crash at every record of generated runs: the program ends, another one is rebuilt from the records that were
//! stored, and in the end nothing is lost, and no QoS 2 message doubled, either way.
//!
//! The server is the broker of this workspace, which never forgets; a second client on it, without a journal and
//! never cut off, publishes to the first and hears what it publishes.

use std::num::NonZeroU16;
use std::time::Duration;

use bytes::BytesMut;
use mqtt_broker::{Broker, ConnectionId};
use mqtt_proto::{QoS, ReasonCode, SubscribeOptions, TopicFilter, TopicName, Version};
use mqtt_session::{
    Command, Config, Event, Input, Instant, Mark, OfflineCause, Publish, Receipt, Reconnect, Session,
    Subscribe, SubscriptionStatus, TransmitBuf, Transport,
};

/// A small generator of its own, so that runs do not depend on anybody else's.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Where the program ends.
#[derive(Clone, Copy, Debug)]
struct Crash {
    /// Records that are stored by then.
    records: usize,
    /// Whether what may leave after the last of them still does.
    lets_bytes_out: bool,
}

/// A client and its link.
struct End {
    session: Session,
    link: Option<ConnectionId>,
    attempt: u64,
    input: BytesMut,
}

struct World {
    version: Version,
    now: Instant,
    broker: Broker,
    client: End,
    peer: End,
    log: Vec<Vec<u8>>,
    crash: Option<Crash>,
    /// What the client's application has published and may have to publish again.
    published: Vec<(Option<Mark>, QoS, String)>,
    /// What it has taken; what is bound to a record comes and goes with it.
    taken: Vec<(Option<Mark>, String)>,
    /// What the peer has heard.
    heard: Vec<String>,
    counts: [usize; 2],
}

const STEPS: usize = 60;

fn config(name: &str, version: Version) -> Config {
    let reconnect = Reconnect::default().after(Duration::ZERO).after_max(Duration::ZERO).retry_first(true);
    Config::new(name)
        .version(version)
        .clean_session(false)
        .reconnect(reconnect)
        .keep_alive_secs(0)
        .in_flight_max(NonZeroU16::new(3))
        .receive_maximum(NonZeroU16::new(3).expect("not 0"))
}

impl End {
    fn new(mut session: Session, now: Instant) -> End {
        session.submit(now, Command::Connect).expect("it is accepted");
        End { session, link: None, attempt: 0, input: BytesMut::new() }
    }

    /// Opens or drops the link as the session wants it.
    fn follow(&mut self, now: Instant, broker: &mut Broker) {
        self.session.apply(now, Input::Timeout).expect("it only happens");
        match self.session.poll_transport() {
            Transport::Open { attempt } if attempt != self.attempt => {
                self.drop_link(now, broker);
                self.attempt = attempt;
                self.link = Some(broker.handle_opened(now));
                self.session.apply(now, Input::Opened).expect("it only happens");
            }
            Transport::Open { .. } | Transport::Flush => {}
            Transport::Closed => self.drop_link(now, broker),
        }
    }

    fn drop_link(&mut self, now: Instant, broker: &mut Broker) {
        self.input.clear();
        if let Some(link) = self.link.take() {
            broker.handle_closed(now, link);
        }
    }

    /// What may leave reaches the broker.
    fn write(&mut self, now: Instant, broker: &mut Broker) -> bool {
        let mut out = TransmitBuf::new();
        let has_written = self.session.poll_transmit(now, &mut out);
        if let Some(link) = self.link {
            let mut bytes = BytesMut::new();
            out.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
            broker.handle_input(now, link, &mut bytes);
        }
        has_written
    }

    /// What the broker has sent reaches the session.
    fn read(&mut self, now: Instant, broker: &mut Broker) -> bool {
        let Some(link) = self.link else { return false };
        let mut out = TransmitBuf::new();
        while broker.poll_transmit(now, link, &mut out) {}
        out.chunks().for_each(|chunk| self.input.extend_from_slice(chunk));
        let has_read = !self.input.is_empty();
        self.session.apply(now, Input::Bytes(&mut self.input)).expect("it only happens");
        has_read
    }
}

impl World {
    fn new(version: Version, crash: Option<Crash>) -> World {
        let now = Instant::from_millis(1);
        let session =
            Session::rebuild(config("client", version), 1, [[0; 0]; 0]).expect("there is nothing to read");
        let mut world = World {
            version,
            now,
            broker: Broker::new(mqtt_broker::Config::default(), 1),
            client: End::new(session, now),
            peer: End::new(Session::new(config("peer", version), 2), now),
            log: Vec::new(),
            crash,
            published: Vec::new(),
            taken: Vec::new(),
            heard: Vec::new(),
            counts: [0; 2],
        };
        subscribe(&mut world.peer.session, now, "out/#");
        world.settle_peer();
        subscribe(&mut world.client.session, now, "in/#");
        world
    }

    fn settle_peer(&mut self) {
        loop {
            self.peer.follow(self.now, &mut self.broker);
            let has_moved =
                self.peer.write(self.now, &mut self.broker) | self.peer.read(self.now, &mut self.broker);
            while let Some(event) = self.peer.session.poll_event() {
                if let Event::Message(message) = event {
                    self.heard.push(String::from_utf8_lossy(message.payload()).into_owned());
                    message
                        .receipt()
                        .into_iter()
                        .for_each(|receipt| acknowledge(&mut self.peer.session, self.now, receipt));
                }
            }
            if !has_moved {
                return;
            }
        }
    }

    /// Stores records one by one; true if the program has ended meanwhile.
    fn store(&mut self) -> bool {
        let mut record = Vec::new();
        while let Some(mark) = self.client.session.poll_record(&mut record) {
            self.log.push(std::mem::take(&mut record));
            self.client.session.apply(self.now, Input::Stored(mark)).expect("it only happens");
            if let Some(crash) = self.crash.filter(|crash| crash.records == self.log.len()) {
                if crash.lets_bytes_out {
                    self.client.write(self.now, &mut self.broker);
                }
                self.restart();
                return true;
            }
        }
        false
    }

    /// The program ends, and the next one begins with what is stored.
    fn restart(&mut self) {
        self.crash = None;
        self.client.drop_link(self.now, &mut self.broker);
        let stored = self.log.len() as u64;
        let is_stored = |mark: &Option<Mark>| mark.is_none_or(|mark| mark.get() <= stored);
        let session =
            Session::rebuild(config("client", self.version), 1, &self.log).expect("the records are good");
        self.client = End::new(session, self.now);
        if self.client.session.subscription(filter("in/#")).is_none() {
            subscribe(&mut self.client.session, self.now, "in/#");
        }
        self.taken.retain(|(mark, _)| is_stored(mark));
        let lost: Vec<(QoS, String)> = self
            .published
            .extract_if(.., |(mark, ..)| !is_stored(mark))
            .map(|(_, qos, text)| (qos, text))
            .collect();
        for (qos, text) in lost {
            self.publish(qos, text);
        }
    }

    fn publish(&mut self, qos: QoS, text: String) {
        let topic =
            TopicName::new(if qos == QoS::AtLeastOnce { "out/1" } else { "out/2" }).expect("a topic name");
        let publish = Publish { qos, ..Publish::new(topic, text.clone()) };
        self.client.session.submit(self.now, Command::Publish(publish)).expect("there is room");
        self.published.push((self.client.session.mark(), qos, text));
    }

    fn is_subscribed(&self) -> bool {
        let status = self.client.session.subscription(filter("in/#"));
        matches!(status, Some(SubscriptionStatus::Granted(_)))
    }

    fn take_events(&mut self) {
        while let Some(event) = self.client.session.poll_event() {
            if let Event::Message(message) = event {
                let text = String::from_utf8_lossy(message.payload()).into_owned();
                let receipt = message.receipt().expect("there is no QoS 0");
                acknowledge(&mut self.client.session, self.now, receipt);
                let mark = self.client.session.mark().filter(|_| message.qos() == QoS::ExactlyOnce);
                self.taken.push((mark, text));
            }
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        self.now = self.now + Duration::from_millis(1);
        match dice.below(12) {
            0 | 1 => {
                let qos = if dice.below(2) == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
                self.counts[0] += 1;
                self.publish(qos, format!("o{}q{qos}", self.counts[0]));
            }
            // Before the broker has the subscription, a message would go nowhere.
            2 | 3 if self.is_subscribed() => {
                let qos = if dice.below(2) == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
                self.counts[1] += 1;
                let text = format!("i{}q{qos}", self.counts[1]);
                let topic = TopicName::new("in/x").expect("a topic name");
                let publish = Publish { qos, ..Publish::new(topic, text) };
                self.peer.session.submit(self.now, Command::Publish(publish)).expect("there is room");
                self.settle_peer();
            }
            2..=5 => {
                self.client.write(self.now, &mut self.broker);
            }
            6 | 7 => {
                self.client.read(self.now, &mut self.broker);
            }
            8 => self.take_events(),
            9 | 10 => {
                self.store();
            }
            _ => {
                self.client.drop_link(self.now, &mut self.broker);
                self.client
                    .session
                    .apply(self.now, Input::Closed(OfflineCause::TransportClosed))
                    .expect("it only happens");
            }
        }
        self.client.follow(self.now, &mut self.broker);
        self.settle_peer();
    }

    /// Everything goes on undisturbed until nothing is left to do.
    fn heal(&mut self) {
        for _turn in 0..1_000 {
            self.now = self.now + Duration::from_millis(1);
            self.client.follow(self.now, &mut self.broker);
            self.take_events();
            self.store();
            let has_moved =
                self.client.write(self.now, &mut self.broker) | self.client.read(self.now, &mut self.broker);
            self.settle_peer();
            let is_stored =
                self.client.session.mark().is_some_and(|mark| mark.get() == self.log.len() as u64);
            if !has_moved && is_stored && self.client.link.is_some() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn check(&self) {
        let heard = self.heard.iter().map(String::as_str);
        check_way(self.published.iter().map(|(_, _, text)| text.as_str()), &heard.collect::<Vec<_>>());
        let sent: Vec<String> =
            (1..=self.counts[1]).flat_map(|n| [format!("i{n}q1"), format!("i{n}q2")]).collect();
        let taken: Vec<&str> = self.taken.iter().map(|(_, text)| text.as_str()).collect();
        // Of each number one of the two was sent.
        let sent = sent.iter().map(String::as_str).filter(|text| taken.contains(text));
        let sent: Vec<&str> = sent.collect();
        assert_eq!(sent.len(), self.counts[1], "each message has come: {taken:?}");
        check_way(sent.into_iter(), &taken);
    }
}

/// Each has come, QoS 2 once, and each QoS in the order in which it was sent.
fn check_way<'a>(sent: impl Iterator<Item = &'a str> + Clone, come: &[&str]) {
    for qos in ["q1", "q2"] {
        let sent: Vec<&str> = sent.clone().filter(|text| text.ends_with(qos)).collect();
        let mut first = Vec::new();
        for text in come.iter().filter(|text| text.ends_with(qos)) {
            if !first.contains(text) {
                first.push(*text);
            } else {
                assert_eq!(qos, "q1", "{text} has come twice: {come:?}");
            }
        }
        assert_eq!(first, sent, "{qos}");
    }
}

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).expect("a filter")
}

fn subscribe(session: &mut Session, now: Instant, text: &str) {
    let options = SubscribeOptions::with_qos(QoS::ExactlyOnce);
    let subscribe = Subscribe { filter: filter(text), options };
    session.submit(now, Command::Subscribe(subscribe)).expect("it is accepted");
}

/// One run; how many records it has made.
fn run(seed: u64, version: Version, crash: Option<Crash>) -> usize {
    let mut world = World::new(version, crash);
    let mut dice = Dice(seed);
    for _step in 0..STEPS {
        world.step(&mut dice);
    }
    world.heal();
    world.check();
    world.log.len()
}

/// Generated runs, each with a crash at each of its records, with and without the bytes that follow.
fn crash_everywhere(seeds: std::ops::Range<u64>) -> usize {
    let mut points = 0;
    for version in [Version::V5_0, Version::V3_1_1] {
        for seed in seeds.clone() {
            let records = run(seed, version, None);
            for records in 1..=records {
                for lets_bytes_out in [false, true] {
                    let crash = Crash { records, lets_bytes_out };
                    let outcome = std::panic::catch_unwind(|| run(seed, version, Some(crash)));
                    assert!(outcome.is_ok(), "seed {seed}, {version}, {crash:?}");
                    points += 1;
                }
            }
        }
    }
    points
}

#[test]
fn a_crash_at_any_record_loses_and_doubles_nothing() {
    let seeds = std::env::var("CRASH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(12);
    let points = crash_everywhere(0..seeds);
    println!("{points} crash points of {} runs: nothing lost, nothing doubled", 2 * seeds);
    assert!(points as u64 >= 50 * seeds, "the runs have grown too short to tell anything: {points}");
}

fn acknowledge(session: &mut Session, now: Instant, receipt: Receipt) {
    session.apply(now, Input::Acknowledge { receipt, reason: ReasonCode::Success }).expect("it is taken");
}
