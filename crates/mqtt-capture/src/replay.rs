//! Makes the calls of a log on a fresh session, and compares what this build logs with what stands there.
//!
//! A recorder writes the log once more, and each entry must be the same to the byte: so there is one place that says
//! what an answer is, and nothing that one build logs can be overlooked by another.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::BytesMut;
use mqtt_proto::{Sender, TopicFilter, Version};
use mqtt_session::{AuthStep, Event, Input, Instant, Session, Ticket, TransmitBuf};

use crate::command::command;
use crate::entry::{Answer, Applied, Arrival, CAUSES, Call, Entry};
use crate::error::{Difference, ReplayError};
use crate::header::read_header;
use crate::receipts::Receipts;
use crate::recorder::{OUT_LEN_MAX, Recorder};
use crate::words::packets;

/// Replays a log to its end, or to the first difference.
pub fn replay(log: &[u8]) -> Result<Replayed, ReplayError> {
    let mut replay = Replay::new(log)?;
    while replay.step()?.is_some() {}
    Ok(replay.replayed())
}

/// What a replay came to, or has come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Calls that were made and answered as they were recorded.
    pub entries: u64,
    /// Bytes from the server.
    pub bytes_in: u64,
    /// Bytes for the server.
    pub bytes_out: u64,
    /// Whole packets from the server.
    pub packets_in: u64,
    /// Packets for the server.
    pub packets_out: u64,
    /// Events for the application.
    pub events: u64,
    /// From the first call to the last.
    pub duration: Duration,
    /// Where the log ended.
    pub end: End,
}

/// Where a log ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Where the recording was finished.
    Complete,
    /// Before that, perhaps in the middle of an entry: the program ended first, or a part is missing.
    #[default]
    CutOff,
    /// In front of what the recorder could not log so that it can be replayed, such as a malformed packet that means
    /// something else once it is masked.
    Obscured,
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Replayed { entries, bytes_in, bytes_out, packets_in, packets_out, events, duration, end } = self;
        write!(
            f,
            "{entries} calls in {duration:?}, {packets_out} packets ({bytes_out} bytes) out, {packets_in} packets \
             ({bytes_in} bytes) in, {events} events"
        )?;
        match end {
            End::Complete => Ok(()),
            End::CutOff => f.write_str("; the capture is cut off there"),
            End::Obscured => f.write_str("; what follows could not be recorded"),
        }
    }
}

/// One call that was answered as it was recorded. `Display` says it in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The number of the entry, from 0.
    pub entry: u64,
    /// The time of the call, by the clock of the recording.
    pub at: Instant,
    /// Where its entry begins, in bytes from the beginning of the log.
    pub offset: usize,
    /// Whether nothing came of it, as of most questions.
    pub is_idle: bool,
    text: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.at, self.text)
    }
}

/// A replay under way, step by step.
#[derive(Debug)]
pub struct Replay<'a> {
    log: &'a [u8],
    /// What was not read yet, and the time of the last entry that was.
    rest: &'a [u8],
    now: Instant,
    /// Up to where this build logs the same.
    compared_to: usize,
    /// All bytes from the server that stand in the log, and how many of them have come.
    stream: Vec<u8>,
    stream_at: usize,
    version: Version,
    session: Session,
    recorder: Recorder,
    input: BytesMut,
    first_at: Option<Instant>,
    before: VecDeque<String>,
    replayed: Replayed,
    is_over: bool,
}

/// Lines that stand in front of a difference.
const BEFORE_MAX: usize = 12;

impl<'a> Replay<'a> {
    /// A session as the one that was recorded, before its first call.
    pub fn new(log: &'a [u8]) -> Result<Replay<'a>, ReplayError> {
        let (header, config, rest) = read_header(log)?;
        let mut recorder = Recorder::with_client_id(&config, header.client_id, header.seed, header.redact);
        if !recorder.take().starts_with(&log[..log.len() - rest.len()]) {
            return Err(ReplayError::Malformed { offset: 0 });
        }
        Ok(Replay {
            log,
            compared_to: log.len() - rest.len(),
            rest,
            now: Instant::ORIGIN,
            stream: stream(rest),
            stream_at: 0,
            version: config.version,
            session: Session::with_client_id(Arc::new(config), header.client_id, header.seed),
            recorder,
            input: BytesMut::new(),
            first_at: None,
            before: VecDeque::new(),
            replayed: Replayed::default(),
            is_over: false,
        })
    }

    /// The session as the calls so far have left it.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What was replayed so far.
    pub fn replayed(&self) -> Replayed {
        Replayed { packets_in: self.recorder.stream.packets, ..self.replayed }
    }

    /// Makes the next call; none at the end.
    pub fn step(&mut self) -> Result<Option<Step>, ReplayError> {
        if self.is_over {
            return Ok(None);
        }
        // After an error there is nothing to go on with.
        self.is_over = true;
        let offset = self.offset();
        let (entry, details) = match self.next_call().and_then(|entry| Ok((self.perform(&entry)?, entry))) {
            Ok((details, entry)) => (entry, details),
            Err(Undone::CutOff) => return Ok(None),
            Err(Undone::Obscured) => {
                self.replayed.end = End::Obscured;
                return Ok(None);
            }
            Err(Undone::Malformed) => return Err(ReplayError::Malformed { offset }),
        };
        let found = self.recorder.take();
        let end = self.offset();
        if found != self.log[self.compared_to..end] {
            let difference = self.difference(offset, &entry, &found, &details);
            return Err(ReplayError::Differs(Box::new(difference)));
        }
        self.compared_to = end;
        if let Call::End = entry.call {
            self.replayed.end = End::Complete;
            return Ok(None);
        }
        self.is_over = false;
        Ok(Some(self.note(offset, &entry, &details)))
    }

    /// Up to where the log was read.
    fn offset(&self) -> usize {
        self.log.len() - self.rest.len()
    }

    /// The next call. What is left of a link stands in front of it and is compared together with it.
    fn next_call(&mut self) -> Result<Entry<'a>, Undone> {
        loop {
            let entry = Entry::take(&mut self.rest, &mut self.now).map_err(|error| match error {
                postcard::Error::DeserializeUnexpectedEnd => Undone::CutOff,
                _ => Undone::Malformed,
            })?;
            if !matches!(entry.call, Call::Rest(_)) {
                return Ok(entry);
            }
        }
    }

    /// Makes the call, and says in words what came of it that the log does not hold.
    fn perform(&mut self, entry: &Entry<'_>) -> Result<String, Undone> {
        let now = entry.at;
        let Replay { recorder, session, .. } = self;
        match &entry.call {
            Call::Submit(order) => {
                let command = command(order, self.version).ok_or(Undone::Malformed)?;
                _ = recorder.apply(session, now, Input::Submit(&command));
            }
            // Nothing came of it but the refusal.
            Call::Unencodable => recorder.put(session, now, Call::Unencodable, entry.answer.clone()),
            Call::Apply(applied) => {
                let input = input(applied, &recorder.receipts).ok_or(Undone::Malformed)?;
                _ = recorder.apply(session, now, input);
            }
            Call::Bytes(arrival) => return self.apply_bytes(now, arrival),
            Call::Transmit(out_len) => return self.poll_transmit(now, *out_len),
            Call::Event => {
                if let Some(event @ Event::Message(_)) = recorder.poll_event(session) {
                    return Ok(format!("{event:?}"));
                }
            }
            Call::Rest(_) => {}
            Call::Obscured => return Err(Undone::Obscured),
            Call::End => {
                recorder.finish(session);
                return Ok(format!("{:?}", session.stats()));
            }
        }
        Ok(String::new())
    }

    fn apply_bytes(&mut self, now: Instant, arrival: &Arrival) -> Result<String, Undone> {
        let end = self.stream_at.checked_add(arrival.len).ok_or(Undone::Malformed)?;
        let new = self.stream.get(self.stream_at..end).ok_or(Undone::CutOff)?;
        self.stream_at = end;
        if !arrival.is_continued {
            self.input.clear();
        }
        self.input.extend_from_slice(new);
        _ = self.recorder.apply_bytes(&mut self.session, now, &mut self.input, arrival.is_continued);
        self.replayed.bytes_in += arrival.len as u64;
        Ok(packets(&arrival.stored.0, self.version, Sender::Server))
    }

    fn poll_transmit(&mut self, now: Instant, out_len: usize) -> Result<String, Undone> {
        if out_len > OUT_LEN_MAX {
            return Err(Undone::Malformed);
        }
        let mut out = TransmitBuf::new();
        out.put_encoded(&vec![0; out_len]);
        self.recorder.poll_transmit(&mut self.session, now, &mut out);
        out.advance(out_len);
        self.replayed.bytes_out += out.len() as u64;
        let sent: Vec<u8> = out.chunks().flatten().copied().collect();
        Ok(packets(&sent, self.version, Sender::Client))
    }

    /// Counts a call that was answered as it was recorded.
    fn note(&mut self, offset: usize, entry: &Entry<'_>, details: &str) -> Step {
        let first_at = *self.first_at.get_or_insert(entry.at);
        self.replayed.duration = entry.at - first_at;
        if let Answer::Sent(packets, _) = &entry.answer {
            self.replayed.packets_out += packets.len() as u64;
        }
        let is_idle = matches!(
            (&entry.call, &entry.answer),
            (_, Answer::Nothing) | (Call::Apply(Applied::Timeout), Answer::Accepted)
        );
        let is_event = matches!(entry.call, Call::Event) && !is_idle;
        self.replayed.events += u64::from(is_event);
        let text = format!("{} → {}", entry.call_in_words(self.version), entry.answer_in_words(details));
        let is_idle = is_idle && entry.wants.is_none();
        if !is_idle {
            if self.before.len() == BEFORE_MAX {
                self.before.pop_front();
            }
            self.before.push_back(format!("{:?} {text}", entry.at));
        }
        let number = self.replayed.entries;
        self.replayed.entries += 1;
        Step { entry: number, at: entry.at, offset, is_idle, text }
    }

    fn difference(&mut self, offset: usize, entry: &Entry<'_>, found: &[u8], details: &str) -> Difference {
        let (mut rest, mut now) = (found, Instant::ORIGIN);
        let mut answer = String::new();
        while let Ok(found) = Entry::take(&mut rest, &mut now) {
            answer = found.answer_in_words(details);
        }
        Difference {
            entry: self.replayed.entries,
            offset,
            at: entry.at,
            call: entry.call_in_words(self.version),
            expected: entry.answer_in_words(""),
            found: answer,
            before: self.before.drain(..).collect(),
        }
    }
}

/// Why a call was not made.
enum Undone {
    CutOff,
    Obscured,
    Malformed,
}

/// The input that was logged; none if no recorder writes that.
fn input<'a>(applied: &Applied<'a>, receipts: &Receipts) -> Option<Input<'a>> {
    let ticket = Ticket::from_number;
    let receipt = |number| receipts.get(number);
    Some(match applied {
        Applied::Opened => Input::Opened,
        Applied::Written => Input::Written,
        Applied::Unread => Input::Unread,
        Applied::Closed(cause) => Input::Closed(*CAUSES.get(*cause)?),
        Applied::Timeout => Input::Timeout,
        Applied::SetTimeout(number, timeout) => {
            Input::SetTimeout { ticket: ticket(*number)?, timeout: *timeout }
        }
        Applied::Withdraw(number) => Input::Withdraw(ticket(*number)?),
        Applied::Acknowledge(number, reason) => {
            Input::Acknowledge { receipt: receipt(*number)?, reason: *reason }
        }
        Applied::Leave(number) => Input::Leave(receipt(*number)?),
        Applied::FetchLeft => Input::FetchLeft,
        Applied::Abandon(filter) => Input::Abandon(TopicFilter::new(filter).ok()?),
        Applied::Retry(number) => Input::Retry(ticket(*number)?),
        Applied::GiveUp(number) => Input::GiveUp(ticket(*number)?),
        Applied::SetCredentials(credentials) => Input::SetCredentials(credentials.clone()),
        Applied::Authenticate(number, answer) => {
            Input::Authenticate { step: AuthStep::from_number(*number), answer: answer.clone() }
        }
    })
}

/// All bytes from the server. Those of a packet stand in the log once it was whole, behind the calls that brought
/// its beginning.
fn stream(mut log: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Ok(entry) = Entry::take(&mut log, &mut Instant::default()) {
        if let Call::Bytes(Arrival { stored: bytes, .. }) | Call::Rest(bytes) = entry.call {
            stream.extend(bytes.0);
        }
    }
    stream
}

#[cfg(test)]
mod tests;
