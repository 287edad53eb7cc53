//! Everything that can happen to a session, as one type.

use core::time::Duration;

use bytes::BytesMut;
use mqtt_proto::{ReasonCode, TopicFilter};

use crate::authentication::{AuthAnswer, AuthStep};
use crate::command::Command;
use crate::config::Credentials;
use crate::error::OfflineCause;
use crate::event::{Receipt, Ticket};
use crate::journal::Mark;

/// What changes a session: [`crate::Session::apply`] takes one value after the other, and the same values lead to the
/// same session.
///
/// What comes from outside ([`Input::Opened`] to [`Input::StoreLost`]) is never refused, and may come late, early or
/// twice. What the application asks for may be refused; then nothing has changed.
#[derive(Debug)]
pub enum Input<'a> {
    /// The link that [`crate::Transport::Open`] asked for is there. [5.0 MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1]
    Opened,
    /// Bytes came from the link. Whole packets are consumed, the beginning of another one stays in the buffer.
    ///
    /// Messages share the memory of the buffer; nothing is reserved for a packet that is announced.
    Bytes(&'a mut BytesMut),
    /// The link has taken bytes and more wait for it: what waits behind them has not left yet, so that no answer to
    /// it is missed.
    Written,
    /// The link is left unread, because the application has no room for more messages: what the server has said
    /// meanwhile is not seen, so that no answer is missed. Pings of our own go on.
    Unread,
    /// The link is gone, or failed to open. Ignored if there is none.
    Closed(OfflineCause),
    /// Time has passed. Calling early or often changes nothing.
    Timeout,
    /// All records up to that one are stored, as safely as they have to be. What waited for them may be sent.
    Stored(Mark),
    /// No record will be stored any more: what waits for one goes out now, and nothing is recorded from then on.
    StoreLost,

    /// The application has something remembered together with what the session does from now on: it becomes a record,
    /// and bytes that follow it wait until it is stored. A later note of the same key takes its place, and one without
    /// a value forgets it. Refused without a journal, and with a key of more than 65,535 bytes.
    Note {
        /// What it is found by.
        key: &'a [u8],
        /// What is remembered.
        value: &'a [u8],
    },
    /// The application gives a command. An accepted one has a ticket and ends with [`crate::Event::Ended`].
    Submit(&'a Command<'a>),
    /// Bounds the wait for an operation that has not ended: a message that was never sent is withdrawn then, one that
    /// was sent ends as indeterminate. Other operations are not bounded.
    SetTimeout {
        /// Which operation.
        ticket: Ticket,
        /// How long it may take from now on.
        timeout: Duration,
    },
    /// The time of a message is over: one that was never sent ends as [`crate::Rejected::TimedOut`]. Refused if it was
    /// sent, or has ended.
    Withdraw(Ticket),
    /// The application has taken or refused a message; its acknowledgement goes out in the order of arrival.
    ///
    /// A reason of 0x80 and above refuses the message. Before 5.0 there is only success. A receipt of a lost
    /// connection or session changes nothing.
    ///
    /// [5.0 MQTT-3.4.2-1] [5.0 MQTT-3.5.2-1] [5.0 MQTT-4.3.2-4] [5.0 MQTT-4.5.0-2] [3.1.1 MQTT-4.3.2-2]
    /// [3.1.1 MQTT-4.5.0-2]
    Acknowledge {
        /// Of which message.
        receipt: Receipt,
        /// What the acknowledgement says.
        reason: ReasonCode,
    },
    /// The application has no room for a message: it is not acknowledged and comes again on the next connection of
    /// the session. What arrived after it cannot be acknowledged on this connection. See
    /// [`crate::Session::is_stuck`].
    Leave(Receipt),
    /// The server is to send again what was left: the connection ends, and the next one starts at once. Changes
    /// nothing unless [`crate::Session::is_stuck`], or while acknowledgements wait for
    /// [`crate::Session::poll_transmit`].
    FetchLeft,
    /// Drops the subscription to a filter that nobody wants any more, connected or not; nobody waits for the answer.
    /// Where the server has no session, nothing need be sent.
    Abandon(TopicFilter<'a>),
    /// A quarantined operation ([`crate::Event::Quarantined`]) goes out again, free of suspicion.
    Retry(Ticket),
    /// A quarantined operation is dropped: it ends as [`crate::Indeterminate::GivenUp`], and the filter of a
    /// subscription is not wanted any more.
    GiveUp(Ticket),
    /// User name and password of this attempt, if [`crate::Event::CredentialsWanted`] asked for them, and of all that
    /// follow. Refused if they have no encoding.
    SetCredentials(Option<Credentials>),
    /// What the application answers to [`crate::Event::Authentication`].
    ///
    /// Refused if that step is not waited for, if the answer is none to its question, or if it has no encoding. After
    /// [`AuthAnswer::Accept`] what is left of the input is handled by another [`Input::Bytes`]. [5.0 MQTT-4.12.0-3]
    Authenticate {
        /// The question.
        step: AuthStep,
        /// The answer.
        answer: AuthAnswer,
    },
}
