//! The only code that knows the session's interface: a session, a virtual clock, and what the tests say to them.
//!
//! Packets and events are short strings, so that a test reads as a conversation. Tickets are numbers; that of the
//! first Connect is 1.

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

/// A client named `c` whose session outlives its connections.
pub(crate) fn kept(version: Version) -> Config {
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

    /// A kept session that is online for the first time; ticket 1 has ended and the events are taken.
    pub(crate) fn online(version: Version) -> Talk {
        Talk::online_with(kept(version), "CONNACK")
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

    // What the application does.

    pub(crate) fn submit(&mut self, command: Command<'_>) -> Result<u64, SessionRefusal> {
        let submitted = self.session.apply(self.now, Input::Submit(&command))?;
        let ticket = submitted.expect("an accepted command has a ticket");
        self.tickets.push(ticket);
        Ok(ticket.get())
    }

    pub(crate) fn connect(&mut self) -> u64 {
        self.submit(Command::Connect).expect("connect is accepted")
    }

    pub(crate) fn publish(&mut self, topic: &str, qos: QoS, payload: &str) -> u64 {
        self.try_publish(message(topic, qos, payload)).expect("the message is accepted")
    }

    pub(crate) fn try_publish(&mut self, publish: Publish<'_>) -> Result<u64, SessionRefusal> {
        self.submit(Command::Publish(publish))
    }

    /// Publishes with a timeout.
    pub(crate) fn publish_within(&mut self, qos: QoS, payload: &str, timeout: Duration) -> u64 {
        let publish = Publish { timeout: Some(timeout), ..message("a", qos, payload) };
        self.try_publish(publish).expect("the message is accepted")
    }

    /// Publishes with properties.
    pub(crate) fn publish_saying(&mut self, qos: QoS, payload: &str, properties: Properties<'_>) -> u64 {
        let publish = Publish { properties, ..message("a", qos, payload) };
        self.try_publish(publish).expect("the message is accepted")
    }

    pub(crate) fn request(&mut self, topic: &str, qos: QoS, payload: &str) -> u64 {
        self.submit(Command::Request(message(topic, qos, payload))).expect("the request is accepted")
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: QoS) -> u64 {
        self.try_subscribe(filter, SubscribeOptions::with_qos(qos)).expect("the subscription is accepted")
    }

    pub(crate) fn try_subscribe(
        &mut self,
        filter: &str,
        options: SubscribeOptions,
    ) -> Result<u64, SessionRefusal> {
        let filter = TopicFilter::new(filter).expect("the test says a filter");
        self.submit(Command::Subscribe(Subscribe { filter, options }))
    }

    pub(crate) fn unsubscribe(&mut self, filter: &str) -> u64 {
        let filter = TopicFilter::new(filter).expect("the test says a filter");
        self.submit(Command::Unsubscribe(filter)).expect("unsubscribe is accepted")
    }

    pub(crate) fn disconnect(&mut self, drain: Duration) -> u64 {
        self.submit(Command::Disconnect(Disconnect::within(drain))).expect("disconnect is accepted")
    }

    /// Acknowledges the message that came `nth`, from 0; QoS 0 is not counted.
    pub(crate) fn acknowledge(&mut self, nth: usize) {
        self.acknowledge_with(nth, ReasonCode::Success).expect("every version has it");
    }

    /// There is no room for the message that came `nth`.
    pub(crate) fn leave(&mut self, nth: usize) {
        self.happen(Input::Leave(self.receipts[nth]));
    }

    pub(crate) fn fetch_left(&mut self) {
        self.happen(Input::FetchLeft);
    }

    /// Publishes so many bytes with QoS 1.
    pub(crate) fn submit_large(&mut self, topic: &str, size: usize) -> u64 {
        self.try_publish(Publish { payload: payload(size), ..message(topic, QoS::AtLeastOnce, "") })
            .expect("the message is accepted")
    }

    /// A session that keeps a journal, with what these records say.
    pub(crate) fn rebuilt(config: Config, records: &[Vec<u8>]) -> Result<Talk, RecordError> {
        let version = config.version;
        let session = Session::rebuild(config, 1, records)?;
        let mut talk = Talk::new(clean(version));
        talk.session.rebuild(session);
        Ok(talk)
    }

    /// The records that were made since the last time, and the mark of the last.
    pub(crate) fn take_records(&mut self) -> (Vec<Vec<u8>>, Option<Mark>) {
        let mut records = Vec::new();
        let mut last = None;
        let mut record = Vec::new();
        while let Some(mark) = self.session.poll_record(&mut record) {
            records.push(std::mem::take(&mut record));
            last = Some(mark);
        }
        (records, last)
    }

    /// The store has all that was made so far; the records.
    pub(crate) fn store(&mut self) -> Vec<Vec<u8>> {
        let (records, last) = self.take_records();
        if let Some(mark) = last {
            self.happen(Input::Stored(mark));
        }
        records
    }

    pub(crate) fn stored(&mut self, mark: Mark) {
        self.happen(Input::Stored(mark));
    }

    /// The same with a reason.
    pub(crate) fn acknowledge_with(&mut self, nth: usize, reason: ReasonCode) -> Result<(), SessionRefusal> {
        let receipt = self.receipts[nth];
        self.session.apply(self.now, Input::Acknowledge { receipt, reason }).map(|_| ())
    }

    pub(crate) fn set_credentials(&mut self, credentials: Option<Credentials>) -> Result<(), SessionRefusal> {
        self.session.apply(self.now, Input::SetCredentials(credentials)).map(|_| ())
    }

    /// Answers the last question of an authentication.
    pub(crate) fn answer(&mut self, answer: AuthAnswer) -> Result<(), SessionRefusal> {
        let step = self.step.expect("an authentication has asked");
        self.answer_step(step, answer)
    }

    pub(crate) fn answer_step(&mut self, step: AuthStep, answer: AuthAnswer) -> Result<(), SessionRefusal> {
        let result = self.session.apply(self.now, Input::Authenticate { step, answer });
        self.handle_bytes();
        result.map(|_| ())
    }

    pub(crate) fn step(&self) -> Option<AuthStep> {
        self.step
    }

    pub(crate) fn explain(&self, ticket: u64) -> Explanation {
        self.session.explain(self.ticket(ticket))
    }

    /// Messages of QoS 1 and 2 that have come so far.
    pub(crate) fn receipts(&self) -> usize {
        self.receipts.len()
    }

    pub(crate) fn set_timeout(&mut self, ticket: u64, timeout: Duration) {
        self.happen(Input::SetTimeout { ticket: self.ticket(ticket), timeout });
    }

    pub(crate) fn retry(&mut self, ticket: u64) -> bool {
        self.session.apply(self.now, Input::Retry(self.ticket(ticket))).is_ok()
    }

    pub(crate) fn give_up(&mut self, ticket: u64) -> bool {
        self.session.apply(self.now, Input::GiveUp(self.ticket(ticket))).is_ok()
    }

    // What the network and the server do.

    /// The link that is asked for opens; the server says nothing yet.
    pub(crate) fn opened(&mut self) {
        self.happen(Input::Opened);
    }

    /// The link opens, CONNECT goes out, and the server answers it.
    pub(crate) fn accept(&mut self, connack: &str) {
        self.opened();
        let sent = self.take_sent();
        assert!(sent.len() == 1 && sent[0].starts_with("CONNECT "), "{sent:?}");
        self.server_says(connack);
    }

    pub(crate) fn server_says(&mut self, packet: &str) {
        let bytes = server_bytes(packet, self.version);
        self.server_sends(&bytes);
    }

    /// Bytes as they are.
    pub(crate) fn server_sends(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.handle_bytes();
    }

    /// The link has taken some of what was sent, and not all.
    pub(crate) fn written(&mut self) {
        self.happen(Input::Written);
    }

    /// The link is left unread.
    pub(crate) fn unread(&mut self) {
        self.happen(Input::Unread);
    }

    pub(crate) fn closed(&mut self, cause: OfflineCause) {
        self.input.clear();
        self.happen(Input::Closed(cause));
    }

    /// The link breaks.
    pub(crate) fn cut(&mut self) {
        self.closed(OfflineCause::TransportClosed);
    }

    /// The link breaks, if there is one.
    pub(crate) fn cut_if_online(&mut self) {
        if self.session.status() == Status::Online {
            self.cut();
        }
    }

    /// Waits for the next attempt, which the server answers.
    pub(crate) fn reconnect(&mut self, connack: &str) {
        self.wait_for_dial();
        self.accept(connack);
    }

    pub(crate) fn wait_for_dial(&mut self) {
        self.input.clear();
        while !self.is_dialing() {
            let at = self.session.poll_timeout().expect("a further attempt is due");
            self.wait_until(at);
        }
    }

    /// A cut and the reconnection after it; the events of both are dropped.
    pub(crate) fn cut_and_reconnect(&mut self, connack: &str) {
        self.cut();
        self.reconnect(connack);
        let events = self.take_events();
        assert!(events[0].starts_with("offline") && events[1].starts_with("online"), "{events:?}");
        assert_eq!(events.len(), 2, "{events:?}");
    }

    /// A cut, a time without a server, and the reconnection after it; what is said about the link is dropped.
    pub(crate) fn cut_for(&mut self, duration: Duration, connack: &str) {
        self.cut();
        self.offline_for(duration, connack);
    }

    /// The same for a link that is gone already.
    pub(crate) fn offline_for(&mut self, duration: Duration, connack: &str) {
        self.wait(duration);
        let events = self.take_events();
        assert!(events.iter().all(|event| event.starts_with("offline")), "{events:?}");
        self.wait_for_dial();
        let late = self.take_events();
        assert!(late.is_empty(), "{late:?}");
        self.accept(connack);
    }

    /// Time passes, and every deadline on the way is kept.
    pub(crate) fn wait(&mut self, duration: Duration) {
        self.wait_until(self.now + duration);
    }

    pub(crate) fn wait_until(&mut self, end: Instant) {
        for _step in 0..10_000 {
            match self.session.poll_timeout() {
                Some(at) if at <= end => {
                    self.now = self.now.max(at);
                    self.happen(Input::Timeout);
                }
                Some(_) | None => {
                    self.now = self.now.max(end);
                    self.happen(Input::Timeout);
                    return;
                }
            }
        }
        panic!("the session asks for the same time again and again");
    }

    /// A timeout that nobody has asked for.
    pub(crate) fn early_timeout(&mut self) {
        self.happen(Input::Timeout);
    }

    // What the session does.

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
            Event::Message(message) | Event::Response { message, .. } => {
                self.receipts.extend(message.receipt());
            }
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
