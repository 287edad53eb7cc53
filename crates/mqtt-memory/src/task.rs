//! What a spawned task came to.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A task of a world. Awaiting it gives what it came to; dropping it lets the task go on.
pub struct Task<T> {
    shared: Rc<RefCell<Shared<T>>>,
}

struct Shared<T> {
    output: Option<T>,
    is_ended: bool,
    waker: Option<Waker>,
}

impl<T: 'static> Task<T> {
    /// The handle, and the future that is to be run.
    pub(crate) fn new(
        future: impl Future<Output = T> + 'static,
    ) -> (Task<T>, impl Future<Output = ()> + 'static) {
        let shared = Rc::new(RefCell::new(Shared { output: None, is_ended: false, waker: None }));
        let task = Task { shared: Rc::clone(&shared) };
        let run = async move {
            let output = future.await;
            let waker = {
                let mut shared = shared.borrow_mut();
                shared.output = Some(output);
                shared.is_ended = true;
                shared.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
        };
        (task, run)
    }

    /// Whether the task has ended.
    pub fn is_ended(&self) -> bool {
        self.shared.borrow().is_ended
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut shared = self.shared.borrow_mut();
        match shared.output.take() {
            Some(output) => Poll::Ready(output),
            None => {
                shared.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("is_ended", &self.shared.borrow().is_ended).finish_non_exhaustive()
    }
}
