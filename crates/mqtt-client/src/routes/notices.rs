//! Messages that the application does not get: counted, and gathered into events.

use std::sync::Arc;

use mqtt_session::Stats;

use crate::connection_events::ConnectionEvent;

/// Counters, and events that are not passed on yet.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    events: Vec<ConnectionEvent>,
    dropped: u64,
    left: u64,
    given_up: u64,
    handed_back: u64,
    stalls: u64,
}

/// Topics with an event of their own at once; messages of further ones are added to the last.
const TOPICS_MAX: usize = 16;

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
        let mut topics = 0;
        let mut last = None;
        for event in &mut self.events {
            let ConnectionEvent::MessagesGivenUp { topic: other, count } = event else { continue };
            if **other == *topic {
                *count += 1;
                return;
            }
            topics += 1;
            last = Some(count);
        }
        match last {
            Some(count) if topics >= TOPICS_MAX => *count += 1,
            Some(_) | None => {
                self.events.push(ConnectionEvent::MessagesGivenUp { topic: topic.into(), count: 1 });
            }
        }
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

    /// The events to be passed on.
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
