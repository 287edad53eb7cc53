//! How takers end: by `unsubscribe`, by being dropped, or because the server refuses the subscription.

use std::collections::VecDeque;
use std::sync::Arc;

use mqtt_proto::{TopicFilter, TopicName};
use mqtt_session::Ticket;

use super::{Env, Routes};
use crate::filters::{Claim, Nobody, StreamId, Taker, has_match};
use crate::waiting::Part;

impl Routes {
    /// The application does not want a filter any more: its takers get what they have, and then nothing. What has
    /// waited for somebody to come for it is given up.
    pub(crate) fn unsubscribe(&mut self, filter: TopicFilter<'_>, env: &mut Env<'_>) {
        for target in self.filters.takers(filter).collect::<Vec<_>>() {
            match target.taker {
                Taker::Stream(id) => self.end_stream(id, env),
                Taker::Callback(id) => {
                    let Some(callback) = self.callbacks.get_mut(&id) else { continue };
                    callback.is_ended = true;
                    if callback.open == 0 {
                        self.callbacks.remove(&id);
                        self.ended_callbacks.push(id);
                    }
                }
                Taker::Receive => {}
            }
        }
        self.filters.unsubscribe(filter);
        let is_meant =
            |topic: &str| TopicName::new(topic).is_ok_and(|topic| has_match(filter.as_str(), topic));
        for part in self.unclaimed.claim(&self.waiting, is_meant) {
            self.orphan(part, env);
        }
    }

    fn end_stream(&mut self, id: StreamId, env: &mut Env<'_>) {
        if let Some(stream) = &mut self.streams[id.0] {
            stream.is_ended = true;
            env.wakers.extend(stream.waker.take());
        }
    }

    /// A stream is dropped. Of a persistent session its unread messages wait for another taker; otherwise the filter is
    /// returned if nobody else takes its messages, to be unsubscribed.
    ///
    /// The waker of the stream goes to `env`, since it is not to be dropped here.
    pub(crate) fn drop_stream(&mut self, id: StreamId, env: &mut Env<'_>) -> Option<Arc<str>> {
        let stream = self.streams[id.0].take()?;
        self.streams_free.push(id.0);
        self.subscribing.remove(&stream.ticket);
        env.wakers.extend(stream.waker);
        let filter = TopicFilter::new(&stream.filter).ok()?;
        let is_persistent = env.session.is_persistent();
        let nobody = if is_persistent { Nobody::Since(env.now) } else { Nobody::Unwanted };
        let was_wanted = self.filters.has_taker(filter, Taker::Stream(id));
        let is_last = was_wanted && self.filters.remove(filter, Taker::Stream(id), nobody);
        let heir = self.filters.first_taker(filter);
        match heir {
            Some(heir) if was_wanted => self.inherit(heir, stream.parts, env),
            Some(_) | None => stream.parts.into_iter().for_each(|part| self.orphan(part, env)),
        }
        (is_last && !is_persistent).then_some(stream.filter)
    }

    /// Another taker of the same filter gets what a stream has not taken, where the order of arrival has it.
    fn inherit(&mut self, heir: Taker, parts: VecDeque<Part>, env: &mut Env<'_>) {
        for part in parts {
            if self.waiting.has_other(part.key) {
                self.waiting.release(part, env.session);
            } else {
                self.waiting.set_taker(part.key, heir);
                self.put(heir, part, env.wakers);
            }
        }
        let waiting = &self.waiting;
        let place = |part: &Part| waiting.sequence(part.key);
        match heir {
            Taker::Stream(id) => {
                let parts = self.streams[id.0].as_mut().map(|stream| stream.parts.make_contiguous());
                parts.into_iter().for_each(|parts| parts.sort_by_key(place));
            }
            Taker::Callback(_) => self.calls.make_contiguous().sort_by_key(|(_, part)| place(part)),
            Taker::Receive => self.received.make_contiguous().sort_by_key(place),
        }
    }

    /// A message has lost its taker: that another one has it is enough. Otherwise it waits for one that comes later.
    pub(super) fn orphan(&mut self, part: Part, env: &mut Env<'_>) {
        if self.waiting.has_other(part.key) {
            self.waiting.release(part, env.session);
            return;
        }
        let mut targets = std::mem::take(&mut self.targets);
        let claim = self.filters.claim(self.waiting.message(part.key), env.session, &mut targets);
        targets.clear();
        self.targets = targets;
        let nobody = match claim {
            // Takers of other filters had no part in it; somebody may come for its own.
            Claim::Takers if !env.session.is_persistent() => Some(Nobody::Unwanted),
            Claim::Takers => Some(Nobody::Since(env.now)),
            Claim::Nobody(nobody) => Some(nobody),
            Claim::Unknown => None,
        };
        self.waiting.clear_taker(part.key);
        match self.unclaimed.deadline(nobody, env.now) {
            Some(until) => self.unclaimed.park(self.waiting.sequence(part.key), until, part),
            None => self.give_up(part, env),
        }
    }

    /// The SUBSCRIBE of a stream has ended; if it failed, nothing more comes.
    pub(crate) fn on_subscribe_ended(&mut self, ticket: Ticket, is_granted: bool, env: &mut Env<'_>) {
        let Some(id) = self.subscribing.remove(&ticket) else { return };
        if !is_granted {
            self.end_stream(id, env);
        }
    }

    /// The server refuses a subscription that it had granted on an earlier connection: nothing more comes.
    pub(crate) fn on_refused(&mut self, filter: &str, env: &mut Env<'_>) {
        let Ok(filter) = TopicFilter::new(filter) else { return };
        for target in self.filters.takers(filter).collect::<Vec<_>>() {
            if let Taker::Stream(id) = target.taker {
                self.end_stream(id, env);
            }
        }
    }
}
