//! What the application has yet to be told, and until when operations may take.
//!
//! Every operation ends here, exactly once, and with it its deadline. Messages of QoS 0 that went out one after the
//! other are kept as one run, since under load they are most of what there is to tell.

use alloc::collections::VecDeque;

use mqtt_parts::Instant;
use mqtt_proto::ReasonCode;

use crate::deadlines::Deadlines;
use crate::event::{Event, Outcome, Ticket};
use crate::planted::{self, Planted};

/// Events in their order.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: VecDeque<Told>,
    deadlines: Deadlines,
}

#[derive(Debug)]
enum Told {
    Event(Event),
    /// Messages of QoS 0 that were handed to the transport: the tickets from `next` to `last`.
    Sent {
        next: u64,
        last: u64,
    },
}

impl Events {
    pub(crate) fn push(&mut self, event: Event) {
        self.queue.push_back(Told::Event(event));
    }

    pub(crate) fn end(&mut self, ticket: Ticket, outcome: Outcome) {
        self.deadlines.remove(ticket);
        self.push(Event::Ended { ticket, outcome });
        if planted::is(Planted::EndTwice) {
            self.push(Event::Ended { ticket, outcome });
        }
    }

    pub(crate) fn end_all(&mut self, tickets: impl IntoIterator<Item = Ticket>, outcome: Outcome) {
        tickets.into_iter().for_each(|ticket| self.end(ticket, outcome));
    }

    /// A message of QoS 0 was handed to the transport; it never has a deadline.
    #[inline]
    pub(crate) fn sent(&mut self, ticket: Ticket) {
        match self.queue.back_mut() {
            Some(Told::Sent { last, .. }) if *last + 1 == ticket.get() => *last += 1,
            _ => self.queue.push_back(Told::Sent { next: ticket.get(), last: ticket.get() }),
        }
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Event> {
        if let Some(Told::Sent { next, last }) = self.queue.front_mut() {
            if next < last {
                let ticket = Ticket(*next);
                *next += 1;
                return Some(Event::Ended { ticket, outcome: Outcome::Done(ReasonCode::Success) });
            }
        }
        match self.queue.pop_front()? {
            Told::Event(event) => Some(event),
            Told::Sent { last, .. } => {
                Some(Event::Ended { ticket: Ticket(last), outcome: Outcome::Done(ReasonCode::Success) })
            }
        }
    }

    /// Sets or replaces the deadline of an operation that has not ended.
    pub(crate) fn set_deadline(&mut self, ticket: Ticket, at: Instant) {
        self.deadlines.set(ticket, at);
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// The next operation whose deadline has passed; its deadline is removed.
    pub(crate) fn pop_passed(&mut self, now: Instant) -> Option<Ticket> {
        self.deadlines.pop_passed(now)
    }
}
