//! A crash at every record of generated runs: the program ends, another one is rebuilt from the records that were
//! stored, and in the end nothing is lost, and no QoS 2 message doubled, either way.
//!
//! What a store has left of the records, which drops what is needed no more, must make the same session as all of them.
//!
//! The server is the broker of this workspace, which never forgets; a second client on it, without a journal and
//! never cut off, publishes to the first and hears what it publishes.

use std::num::NonZeroU16;
use std::time::Duration;

use bytes::BytesMut;
use mqtt_broker::{Broker, ConnectionId};
use mqtt_client::{MemoryStore, StoreHandle};
use mqtt_proto::{
    Context, Packet, QoS, ReasonCode, Sender, SubscribeOptions, TopicFilter, TopicName, Version, decode,
    frame_len,
};
use mqtt_session::{
    Command, Config, Event, Input, Instant, Mark, OfflineCause, Publish, Receipt, Reconnect, Session,
    Subscribe, SubscriptionStatus, TransmitBuf, Transport,
};
use tests::dice::Dice;

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
    /// Records that the store commits at once.
    batch: usize,
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
        session.submit(now, &Command::Connect).expect("it is accepted");
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
            batch: crash.map_or(1, |crash| 1 + crash.records % 5),
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
        self.compact();
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

    /// From here on the records are those that a store has left.
    fn compact(&mut self) {
        self.log = self.compacted();
    }

    /// What a store has left of the records, which took them a few at a time.
    fn compacted(&self) -> Vec<Vec<u8>> {
        let store = MemoryStore::new();
        for batch in self.log.chunks(self.batch) {
            let (handle, mut committer) = StoreHandle::with_committer(store.clone()).expect("it is readable");
            let (mut journal, _) = handle.open("client", || ()).expect("it is readable");
            let (mark, mut records) = (self.client.session.mark().expect("there is a journal"), batch.iter());
            journal.collect(|out| records.next().map(|record| out.extend(record)).map(|()| mark));
            committer.commit();
        }
        let (handle, _committer) = StoreHandle::with_committer(store).expect("it is readable");
        let (_, recovered) = handle.open("client", || ()).expect("it is readable");
        let conduct = |log: &[Vec<u8>]| {
            let rebuild =
                || Session::rebuild(config("client", self.version), 1, log).expect("the records are good");
            conduct(rebuild, self.version)
        };
        let (left, all) = (conduct(&recovered.records), conduct(&self.log));
        assert_eq!(left, all, "{:?}\n{:?}", recovered.records, self.log);
        recovered.records
    }

    /// Things that lose messages, as far as the server is concerned.
    fn upset(&mut self, dice: &mut Dice) {
        match dice.below(24) {
            0 => {
                self.client.drop_link(self.now, &mut self.broker);
                self.peer.drop_link(self.now, &mut self.broker);
                self.broker = Broker::new(mqtt_broker::Config::default(), 1);
                for end in [&mut self.client, &mut self.peer] {
                    let lost = Input::Closed(OfflineCause::TransportClosed);
                    end.session.apply(self.now, lost).expect("it only happens");
                }
            }
            1 | 2 => subscribe(&mut self.client.session, self.now, FILTERS[dice.below(3) as usize]),
            3 => {
                let unsubscribe = Command::Unsubscribe(filter(FILTERS[dice.below(3) as usize]));
                self.client.session.submit(self.now, &unsubscribe).expect("there is room");
            }
            4 => {
                let filter = filter(FILTERS[dice.below(3) as usize]);
                self.client.session.apply(self.now, Input::Abandon(filter)).expect("it only happens");
            }
            5 => {
                let value: &[u8] = if dice.below(3) == 0 { b"" } else { b"value" };
                let note = Input::Note { key: &[dice.below(3) as u8], value };
                self.client.session.apply(self.now, note).expect("there is a journal");
            }
            _ => {}
        }
    }

    fn publish(&mut self, qos: QoS, text: String) {
        let topic =
            TopicName::new(if qos == QoS::AtLeastOnce { "out/1" } else { "out/2" }).expect("a topic name");
        let publish = Publish { qos, ..Publish::new(topic, text.clone()) };
        self.client.session.submit(self.now, &Command::Publish(publish)).expect("there is room");
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
                self.peer.session.submit(self.now, &Command::Publish(publish)).expect("there is room");
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

/// What packets are about: requests may travel together or not, and identifiers of what is new are whatever is free.
fn requests_and_messages(mut bytes: &[u8], version: Version) -> Vec<String> {
    let mut seen = Vec::new();
    while let Ok(Some(len)) = frame_len(bytes, u32::MAX) {
        let (frame, rest) = bytes.split_at(len);
        bytes = rest;
        match decode(frame, Context { version, sender: Some(Sender::Client) }).expect("it is whole") {
            Packet::Subscribe(packet) => {
                let filters =
                    packet.filters.iter().map(|wanted| format!("{wanted:?} {:?}", packet.properties));
                seen.extend(filters);
            }
            Packet::Unsubscribe(packet) => {
                seen.extend(packet.filters.iter().map(|filter| format!("not {filter:?}")));
            }
            Packet::Publish(mut publish) => {
                publish.packet_id = publish.packet_id.filter(|_| publish.dup);
                seen.push(format!("{publish:?} {:?}", publish.payload));
            }
            packet => seen.push(format!("{packet:?}")),
        }
    }
    seen
}

/// All that a session sends and says when it connects again, and a server that has its session, or has none, repeats
/// QoS 2 messages under each identifier.
fn conduct(rebuild: impl Fn() -> Session, version: Version) -> Vec<String> {
    let mut seen = Vec::new();
    for is_present in [true, false] {
        let mut session = rebuild();
        let (now, mut out, mut record) = (Instant::from_millis(1), TransmitBuf::new(), Vec::new());
        session.submit(now, &Command::Connect).expect("it is accepted");
        session.apply(now, Input::Opened).expect("it only happens");
        session.poll_transmit(now, &mut out);
        let present = u8::from(is_present);
        let mut input = match version {
            Version::V5_0 => BytesMut::from(&[0x20, 3, present, 0, 0][..]),
            Version::V3_1 | Version::V3_1_1 => BytesMut::from(&[0x20, 2, present, 0][..]),
        };
        for id in 1..4 {
            let publish: &[u8] = match version {
                Version::V5_0 => &[0x3c, 8, 0, 2, b'i', b'n', 0, id, 0, b'x'],
                Version::V3_1 | Version::V3_1_1 => &[0x3c, 7, 0, 2, b'i', b'n', 0, id, b'x'],
            };
            input.extend_from_slice(publish);
        }
        session.apply(now, Input::Bytes(&mut input)).expect("it only happens");
        loop {
            let has_sent = session.poll_transmit(now, &mut out);
            let mark = std::iter::from_fn(|| session.poll_record(&mut record)).last();
            let Some(mark) = mark else { if has_sent { continue } else { break } };
            session.apply(now, Input::Stored(mark)).expect("it only happens");
        }
        let bytes: Vec<u8> = out.chunks().flatten().copied().collect();
        seen.extend(requests_and_messages(&bytes, version));
        // Tickets of operations that are over are given out once more.
        let is_told = |event: &Event| !matches!(event, Event::Ended { .. });
        seen.extend(
            std::iter::from_fn(|| session.poll_event()).filter(is_told).map(|event| format!("{event:?}")),
        );
        let filters = FILTERS.iter().map(|text| session.subscription(filter(text)));
        seen.push(format!("{:?}", filters.collect::<Vec<_>>()));
        seen.push(format!("{} {}", session.queued_messages(), session.unfinished()));
    }
    seen
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
    session.submit(now, &Command::Subscribe(subscribe)).expect("it is accepted");
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

const FILTERS: [&str; 3] = ["in/#", "in/x", "other/+"];

/// Runs of a test, unless a variable asks for more.
fn seeds(default: u64) -> u64 {
    std::env::var("CRASH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(default)
}

#[test]
fn what_a_store_leaves_makes_the_session_that_all_records_make() {
    let mut records = 0;
    for version in [Version::V5_0, Version::V3_1_1] {
        for seed in 0..seeds(200) {
            let mut world = World::new(version, None);
            let mut dice = Dice(seed);
            world.batch = 1 + (seed % 4) as usize;
            for _step in 0..STEPS {
                world.step(&mut dice);
                world.upset(&mut dice);
            }
            // The last records are needed; up to any of them is as good a place to end as another.
            let left = world.compacted();
            for _cut in 0..4 {
                let len = dice.below(world.log.len() as u64) as usize;
                let all = world.log.split_off(len);
                world.compacted();
                world.log.extend(all);
            }
            assert!(left.len() < world.log.len(), "something is needed no more");
            records += world.log.len();
        }
    }
    assert!(records > 1_500, "the runs have grown too short to tell anything: {records}");
}

#[test]
fn a_crash_at_any_record_loses_and_doubles_nothing() {
    let seeds = seeds(12);
    let points = crash_everywhere(0..seeds);
    println!("{points} crash points of {} runs: nothing lost, nothing doubled", 2 * seeds);
    assert!(points as u64 >= 50 * seeds, "the runs have grown too short to tell anything: {points}");
}

fn acknowledge(session: &mut Session, now: Instant, receipt: Receipt) {
    session.apply(now, Input::Acknowledge { receipt, reason: ReasonCode::Success }).expect("it is taken");
}
