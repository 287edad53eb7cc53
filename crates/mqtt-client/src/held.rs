//! A message whose acknowledgement is still owed.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use mqtt_proto::ReasonCode;
use mqtt_session::{Message, RefusedReason};

use crate::routes::{Hold, Taken};
use crate::shared::Shared;

/// A message that is acknowledged when this is dropped, or when it is said what became of it.
///
/// Acknowledgements go out in the order in which the messages arrived, so one that is held back holds back those of
/// later messages. Without QoS there is nothing to acknowledge, and nothing happens.
///
/// ```no_run
/// # async fn example(mut jobs: mqtt_client::Subscription) -> Result<(), mqtt_client::RefusedReason> {
/// while let Some(mut job) = jobs.next_held().await {
///     if job.payload().is_empty() {
///         job.refuse(mqtt_client::ReasonCode::PayloadFormatInvalid)?;
///         continue;
///     }
///     // Work; the end of the scope acknowledges.
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it acknowledges the message"]
pub struct Held {
    shared: Arc<Shared>,
    message: Message,
    /// None once the acknowledgement is settled.
    hold: Option<Hold>,
}

impl Held {
    pub(crate) fn new(shared: Arc<Shared>, taken: Taken) -> Held {
        Held { shared, message: taken.message, hold: Some(taken.hold) }
    }

    /// Acknowledges the message now and gives it away.
    pub fn acknowledge(mut self) -> Message {
        self.settle(ReasonCode::Success);
        self.message.clone()
    }

    /// 5.0: tells the server that the message was refused, and why; the code is 0x80 or above.
    ///
    /// If others hold the message too, the first refusal goes out when all have let it go. Fails if PUBACK or
    /// PUBREC has no such code, or before 5.0, which has none at all; then the message is still held.
    /// [5.0 MQTT-3.4.2-1] [5.0 MQTT-3.5.2-1]
    pub fn refuse(&mut self, reason: ReasonCode) -> Result<(), RefusedReason> {
        if let Some(receipt) = self.message.receipt() {
            self.shared.lock().session.check_acknowledgement(receipt, reason)?;
        }
        self.settle(reason);
        Ok(())
    }

    /// Leaves the message unacknowledged: the server sends it again on the next connection of the session.
    ///
    /// Later messages cannot be acknowledged on this connection any more, and at most `receive_maximum` of them
    /// arrive.
    pub fn leave(mut self) -> Message {
        self.hold = None;
        self.message.clone()
    }

    fn settle(&mut self, reason: ReasonCode) {
        let Some(hold) = self.hold.take() else { return };
        let mut state = self.shared.lock();
        let Some((receipt, reason)) = state.routes.release(hold, reason) else { return };
        // It was checked; a receipt of a lost connection changes nothing.
        let _ = state.session.acknowledge_with(receipt, reason);
        self.shared.release(state);
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
        self.settle(ReasonCode::Success);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.message).finish()
    }
}
