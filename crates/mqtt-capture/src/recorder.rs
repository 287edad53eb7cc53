//! Makes the calls on a session in its user's place, and logs what went in and what came out.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::BytesMut;
use mqtt_proto::{Version, frame_len};
use mqtt_session::{
    AuthAnswer, AuthStage, Config, Event, Input, Instant, Message, Outcome, Session, SessionRefusal, Status,
    Ticket, TransmitBuf,
};

use crate::command::order;
use crate::digest::digest;
use crate::entry::{Answer, Applied, Arrival, CAUSES, Call, Entry, Wants};
use crate::header::{append, header};
use crate::masked::{Masked, masked_if};
use crate::receipts::Receipts;
use crate::redact::Redact;
use crate::stream::Stream;

/// Writes the log of one session, from its first call on.
///
/// Each method makes the call of its name on the session. A call that is made without the recorder is missing in
/// the log, and the replay will differ. The log grows until [`Recorder::take`] takes what there is.
#[derive(Clone)]
pub struct Recorder {
    redact: Redact,
    version: Version,
    log: Vec<u8>,
    /// The time of the last entry.
    now: Instant,
    wants: Option<Wants>,
    pub(crate) stream: Stream,
    pub(crate) receipts: Receipts,
    /// Nothing follows in the log: the recording was finished, or what follows could not be replayed.
    is_over: bool,
}

/// Shows nothing of what is not masked yet.
impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("redact", &self.redact)
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

    /// [`Recorder::new`] for a session that has a client identifier of its own.
    pub fn with_client_id(config: &Config, client_id: &str, seed: u64, redact: Redact) -> Recorder {
        let (log, is_whole) = header(config, client_id, seed, redact);
        let mut recorder = Recorder {
            redact,
            version: config.version,
            log,
            now: Instant::ORIGIN,
            wants: None,
            stream: Stream::new(config.version, redact),
            receipts: Receipts::default(),
            is_over: false,
        };
        if !is_whole {
            recorder.put_note(Call::Obscured);
        }
        recorder
    }

    /// Bytes that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.log.len()
    }

    /// Takes what was logged since the last time; the pieces one behind the other are the log.
    pub fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.log)
    }

    /// Writes that nothing follows, and what the session has counted. Without it a log counts as cut off, and
    /// replays all the same.
    pub fn finish(&mut self, session: &Session) {
        self.put_rest();
        let counted = digest(&[format!("{:?}", session.stats()).as_bytes()]);
        self.append(self.now, Call::End, Answer::Counted(counted), None);
    }

    /// [`Session::apply`].
    ///
    /// [`Input::Stored`] belongs to a session with a journal: what follows it cannot be replayed.
    pub fn apply(
        &mut self,
        session: &mut Session,
        now: Instant,
        input: Input<'_>,
    ) -> Result<Option<Ticket>, SessionRefusal> {
        if let Input::Bytes(bytes) = input {
            let is_continued = self.stream.is_continued_by(bytes);
            return self.apply_bytes(session, now, bytes, is_continued);
        }
        match input {
            // The session ignores a link that it does not wait for, and the packet that is unfinished goes on.
            Input::Opened if session.status() == Status::Dialing => self.put_rest(),
            Input::Closed(_) => self.put_rest(),
            _ => {}
        }
        let call = self.call_of(&input);
        let result = session.apply(now, input);
        match (call, &result) {
            (None, _) | (Some(Call::Unencodable), Ok(_)) => self.put_note(Call::Obscured),
            (Some(call), Ok(None)) => self.put(session, now, call, Answer::Accepted),
            (Some(call), Ok(Some(ticket))) => self.put(session, now, call, Answer::Ticket(ticket.get())),
            (Some(call), Err(refusal)) => {
                self.put(session, now, call, Answer::Refused(&format!("{refusal:?}")));
            }
        }
        result
    }

    /// [`Session::poll_transmit`].
    pub fn poll_transmit(&mut self, session: &mut Session, now: Instant, out: &mut TransmitBuf) -> bool {
        let old_len = out.len();
        let has_sent = session.poll_transmit(now, out);
        let mut sent = Vec::new();
        let mut skip = old_len;
        for chunk in out.chunks() {
            let old = skip.min(chunk.len());
            sent.extend_from_slice(&chunk[old..]);
            skip -= old;
        }
        let answer = self.answer_of_sent(sent);
        self.put(session, now, Call::Transmit(old_len.min(OUT_LEN_MAX)), answer);
        has_sent
    }

    /// [`Session::poll_event`].
    pub fn poll_event(&mut self, session: &mut Session) -> Option<Event> {
        let event = session.poll_event();
        let text = event.as_ref().map_or_else(String::new, |event| format!("{event:?}"));
        let answer = match &event {
            None => Answer::Nothing,
            Some(Event::Message(message)) => Answer::Message(self.digest_of(message, &text)),
            Some(Event::Ended { ticket, outcome: Outcome::Done(reason) }) => {
                Answer::Done(ticket.get(), *reason)
            }
            Some(Event::Authentication {
                stage: AuthStage::Challenge(data) | AuthStage::Verdict(data),
                ..
            }) => Answer::Event(&text, digest(&[&masked_if(self.redact.secrets, data)])),
            Some(_) => Answer::Event(&text, 0),
        };
        self.put(session, self.now, Call::Event, answer);
        event
    }

    /// [`Input::Bytes`] where it is known whether the input begins with what the session had left.
    pub(crate) fn apply_bytes(
        &mut self,
        session: &mut Session,
        now: Instant,
        input: &mut BytesMut,
        is_continued: bool,
    ) -> Result<Option<Ticket>, SessionRefusal> {
        let mut stored = Vec::new();
        let len = self.stream.before_input(input, is_continued, &mut stored);
        let result = session.apply(now, Input::Bytes(input));
        self.stream.after_input(input, &mut stored);
        if self.stream.is_obscured {
            self.put_note(Call::Obscured);
        }
        let arrival = Arrival { len, is_continued, stored: Masked(stored) };
        self.put(session, now, Call::Bytes(arrival), Answer::Left(input.len()));
        result
    }

    /// How an input stands in the log; none if it cannot be replayed.
    fn call_of<'a>(&mut self, input: &Input<'a>) -> Option<Call<'a>> {
        Some(Call::Apply(match input {
            // Bytes are logged by `apply_bytes`.
            Input::Bytes(_) | Input::Stored(_) | Input::StoreLost | Input::Note { .. } => return None,
            Input::Submit(command) => {
                return Some(
                    order(command, self.version, self.redact).map_or(Call::Unencodable, Call::Submit),
                );
            }
            Input::Opened => Applied::Opened,
            Input::Written => Applied::Written,
            Input::Unread => Applied::Unread,
            Input::Closed(cause) => Applied::Closed(CAUSES.iter().position(|known| known == cause)?),
            Input::Timeout => Applied::Timeout,
            Input::SetTimeout { ticket, timeout } => Applied::SetTimeout(ticket.get(), *timeout),
            Input::Withdraw(ticket) => Applied::Withdraw(ticket.get()),
            Input::Acknowledge { receipt, reason } => {
                Applied::Acknowledge(self.receipts.acknowledge(*receipt)?, *reason)
            }
            Input::Leave(receipt) => Applied::Leave(self.receipts.acknowledge(*receipt)?),
            Input::FetchLeft => Applied::FetchLeft,
            Input::Abandon(filter) => Applied::Abandon(filter.as_str()),
            Input::Retry(ticket) => Applied::Retry(ticket.get()),
            Input::GiveUp(ticket) => Applied::GiveUp(ticket.get()),
            Input::SetCredentials(credentials) => {
                let redact = |credentials| self.redact.credentials(credentials);
                Applied::SetCredentials(credentials.as_ref().map(redact))
            }
            Input::Authenticate { step, answer } => {
                let answer = match answer {
                    AuthAnswer::Data(data) => AuthAnswer::Data(masked_if(self.redact.secrets, data)),
                    AuthAnswer::Accept | AuthAnswer::Abort => answer.clone(),
                };
                Applied::Authenticate(step.get(), answer)
            }
        }))
    }

    /// The packets that were sent.
    fn answer_of_sent(&self, mut sent: Vec<u8>) -> Answer<'static> {
        let mut packets = Vec::new();
        let mut start = 0;
        while let Ok(Some(len)) = frame_len(&sent[start..], u32::MAX) {
            let Some(packet) = sent.get_mut(start..start + len) else { break };
            self.redact.mask(packet, self.version);
            packets.push((packet[0], len));
            start += len;
        }
        if sent.is_empty() { Answer::Nothing } else { Answer::Sent(packets, digest(&[&sent])) }
    }

    /// The text shows everything but the payload.
    fn digest_of(&mut self, message: &Message, text: &str) -> u64 {
        message.receipt().into_iter().for_each(|receipt| self.receipts.push(receipt));
        let payload = if self.redact.payloads { &[] } else { message.payload() };
        digest(&[text.as_bytes(), payload])
    }

    pub(crate) fn put(&mut self, session: &Session, now: Instant, call: Call<'_>, answer: Answer<'_>) {
        let wants = Wants::of(session);
        let is_same = self.wants.replace(wants) == Some(wants);
        self.append(now, call, answer, (!is_same).then_some(wants));
    }

    /// Logs what is not a call.
    fn put_note(&mut self, call: Call<'_>) {
        self.append(self.now, call, Answer::Nothing, None);
    }

    fn append(&mut self, now: Instant, call: Call<'_>, answer: Answer<'_>, wants: Option<Wants>) {
        if self.is_over {
            return;
        }
        self.is_over = matches!(call, Call::Obscured | Call::End);
        let passed = now.as_micros().wrapping_sub(self.now.as_micros()) as i64;
        self.now = now;
        append(&mut self.log, &Entry { passed, at: now, call, answer, wants });
    }

    fn put_rest(&mut self) {
        let mut rest = Vec::new();
        self.stream.put_rest(&mut rest);
        if !rest.is_empty() {
            self.put_note(Call::Rest(Masked(rest)));
        }
    }
}
