//! Entries in words, for whoever reads where two builds differ.

use core::fmt;

use mqtt_proto::PacketKind;
use mqtt_session::Transport;

use crate::command::{Message, Order};
use crate::entry::{Answer, Call, Level};

impl fmt::Display for Order<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Connect => f.write_str("connect"),
            Order::Publish(message) => write!(f, "publish {message}"),
            Order::Request(message) => write!(f, "request {message}"),
            Order::Subscribe(subscribe) => {
                write!(f, "subscribe {:?} {}", subscribe.filter.as_str(), subscribe.options.qos)
            }
            Order::Unsubscribe(filter) => write!(f, "unsubscribe {:?}", filter.as_str()),
            Order::Reauthenticate => f.write_str("reauthenticate"),
            Order::Disconnect(disconnect) => write!(f, "disconnect within {:?}", disconnect.drain),
        }
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} QoS {} {} bytes", self.topic.as_str(), self.qos.bits(), self.payload.len())
    }
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Submit(order) => write!(f, "{order}"),
            Call::SetCredentials(_) => f.write_str("set credentials"),
            Call::AnswerAuthentication { step, answer } => {
                write!(f, "answer step {step} of the authentication: {answer:?}")
            }
            Call::Acknowledge { receipt } => write!(f, "acknowledge message {receipt}"),
            Call::AcknowledgeWith { receipt, reason } => {
                write!(f, "acknowledge message {receipt} with {reason}")
            }
            Call::Leave { receipt } => write!(f, "leave message {receipt}, for which there is no room"),
            Call::FetchLeft => f.write_str("fetch what was left"),
            Call::Unread => f.write_str("the link is left unread"),
            Call::AbandonSubscription(filter) => write!(f, "abandon {:?}", filter.as_str()),
            Call::SetTimeout { ticket, timeout } => write!(f, "bound ticket {ticket} by {timeout:?}"),
            Call::Retry { ticket } => write!(f, "retry ticket {ticket}"),
            Call::GiveUp { ticket } => write!(f, "give ticket {ticket} up"),
            Call::Opened => f.write_str("the link is open"),
            Call::Input { len, .. } => write!(f, "{len} bytes come"),
            Call::Written => f.write_str("the link has taken some bytes"),
            Call::Closed(cause) => write!(f, "the link is closed: {cause}"),
            Call::Timeout => f.write_str("time has passed"),
            Call::Transmit { .. } => f.write_str("what is to be sent?"),
            Call::Event => f.write_str("what is new?"),
            Call::Rest(bytes) => write!(f, "{} bytes of an unfinished packet", bytes.len()),
            Call::Obscured => f.write_str("what follows was not recorded"),
            Call::End => f.write_str("the end"),
        }
    }
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Nothing => f.write_str("done"),
            Answer::Ticket(ticket) => write!(f, "ticket {ticket}"),
            Answer::Accepted => f.write_str("accepted"),
            Answer::Refused(reason) => write!(f, "refused, {reason}"),
            Answer::Bool(answer) => write!(f, "{answer}"),
            Answer::Left(len) => write!(f, "{len} bytes are left"),
            Answer::Sent { packets, .. } if packets.is_empty() => f.write_str("nothing"),
            Answer::Sent { packets, digest } => {
                for (first, size) in packets {
                    let name = PacketKind::from_first_byte(*first).map_or("?", PacketKind::name);
                    write!(f, "{name} of {size} bytes, ")?;
                }
                write!(f, "digest {digest:016x}")
            }
            Answer::NoEvent => f.write_str("nothing"),
            Answer::Message { ticket: None, digest } => write!(f, "a message, digest {digest:016x}"),
            Answer::Message { ticket: Some(ticket), digest } => {
                write!(f, "a response to ticket {ticket}, digest {digest:016x}")
            }
            Answer::Done { ticket, reason } => write!(f, "ticket {ticket} is done: {reason}"),
            Answer::Ended { ticket, text } => write!(f, "ticket {ticket} has ended: {text}"),
            Answer::News(text) => f.write_str(text),
            Answer::Counted { digest } => write!(f, "counters with digest {digest:016x}"),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Closed => f.write_str("wants no link"),
            Transport::Flush => f.write_str("wants the link flushed"),
            Transport::Open { attempt } => write!(f, "wants link {attempt}"),
        }?;
        match self.timeout {
            None => f.write_str(" and no call"),
            Some(at) => write!(f, " and a call at {at:?}"),
        }
    }
}
