//! What a stream waits for, as facts and in words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mqtt_session::{Status, SubscriptionStatus};

/// What a stream has and waits for; `Display` gives a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamExplanation {
    /// Its filter.
    pub filter: Arc<str>,
    /// Status of its subscription; none if the client has none for the filter any more.
    pub status: Option<SubscriptionStatus>,
    /// Status of the connection.
    pub connection: Status,
    /// Messages that wait in it to be taken.
    pub waiting: usize,
    /// QoS 1 and 2 messages of all streams and callbacks that arrived on this connection and are not acknowledged.
    pub unacknowledged: usize,
    /// The oldest of them; acknowledgements go out in the order of arrival.
    pub oldest: Option<OldestUnacknowledged>,
}

/// The oldest message that is not acknowledged, which holds back the acknowledgements of all others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OldestUnacknowledged {
    /// Filter of the stream or callback that has not taken it; none if nobody has claimed it, or `receive` has not.
    pub filter: Option<Arc<str>>,
    /// Its topic.
    pub topic: Arc<str>,
    /// How long ago it arrived.
    pub age: Duration,
}

impl fmt::Display for StreamExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(SubscriptionStatus::Wanted) => f.write_str("to be subscribed")?,
            Some(SubscriptionStatus::Pending) => f.write_str("the server's SUBACK is awaited")?,
            Some(SubscriptionStatus::Granted(qos)) => write!(f, "granted at QoS {}", qos.bits())?,
            Some(SubscriptionStatus::Refused(reason)) => write!(f, "refused by the server: {reason}")?,
            None => f.write_str("not subscribed any more")?,
        }
        if self.connection != Status::Online {
            write!(f, "; {}", self.connection)?;
        }
        write!(f, "; {} messages wait to be taken", self.waiting)?;
        let Some(OldestUnacknowledged { filter, topic, age }) = &self.oldest else { return Ok(()) };
        write!(f, "; {} are not acknowledged, the oldest, {topic:?}, for {age:.1?}", self.unacknowledged)?;
        match filter {
            Some(filter) => write!(f, ", because the taker of {filter:?} has not taken it"),
            None => f.write_str(", because nobody has taken it"),
        }
    }
}
