//! What becomes of subscriptions and requests when a connection, a session, or the client itself ends.

use alloc::vec::Vec;

use super::request::{Kind, Request};
use super::{SubscriptionStatus, Subscriptions, end_unsubscribe, is_pending};
use crate::error::{Indeterminate, Rejected};
use crate::event::Outcome;
use crate::events::{DONE, Events};

impl Subscriptions {
    /// The connection is gone: requests without an answer are to be sent again, in their order.
    pub(crate) fn on_connection_lost(&mut self, events: &mut Events) {
        while let Some((packet_id, requests)) = self.sent.pop_last() {
            events.ids.release(packet_id);
            for request in requests.into_iter().rev() {
                self.queue.push_front(request);
            }
        }
        for wanted in self.wanted.values_mut() {
            if wanted.status == SubscriptionStatus::Pending {
                wanted.status = SubscriptionStatus::Wanted;
            }
        }
    }

    /// The session has ended with its connection: nothing is subscribed there any more.
    pub(crate) fn end_unsubscribes(&mut self, events: &mut Events) {
        self.end_queued_unsubscribes(|_| DONE, events);
    }

    fn end_queued_unsubscribes(&mut self, outcome: impl Fn(&Request) -> Outcome, events: &mut Events) {
        self.queue.retain(|request| {
            let is_ended = request.kind == Kind::Unsubscribe;
            if is_ended {
                end_unsubscribe(request, outcome(request), events);
            }
            !is_ended
        });
    }

    /// The server has no session: nothing is subscribed there, so what is not wanted is done, and the rest is new.
    pub(crate) fn on_session_lost(&mut self, events: &mut Events) {
        self.is_inherited = false;
        self.end_unsubscribes(events);
        self.queue.clear();
        self.ask_again(|status| !matches!(status, SubscriptionStatus::Refused(_)));
    }

    /// Nobody can say whether the server has the session: what it granted is asked for once more, which changes
    /// nothing if it has.
    pub(crate) fn on_session_unknown(&mut self) {
        self.ask_again(|status| matches!(status, SubscriptionStatus::Granted(_)));
    }

    fn ask_again(&mut self, is_meant: impl Fn(SubscriptionStatus) -> bool) {
        let mut asked = Vec::new();
        for (filter, wanted) in &mut self.wanted {
            let is_quarantined = self.quarantined.iter().any(|request| request.ticket == wanted.order);
            if !is_meant(wanted.status) || is_quarantined {
                continue;
            }
            self.pending += usize::from(!is_pending(wanted.status));
            wanted.status = SubscriptionStatus::Wanted;
            asked.push(Request::new(filter, wanted.order, Kind::Subscribe));
        }
        asked.sort_unstable_by_key(|request| request.ticket);
        self.queue.extend(asked);
    }

    /// The client stops for good: what waits for an answer is reported, the wanted set stays.
    pub(crate) fn on_stopped(&mut self, events: &mut Events) {
        self.restore_quarantined();
        self.end_queued_unsubscribes(|request| stopped(request.was_sent), events);
        for wanted in self.wanted.values_mut() {
            let outcome = stopped(core::mem::take(&mut wanted.was_sent));
            for ticket in wanted.tickets.drain(..) {
                events.end(ticket, outcome);
            }
        }
    }
}

fn stopped(was_sent: bool) -> Outcome {
    if was_sent {
        Outcome::Indeterminate(Indeterminate::Disconnected)
    } else {
        Outcome::Rejected(Rejected::Disconnected)
    }
}
