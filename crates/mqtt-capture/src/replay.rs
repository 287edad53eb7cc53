//! Makes the calls of a log on a fresh session, and compares what this build logs with what stands there.
//!
//! A recorder writes the log once more, and each entry must be the same to the byte: so there is one place that says
//! what an answer is, and nothing that one build logs can be overlooked by another.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::BytesMut;
use mqtt_proto::{Context, Sender, Version, decode, frame_len};
use mqtt_session::{AuthStep, Event, Instant, Session, Ticket, TransmitBuf};

use crate::entry::{Answer, Call, Entries, Entry};
use crate::error::{Difference, ReplayError};
use crate::header::read_header;
use crate::recorder::{OUT_LEN_MAX, Recorder};
use crate::wire::{Fault, Reader};

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
    /// Where the recorder was told that nothing follows.
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
    entries: Entries<'a>,
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
        let mut reader = Reader::new(log, 0);
        let header = read_header(&mut reader)?;
        let entries = Entries { reader, now: Instant::ORIGIN };
        let mut recorder =
            Recorder::with_client_id(&header.config, &header.client_id, header.seed, header.redact);
        if recorder.take() != log[..reader.at()] {
            return Err(ReplayError::Malformed { offset: 0 });
        }
        Ok(Replay {
            log,
            compared_to: reader.at(),
            stream: stream(entries.clone()),
            stream_at: 0,
            entries,
            version: header.config.version,
            session: Session::with_client_id(Arc::new(header.config), header.client_id, header.seed),
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
        Replayed { packets_in: self.recorder.packets_in(), ..self.replayed }
    }

    /// Makes the next call; none at the end.
    pub fn step(&mut self) -> Result<Option<Step>, ReplayError> {
        if self.is_over {
            return Ok(None);
        }
        // After an error there is nothing to go on with.
        self.is_over = true;
        let (offset, since) = (self.entries.reader.at(), self.entries.now);
        let malformed = Err(ReplayError::Malformed { offset });
        let entry = match self.next_call() {
            Ok(entry) => entry,
            Err(Fault::Short) => return Ok(None),
            Err(Fault::Bad) => return malformed,
        };
        let details = match self.perform(&entry) {
            Ok(details) => details,
            Err(Undone::CutOff) => return Ok(None),
            Err(Undone::Obscured) => {
                self.replayed.end = End::Obscured;
                return Ok(None);
            }
            Err(Undone::Malformed) => return malformed,
        };
        let found = self.recorder.take();
        let end = self.entries.reader.at();
        if found != self.log[self.compared_to..end] {
            let difference = self.difference(offset, &entry, &found, since, &details);
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

    /// The next call. What is left of a link stands in front of it and is compared together with it.
    fn next_call(&mut self) -> Result<Entry<'a>, Fault> {
        loop {
            let entry = self.entries.next()?;
            if !matches!(entry.call, Call::Rest(_)) {
                return Ok(entry);
            }
        }
    }

    /// Makes the call, and says in words what came of it that the log does not say.
    fn perform(&mut self, entry: &Entry<'_>) -> Result<String, Undone> {
        let now = entry.at;
        let Replay { recorder, session, .. } = self;
        match &entry.call {
            Call::Submit(order) => drop(recorder.submit(session, now, order.command())),
            Call::SetCredentials(credentials) => {
                _ = recorder.set_credentials(session, credentials.clone());
            }
            Call::AnswerAuthentication { step, answer } => {
                let step = AuthStep::from_number(*step);
                _ = recorder.answer_authentication(session, now, step, answer.clone());
            }
            Call::Acknowledge { receipt } => {
                let receipt = recorder.receipts.get(*receipt).ok_or(Undone::Malformed)?;
                recorder.acknowledge(session, receipt);
            }
            Call::AcknowledgeWith { receipt, reason } => {
                let receipt = recorder.receipts.get(*receipt).ok_or(Undone::Malformed)?;
                _ = recorder.acknowledge_with(session, receipt, *reason);
            }
            Call::Leave { receipt } => {
                let receipt = recorder.receipts.get(*receipt).ok_or(Undone::Malformed)?;
                recorder.leave(session, receipt);
            }
            Call::FetchLeft => recorder.fetch_left(session, now),
            Call::Unread => recorder.handle_unread(session, now),
            Call::AbandonSubscription(filter) => recorder.abandon_subscription(session, *filter),
            Call::SetTimeout { ticket, timeout } => {
                recorder.set_timeout(session, now, named(*ticket)?, *timeout);
            }
            Call::Retry { ticket } => _ = recorder.retry(session, named(*ticket)?),
            Call::GiveUp { ticket } => _ = recorder.give_up(session, named(*ticket)?),
            Call::Opened => recorder.handle_opened(session, now),
            Call::Input { is_continued, len, stored } => {
                self.handle_input(now, *is_continued, *len)?;
                return Ok(packets(stored, self.version, Sender::Server));
            }
            Call::Written => recorder.handle_written(session, now),
            Call::Closed(cause) => recorder.handle_closed(session, now, *cause),
            Call::Timeout => recorder.handle_timeout(session, now),
            Call::Transmit { out_len } => return self.poll_transmit(now, *out_len),
            Call::Event => {
                if let Some(event @ (Event::Message(_) | Event::Response { .. })) =
                    recorder.poll_event(session)
                {
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

    fn handle_input(&mut self, now: Instant, is_continued: bool, len: usize) -> Result<(), Undone> {
        let end = self.stream_at.checked_add(len).ok_or(Undone::Malformed)?;
        let new = self.stream.get(self.stream_at..end).ok_or(Undone::CutOff)?;
        self.stream_at = end;
        if !is_continued {
            self.input.clear();
        }
        self.input.extend_from_slice(new);
        self.recorder.handle_input_after(&mut self.session, now, &mut self.input, is_continued);
        self.replayed.bytes_in += len as u64;
        Ok(())
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
        let is_idle = match &entry.answer {
            Answer::NoEvent => true,
            Answer::Nothing => matches!(entry.call, Call::Timeout),
            Answer::Sent { packets, .. } => {
                self.replayed.packets_out += packets.len() as u64;
                packets.is_empty()
            }
            _ => false,
        };
        let is_event = matches!(entry.call, Call::Event) && !is_idle;
        self.replayed.events += u64::from(is_event);
        let text = format!("{} → {}", entry.call, in_words(entry, details));
        let is_idle = is_idle && entry.level.is_none();
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

    fn difference(
        &mut self,
        offset: usize,
        entry: &Entry<'_>,
        found: &[u8],
        since: Instant,
        details: &str,
    ) -> Difference {
        let mut entries = Entries { reader: Reader::new(found, 0), now: since };
        let mut said = String::new();
        while let Ok(found) = entries.next() {
            said = in_words(&found, details);
        }
        Difference {
            entry: self.replayed.entries,
            offset,
            at: entry.at,
            call: entry.call.to_string(),
            expected: in_words(entry, ""),
            found: said,
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

fn named(ticket: u64) -> Result<Ticket, Undone> {
    Ticket::from_number(ticket).ok_or(Undone::Malformed)
}

/// All bytes from the server. Those of a packet stand in the log once it was whole, behind the calls that brought
/// its beginning.
fn stream(mut entries: Entries<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Ok(entry) = entries.next() {
        if let Call::Input { stored: bytes, .. } | Call::Rest(bytes) = entry.call {
            stream.extend(bytes);
        }
    }
    stream
}

/// What the session answered and wants.
fn in_words(entry: &Entry<'_>, details: &str) -> String {
    let mut text = entry.answer.to_string();
    if !details.is_empty() {
        text = format!("{text} ({details})");
    }
    match entry.level {
        Some(level) => format!("{text}; {level}"),
        None => text,
    }
}

fn packets(bytes: &[u8], version: Version, sender: Sender) -> String {
    let context = Context { version, sender: Some(sender) };
    let mut words = Vec::new();
    let mut rest = bytes;
    while let Ok(Some(len)) = frame_len(rest, u32::MAX) {
        let Some((packet, behind)) = rest.split_at_checked(len) else { break };
        words.push(
            decode(packet, context).map_or_else(|error| error.to_string(), |packet| packet.to_string()),
        );
        rest = behind;
    }
    words.join(", ")
}
