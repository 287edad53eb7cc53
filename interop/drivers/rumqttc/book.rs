//! Which packet identifier belongs to which command: the library reports identifiers as packets go out, in order.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use mqtt_conformance::Line;

/// Shared by the thread that reads commands and the one that polls.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    publishes: Kind,
    requests: Kind,
    is_over: bool,
}

#[derive(Default)]
struct Kind {
    /// Commands whose packets have not gone out.
    waiting: VecDeque<u32>,
    under_way: HashMap<u16, u32>,
}

impl Kind {
    /// A packet goes out; one that is repeated is known already.
    fn sent(&mut self, packet_id: u16) -> Option<u32> {
        match self.under_way.get(&packet_id) {
            Some(id) => Some(*id),
            None => {
                let id = self.waiting.pop_front()?;
                if packet_id != 0 {
                    self.under_way.insert(packet_id, id);
                }
                Some(id)
            }
        }
    }
}

impl Book {
    fn with<T>(&self, change: impl FnOnce(&mut Pages) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn publish(&self, id: u32) {
        self.with(|pages| pages.publishes.waiting.push_back(id));
    }

    pub(crate) fn request(&self, id: u32) {
        self.with(|pages| pages.requests.waiting.push_back(id));
    }

    /// The library has refused what was entered last.
    pub(crate) fn unpublish(&self) {
        self.with(|pages| pages.publishes.waiting.pop_back());
    }

    pub(crate) fn unrequest(&self) {
        self.with(|pages| pages.requests.waiting.pop_back());
    }

    pub(crate) fn publish_sent(&self, packet_id: u16) {
        let id = self.with(|pages| pages.publishes.sent(packet_id));
        if packet_id == 0 {
            // QoS 0 is done when it is sent.
            id.into_iter().for_each(|id| say(&Line::new("published").with("id", id).with("reason", 0)));
        }
    }

    pub(crate) fn request_sent(&self, packet_id: u16) {
        self.with(|pages| pages.requests.sent(packet_id));
    }

    pub(crate) fn published(&self, packet_id: u16, reason: u8) {
        if let Some(id) = self.with(|pages| pages.publishes.under_way.remove(&packet_id)) {
            say(&Line::new("published").with("id", id).with("reason", reason));
        }
    }

    pub(crate) fn answered(&self, name: &str, packet_id: u16, reason: u8) {
        if let Some(id) = self.with(|pages| pages.requests.under_way.remove(&packet_id)) {
            say(&Line::new(name).with("id", id).with("reason", reason));
        }
    }

    /// The program has disconnected: the next error is the end.
    pub(crate) fn end(&self) {
        self.with(|pages| pages.is_over = true);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.with(|pages| pages.is_over)
    }
}

/// Writes a line at once and whole.
pub(crate) fn say(line: &Line) {
    let mut out = io::stdout().lock();
    // A kit that has closed the pipe has ended the case.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A message as it is reported.
pub(crate) fn message(topic: &str, payload: &[u8], qos: u8, retain: bool) -> Line {
    let line = Line::new("message").with("topic", topic).with("payload", String::from_utf8_lossy(payload));
    line.with("qos", qos).with("retain", u8::from(retain))
}
