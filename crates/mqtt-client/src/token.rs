//! Tokens: stand for an operation that was accepted, and resolve when it has ended.
//!
//! A token can be awaited, or waited for where threads block. Dropping one cancels nothing.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use mqtt_proto::{QoS, ReasonCode};
use mqtt_session::{
    Explanation, Indeterminate, Input, Instant, Mark, Message, OfflineCause, Outcome, Rejected, Ticket,
};
use mqtt_store::StoreError;

use crate::blocking::{block_on, block_on_for};
use crate::error::{ConnectError, Gone, PublishError, SubscribeError};
use crate::publication::poll_stored;
use crate::shared::Shared;
use crate::state::State;

/// The end of an operation.
#[derive(Debug)]
pub(crate) struct Completion {
    shared: Arc<Shared>,
    ticket: Ticket,
    /// The last record of its acceptance; none without a store.
    mark: Option<Mark>,
}

impl Completion {
    pub(crate) fn new(shared: Arc<Shared>, ticket: Ticket) -> Completion {
        Completion { shared, ticket, mark: None }
    }

    /// Of an operation whose acceptance is stored up to that record.
    pub(crate) fn with_mark(shared: Arc<Shared>, (ticket, mark): (Ticket, Option<Mark>)) -> Completion {
        Completion { shared, ticket, mark }
    }

    /// Why there is no outcome.
    fn gone(&self) -> Gone {
        self.shared.lock().gone.unwrap_or(Gone::Driver)
    }

    fn change(&self, set: impl FnOnce(&mut State, Instant)) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        set(&mut state, now);
        self.shared.release(state);
    }

    /// The outcome, or none if the driver is gone.
    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let ticket = self.ticket;
        self.shared.poll(
            context,
            |state| match state.waiters.outcome(ticket) {
                Some(outcome) => Poll::Ready(Some(outcome)),
                None if state.gone.is_some() => Poll::Ready(None),
                None => Poll::Pending,
            },
            |state| state.waiters.waker(ticket),
        )
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let waker = state.waiters.forget(self.ticket);
        state.responses.remove(&self.ticket);
        drop(state);
        drop(waker);
    }
}

macro_rules! token {
    ($(#[$doc:meta])* $name:ident -> $output:ty, $resolve:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(pub(crate) Completion);

        impl $name {
            /// Waits for the outcome; blocks this thread.
            pub fn wait(self) -> $output {
                block_on(self)
            }

            /// Blocks this thread for as long as `timeout`; the token is handed back if the operation goes on.
            pub fn wait_for(mut self, timeout: Duration) -> Result<$output, Self> {
                match block_on_for(&mut self, timeout) {
                    Some(output) => Ok(output),
                    None => Err(self),
                }
            }

            /// Names the operation, as in events about it.
            pub const fn ticket(&self) -> Ticket {
                self.0.ticket
            }

            /// Why the operation has not ended, and what it waits for; `Display` gives a sentence.
            pub fn explain(&self) -> Explanation {
                self.0.shared.lock().explain(self.0.ticket)
            }
        }

        impl Future for $name {
            type Output = $output;

            fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<$output> {
                self.0.poll(context).map(|outcome| $resolve(&self.0, outcome))
            }
        }
    };
}

token! {
    /// A message that was accepted. Resolves when the server has it: with QoS 0 when it was handed to the
    /// transport, with QoS 1 at its PUBACK, with QoS 2 at its PUBCOMP. The reason code says whether there were subscribers.
    PublishToken -> Result<ReasonCode, PublishError>, publish_result
}

token! {
    /// A connection. Resolves when the server has accepted it, or when the client does not try again.
    ConnectToken -> Result<(), ConnectError>, connect_result
}

token! {
    /// A request that was accepted. Resolves with the response.
    RequestToken -> Result<Message, PublishError>, request_result
}

token! {
    /// A re-authentication. Resolves when both sides have accepted it.
    ReauthenticateToken -> Result<(), ConnectError>, connect_result
}

token! {
    /// A subscription. Resolves with the granted QoS.
    SubscribeToken -> Result<QoS, SubscribeError>, subscribe_result
}

token! {
    /// An unsubscription. Resolves with the server's reason code; in 5.0 it tells whether there was such a subscription,
    /// before it is success.
    UnsubscribeToken -> Result<ReasonCode, SubscribeError>, unsubscribe_result
}

token! {
    /// A disconnection. Resolves when the connection is closed.
    DisconnectToken -> (), |_: &Completion, _: Option<Outcome>| ()
}

impl PublishToken {
    /// Waits until the message is stored: from then on it is sent, and sent again, until the server has it, also if this
    /// program ends. With QoS 0 nothing of the message itself is stored.
    ///
    /// Fails without a store, or if the store has failed.
    pub async fn stored(&self) -> Result<(), StoreError> {
        poll_fn(|context| poll_stored(&self.0.shared, self.0.mark, context)).await
    }

    /// Blocking form of [`PublishToken::stored`].
    pub fn wait_stored(&self) -> Result<(), StoreError> {
        block_on(Box::pin(self.stored()))
    }

    /// Bounds the wait for the acknowledgement, counted from now. With QoS 0 it changes nothing.
    ///
    /// Past it the token resolves to [`PublishError::TimedOut`]: a message that was never sent is withdrawn, one
    /// that was sent may have arrived, and its exchange with the server goes on so that it is not doubled.
    pub fn timeout(self, timeout: Duration) -> PublishToken {
        let ticket = self.0.ticket;
        self.0.change(|state, now| state.session.notify(now, Input::SetTimeout { ticket, timeout }));
        self
    }
}

impl RequestToken {
    /// Bounds the wait for the response, counted from now.
    ///
    /// Past it the token resolves to [`PublishError::TimedOut`]: a request that was never sent is withdrawn, one that
    /// was sent may have been answered; a response that comes later is dropped and counted.
    pub fn timeout(self, timeout: Duration) -> RequestToken {
        let ticket = self.0.ticket;
        self.0.change(|state, now| state.requests.set_deadline(ticket, now + timeout));
        self
    }
}

fn request_result(completion: &Completion, outcome: Option<Outcome>) -> Result<Message, PublishError> {
    publish_result(completion, outcome)?;
    let response = completion.shared.lock().responses.remove(&completion.ticket);
    response.ok_or_else(|| completion.gone().into())
}

fn publish_result(completion: &Completion, outcome: Option<Outcome>) -> Result<ReasonCode, PublishError> {
    match outcome.ok_or_else(|| completion.gone())? {
        Outcome::Done(reason) => Ok(reason),
        Outcome::Rejected(Rejected::TimedOut) => Err(PublishError::TimedOut { withdrawn: true }),
        Outcome::Rejected(why) => Err(PublishError::Rejected(why)),
        Outcome::Indeterminate(Indeterminate::TimedOut) => Err(PublishError::TimedOut { withdrawn: false }),
        Outcome::Indeterminate(why) => Err(PublishError::Indeterminate(why)),
    }
}

fn connect_result(completion: &Completion, outcome: Option<Outcome>) -> Result<(), ConnectError> {
    let cause = match outcome {
        Some(Outcome::Done(_)) => return Ok(()),
        Some(Outcome::Rejected(Rejected::Offline(cause))) => cause,
        Some(Outcome::Rejected(_) | Outcome::Indeterminate(_)) => OfflineCause::Requested,
        None => completion.gone().cause(),
    };
    let shared = &completion.shared;
    Err(shared.connect_error(&shared.lock(), cause))
}

fn subscribe_result(completion: &Completion, outcome: Option<Outcome>) -> Result<QoS, SubscribeError> {
    let granted = unsubscribe_result(completion, outcome)?;
    Ok(QoS::from_bits(granted.byte()).unwrap_or_default())
}

fn unsubscribe_result(
    completion: &Completion,
    outcome: Option<Outcome>,
) -> Result<ReasonCode, SubscribeError> {
    match outcome.ok_or_else(|| completion.gone())? {
        Outcome::Done(reason) => Ok(reason),
        Outcome::Rejected(why) => Err(SubscribeError::Rejected(why)),
        Outcome::Indeterminate(why) => Err(SubscribeError::Indeterminate(why)),
    }
}
