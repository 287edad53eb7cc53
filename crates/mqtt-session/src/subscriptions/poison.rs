//! Requests that were under way whenever a connection broke: found out one by one, and set aside.

use alloc::vec::Vec;

use mqtt_proto::PacketKind;

use super::Subscriptions;
use super::request::{Change, Request};
use crate::config::Config;
use crate::error::{Indeterminate, OfflineCause};
use crate::event::{Event, Evidence, Outcome, Ticket};
use crate::events::Events;
use crate::record::Record;

impl Subscriptions {
    /// Whether nothing else is to be sent: a request is repeated alone, or is the next to be.
    pub(crate) fn wants_quiet(&self, config: &Config) -> bool {
        self.isolated.is_some() || self.queue.front().is_some_and(|first| config.is_suspect(first.strikes))
    }

    /// Requests sent and not answered.
    pub(crate) fn outstanding(&self) -> usize {
        self.sent.len()
    }

    /// A connection ended abruptly: a strike for all that was under way on it.
    pub(crate) fn strike(&mut self, limit: u8, cause: OfflineCause, was_alone: bool, events: &mut Events) {
        let Subscriptions { sent, aside, .. } = self;
        for (_, requests) in sent {
            for request in requests.iter_mut() {
                request.strikes = request.strikes.saturating_add(1);
            }
            let (over, left) =
                core::mem::take(requests).into_iter().partition(|request| request.strikes >= limit);
            *requests = left;
            for request in Vec::<Request>::into_iter(over) {
                let packet =
                    if request.is_subscribe() { PacketKind::Subscribe } else { PacketKind::Unsubscribe };
                let evidence = Evidence { packet, closes: request.strikes, last_cause: cause, was_alone };
                events.push(Event::SetAside { ticket: request.change.ticket(), evidence });
                aside.push(request);
            }
        }
    }

    /// A connection ended in good order: nobody is suspected any more.
    pub(crate) fn acquit(&mut self) {
        let sent = self.sent.iter_mut().flat_map(|(_, requests)| requests);
        sent.chain(&mut self.queue).for_each(|request| request.strikes = 0);
    }

    pub(crate) fn is_aside(&self, ticket: Ticket) -> bool {
        self.aside.iter().any(|request| self.waits_for(request, ticket))
    }

    /// A request that was set aside goes out again, free of suspicion; false if it was not set aside.
    pub(crate) fn retry(&mut self, ticket: Ticket) -> bool {
        let Some(index) = self.aside.iter().position(|request| self.waits_for(request, ticket)) else {
            return false;
        };
        let mut request = self.aside.remove(index);
        request.strikes = 0;
        self.queue.push_front(request);
        true
    }

    /// A request that was set aside is dropped, and its filter with it; false if it was not set aside.
    pub(crate) fn give_up(&mut self, ticket: Ticket, events: &mut Events) -> bool {
        let Some(index) = self.aside.iter().position(|request| self.waits_for(request, ticket)) else {
            return false;
        };
        let request = self.aside.remove(index);
        self.end_request(&request, Outcome::Indeterminate(Indeterminate::GivenUp), events);
        true
    }

    /// A later request for that filter takes the place of one that is set aside.
    pub(super) fn supersede_aside(&mut self, filter: &str, events: &mut Events) {
        let (superseded, left) =
            core::mem::take(&mut self.aside).into_iter().partition(|request| request.filter == filter);
        self.aside = left;
        for request in Vec::<Request>::into_iter(superseded) {
            if let Change::Unsubscribe { ticket } = request.change {
                events.record(Record::Unsubscribed { ticket });
                events.end(ticket, Outcome::Indeterminate(Indeterminate::GivenUp));
            }
        }
    }

    /// The client stops: suspects go out with the next connection.
    pub(super) fn restore_aside(&mut self) {
        for mut request in core::mem::take(&mut self.aside).into_iter().rev() {
            request.strikes = 0;
            self.queue.push_front(request);
        }
    }

    /// Whether somebody who has that ticket waits for this request.
    fn waits_for(&self, request: &Request, ticket: Ticket) -> bool {
        match request.change {
            Change::Unsubscribe { ticket: own } => own == ticket,
            // An earlier request for the same filter ends with the last one.
            Change::Subscribe { order } => {
                let id = self.filters.get(request.filter());
                let wanted = id.and_then(|id| self.wanted.get(id.index())?.as_ref());
                wanted.is_some_and(|wanted| {
                    wanted.order == order && (order == ticket || wanted.tickets.contains(&ticket))
                })
            }
        }
    }
}
