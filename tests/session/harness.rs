//! The only code that knows the session's interface: a session, a virtual clock, and what the tests say to them.
//!
//! Packets and events are short strings, so that a test reads as a conversation. Tickets are numbers; that of the
//! first Connect is 1.

mod application;
mod network;
mod parse;
mod recorded;
mod render;

use std::num::NonZeroU16;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mqtt_proto::{Properties, QoS, ReasonCode, SubscribeOptions, TopicFilter, TopicName, Version};
use mqtt_session::{
    AuthAnswer, AuthStep, Command, Config, Credentials, Disconnect, Event, Explanation, Input, Instant, Mark,
    OfflineCause, Publish, Receipt, RecordError, Session, SessionRefusal, Stats, Status, Subscribe,
    SubscriptionStatus, Ticket, TransmitBuf, Transport,
};

use recorded::Recorded;

pub(crate) use parse::server_bytes;
pub(crate) use render::{packets, render_event};

/// The versions that behave alike wherever the standard lets them.
pub(crate) const BOTH: [Version; 2] = [Version::V3_1_1, Version::V5_0];

/// Seconds, as the tests say it.
pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A client named `c` with a persistent session.
pub(crate) fn persistent(version: Version) -> Config {
    clean(version).clean_session(false)
}

/// A client named `c` whose session ends with each connection, with the same window in each version, and without
/// what only 5.0 has where nobody asks for it.
pub(crate) fn clean(version: Version) -> Config {
    Config::new("c")
        .version(version)
        .in_flight_max(NonZeroU16::new(1024))
        .topic_aliases_max(0)
        .topic_alias_maximum(0)
        .subscription_identifiers(false)
}

/// A message as the tests say it.
pub(crate) fn message<'a>(topic: &'a str, qos: QoS, payload: &str) -> Publish<'a> {
    let topic = TopicName::new(topic).expect("the test says a topic name");
    Publish { qos, ..Publish::new(topic, payload.to_owned()) }
}

/// A session and the server that the test plays.
#[derive(Debug)]
pub(crate) struct Talk {
    session: Recorded,
    pub(crate) now: Instant,
    version: Version,
    input: BytesMut,
    tickets: Vec<Ticket>,
    receipts: Vec<Receipt>,
    /// The last question of an authentication.
    step: Option<AuthStep>,
}

impl Talk {
    /// A session that has done nothing yet.
    pub(crate) fn new(config: Config) -> Talk {
        Talk::seeded(config, 1)
    }

    pub(crate) fn seeded(config: Config, seed: u64) -> Talk {
        Talk {
            version: config.version,
            session: Recorded::new(config, seed),
            now: Instant::ORIGIN + secs(1),
            input: BytesMut::new(),
            tickets: Vec::new(),
            receipts: Vec::new(),
            step: None,
        }
    }

    /// A persistent session that is online for the first time; ticket 1 has ended and the events are taken.
    pub(crate) fn online(version: Version) -> Talk {
        Talk::online_with(persistent(version), "CONNACK")
    }

    pub(crate) fn online_with(config: Config, connack: &str) -> Talk {
        let mut talk = Talk::new(config);
        talk.connect();
        talk.accept(connack);
        talk.events(["online", "ended 1 done 0x00"]);
        talk
    }

    /// An input that is never refused.
    fn happen(&mut self, input: Input<'_>) {
        self.session.apply(self.now, input).expect("it only happens");
    }

    /// The bytes that wait in the buffer are handed over.
    fn handle_bytes(&mut self) {
        let input = Input::Bytes(&mut self.input);
        self.session.apply(self.now, input).expect("it only happens");
    }

    fn ticket(&self, number: u64) -> Ticket {
        *self.tickets.iter().find(|known| known.get() == number).expect("it was accepted")
    }

    /// Everything that the session sends now, as one run of bytes.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        let mut out = TransmitBuf::new();
        for _turn in 0..10_000 {
            if !self.session.poll_transmit(self.now, &mut out) {
                return out.chunks().flatten().copied().collect();
            }
            if out.len() >= FULL {
                let mut all: Vec<u8> = out.chunks().flatten().copied().collect();
                all.extend(self.take_bytes());
                return all;
            }
        }
        panic!("the session never stops sending");
    }

    /// One call with a buffer that may hold something.
    pub(crate) fn poll_into(&mut self, out: &mut TransmitBuf) -> bool {
        self.session.poll_transmit(self.now, out)
    }

    pub(crate) fn take_sent(&mut self) -> Vec<String> {
        packets(&self.take_bytes(), self.version)
    }

    #[track_caller]
    pub(crate) fn sends<const N: usize>(&mut self, expected: [&str; N]) {
        assert_eq!(self.take_sent(), expected);
    }

    #[track_caller]
    pub(crate) fn sends_nothing(&mut self) {
        self.sends([]);
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let event = self.session.poll_event()?;
        match &event {
            Event::Message(message) => self.receipts.extend(message.receipt()),
            Event::Authentication { step, .. } => self.step = Some(*step),
            _ => {}
        }
        Some(event)
    }

    pub(crate) fn take_events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next_event()).map(|event| render_event(&event)).collect()
    }

    #[track_caller]
    pub(crate) fn events<const N: usize>(&mut self, expected: [&str; N]) {
        assert_eq!(self.take_events(), expected);
    }

    #[track_caller]
    pub(crate) fn no_events(&mut self) {
        self.events([]);
    }

    pub(crate) fn is_dialing(&self) -> bool {
        matches!(self.session.poll_transport(), Transport::Open { .. })
    }

    pub(crate) fn transport(&self) -> Transport {
        self.session.poll_transport()
    }

    /// How long until the next deadline.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        self.session.poll_timeout().map(|at| at.since(self.now))
    }

    pub(crate) fn subscription(&self, filter: &str) -> Option<SubscriptionStatus> {
        self.session.subscription(TopicFilter::new(filter).expect("the test says a filter"))
    }

    pub(crate) fn pending_subscriptions(&self) -> usize {
        self.session.pending_subscriptions()
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn stats(&self) -> Stats {
        self.session.stats()
    }
}

/// Where one call of the session stops filling a buffer, or less.
const FULL: usize = 60 * 1024;

/// A payload of that many bytes.
pub(crate) fn payload(size: usize) -> Bytes {
    Bytes::from(vec![b'x'; size])
}
