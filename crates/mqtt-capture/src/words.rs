//! Entries in words, for whoever reads where two builds differ.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use mqtt_proto::{Context, PacketKind, Sender, Version, decode, frame_len};
use mqtt_session::{Instant, Transport};

use crate::entry::{Answer, Applied, CAUSES, Call, Entry, Order, Wants};

impl Entry<'_> {
    /// The call.
    pub(crate) fn call_in_words(&self, version: Version) -> String {
        match &self.call {
            Call::Submit(order) => in_words(order, version),
            Call::Unencodable => "a command that has no encoding".into(),
            Call::Apply(Applied::Closed(cause)) if *cause < CAUSES.len() => {
                format!("the link is closed: {}", CAUSES[*cause])
            }
            Call::Apply(applied) => format!("{applied:?}"),
            Call::Bytes(arrival) => format!("{} bytes come", arrival.len),
            Call::Transmit(_) => "what is to be sent?".into(),
            Call::Event => "is there an event?".into(),
            Call::Rest(bytes) => format!("{} bytes of an unfinished packet", bytes.0.len()),
            Call::Obscured => "what follows was not recorded".into(),
            Call::End => "the end".into(),
        }
    }

    /// What the session answered, with details that the log does not hold, and what it wants.
    pub(crate) fn answer_in_words(&self, details: &str) -> String {
        let details = if details.is_empty() { String::new() } else { format!(" ({details})") };
        let wants = self.wants.map_or_else(String::new, |wants| format!("; {wants}"));
        format!("{}{details}{wants}", self.answer)
    }
}

fn in_words(order: &Order<'_>, version: Version) -> String {
    match order {
        Order::Connect => "connect".into(),
        Order::Publish(packet, _) | Order::Subscribe(packet) => {
            format!("submit {}", packets(&packet.0, version, Sender::Client))
        }
        Order::Unsubscribe(filter) => format!("unsubscribe {filter:?}"),
        Order::Reauthenticate => "reauthenticate".into(),
        Order::Disconnect { drain, .. } => format!("disconnect within {drain:?}"),
    }
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Nothing => f.write_str("nothing"),
            Answer::Accepted => f.write_str("accepted"),
            Answer::Ticket(ticket) => write!(f, "ticket {ticket}"),
            Answer::Refused(reason) => write!(f, "refused, {reason}"),
            Answer::Left(len) => write!(f, "{len} bytes are left"),
            Answer::Sent(packets, digest) => {
                for (first, size) in packets {
                    let name = PacketKind::from_first_byte(*first).map_or("?", PacketKind::name);
                    write!(f, "{name} of {size} bytes, ")?;
                }
                write!(f, "digest {digest:016x}")
            }
            Answer::Message(digest) => write!(f, "a message, digest {digest:016x}"),
            Answer::Done(ticket, reason) => write!(f, "ticket {ticket} is done: {reason}"),
            Answer::Event(text, _) => f.write_str(text),
            Answer::Counted(digest) => write!(f, "counters with digest {digest:016x}"),
        }
    }
}

impl fmt::Display for Wants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Closed => f.write_str("wants no link"),
            Transport::Flush => f.write_str("wants the link flushed"),
            Transport::Open { attempt } => write!(f, "wants link {attempt}"),
        }?;
        let timeout = self.timeout.map(Instant::from_micros);
        timeout.map_or(Ok(()), |at| write!(f, ", and a call at {at:?}"))
    }
}

/// The packets that stand one behind the other in `bytes`.
pub(crate) fn packets(bytes: &[u8], version: Version, sender: Sender) -> String {
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
