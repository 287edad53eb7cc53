//! Waits until a link is ready, a deadline has passed, or somebody calls.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use mqtt_client::{Instant, SystemClock};
use tokio::time::{Sleep, sleep_until};

use crate::dial::Socket;

/// One timer for deadlines that move with every packet.
///
/// A deadline that moves away leaves the timer where it is: it rings early, which changes nothing, and the runtime's
/// timer is not touched for every packet.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<Instant>,
}

impl Alarm {
    /// Ready once the deadline has passed, or an earlier one.
    pub(crate) fn poll(&mut self, deadline: Option<Instant>, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        if self.armed.is_none_or(|armed| deadline < armed) {
            let at = SystemClock::to_std(deadline).into();
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(at),
                None => self.sleep = Some(Box::pin(sleep_until(at))),
            }
            self.armed = Some(deadline);
        }
        let Some(sleep) = &mut self.sleep else { return Poll::Pending };
        match sleep.as_mut().poll(context) {
            Poll::Ready(()) => {
                self.armed = None;
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// What a link is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready<'a> {
    pub(crate) socket: &'a Socket,
    pub(crate) wants_read: bool,
    pub(crate) wants_write: bool,
}

impl Ready<'_> {
    /// Both are polled, so that each knows whom to wake. What is wrong with a link shows when it is used.
    fn poll(&self, context: &mut Context<'_>) -> bool {
        let readable = self.wants_read && self.socket.poll_read_ready(context).is_ready();
        let writable = self.wants_write && self.socket.poll_write_ready(context).is_ready();
        readable || writable
    }
}

/// Waits until the link is ready, the deadline has passed, or `is_called` is ready.
pub(crate) async fn wait(
    ready: Option<Ready<'_>>,
    alarm: &mut Alarm,
    deadline: Option<Instant>,
    mut is_called: impl FnMut(&mut Context<'_>) -> Poll<()>,
) {
    poll_fn(|context| {
        let called = is_called(context).is_ready();
        let ready = ready.is_some_and(|ready| ready.poll(context));
        let passed = alarm.poll(deadline, context).is_ready();
        if called || ready || passed { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
