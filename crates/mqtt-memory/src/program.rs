//! What runs as one program of a client, and can end at once as a process does.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use mqtt_store::Committer;

use crate::network::Network;

/// A future that can be dropped from outside.
#[derive(Clone)]
pub(crate) struct Program(Rc<RefCell<Running>>);

struct Running {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    waker: Option<Waker>,
}

impl Program {
    pub(crate) fn new(future: impl Future<Output = ()> + 'static) -> Program {
        let running = Running { future: Some(Box::pin(future)), waker: None };
        Program(Rc::new(RefCell::new(running)))
    }

    /// Runs it until it ends, or is ended.
    pub(crate) async fn run(self) {
        poll_fn(|context| {
            let Some(mut future) = self.0.borrow_mut().future.take() else { return Poll::Ready(()) };
            if future.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let mut running = self.0.borrow_mut();
            running.future = Some(future);
            running.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.0.borrow().future.is_some()
    }

    pub(crate) fn end(&self) {
        let future = self.0.borrow_mut().future.take();
        let waker = self.0.borrow_mut().waker.take();
        drop(future);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.is_running()).finish()
    }
}

/// A disk that takes that long for each commit.
pub(crate) async fn commit(mut committer: Committer, network: Rc<Network>, latency: Duration) {
    loop {
        poll_fn(|context| committer.poll_due(context)).await;
        network.sleep(latency).await;
        committer.commit();
    }
}
