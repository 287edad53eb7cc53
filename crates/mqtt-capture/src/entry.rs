//! One entry of a log: a call, when it was made, what the session answered, and what it wants from then on.

use alloc::vec::Vec;
use core::time::Duration;

use mqtt_proto::{ReasonCode, TopicFilter};
use mqtt_session::{AuthAnswer, Credentials, Instant, OfflineCause, Session, Transport};

use crate::command::{
    Order, read_answer, read_cause, read_credentials, read_filter, read_order, read_reason,
};
use crate::wire::{Fault, Read, Reader, put_i64, put_u64};

/// What an entry is about: the low bits of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Submit,
    SetCredentials,
    AnswerAuthentication,
    Acknowledge,
    AcknowledgeWith,
    AbandonSubscription,
    SetTimeout,
    Retry,
    GiveUp,
    Opened,
    Input,
    Written,
    Closed,
    Timeout,
    Transmit,
    Event,
    Leave,
    FetchLeft,
    Unread,
    /// Bytes of a packet whose rest never came.
    Rest,
    /// What follows was not recorded well enough to be replayed.
    Obscured,
    /// The recorder was told that nothing follows.
    End,
}

const KINDS: [Kind; 22] = [
    Kind::Submit,
    Kind::SetCredentials,
    Kind::AnswerAuthentication,
    Kind::Acknowledge,
    Kind::AcknowledgeWith,
    Kind::AbandonSubscription,
    Kind::SetTimeout,
    Kind::Retry,
    Kind::GiveUp,
    Kind::Opened,
    Kind::Input,
    Kind::Written,
    Kind::Closed,
    Kind::Timeout,
    Kind::Transmit,
    Kind::Event,
    Kind::Leave,
    Kind::FetchLeft,
    Kind::Unread,
    Kind::Rest,
    Kind::Obscured,
    Kind::End,
];

/// Said in the first byte: the time is that of the entry before, or does not matter.
pub(crate) const SAME_TIME: u8 = 0x20;

/// Said in the first byte: the session wants what it wanted before.
pub(crate) const SAME_LEVEL: u8 = 0x40;

const KIND_BITS: u8 = 0x1f;

/// A call with what went into it.
#[derive(Clone, Debug)]
pub(crate) enum Call<'a> {
    Submit(Order<'a>),
    SetCredentials(Option<Credentials>),
    AnswerAuthentication {
        step: u64,
        answer: AuthAnswer,
    },
    /// Receipts are numbered in the order in which they came.
    Acknowledge {
        receipt: u64,
    },
    AcknowledgeWith {
        receipt: u64,
        reason: ReasonCode,
    },
    /// There was no room for the message of that receipt.
    Leave {
        receipt: u64,
    },
    FetchLeft,
    AbandonSubscription(TopicFilter<'a>),
    SetTimeout {
        ticket: u64,
        timeout: Duration,
    },
    Retry {
        ticket: u64,
    },
    GiveUp {
        ticket: u64,
    },
    Opened,
    /// `len` new bytes came, behind what the session had left if `is_continued`. `stored` is what became known of the
    /// stream by that: its packets stand in the log once they are whole.
    Input {
        is_continued: bool,
        len: usize,
        stored: Vec<u8>,
    },
    Written,
    Unread,
    Closed(OfflineCause),
    Timeout,
    Transmit {
        out_len: usize,
    },
    Event,
    Rest(Vec<u8>),
    Obscured,
    End,
}

/// What the session answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer<'a> {
    Nothing,
    Ticket(u64),
    Accepted,
    Refused(&'a str),
    Bool(bool),
    /// Bytes of the input that it left.
    Left(u64),
    /// The first byte and the size of each packet, and a digest of all, masked.
    Sent {
        packets: Vec<(u8, u64)>,
        digest: u64,
    },
    NoEvent,
    Message {
        ticket: Option<u64>,
        digest: u64,
    },
    Done {
        ticket: u64,
        reason: ReasonCode,
    },
    Ended {
        ticket: u64,
        text: &'a str,
    },
    News(&'a str),
    /// A digest of the session's counters.
    Counted {
        digest: u64,
    },
}

/// What the session wants: the link and the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) transport: Transport,
    pub(crate) timeout: Option<Instant>,
}

impl Level {
    pub(crate) fn of(session: &Session) -> Level {
        Level { transport: session.poll_transport(), timeout: session.poll_timeout() }
    }

    pub(crate) fn put(self, out: &mut Vec<u8>, now: Instant) {
        let (tag, attempt) = match self.transport {
            Transport::Closed => (0, None),
            Transport::Flush => (1, None),
            Transport::Open { attempt } => (2, Some(attempt)),
        };
        out.push(tag | u8::from(self.timeout.is_some()) << 2);
        attempt.into_iter().for_each(|attempt| put_u64(out, attempt));
        self.timeout.into_iter().for_each(|at| put_i64(out, difference(at, now)));
    }

    fn read(reader: &mut Reader<'_>, now: Instant) -> Read<Level> {
        let tag = reader.byte()?;
        let transport = match tag & 0b11 {
            0 => Transport::Closed,
            1 => Transport::Flush,
            2 => Transport::Open { attempt: reader.u64()? },
            _ => return Err(Fault::Bad),
        };
        let timeout = match tag >> 2 {
            0 => None,
            1 => Some(later(now, reader.i64()?)),
            _ => return Err(Fault::Bad),
        };
        Ok(Level { transport, timeout })
    }
}

/// Microseconds from one point to another, either way.
pub(crate) fn difference(at: Instant, since: Instant) -> i64 {
    at.as_micros().wrapping_sub(since.as_micros()) as i64
}

fn later(since: Instant, micros: i64) -> Instant {
    Instant::from_micros(since.as_micros().wrapping_add(micros as u64))
}

#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) at: Instant,
    pub(crate) call: Call<'a>,
    pub(crate) answer: Answer<'a>,
    /// None if it is what it was.
    pub(crate) level: Option<Level>,
}

/// The entries of a log, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Entries<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) now: Instant,
}

impl<'a> Entries<'a> {
    pub(crate) fn next(&mut self) -> Read<Entry<'a>> {
        let reader = &mut self.reader;
        let first = reader.byte()?;
        let kind = *KINDS.get(usize::from(first & KIND_BITS)).ok_or(Fault::Bad)?;
        if first & SAME_TIME == 0 {
            self.now = later(self.now, reader.i64()?);
        }
        let call = read_call(reader, kind)?;
        let answer = read_said(reader, kind)?;
        let is_same = first & SAME_LEVEL != 0;
        let level = if is_same { None } else { Some(Level::read(reader, self.now)?) };
        Ok(Entry { at: self.now, call, answer, level })
    }
}

fn read_call<'a>(reader: &mut Reader<'a>, kind: Kind) -> Read<Call<'a>> {
    Ok(match kind {
        Kind::Submit => Call::Submit(read_order(reader)?),
        Kind::SetCredentials => Call::SetCredentials(read_credentials(reader)?),
        Kind::AnswerAuthentication => {
            Call::AnswerAuthentication { step: reader.u64()?, answer: read_answer(reader)? }
        }
        Kind::Acknowledge => Call::Acknowledge { receipt: reader.u64()? },
        Kind::AcknowledgeWith => {
            Call::AcknowledgeWith { receipt: reader.u64()?, reason: read_reason(reader)? }
        }
        Kind::Leave => Call::Leave { receipt: reader.u64()? },
        Kind::FetchLeft => Call::FetchLeft,
        Kind::Unread => Call::Unread,
        Kind::AbandonSubscription => Call::AbandonSubscription(read_filter(reader)?),
        Kind::SetTimeout => Call::SetTimeout { ticket: reader.u64()?, timeout: reader.duration()? },
        Kind::Retry => Call::Retry { ticket: reader.u64()? },
        Kind::GiveUp => Call::GiveUp { ticket: reader.u64()? },
        Kind::Opened => Call::Opened,
        Kind::Input => {
            Call::Input { is_continued: reader.bool()?, len: reader.number()?, stored: reader.masked()? }
        }
        Kind::Written => Call::Written,
        Kind::Closed => Call::Closed(read_cause(reader)?),
        Kind::Timeout => Call::Timeout,
        Kind::Transmit => Call::Transmit { out_len: reader.number()? },
        Kind::Event => Call::Event,
        Kind::Rest => Call::Rest(reader.masked()?),
        Kind::Obscured => Call::Obscured,
        Kind::End => Call::End,
    })
}

fn read_said<'a>(reader: &mut Reader<'a>, kind: Kind) -> Read<Answer<'a>> {
    Ok(match kind {
        Kind::Submit => match reader.u64()? {
            0 => Answer::Refused(reader.text()?),
            ticket => Answer::Ticket(ticket),
        },
        Kind::SetCredentials | Kind::AnswerAuthentication | Kind::AcknowledgeWith => match reader.bool()? {
            true => Answer::Accepted,
            false => Answer::Refused(reader.text()?),
        },
        Kind::Retry | Kind::GiveUp => Answer::Bool(reader.bool()?),
        Kind::Input => Answer::Left(reader.u64()?),
        Kind::Transmit => read_sent(reader)?,
        Kind::Event => read_event(reader)?,
        Kind::Acknowledge
        | Kind::Leave
        | Kind::FetchLeft
        | Kind::Unread
        | Kind::AbandonSubscription
        | Kind::SetTimeout
        | Kind::Opened
        | Kind::Written
        | Kind::Closed
        | Kind::Timeout
        | Kind::Rest
        | Kind::Obscured => Answer::Nothing,
        Kind::End => Answer::Counted { digest: reader.digest()? },
    })
}

fn read_sent<'a>(reader: &mut Reader<'a>) -> Read<Answer<'a>> {
    let mut packets = Vec::new();
    for _ in 0..reader.u64()? {
        packets.push((reader.byte()?, reader.u64()?));
    }
    let digest = if packets.is_empty() { 0 } else { reader.digest()? };
    Ok(Answer::Sent { packets, digest })
}

/// Stand in front of an event in the log.
pub(crate) mod tag {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const MESSAGE: u8 = 1;
    pub(crate) const RESPONSE: u8 = 2;
    pub(crate) const DONE: u8 = 3;
    pub(crate) const ENDED: u8 = 4;
    pub(crate) const NEWS: u8 = 5;
}

fn read_event<'a>(reader: &mut Reader<'a>) -> Read<Answer<'a>> {
    Ok(match reader.byte()? {
        tag::NONE => Answer::NoEvent,
        tag::MESSAGE => Answer::Message { ticket: None, digest: reader.digest()? },
        tag::RESPONSE => Answer::Message { ticket: Some(reader.u64()?), digest: reader.digest()? },
        tag::DONE => Answer::Done { ticket: reader.u64()?, reason: read_reason(reader)? },
        tag::ENDED => Answer::Ended { ticket: reader.u64()?, text: reader.text()? },
        tag::NEWS => {
            let text = reader.text()?;
            // What an authentication asks is no word, but a digest.
            reader.digest()?;
            Answer::News(text)
        }
        _ => return Err(Fault::Bad),
    })
}
