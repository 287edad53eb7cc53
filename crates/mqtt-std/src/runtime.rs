//! What one thread waits for: sockets and timers of the clients that it moves, and the runtime that they make.
//!
//! A socket or a timer belongs to one task and wakes no other.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use mio::event::Event;
use mio::{Registry, Token};
use mqtt_client::Instant;
use mqtt_client::adapter::{BoxedLink, Clock, Route, SystemClock};
use mqtt_transport::{Connection, Runtime, SystemSocket, open};

use crate::socket::{Registered, Socket, Tokens};

/// The sockets and timers of one thread.
#[derive(Debug)]
pub(crate) struct Reactor {
    registry: Registry,
    /// By their tokens.
    sockets: RefCell<Vec<Registered>>,
    tokens: Tokens,
    /// The task of each timer, by when it is due and its number.
    timers: RefCell<BTreeMap<(Instant, u64), usize>>,
    timers_made: Cell<u64>,
}

impl Reactor {
    pub(crate) fn new(registry: Registry) -> Reactor {
        Reactor {
            registry,
            sockets: RefCell::default(),
            tokens: Tokens::default(),
            timers: RefCell::default(),
            timers_made: Cell::new(0),
        }
    }

    fn register(&self, socket: SystemSocket, task: usize) -> io::Result<Socket> {
        let mut sockets = self.sockets.borrow_mut();
        let token = self.tokens.take().unwrap_or(sockets.len());
        let socket = Socket::register(socket, &self.registry, Token(token), &self.tokens)?;
        let registered = Registered::new(&socket, task);
        match sockets.get_mut(token) {
            Some(place) => *place = registered,
            None => sockets.push(registered),
        }
        Ok(socket)
    }

    /// Notes what has happened to a socket, and says whose it is.
    pub(crate) fn on_event(&self, event: &Event) -> Option<usize> {
        self.sockets.borrow().get(event.token().0)?.on_event(event)
    }

    /// The task of a timer that is due.
    pub(crate) fn pop_due(&self) -> Option<usize> {
        let mut timers = self.timers.borrow_mut();
        timers.first_entry().filter(|entry| entry.key().0 <= SystemClock.now()).map(OccupiedEntry::remove)
    }

    /// When the next timer is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.timers.borrow().first_key_value().map(|((at, _), _)| *at)
    }
}

/// The runtime of one task.
#[derive(Debug)]
pub(crate) struct Std {
    pub(crate) reactor: Rc<Reactor>,
    pub(crate) task: usize,
}

impl Runtime for Std {
    type Timer = Timer;
    type Socket = Arc<Socket>;
    type Link = BoxedLink;

    const COALESCES: bool = true;

    fn timer(&self) -> Timer {
        let number = self.reactor.timers_made.get();
        self.reactor.timers_made.set(number + 1);
        Timer { reactor: Rc::clone(&self.reactor), task: self.task, number, set_to: None }
    }

    fn dial(&self, route: Route) -> impl Future<Output = io::Result<Connection<Arc<Socket>>>> {
        open(self, route, |socket| self.reactor.register(socket, self.task))
    }
}

/// A timer of one task.
#[derive(Debug)]
pub(crate) struct Timer {
    reactor: Rc<Reactor>,
    task: usize,
    number: u64,
    set_to: Option<Instant>,
}

impl mqtt_transport::Timer for Timer {
    fn set(&mut self, at: Instant) {
        self.take_back();
        self.set_to = Some(at);
        self.reactor.timers.borrow_mut().insert((at, self.number), self.task);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        if self.set_to.is_none_or(|at| SystemClock.now() < at) {
            return Poll::Pending;
        }
        self.take_back();
        Poll::Ready(())
    }
}

impl Timer {
    fn take_back(&mut self) {
        if let Some(at) = self.set_to.take() {
            self.reactor.timers.borrow_mut().remove(&(at, self.number));
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.take_back();
    }
}
