//! A message whose acknowledgement is still owed.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use mqtt_proto::ReasonCode;
use mqtt_session::{Message, SessionRefusal};

use crate::error::ValueError;
use crate::filters::Taker;
use crate::shared::Shared;
use crate::state::Taken;
use crate::waiting::Part;

/// A guard around a message, which is acknowledged when the guard is asked to, and not before.
///
/// Dropping the guard without a decision, by `?`, by a panic or because a task is cancelled, acknowledges nothing: its
/// stream, its callback or `receive` gets the message once more, [`crate::Stats::messages_handed_back`] counts it and
/// [`crate::ConnectionEvent::MessageHandedBack`] reports it. With QoS 0 there is no acknowledgement; the message is
/// handed back just as well.
///
/// Acknowledgements go out in the order in which the messages arrived, so one that is held back holds back those of
/// later messages. [5.0 MQTT-4.6.0-2]
///
/// ```no_run
/// # async fn example(mut jobs: mqtt_client::Subscription) -> Result<(), Box<dyn std::error::Error>> {
/// while let Some(mut job) = jobs.next_held().await {
///     if job.payload().is_empty() {
///         job.refuse(mqtt_client::ReasonCode::PayloadFormatInvalid)?;
///         continue;
///     }
///     let order: u32 = std::str::from_utf8(job.payload())?.parse()?; // an error hands the message back
///     println!("done: {order}");
///     job.acknowledge();
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it hands the message back to its stream"]
pub struct Held {
    shared: Arc<Shared>,
    message: Message,
    /// None once the message was acknowledged, refused or left.
    part: Option<(Taker, Part)>,
}

impl Held {
    pub(crate) fn new(shared: Arc<Shared>, taken: Taken) -> Held {
        Held { shared, message: taken.message, part: Some((taken.taker, taken.part)) }
    }

    /// Acknowledges the message now and returns it.
    pub fn acknowledge(mut self) -> Message {
        self.settle(Some(ReasonCode::Success));
        self.message.clone()
    }

    /// Acknowledges the message and stores a value of the application's own in one step: after a crash either both have
    /// happened or none, so with QoS 2 what the value stands for happens exactly once. [`crate::Client::stored_value`]
    /// returns it. With QoS 1 the message may come again after the value was stored.
    ///
    /// Fails without a store, if other takers hold the message too, or if its stream acknowledges on arrival; then the
    /// message is still held.
    pub fn acknowledge_with(
        &mut self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), ValueError> {
        if let Some((taker, part)) = self.part {
            self.shared.settle_with(taker, part, key.as_ref(), value.as_ref())?;
            self.part = None;
        }
        Ok(())
    }

    /// 5.0: acknowledges the message with a reason code that refuses it, 0x80 or above.
    ///
    /// If others hold the message too, the first refusal goes out when all have let it go. Fails if PUBACK or
    /// PUBREC has no such code, or before 5.0, which has none at all; then the message is still held.
    /// [5.0 MQTT-3.4.2-1] [5.0 MQTT-3.5.2-1]
    pub fn refuse(&mut self, reason: ReasonCode) -> Result<(), SessionRefusal> {
        if let Some(receipt) = self.message.receipt() {
            self.shared.lock().session.check_acknowledgement(receipt, reason)?;
        }
        self.settle(Some(reason));
        Ok(())
    }

    /// Leaves the message unacknowledged: the server sends it again on the next connection of the session.
    ///
    /// Later messages cannot be acknowledged on this connection any more, and at most `receive_maximum` of them
    /// arrive.
    pub fn leave(mut self) -> Message {
        self.settle(None);
        self.message.clone()
    }

    fn settle(&mut self, reason: Option<ReasonCode>) {
        if let Some((taker, part)) = self.part.take() {
            self.shared.settle(taker, part, reason);
        }
    }
}

impl Deref for Held {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((taker, part)) = self.part.take() {
            self.shared.hand_back(taker, part);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.message).finish()
    }
}
