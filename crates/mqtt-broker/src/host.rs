//! The broker and the tasks that serve its connections: what every host shares, without I/O and without a lock.
//!
//! A host has one task for each link, which takes turns by [`Served::turn`] and sleeps in between, and one that keeps time.
//! All of them reach the [`Host`] through [`Access`], which is a lock, a clock and nothing else. When the broker has
//! something for a connection, its task is notified; a notification that comes while the task is busy is remembered.
//!
//! A host supplies the links ([`Peer`]), the waits, and what it does to its connections beyond serving them.

mod served;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::task::{Context, Poll, Waker};

use mqtt_parts::Instant;

use crate::broker::Broker;
use crate::config::Config;
use crate::event::Event;
use crate::ids::ConnectionId;

pub use served::{OUTPUT_LOW, Peer, Served, Turn};

/// A broker, and whom to notify when it has something to do.
#[derive(Debug)]
pub struct Host {
    broker: Broker,
    connections: BTreeMap<ConnectionId, Signal>,
    /// The task that keeps time.
    clock: Signal,
    /// The deadline that it knows of.
    deadline: Option<Instant>,
    wakers: Vec<Waker>,
    /// Those that wait for an event.
    followers: Vec<Waker>,
    is_stopped: bool,
}

/// Notifies one task.
#[derive(Debug, Default)]
struct Signal {
    is_due: bool,
    is_cut: bool,
    waker: Option<Waker>,
}

impl Signal {
    fn notify(&mut self) -> Option<Waker> {
        self.is_due = true;
        self.waker.take()
    }

    fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        if core::mem::take(&mut self.is_due) {
            return Poll::Ready(());
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

/// The host, as its tasks reach it.
pub trait Access {
    /// Runs `f` with the host, which nobody else uses meanwhile, at the present time. Once the host is released, the
    /// [`Host::take_wakers`] are woken.
    fn access<T>(&self, f: impl FnOnce(&mut Host, Instant) -> T) -> T;

    /// Looks at the broker, or changes it now.
    fn change<T>(&self, change: impl FnOnce(&mut Broker, Instant) -> T) -> T {
        self.access(|host, now| host.change(now, change))
    }
}

impl Host {
    /// A host without connections. See [`Broker::new`].
    pub fn new(config: Config, seed: u64) -> Host {
        Host {
            broker: Broker::new(config, seed),
            connections: BTreeMap::new(),
            clock: Signal::default(),
            deadline: None,
            wakers: Vec::new(),
            followers: Vec::new(),
            is_stopped: false,
        }
    }

    /// The broker; [`Host::change`] changes it.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Looks at the broker, or changes it; then those are notified whom it concerns.
    pub fn change<T>(&mut self, now: Instant, change: impl FnOnce(&mut Broker, Instant) -> T) -> T {
        let result = change(&mut self.broker, now);
        while let Some(id) = self.broker.poll_ready() {
            self.wakers.extend(self.connections.get_mut(&id).and_then(Signal::notify));
        }
        if self.broker.has_events() {
            self.wakers.append(&mut self.followers);
        }
        let next = self.broker.poll_timeout();
        if next.is_some_and(|next| self.deadline.is_none_or(|known| next < known)) {
            self.deadline = next;
            self.wakers.extend(self.clock.notify());
        }
        result
    }

    /// Tasks to be woken once the host is released.
    #[must_use = "whoever is not woken sleeps on"]
    pub fn take_wakers(&mut self) -> Vec<Waker> {
        core::mem::take(&mut self.wakers)
    }

    /// A link was accepted; its task serves it by [`Served`].
    pub fn handle_opened(&mut self, now: Instant) -> ConnectionId {
        let id = self.change(now, Broker::handle_opened);
        self.connections.insert(id, Signal::default());
        id
    }

    /// [`Host::handle_opened`] for a link whose other end has an address, which events tell.
    pub fn handle_opened_from(&mut self, now: Instant, address: SocketAddr) -> ConnectionId {
        let id = self.change(now, |broker, now| broker.handle_opened_from(now, address));
        self.connections.insert(id, Signal::default());
        id
    }

    /// [`Host::handle_closed`] for a link that failed; events tell why.
    pub fn handle_failed(&mut self, now: Instant, id: ConnectionId, error: &dyn fmt::Display) {
        self.connections.remove(&id);
        self.change(now, |broker, now| broker.handle_failed(now, id, error));
    }

    /// Nobody is served any more: all connections end as by [`Broker::restart`], and events end.
    pub fn handle_stopped(&mut self, now: Instant) {
        self.is_stopped = true;
        self.change(now, |broker, now| {
            broker.handle_timeout(now);
            broker.restart(true);
        });
        self.wakers.append(&mut self.followers);
    }

    /// What became of connections, in order, as [`Broker::poll_event`] has it; none after the last one of a host that has
    /// stopped. Of several tasks that wait, each event goes to one.
    pub fn poll_event(&mut self, context: &Context<'_>) -> Poll<Option<Event>> {
        if let Some(event) = self.broker.poll_event() {
            return Poll::Ready(Some(event));
        }
        if self.is_stopped {
            return Poll::Ready(None);
        }
        if !self.followers.iter().any(|waker| waker.will_wake(context.waker())) {
            self.followers.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// The task of a connection has ended, and its link is gone.
    pub fn handle_closed(&mut self, now: Instant, id: ConnectionId) {
        self.connections.remove(&id);
        self.change(now, |broker, now| broker.handle_closed(now, id));
    }

    /// For the task that keeps time: does what is due by now, and returns when it is due again.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Instant> {
        self.change(now, Broker::handle_timeout);
        self.deadline = self.broker.poll_timeout();
        self.deadline
    }

    /// For the task that keeps time: ready when something is due earlier than [`Host::handle_timeout`] has said.
    pub fn poll_clock(&mut self, context: &Context<'_>) -> Poll<()> {
        self.clock.poll(context)
    }

    /// For the task of a connection: ready when another turn is due, whatever becomes of the link.
    pub fn poll_due(&mut self, id: ConnectionId, context: &Context<'_>) -> Poll<()> {
        self.connections.get_mut(&id).map_or(Poll::Ready(()), |signal| signal.poll(context))
    }

    /// Has the tasks of some connections drop their links as in an outage, without a packet, and says how many there are.
    /// `is_meant` is given the client identifier, once CONNECT was accepted and until the connection is closing.
    pub fn cut(&mut self, is_meant: impl Fn(Option<&str>) -> bool) -> usize {
        let mut count = 0;
        for (id, signal) in &mut self.connections {
            if is_meant(self.broker.client_id(*id)) {
                signal.is_cut = true;
                self.wakers.extend(signal.notify());
                count += 1;
            }
        }
        count
    }

    /// Whether a connection was cut; also if it is unknown.
    fn is_cut(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_none_or(|signal| signal.is_cut)
    }
}

#[cfg(test)]
mod tests;
