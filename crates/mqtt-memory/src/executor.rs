//! Runs tasks one after the other, first woken first, and jumps to the next timer when none can run.
//!
//! The order depends on nothing but the order of wakes, so that the same program takes the same steps again.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use mqtt_client::Instant;
use mqtt_client::adapter::Clock;

use crate::clock::VirtualClock;

/// Tasks and timers of one world.
#[derive(Default)]
pub(crate) struct Executor {
    pub(crate) clock: VirtualClock,
    ready: Arc<Ready>,
    tasks: RefCell<Tasks>,
    timers: RefCell<Timers>,
    is_running: Cell<bool>,
}

/// Tasks that were woken, in order.
#[derive(Debug, Default)]
struct Ready(Mutex<VecDeque<usize>>);

impl Ready {
    fn push(&self, id: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(id);
    }

    fn pop(&self) -> Option<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[derive(Default)]
struct Tasks {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

struct Slot {
    /// None while the task runs, and after its end.
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    waker: Arc<TaskWaker>,
}

#[derive(Debug)]
struct TaskWaker {
    id: usize,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::Relaxed) {
            self.ready.push(self.id);
        }
    }
}

#[derive(Default)]
struct Timers {
    /// Those of one moment ring in the order in which they were set.
    entries: BTreeMap<(Instant, u64), Waker>,
    set: u64,
}

/// Why a run ended without its future being ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Nothing can happen any more: no task can run and no timer is set.
    Idle,
    /// The next thing happens after the limit.
    Limit,
}

/// The task of [`Executor::run`].
const MAIN: usize = usize::MAX;

/// Steps at one moment after which a program counts as going round in circles.
const STEPS_MAX: u32 = 500_000;

impl Executor {
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Starts a task; its first step comes after those that wait already.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        let future: Option<Pin<Box<dyn Future<Output = ()>>>> = Some(Box::pin(future));
        let id = match tasks.free.pop() {
            Some(id) => {
                tasks.slots[id].future = future;
                id
            }
            None => {
                let id = tasks.slots.len();
                let ready = Arc::clone(&self.ready);
                let waker = Arc::new(TaskWaker { id, is_queued: AtomicBool::new(false), ready });
                tasks.slots.push(Slot { future, waker });
                id
            }
        };
        tasks.slots[id].waker.wake_by_ref();
    }

    /// Runs everything until `future` is ready, nothing more can happen, or the limit is reached.
    ///
    /// # Panics
    ///
    /// If it is called by a task, or if the tasks go round in circles without time passing.
    pub(crate) fn run<F: Future>(&self, future: F, limit: Instant) -> Result<F::Output, Halt> {
        assert!(!self.is_running.replace(true), "a task cannot run the world that runs it");
        let _running = Running(&self.is_running);
        let mut main = pin!(future);
        let ready = Arc::clone(&self.ready);
        let main_waker = Arc::new(TaskWaker { id: MAIN, is_queued: AtomicBool::new(false), ready });
        main_waker.wake_by_ref();
        let waker = Waker::from(Arc::clone(&main_waker));
        let mut steps = 0;
        loop {
            while let Some(id) = self.ready.pop() {
                steps += 1;
                assert!(steps < STEPS_MAX, "at {:?} tasks wake one another without end", self.now());
                if id != MAIN {
                    self.step(id);
                    continue;
                }
                main_waker.is_queued.store(false, Ordering::Relaxed);
                if let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Ok(output);
                }
            }
            steps = 0;
            self.ring_next(limit)?;
        }
    }

    fn step(&self, id: usize) {
        let (future, waker) = {
            let mut tasks = self.tasks.borrow_mut();
            // A wake that a former run of this world left behind.
            let Some(slot) = tasks.slots.get_mut(id) else { return };
            slot.waker.is_queued.store(false, Ordering::Relaxed);
            (slot.future.take(), Arc::clone(&slot.waker))
        };
        let Some(mut future) = future else { return };
        let waker = Waker::from(waker);
        let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
        let mut tasks = self.tasks.borrow_mut();
        match poll {
            Poll::Pending => tasks.slots[id].future = Some(future),
            Poll::Ready(()) => {
                tasks.free.push(id);
                drop(tasks);
                drop(future);
            }
        }
    }

    /// Jumps to the next moment for which a timer is set.
    fn ring_next(&self, limit: Instant) -> Result<(), Halt> {
        let mut timers = self.timers.borrow_mut();
        let Some((&(at, _), _)) = timers.entries.first_key_value() else { return Err(Halt::Idle) };
        if at > limit {
            self.clock.advance_to(limit);
            return Err(Halt::Limit);
        }
        self.clock.advance_to(at);
        while timers.entries.first_key_value().is_some_and(|((due, _), _)| *due <= at) {
            if let Some((_, waker)) = timers.entries.pop_first() {
                waker.wake();
            }
        }
        Ok(())
    }

    /// Drops all tasks, so that what they own is dropped too, although they own the world.
    pub(crate) fn clear(&self) {
        loop {
            let slots = std::mem::take(&mut self.tasks.borrow_mut().slots);
            self.tasks.borrow_mut().free.clear();
            if slots.is_empty() {
                break;
            }
            drop(slots);
        }
        let timers = std::mem::take(&mut *self.timers.borrow_mut());
        drop(timers);
    }
}

/// Says that nothing runs any more, also when a task has panicked.
struct Running<'a>(&'a Cell<bool>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// One timer of a world.
#[derive(Debug)]
pub(crate) struct Timer {
    executor: Rc<Executor>,
    /// When it is due, and its place among those of that moment.
    set_to: Option<(Instant, u64)>,
}

impl Timer {
    pub(crate) fn new(executor: &Rc<Executor>) -> Timer {
        Timer { executor: Rc::clone(executor), set_to: None }
    }

    fn take_back(&mut self) {
        if let Some(key) = self.set_to.take() {
            self.executor.timers.borrow_mut().entries.remove(&key);
        }
    }
}

impl mqtt_transport::Timer for Timer {
    const YIELDS_BEFORE_WAIT: bool = true;

    fn set(&mut self, at: Instant) {
        self.take_back();
        let mut timers = self.executor.timers.borrow_mut();
        timers.set += 1;
        self.set_to = Some((at, timers.set));
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(key) = self.set_to else { return Poll::Pending };
        if key.0 <= self.executor.now() {
            self.take_back();
            return Poll::Ready(());
        }
        let mut timers = self.executor.timers.borrow_mut();
        match timers.entries.get_mut(&key) {
            Some(waker) => waker.clone_from(context.waker()),
            None => drop(timers.entries.insert(key, context.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.take_back();
    }
}

#[cfg(test)]
mod tests;
