//! The network between clients and the broker: dials, links, who is cut off, and faults at set times.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use mqtt_parts::Rng;
use mqtt_transport::Waiter;

use crate::executor::{Executor, Timer};
use crate::fault::{Dial, Faults, Plan};
use crate::link::{End, Wire, ends};
use crate::named::Named;
use crate::server::Server;
use crate::trace::{Event, PlanText, Side, Trace};

/// The network of one world.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) executor: Rc<Executor>,
    pub(crate) trace: Rc<RefCell<Trace>>,
    pub(crate) server: Rc<Server>,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    rng: Rng,
    links: Named<Weak<RefCell<Wire>>>,
    /// Links that were ever dialled.
    dialled: u32,
    /// Names of clients that nothing gets through to.
    parted: BTreeSet<String>,
    /// Those who dial and get no answer, by their names.
    waiting: HashMap<Rc<str>, Vec<Waker>>,
}

impl Network {
    pub(crate) fn new(
        faults: Faults,
        seed: u64,
        executor: &Rc<Executor>,
        trace: &Rc<RefCell<Trace>>,
        server: &Rc<Server>,
    ) -> Rc<Network> {
        let rng = Rng::new(seed);
        let (parted, waiting) = (BTreeSet::new(), HashMap::new());
        let links = Named::new(|link: &Weak<_>| link.strong_count() > 0);
        let state = State { faults, rng, links, dialled: 0, parted, waiting };
        Rc::new(Network {
            executor: Rc::clone(executor),
            trace: Rc::clone(trace),
            server: Rc::clone(server),
            state: RefCell::new(state),
        })
    }

    /// Opens a link, with what the seed has in store for it. Dropping the future ends the attempt.
    pub(crate) async fn dial(self: Rc<Network>, name: Rc<str>) -> io::Result<End> {
        let (number, plan, mut rng) = {
            let mut state = self.state.borrow_mut();
            state.dialled += 1;
            let mut rng = Rng::new(state.rng.next_u64());
            let plan = Plan::draw(&state.faults, &mut rng);
            (state.dialled, plan, rng)
        };
        let (link, plan_text) = (number, PlanText(Box::new(plan.clone())));
        self.push(Event::Dialled { link, name: name.to_string(), plan: plan_text });
        self.sleep(plan.up.latency + plan.down.latency).await;
        match plan.dial {
            Dial::Opens => {}
            Dial::Refused => return Err(ErrorKind::ConnectionRefused.into()),
            Dial::OpensAfter(long) => self.sleep(long).await,
            Dial::Hangs => std::future::pending().await,
        }
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            if state.parted.contains(&*name) {
                state.waiting.entry(Rc::clone(&name)).or_default().push(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        if !self.server.is_up() {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        let (cut_after, silent_after) = (plan.cut_after, plan.silent_after);
        let wire_rng = Rng::new(rng.next_u64());
        let mut wire = Wire::new(number, plan, wire_rng);
        if self.state.borrow().faults == Faults::none() {
            // Faults may have ended while it was dialled.
            wire.heal(self.executor.now(), &mut Vec::new());
        }
        let [client, broker] = ends(wire, &self.executor, &self.trace);
        let weak = Rc::downgrade(&client.wire);
        self.state.borrow_mut().links.push(&name, Weak::clone(&weak));
        self.executor.spawn(Rc::clone(&self.server).serve(broker, rng));
        if let Some(after) = cut_after {
            self.executor.spawn(Rc::clone(&self).apply_later(Weak::clone(&weak), after, TimedFault::Cut));
        }
        if let Some(after) = silent_after {
            self.executor.spawn(Rc::clone(&self).apply_later(weak, after, TimedFault::Silence));
        }
        Ok(client)
    }

    /// What the plan has for a certain moment.
    async fn apply_later(self: Rc<Network>, link: Weak<RefCell<Wire>>, after: Duration, what: TimedFault) {
        self.sleep(after).await;
        let is_over = self.state.borrow().faults == Faults::none();
        let Some(link) = link.upgrade().filter(|_| !is_over) else { return };
        let mut wakers = Vec::new();
        let number = link.borrow().number;
        let text = match what {
            TimedFault::Cut => {
                let first = if number % 2 == 0 { Side::Client } else { Side::Broker };
                link.borrow_mut().cut(self.executor.now(), first, &mut wakers);
                "breaks"
            }
            TimedFault::Silence => {
                link.borrow_mut().silence();
                "falls silent"
            }
        };
        self.push(Event::Fault { link: Some(number), text });
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Breaks the links of a client, or of all.
    pub(crate) fn cut(&self, name: Option<&str>) -> usize {
        let now = self.executor.now();
        let mut wakers = Vec::new();
        let mut count = 0;
        for link in self.links(name) {
            link.borrow_mut().cut(now, Side::Client, &mut wakers);
            let number = link.borrow().number;
            self.push(Event::Fault { link: Some(number), text: "is cut" });
            count += 1;
        }
        wakers.into_iter().for_each(Waker::wake);
        count
    }

    fn links(&self, name: Option<&str>) -> Vec<Rc<RefCell<Wire>>> {
        self.state.borrow().links.of(name).iter().filter_map(Weak::upgrade).collect()
    }

    /// Lets nothing through to or from a client, or lets it through again.
    pub(crate) fn part(&self, name: &str, is_parted: bool) {
        let mut wakers = Vec::new();
        for link in self.links(Some(name)) {
            link.borrow_mut().part(is_parted, &mut wakers);
        }
        let mut state = self.state.borrow_mut();
        if is_parted {
            state.parted.insert(name.into());
        } else {
            state.parted.remove(name);
        }
        wakers.extend(state.waiting.remove(name).into_iter().flatten());
        drop(state);
        self.push(Event::Fault { link: None, text: if is_parted { "partition" } else { "partition ends" } });
        wakers.into_iter().for_each(Waker::wake);
    }

    /// No faults from now on, for the links that there are, either.
    pub(crate) fn heal(&self) {
        let parted = {
            let mut state = self.state.borrow_mut();
            state.faults = Faults::none();
            std::mem::take(&mut state.parted)
        };
        for name in parted {
            self.part(&name, false);
        }
        let now = self.executor.now();
        let mut wakers = Vec::new();
        for link in self.links(None) {
            link.borrow_mut().heal(now, &mut wakers);
        }
        self.push(Event::Fault { link: None, text: "faults end" });
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.state.borrow_mut().faults = faults;
    }

    /// Links that were ever dialled.
    pub(crate) fn dialled(&self) -> u32 {
        self.state.borrow().dialled
    }

    /// A seed for something else.
    pub(crate) fn next_seed(&self) -> u64 {
        self.state.borrow_mut().rng.next_u64()
    }

    pub(crate) fn push(&self, event: Event) {
        self.trace.borrow_mut().push(self.executor.now(), event);
    }

    pub(crate) async fn sleep(&self, long: Duration) {
        let deadline = Some(self.executor.now() + long);
        let mut waiter = Waiter::new(Timer::new(&self.executor));
        poll_fn(|context| waiter.poll(deadline, context)).await;
    }
}

/// A fault at a set time.
#[derive(Clone, Copy, Debug)]
enum TimedFault {
    Cut,
    Silence,
}
