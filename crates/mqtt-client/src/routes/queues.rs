//! The queues of the takers: what is put in, taken out and handed back, and who is woken.

use std::task::Waker;

use mqtt_proto::ReasonCode;
use mqtt_session::Message;

use super::{Env, Routes};
use crate::filters::{CallbackId, StreamId, Taker};
use crate::machine::Machine;
use crate::waiting::Part;

/// Where a taker's messages wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Stream(StreamId),
    /// For `run`.
    Calls,
    /// For `receive`.
    Received,
}

impl Routes {
    pub(super) fn put(&mut self, taker: Taker, part: Part, wakers: &mut Vec<Waker>) {
        match taker {
            Taker::Stream(id) => {
                let Some(stream) = &mut self.streams[id.0] else { return };
                stream.parts.push_back(part);
                wakers.extend(stream.waker.take());
            }
            Taker::Callback(id) => {
                let Some(callback) = self.callbacks.get_mut(&id) else { return };
                callback.open += 1;
                self.calls.push_back((id, part));
                wakers.extend(self.runners.wake_one());
            }
            Taker::Receive => {
                self.received.push_back(part);
                wakers.extend(self.receivers.wake_one());
            }
        }
    }

    /// The next message of a taker, and for whom it is.
    pub(crate) fn next(&mut self, queue: Queue) -> Option<(Taker, Part)> {
        match queue {
            Queue::Stream(id) => {
                let part = self.streams[id.0].as_mut()?.parts.pop_front()?;
                Some((Taker::Stream(id), part))
            }
            Queue::Calls => self.calls.pop_front().map(|(id, part)| (Taker::Callback(id), part)),
            Queue::Received => self.received.pop_front().map(|part| (Taker::Receive, part)),
        }
    }

    /// Whether a queue has a message.
    pub(crate) fn has_next(&self, queue: Queue) -> bool {
        match queue {
            Queue::Stream(id) => self.waiting_in(id) > 0,
            Queue::Calls => !self.calls.is_empty(),
            Queue::Received => !self.received.is_empty(),
        }
    }

    /// Whether nothing more comes for a taker, apart from what it has.
    pub(crate) fn is_ended(&self, queue: Queue) -> bool {
        match queue {
            Queue::Stream(id) => self.streams[id.0].as_ref().is_none_or(|stream| stream.is_ended),
            Queue::Calls | Queue::Received => false,
        }
    }

    /// The waker of the task that waits for a stream.
    pub(crate) fn stream_waker(&mut self, id: StreamId) -> Option<&mut Option<Waker>> {
        self.streams[id.0].as_mut().map(|stream| &mut stream.waker)
    }

    /// The message is taken for good.
    pub(crate) fn take(&mut self, part: Part, session: &mut Machine) -> Message {
        self.waiting.take(part, session)
    }

    /// The message is taken under a guard.
    pub(crate) fn hold(&mut self, part: Part) -> Message {
        self.waiting.hold(part)
    }

    /// Whether a message is acknowledged as soon as this part of it is settled.
    pub(crate) fn is_alone(&mut self, part: Part) -> bool {
        self.waiting.is_alone(part)
    }

    /// A guard has said what became of its message; without a reason it stays unacknowledged.
    pub(crate) fn settle(
        &mut self,
        taker: Taker,
        part: Part,
        reason: Option<ReasonCode>,
        session: &mut Machine,
    ) {
        self.waiting.settle(part, reason, session);
        self.on_called(taker);
    }

    fn on_called(&mut self, taker: Taker) {
        let Taker::Callback(id) = taker else { return };
        let Some(callback) = self.callbacks.get_mut(&id) else { return };
        callback.open -= 1;
        if callback.is_ended && callback.open == 0 {
            self.callbacks.remove(&id);
            self.ended_callbacks.push(id);
        }
    }

    /// Callbacks that will not be called again.
    pub(crate) fn take_ended_callbacks(&mut self) -> Vec<CallbackId> {
        std::mem::take(&mut self.ended_callbacks)
    }

    /// A guard goes without a word: its message is the next one of its taker again.
    pub(crate) fn hand_back(&mut self, taker: Taker, part: Part, env: &mut Env<'_>) {
        self.notices.on_handed_back(self.waiting.message(part.key).topic());
        self.waiting.hand_back(part);
        match taker {
            Taker::Stream(id) => match &mut self.streams[id.0] {
                Some(stream) => {
                    stream.parts.push_front(part);
                    env.wakers.extend(stream.waker.take());
                }
                None => self.orphan(part, env),
            },
            Taker::Callback(id) => {
                self.calls.push_front((id, part));
                env.wakers.extend(self.runners.wake_one());
            }
            Taker::Receive => {
                self.received.push_front(part);
                env.wakers.extend(self.receivers.wake_one());
            }
        }
    }

    /// Messages that wait in a stream.
    pub(crate) fn waiting_in(&self, id: StreamId) -> usize {
        self.streams[id.0].as_ref().map_or(0, |stream| stream.parts.len())
    }

    /// All who wait for messages; each finds out for itself what has changed.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        let streams = self.streams.iter_mut().flatten().filter_map(|stream| stream.waker.take());
        streams.chain(self.receivers.take_all()).chain(self.runners.take_all()).collect()
    }
}
