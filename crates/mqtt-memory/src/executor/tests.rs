//! The order of steps, and when time passes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use mqtt_transport::Waiter;

use super::*;

async fn sleep(executor: Rc<Executor>, millis: u64) {
    let deadline = executor.now() + Duration::from_millis(millis);
    let mut waiter = Waiter::new(Timer::new(&executor));
    poll_fn(|context| waiter.poll(Some(deadline), context)).await;
}

fn never() -> Instant {
    Instant::from_micros(u64::MAX)
}

#[test]
fn time_passes_only_when_nothing_can_run() {
    let executor = Rc::new(Executor::default());
    let log = Rc::new(RefCell::new(Vec::new()));
    for (name, millis) in [("slow", 20), ("quick", 10), ("also slow", 20)] {
        let (mine, log) = (Rc::clone(&executor), Rc::clone(&log));
        executor.spawn(async move {
            sleep(Rc::clone(&mine), millis).await;
            log.borrow_mut().push((mine.now().as_millis(), name));
        });
    }
    assert_eq!(executor.run(sleep(Rc::clone(&executor), 100), never()), Ok(()));
    assert_eq!(*log.borrow(), [(10, "quick"), (20, "slow"), (20, "also slow")]);
    assert_eq!(executor.now().as_millis(), 100);
}

#[test]
fn a_run_ends_where_nothing_more_can_happen() {
    let executor = Rc::new(Executor::default());
    assert_eq!(executor.run(std::future::pending::<()>(), never()), Err(Halt::Idle));
    let limit = Instant::from_millis(5);
    assert_eq!(executor.run(sleep(Rc::clone(&executor), 10), limit), Err(Halt::Limit));
    assert_eq!(executor.now(), limit);
}
