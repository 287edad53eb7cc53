//! Events for the application, records for the store, and until when operations may take.
//!
//! Every operation ends here, exactly once, and with it its deadline. Operations that succeed one after the other
//! are kept as one run, since under load they are most of all events.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use mqtt_parts::{Deadlines, PacketIds};
use mqtt_proto::ReasonCode;

use crate::event::{Event, Outcome, Ticket};
use crate::journal::Journal;
use crate::lazy::{Lazy, unused};
use crate::record::Record;
use crate::stats::Counters;

/// Events in their order.
#[derive(Debug)]
pub(crate) struct Events {
    queue: VecDeque<Queued>,
    /// Of operations that have not ended.
    pub(crate) deadlines: Lazy<Deadlines<Ticket>>,
    /// What has to be remembered, if anything has.
    journal: Option<Box<Journal>>,
    /// Identifiers of messages and requests that have not ended.
    pub(crate) ids: PacketIds,
    pub(crate) counters: Counters,
}

#[derive(Debug)]
enum Queued {
    Event(Event),
    /// The tickets from `next` to `last` have ended with success.
    Done {
        next: Ticket,
        last: Ticket,
    },
}

unused!(Deadlines<Ticket>, Deadlines::new());

impl Events {
    pub(crate) fn new() -> Events {
        Events {
            queue: VecDeque::with_capacity(FIRST_CAPACITY),
            deadlines: Lazy::new(),
            journal: None,
            ids: PacketIds::new(),
            counters: Counters::default(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, event: Event) {
        self.queue.push_back(Queued::Event(event));
    }

    /// An operation has ended.
    #[inline]
    pub(crate) fn end(&mut self, ticket: Ticket, outcome: Outcome) {
        if let Some(deadlines) = self.deadlines.get_mut() {
            deadlines.remove(ticket);
        }
        if outcome != DONE {
            return self.push(Event::Ended { ticket, outcome });
        }
        match self.queue.back_mut() {
            Some(Queued::Done { last, .. }) if last.next() == ticket => *last = ticket,
            _ => self.queue.push_back(Queued::Done { next: ticket, last: ticket }),
        }
    }

    pub(crate) fn end_all(&mut self, tickets: impl IntoIterator<Item = Ticket>, outcome: Outcome) {
        tickets.into_iter().for_each(|ticket| self.end(ticket, outcome));
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Event> {
        match self.queue.front_mut()? {
            Queued::Done { next, last } => {
                let ticket = *next;
                if next == last {
                    self.queue.pop_front();
                } else {
                    *next = ticket.next();
                }
                Some(Event::Ended { ticket, outcome: DONE })
            }
            Queued::Event(_) => match self.queue.pop_front()? {
                Queued::Event(event) => Some(event),
                Queued::Done { .. } => None,
            },
        }
    }

    /// Forgets all that was to be reported.
    pub(crate) fn discard(&mut self) {
        self.queue.clear();
    }

    /// What has to be remembered is recorded from now on.
    pub(crate) fn keep_journal(&mut self, journal: Box<Journal>) {
        self.journal = Some(journal);
    }

    pub(crate) fn stop_journal(&mut self) -> Option<Box<Journal>> {
        self.journal.take()
    }

    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.journal.as_deref()
    }

    pub(crate) fn journal_mut(&mut self) -> Option<&mut Journal> {
        self.journal.as_deref_mut()
    }

    /// Records a change, if a journal is kept.
    #[inline]
    pub(crate) fn record(&mut self, record: Record<'_>) {
        if let Some(journal) = &mut self.journal {
            journal.record(&record);
        }
    }
}

/// Room for the first events, which is all that a quiet session needs: that it is online, and how it came to be.
const FIRST_CAPACITY: usize = 2;

/// How most operations end.
pub(crate) const DONE: Outcome = Outcome::Done(ReasonCode::Success);
