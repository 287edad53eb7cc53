//! How often a timer is set, and when a wait is over.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::task::Waker;

use super::*;

/// Times to which a timer was set, and the time.
#[derive(Clone, Default)]
struct Clock(Rc<RefCell<Vec<u64>>>, Rc<Cell<u64>>);

impl Timer for Clock {
    fn set(&mut self, at: Instant) {
        self.0.borrow_mut().push(at.as_micros());
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        let is_due = self.0.borrow().last().is_some_and(|at| *at <= self.1.get());
        if is_due { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn at(micros: u64) -> Option<Instant> {
    Some(Instant::from_micros(micros))
}

#[test]
fn a_deadline_that_moves_away_leaves_the_timer_alone() {
    let clock = Clock::default();
    let mut waiter = Waiter::new(clock.clone());
    let mut context = Context::from_waker(Waker::noop());
    for deadline in [100, 200, 300] {
        assert!(waiter.poll(at(deadline), &mut context).is_pending());
    }
    assert_eq!(*clock.0.borrow(), [100]);
    clock.1.set(100);
    assert!(waiter.poll(at(300), &mut context).is_ready(), "early, which changes nothing");
    assert!(waiter.poll(at(300), &mut context).is_pending());
    assert!(waiter.poll(at(250), &mut context).is_pending());
    assert_eq!(*clock.0.borrow(), [100, 300, 250]);
}

#[test]
fn a_timer_that_was_set_is_due_without_a_deadline_and_one_that_was_not_is_never_polled() {
    let clock = Clock::default();
    let mut waiter = Waiter::new(clock.clone());
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiter.poll(None, &mut context).is_pending());
    assert!(waiter.poll(at(100), &mut context).is_pending());
    clock.1.set(100);
    assert!(waiter.poll(None, &mut context).is_ready());
    assert!(waiter.poll(None, &mut context).is_pending());
}

#[test]
fn a_wait_that_is_over_needs_no_timer() {
    let clock = Clock::default();
    let mut waiter = Waiter::new(clock.clone());
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(waiter.wait(at(100), |_| true)).poll(&mut context).is_ready());
    assert!(clock.0.borrow().is_empty());
    assert!(pin!(waiter.wait(at(100), |_| false)).poll(&mut context).is_pending());
    assert_eq!(*clock.0.borrow(), [100]);
}

/// What is known to arrive counts as a deadline.
#[test]
fn a_socket_may_be_ready_by_the_clock() {
    struct Arrives;
    impl Readiness for Arrives {
        fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }

        fn poll_writable(&self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }

        fn ready_at(&self) -> Option<Instant> {
            at(50)
        }
    }
    let clock = Clock::default();
    let mut waiter = Waiter::new(clock.clone());
    let interest = Interest { read: true, write: false };
    let mut wait = pin!(waiter.wait_for(&Arrives, interest, at(100), |_| false));
    let mut context = Context::from_waker(Waker::noop());
    assert!(wait.as_mut().poll(&mut context).is_pending());
    assert_eq!(*clock.0.borrow(), [50]);
    clock.1.set(50);
    assert!(wait.as_mut().poll(&mut context).is_ready());
}
