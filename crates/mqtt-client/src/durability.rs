//! What an application says about its store, and what it learns of messages that have a key.

use mqtt_proto::ReasonCode;
use mqtt_session::Outcome;
use thiserror::Error;

/// What a client does when its store fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFailure {
    /// It goes offline and stays so: nothing is accepted that could be lost. What was stored is there when it starts
    /// anew.
    #[default]
    Stop,
    /// It goes on without the store: from then on what it has accepted is lost if the program ends.
    GoOn,
}

/// How a message has ended that has a key, also in an earlier program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The server has it; the reason code says whether there were subscribers.
    Done(ReasonCode),
    /// It took no effect, for certain: why, in words.
    Rejected(String),
    /// It cannot be known whether it has arrived: why, in words.
    Indeterminate(String),
}

/// Why a key was not accepted; nothing of the message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Another message has it, or had it and was not forgotten.
    #[error("another message has this key; look it up by `publication`, and `forget` it once it has ended")]
    InUse,
    /// With QoS 0 nothing is stored.
    #[error("a message with a key needs QoS 1 or 2")]
    NeedsQoS1,
    /// As many keys are in use as messages may wait.
    #[error("{keys_max} keys are in use; `forget` those of messages that have ended")]
    TooMany {
        /// The bound: `queue_messages_max`.
        keys_max: usize,
    },
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Ended {
        match outcome {
            Outcome::Done(reason) => Ended::Done(reason),
            Outcome::Rejected(why) => Ended::Rejected(why.to_string()),
            Outcome::Indeterminate(why) => Ended::Indeterminate(why.to_string()),
        }
    }
}
