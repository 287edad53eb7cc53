//! Requests that were under way whenever a connection broke: found out one by one, and quarantined.

use alloc::vec::Vec;

use mqtt_proto::PacketKind;

use super::request::{Kind, Request};
use super::{Subscriptions, end_unsubscribe};
use crate::config::Config;
use crate::error::Indeterminate;
use crate::event::{Event, Outcome, QuarantineReport, Ticket};
use crate::events::Events;

impl Subscriptions {
    /// Whether a suspect was sent alone, and its answer is awaited.
    pub(super) fn is_isolating(&self, config: &Config) -> bool {
        self.sent.first().iter().any(|request| config.is_suspect(request.failures))
    }

    /// Whether nothing else is to be sent: a suspect was sent alone, or is the next to be.
    pub(crate) fn wants_quiet(&self, config: &Config) -> bool {
        self.is_isolating(config) || self.queue.front().is_some_and(|first| config.is_suspect(first.failures))
    }

    /// Requests sent and not answered.
    pub(crate) fn outstanding(&self) -> usize {
        self.sent.len()
    }

    /// A connection ended abruptly: a failure of all that was under way on it.
    pub(crate) fn count_failure(
        &mut self,
        limit: u8,
        report: impl Fn(PacketKind, u8) -> QuarantineReport,
        events: &mut Events,
    ) {
        for requests in self.sent.packets_mut() {
            requests.iter_mut().for_each(|request| request.failures += 1);
            let (over, left) =
                core::mem::take(requests).into_iter().partition(|request| request.failures >= limit);
            *requests = left;
            for request in Vec::<Request>::into_iter(over) {
                let report = report(request.kind.packets().0, request.failures);
                events.push(Event::Quarantined { ticket: request.ticket, report });
                self.quarantined.push(request);
            }
        }
    }

    /// A connection ended in good order: nobody is suspected any more.
    pub(crate) fn clear_suspects(&mut self) {
        self.sent.packets_mut().flatten().chain(&mut self.queue).for_each(|request| request.failures = 0);
    }

    fn take_quarantined(&mut self, ticket: Ticket) -> Option<Request> {
        let index = self.quarantined.iter().position(|request| self.is_awaited(request, ticket))?;
        Some(self.quarantined.remove(index))
    }

    /// A quarantined request goes out again, free of suspicion; false if it is not quarantined.
    pub(crate) fn retry(&mut self, ticket: Ticket) -> bool {
        let request = self.take_quarantined(ticket);
        let is_quarantined = request.is_some();
        request.into_iter().for_each(|request| self.queue.push_front(Request { failures: 0, ..request }));
        is_quarantined
    }

    /// A quarantined request is dropped, and its filter with it; false if it is not quarantined.
    pub(crate) fn drop_quarantined(&mut self, ticket: Ticket, events: &mut Events) -> bool {
        let request = self.take_quarantined(ticket);
        let outcome = Outcome::Indeterminate(Indeterminate::GivenUp);
        request.iter().for_each(|request| self.end_request(request, outcome, events));
        request.is_some()
    }

    /// A later request for that filter takes the place of one that is quarantined.
    pub(super) fn supersede_quarantined(&mut self, filter: &str, events: &mut Events) {
        self.quarantined.retain(|request| {
            let is_superseded = request.filter == filter;
            if is_superseded && request.kind == Kind::Unsubscribe {
                end_unsubscribe(request, Outcome::Indeterminate(Indeterminate::GivenUp), events);
            }
            !is_superseded
        });
    }

    /// The client stops: suspects go out with the next connection.
    pub(super) fn restore_quarantined(&mut self) {
        for request in core::mem::take(&mut self.quarantined).into_iter().rev() {
            self.queue.push_front(Request { failures: 0, ..request });
        }
    }
}
