//! Makes the calls on a session in its user's place, and logs what went in and what came out.

use alloc::format;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::time::Duration;

use bytes::BytesMut;
use mqtt_proto::{ReasonCode, TopicFilter, Version, frame_len};
use mqtt_session::{
    AuthAnswer, AuthStage, AuthStep, Command, Config, Credentials, Event, Instant, Message, OfflineCause,
    Outcome, Receipt, Refused, RefusedReason, Session, Status, Ticket, TransmitBuf,
};

use crate::command::{put_answer, put_cause, put_command, put_credentials};
use crate::digest::Digest;
use crate::entry::{Kind, Level, SAME_LEVEL, SAME_TIME, difference, tag};
use crate::header::put_header;
use crate::receipts::Receipts;
use crate::redact::{Redact, masked_if};
use crate::stream::Stream;
use crate::wire::{put_bool, put_bytes, put_duration, put_i64, put_masked, put_u64, put_usize};

/// Writes the log of one session, from its first call on.
///
/// Each method makes the call of its name on the session. A call that is made without the recorder is missing in
/// the log, and the replay will differ. The log grows until [`Recorder::take`] takes what there is.
#[derive(Clone)]
pub struct Recorder {
    redact: Redact,
    version: Version,
    log: Vec<u8>,
    /// Where the entry under way begins.
    entry_at: usize,
    /// The time of the last entry that has one.
    now: Instant,
    level: Option<Level>,
    stream: Stream,
    pub(crate) receipts: Receipts,
    /// Memory for what is about to be logged.
    scratch: Vec<u8>,
    is_finished: bool,
}

/// Shows nothing of what is not masked yet.
impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("redact", &self.redact)
            .field("now", &self.now)
            .field("waiting", &self.log.len())
            .finish_non_exhaustive()
    }
}

/// A buffer that holds more than a batch is as good as one that holds this much.
pub(crate) const OUT_LEN_MAX: usize = 1024 * 1024;

impl Recorder {
    /// For a session that is made of the same configuration and seed, and was not used yet.
    pub fn new(config: &Config, seed: u64, redact: Redact) -> Recorder {
        Recorder::with_client_id(config, &config.client_id, seed, redact)
    }

    /// The same for a session that has a client identifier of its own.
    pub fn with_client_id(config: &Config, client_id: &str, seed: u64, redact: Redact) -> Recorder {
        let mut log = Vec::new();
        put_header(&mut log, config, client_id, seed, redact);
        Recorder {
            redact,
            version: config.version,
            log,
            entry_at: 0,
            now: Instant::ORIGIN,
            level: None,
            stream: Stream::new(config.version, redact),
            receipts: Receipts::default(),
            scratch: Vec::new(),
            is_finished: false,
        }
    }

    /// Bytes that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.log.len()
    }

    /// Takes what was logged since the last time; the pieces one behind the other are the log.
    pub fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.log)
    }

    /// Says in the log that nothing follows, and what the session has counted. Without it a log counts as cut off,
    /// and replays all the same.
    pub fn finish(&mut self, session: &Session) {
        if !self.is_finished {
            self.put_rest();
            self.log.push(Kind::End as u8 | SAME_TIME | SAME_LEVEL);
            let mut digest = Digest::new();
            write!(digest, "{:?}", session.stats()).expect("a digest takes any text");
            self.log.extend(digest.get().to_le_bytes());
            self.is_finished = true;
        }
    }

    /// [`Session::submit`].
    #[expect(clippy::result_large_err, reason = "a refused command is handed back whole")]
    pub fn submit<'a>(
        &mut self,
        session: &mut Session,
        now: Instant,
        command: Command<'a>,
    ) -> Result<Ticket, Refused<'a>> {
        self.submit_ref(session, now, &command).map_err(|reason| Refused { reason, command })
    }

    /// [`Session::submit_ref`].
    pub fn submit_ref(
        &mut self,
        session: &mut Session,
        now: Instant,
        command: &Command<'_>,
    ) -> Result<Ticket, RefusedReason> {
        self.begin(Kind::Submit, Some(now));
        put_command(&mut self.log, command, self.redact);
        let result = session.submit_ref(now, command);
        match &result {
            Ok(ticket) => put_u64(&mut self.log, ticket.get()),
            Err(reason) => {
                put_u64(&mut self.log, 0);
                put_bytes(&mut self.log, format!("{reason:?}").as_bytes());
            }
        }
        self.end(session);
        result
    }

    /// [`Session::set_credentials`].
    pub fn set_credentials(
        &mut self,
        session: &mut Session,
        credentials: Option<Credentials>,
    ) -> Result<(), RefusedReason> {
        self.begin(Kind::SetCredentials, None);
        put_credentials(&mut self.log, credentials.as_ref(), self.redact);
        let result = session.set_credentials(credentials);
        self.end_result(session, result)
    }

    /// [`Session::answer_authentication`].
    pub fn answer_authentication(
        &mut self,
        session: &mut Session,
        now: Instant,
        step: AuthStep,
        answer: AuthAnswer,
    ) -> Result<(), RefusedReason> {
        self.begin(Kind::AnswerAuthentication, Some(now));
        put_u64(&mut self.log, step.get());
        put_answer(&mut self.log, &answer, self.redact);
        let result = session.answer_authentication(now, step, answer);
        self.end_result(session, result)
    }

    /// [`Session::acknowledge`].
    pub fn acknowledge(&mut self, session: &mut Session, receipt: Receipt) {
        self.begin_acknowledgement(Kind::Acknowledge, receipt);
        session.acknowledge(receipt);
        self.end(session);
    }

    /// [`Session::acknowledge_with`].
    pub fn acknowledge_with(
        &mut self,
        session: &mut Session,
        receipt: Receipt,
        reason: ReasonCode,
    ) -> Result<(), RefusedReason> {
        self.begin_acknowledgement(Kind::AcknowledgeWith, receipt);
        self.log.push(reason.byte());
        let result = session.acknowledge_with(receipt, reason);
        self.end_result(session, result)
    }

    /// [`Session::leave`].
    pub fn leave(&mut self, session: &mut Session, receipt: Receipt) {
        self.begin_acknowledgement(Kind::Leave, receipt);
        session.leave(receipt);
        self.end(session);
    }

    /// [`Session::fetch_left`].
    pub fn fetch_left(&mut self, session: &mut Session, now: Instant) {
        self.begin(Kind::FetchLeft, Some(now));
        session.fetch_left(now);
        self.end(session);
    }

    /// [`Session::abandon_subscription`].
    pub fn abandon_subscription(&mut self, session: &mut Session, filter: TopicFilter<'_>) {
        self.begin(Kind::AbandonSubscription, None);
        put_bytes(&mut self.log, filter.as_bytes());
        session.abandon_subscription(filter);
        self.end(session);
    }

    /// [`Session::set_timeout`].
    pub fn set_timeout(&mut self, session: &mut Session, now: Instant, ticket: Ticket, timeout: Duration) {
        self.begin(Kind::SetTimeout, Some(now));
        put_u64(&mut self.log, ticket.get());
        put_duration(&mut self.log, timeout);
        session.set_timeout(now, ticket, timeout);
        self.end(session);
    }

    /// [`Session::retry`].
    pub fn retry(&mut self, session: &mut Session, ticket: Ticket) -> bool {
        self.begin(Kind::Retry, None);
        put_u64(&mut self.log, ticket.get());
        let was_aside = session.retry(ticket);
        put_bool(&mut self.log, was_aside);
        self.end(session);
        was_aside
    }

    /// [`Session::give_up`].
    pub fn give_up(&mut self, session: &mut Session, ticket: Ticket) -> bool {
        self.begin(Kind::GiveUp, None);
        put_u64(&mut self.log, ticket.get());
        let was_aside = session.give_up(ticket);
        put_bool(&mut self.log, was_aside);
        self.end(session);
        was_aside
    }

    /// [`Session::handle_opened`].
    pub fn handle_opened(&mut self, session: &mut Session, now: Instant) {
        // The session ignores a link that it does not wait for, and the packet that is unfinished goes on.
        if session.status() == Status::Dialing {
            self.put_rest();
        }
        self.begin(Kind::Opened, Some(now));
        session.handle_opened(now);
        self.end(session);
    }

    /// [`Session::handle_input`].
    pub fn handle_input(&mut self, session: &mut Session, now: Instant, input: &mut BytesMut) {
        let is_continued = self.stream.is_continued_by(input);
        self.handle_input_after(session, now, input, is_continued);
    }

    /// The same where it is known whether the input begins with what the session had left.
    pub(crate) fn handle_input_after(
        &mut self,
        session: &mut Session,
        now: Instant,
        input: &mut BytesMut,
        is_continued: bool,
    ) {
        let mut stored = core::mem::take(&mut self.scratch);
        let arrived = self.stream.before_input(input, is_continued, &mut stored);
        session.handle_input(now, input);
        self.stream.after_input(input, &mut stored);
        if arrived.is_obscured {
            self.put_obscured();
        }
        self.begin(Kind::Input, Some(now));
        put_bool(&mut self.log, is_continued);
        put_usize(&mut self.log, arrived.len);
        put_masked(&mut self.log, &stored);
        put_usize(&mut self.log, input.len());
        self.end(session);
        stored.clear();
        self.scratch = stored;
    }

    /// [`Session::handle_written`].
    pub fn handle_written(&mut self, session: &mut Session, now: Instant) {
        self.begin(Kind::Written, Some(now));
        session.handle_written(now);
        self.end(session);
    }

    /// [`Session::handle_unread`].
    pub fn handle_unread(&mut self, session: &mut Session, now: Instant) {
        self.begin(Kind::Unread, Some(now));
        session.handle_unread(now);
        self.end(session);
    }

    /// [`Session::handle_closed`].
    pub fn handle_closed(&mut self, session: &mut Session, now: Instant, cause: OfflineCause) {
        self.put_rest();
        let mut said = core::mem::take(&mut self.scratch);
        if !put_cause(&mut said, cause) {
            self.put_obscured();
        }
        self.begin(Kind::Closed, Some(now));
        self.log.append(&mut said);
        self.scratch = said;
        session.handle_closed(now, cause);
        self.end(session);
    }

    /// [`Session::handle_timeout`].
    pub fn handle_timeout(&mut self, session: &mut Session, now: Instant) {
        self.begin(Kind::Timeout, Some(now));
        session.handle_timeout(now);
        self.end(session);
    }

    /// [`Session::poll_transmit`].
    pub fn poll_transmit(&mut self, session: &mut Session, now: Instant, out: &mut TransmitBuf) -> bool {
        let old_len = out.len();
        self.begin(Kind::Transmit, Some(now));
        put_usize(&mut self.log, old_len.min(OUT_LEN_MAX));
        let has_sent = session.poll_transmit(now, out);
        let mut skip = old_len;
        for chunk in out.chunks() {
            let old = skip.min(chunk.len());
            self.scratch.extend_from_slice(&chunk[old..]);
            skip -= old;
        }
        self.put_sent();
        self.end(session);
        has_sent
    }

    /// [`Session::poll_event`].
    pub fn poll_event(&mut self, session: &mut Session) -> Option<Event> {
        self.begin(Kind::Event, None);
        let event = session.poll_event();
        self.put_event(event.as_ref());
        self.end(session);
        event
    }

    /// Whole packets that came so far.
    pub(crate) fn packets_in(&self) -> u64 {
        self.stream.packets
    }

    fn begin(&mut self, kind: Kind, now: Option<Instant>) {
        self.entry_at = self.log.len();
        let passed = now.map_or(0, |now| difference(now, self.now));
        self.log.push(kind as u8 | if passed == 0 { SAME_TIME } else { 0 });
        if passed != 0 {
            put_i64(&mut self.log, passed);
        }
        self.now = now.unwrap_or(self.now);
    }

    fn begin_acknowledgement(&mut self, kind: Kind, receipt: Receipt) {
        let number = self.receipts.acknowledge(receipt);
        if number.is_none() {
            self.put_obscured();
        }
        self.begin(kind, None);
        put_u64(&mut self.log, number.unwrap_or(u64::MAX));
    }

    fn end(&mut self, session: &Session) {
        let level = Level::of(session);
        if self.level == Some(level) {
            self.log[self.entry_at] |= SAME_LEVEL;
        } else {
            level.put(&mut self.log, self.now);
            self.level = Some(level);
        }
    }

    fn end_result(
        &mut self,
        session: &Session,
        result: Result<(), RefusedReason>,
    ) -> Result<(), RefusedReason> {
        put_bool(&mut self.log, result.is_ok());
        if let Err(reason) = &result {
            put_bytes(&mut self.log, format!("{reason:?}").as_bytes());
        }
        self.end(session);
        result
    }

    fn put_rest(&mut self) {
        let mut rest = Vec::new();
        self.stream.put_rest(&mut rest);
        if !rest.is_empty() {
            self.log.push(Kind::Rest as u8 | SAME_TIME | SAME_LEVEL);
            put_masked(&mut self.log, &rest);
        }
    }

    fn put_obscured(&mut self) {
        self.log.push(Kind::Obscured as u8 | SAME_TIME | SAME_LEVEL);
    }

    /// Logs the packets that `scratch` has, and empties it.
    fn put_sent(&mut self) {
        let mut packets = Vec::new();
        let mut start = 0;
        while let Ok(Some(len)) = frame_len(&self.scratch[start..], u32::MAX) {
            let Some(packet) = self.scratch.get_mut(start..start + len) else { break };
            self.redact.mask(packet, self.version);
            packets.push((packet[0], len));
            start += len;
        }
        put_usize(&mut self.log, packets.len());
        for (first, len) in &packets {
            self.log.push(*first);
            put_usize(&mut self.log, *len);
        }
        if !packets.is_empty() {
            let mut digest = Digest::new();
            digest.add(&self.scratch);
            self.log.extend(digest.get().to_le_bytes());
        }
        self.scratch.clear();
    }

    fn put_event(&mut self, event: Option<&Event>) {
        match event {
            None => self.log.push(tag::NONE),
            Some(Event::Message(message)) => {
                self.log.push(tag::MESSAGE);
                self.put_message(message);
            }
            Some(Event::Response { ticket, message }) => {
                self.log.push(tag::RESPONSE);
                put_u64(&mut self.log, ticket.get());
                self.put_message(message);
            }
            Some(Event::Ended { ticket, outcome: Outcome::Done(reason) }) => {
                self.log.push(tag::DONE);
                put_u64(&mut self.log, ticket.get());
                self.log.push(reason.byte());
            }
            Some(Event::Ended { ticket, outcome }) => {
                self.log.push(tag::ENDED);
                put_u64(&mut self.log, ticket.get());
                put_bytes(&mut self.log, format!("{outcome:?}").as_bytes());
            }
            Some(news) => {
                self.log.push(tag::NEWS);
                put_bytes(&mut self.log, format!("{news:?}").as_bytes());
                let mut digest = Digest::new();
                if let Event::Authentication { stage, .. } = news {
                    match stage {
                        AuthStage::Begin => {}
                        AuthStage::Challenge(data) | AuthStage::Verdict(data) => {
                            digest.add(&masked_if(self.redact.secrets, data));
                        }
                    }
                }
                self.log.extend(digest.get().to_le_bytes());
            }
        }
    }

    fn put_message(&mut self, message: &Message) {
        let mut digest = Digest::new();
        write!(digest, "{message:?}").expect("a digest takes any text");
        if !self.redact.payloads {
            digest.add(message.payload());
        }
        self.log.extend(digest.get().to_le_bytes());
        message.receipt().into_iter().for_each(|receipt| self.receipts.push(receipt));
    }
}
