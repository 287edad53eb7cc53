//! What an earlier set of subscriptions has recorded, done once more.

use mqtt_proto::{ReasonCode, TopicFilter};

use super::answers::granted_qos;
use super::request::Change;
use super::{SubscriptionStatus, Subscriptions};
use crate::event::Ticket;

impl Subscriptions {
    /// The server has answered the request of that ticket.
    pub(crate) fn rebuild_granted(&mut self, ticket: Ticket, code: ReasonCode, filter: TopicFilter<'_>) {
        let Some(wanted) = self.wanted_mut(filter).filter(|wanted| wanted.order == ticket) else { return };
        let status = granted_qos(code).map_or(SubscriptionStatus::Refused(code), SubscriptionStatus::Granted);
        wanted.status = status;
        wanted.tickets.clear();
        self.pending -= 1;
        self.forget_request(|change| matches!(change, Change::Subscribe { order } if order == ticket));
    }

    /// The request of that ticket is over.
    pub(crate) fn rebuild_unsubscribed(&mut self, ticket: Ticket) {
        self.forget_request(|change| matches!(change, Change::Unsubscribe { ticket: own } if own == ticket));
    }

    fn forget_request(&mut self, is_meant: impl Fn(Change) -> bool) {
        if let Some(index) = self.queue.iter().position(|request| is_meant(request.change)) {
            self.queue.remove(index);
        }
    }

    /// A filter that the server's terms rule out is not wanted any more.
    pub(crate) fn rebuild_dropped(&mut self, filter: TopicFilter<'_>) {
        self.remove(filter);
    }

    /// Nobody waits for the answer to a request any more.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        for wanted in self.wanted.iter_mut().flatten() {
            wanted.tickets.retain(|waiting| *waiting != ticket);
        }
    }
}
