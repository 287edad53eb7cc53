//! Waits of one task, with one timer for deadlines that move with every packet.

use std::future::{Future, poll_fn};
use std::task::{Context, Poll};

use mqtt_client::Instant;

use crate::runtime::{Interest, Readiness, Timer};

/// What one task waits with.
///
/// A deadline that moves away leaves the timer where it is: it is due early, which changes nothing, and the runtime's
/// timer is not touched for every packet.
#[derive(Debug)]
pub struct Waiter<T> {
    timer: T,
    set_to: Option<Instant>,
}

impl<T: Timer> Waiter<T> {
    /// A waiter with that timer, which is not set.
    pub fn new(timer: T) -> Waiter<T> {
        Waiter { timer, set_to: None }
    }

    /// Ready once the deadline has passed, or an earlier one that was waited for before.
    pub fn poll(&mut self, deadline: Option<Instant>, context: &mut Context<'_>) -> Poll<()> {
        match (deadline, self.set_to) {
            (None, None) => return Poll::Pending,
            (Some(deadline), set_to) if set_to.is_none_or(|set_to| deadline < set_to) => {
                self.timer.set(deadline);
                self.set_to = Some(deadline);
            }
            (Some(_) | None, _) => {}
        }
        let is_due = self.timer.poll(context);
        if is_due.is_ready() {
            self.set_to = None;
        }
        is_due
    }

    /// Waits until `is_woken` says so, or the deadline has passed, or an earlier one that was waited for before.
    ///
    /// `is_woken` is asked whenever the task is woken, and sees to it that the task is woken when its answer may change.
    pub fn wait(
        &mut self,
        deadline: Option<Instant>,
        mut is_woken: impl FnMut(&mut Context<'_>) -> bool,
    ) -> impl Future<Output = ()> {
        self.wait_until(deadline, move |context| if is_woken(context) { Ok(()) } else { Err(None) })
    }

    /// Waits for a socket, too.
    pub fn wait_for<S: Readiness>(
        &mut self,
        socket: &S,
        interest: Interest,
        deadline: Option<Instant>,
        mut is_woken: impl FnMut(&mut Context<'_>) -> bool,
    ) -> impl Future<Output = ()> {
        self.wait_until(deadline, move |context| {
            // Both are asked, so that each knows whom to wake.
            let is_over = is_woken(context) | socket.is_ready(interest, context);
            if is_over { Ok(()) } else { Err(socket.ready_at()) }
        })
    }

    /// `look` says that the wait is over, or when it may be by the clock. A timer that is not needed is not polled.
    fn wait_until(
        &mut self,
        deadline: Option<Instant>,
        mut look: impl FnMut(&mut Context<'_>) -> Result<(), Option<Instant>>,
    ) -> impl Future<Output = ()> {
        let (mut is_first, mut is_over) = (true, false);
        poll_fn(move |context| {
            is_over = is_over
                || match look(context) {
                    Ok(()) => true,
                    Err(next) => self.poll(deadline.into_iter().chain(next).min(), context).is_ready(),
                };
            let yields = T::YIELDS_BEFORE_WAIT && std::mem::replace(&mut is_first, false);
            match (is_over, yields) {
                (true, false) => return Poll::Ready(()),
                (true, true) => context.waker().wake_by_ref(),
                (false, _) => {}
            }
            Poll::Pending
        })
    }
}

#[cfg(test)]
mod tests;
