//! What the application should know of messages that it does not get: counted for good, and gathered into events.

use std::sync::Arc;

use mqtt_session::Stats;

use crate::connection_events::ConnectionEvent;

/// Counters, and events that were not told yet.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    events: Vec<ConnectionEvent>,
    dropped: u64,
    left: u64,
    given_up: u64,
    handed_back: u64,
    stalls: u64,
}

/// Events that are gathered at once; what comes after them is added to the last one of its kind.
const GATHERED_MAX: usize = 16;

impl Notices {
    pub(super) fn on_dropped(&mut self) {
        self.dropped += 1;
        self.push(ConnectionEvent::MessagesDropped { count: 1 });
    }

    pub(super) fn on_left(&mut self) {
        self.left += 1;
        self.push(ConnectionEvent::MessagesLeft { count: 1 });
    }

    pub(super) fn on_given_up(&mut self, topic: &str) {
        self.given_up += 1;
        let is_full = self.events.len() >= GATHERED_MAX;
        for event in self.events.iter_mut().rev() {
            match event {
                ConnectionEvent::MessagesGivenUp { topic: last, count } if is_full || **last == *topic => {
                    *count += 1;
                    return;
                }
                _ if is_full => {}
                _ => break,
            }
        }
        self.events.push(ConnectionEvent::MessagesGivenUp { topic: topic.into(), count: 1 });
    }

    pub(super) fn on_handed_back(&mut self, topic: &str) {
        self.handed_back += 1;
        self.push(ConnectionEvent::MessageHandedBack { topic: topic.into() });
    }

    pub(super) fn on_stalled(&mut self, filter: Option<Arc<str>>, topic: Arc<str>, unacknowledged: usize) {
        self.stalls += 1;
        self.push(ConnectionEvent::Stalled { filter, topic, unacknowledged });
    }

    fn push(&mut self, event: ConnectionEvent) {
        if !self.events.last_mut().is_some_and(|last| last.absorb(&event)) {
            self.events.push(event);
        }
    }

    /// The next event to be told.
    pub(crate) fn take(&mut self) -> Vec<ConnectionEvent> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds what is counted here.
    pub(crate) fn count(&self, stats: &mut Stats) {
        stats.messages_dropped = self.dropped;
        stats.messages_left = self.left;
        stats.messages_given_up = self.given_up;
        stats.messages_handed_back = self.handed_back;
        stats.stalls = self.stalls;
    }
}
