//! What becomes of subscriptions and requests when a connection, a session, or the client itself ends.

use alloc::vec::Vec;

use mqtt_proto::ReasonCode;

use super::request::{Change, Request};
use super::{SubscriptionStatus, Subscriptions, is_pending};
use crate::error::{Indeterminate, Rejected};
use crate::event::Outcome;
use crate::events::Events;
use crate::record::Record;

impl Subscriptions {
    /// The connection is gone: requests without an answer are to be sent again, in their order.
    pub(crate) fn on_connection_lost(&mut self, events: &mut Events) {
        self.isolated = None;
        while let Some((packet_id, requests)) = self.sent.pop_back() {
            events.ids.release(packet_id);
            for request in requests.into_iter().rev() {
                self.queue.push_front(request);
            }
        }
        for wanted in self.wanted.iter_mut().flatten() {
            if wanted.status == SubscriptionStatus::Pending {
                wanted.status = SubscriptionStatus::Wanted;
            }
        }
    }

    /// The session has ended with its connection: nothing is subscribed there any more.
    pub(crate) fn end_unsubscribes(&mut self, events: &mut Events) {
        self.queue.retain(|request| match request.change {
            Change::Subscribe { .. } => true,
            Change::Unsubscribe { ticket } => {
                events.record(Record::Unsubscribed { ticket });
                events.end(ticket, Outcome::Done(ReasonCode::Success));
                false
            }
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
        for (id, filter) in self.filters.iter() {
            let Some(wanted) = self.wanted[id.index()].as_mut() else { continue };
            let is_quarantined =
                self.quarantined.iter().any(|request| request.change.ticket() == wanted.order);
            if !is_meant(wanted.status) || is_quarantined {
                continue;
            }
            self.pending += usize::from(!is_pending(wanted.status));
            wanted.status = SubscriptionStatus::Wanted;
            asked.push((wanted.order, filter));
        }
        asked.sort_unstable();
        let asked = asked.into_iter();
        self.queue.extend(asked.map(|(order, filter)| Request::new(filter, Change::Subscribe { order })));
    }

    /// The client stops for good: what waits for an answer is reported, the wanted set stays.
    pub(crate) fn on_stopped(&mut self, events: &mut Events) {
        self.restore_quarantined();
        self.queue.retain(|request| match request.change {
            Change::Subscribe { .. } => true,
            Change::Unsubscribe { ticket } => {
                events.record(Record::Unsubscribed { ticket });
                events.end(ticket, stopped(request.was_sent));
                false
            }
        });
        for wanted in self.wanted.iter_mut().flatten() {
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
