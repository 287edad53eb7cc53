//! One thread for everything: a client and the work that is done with it wake each other without the system's help.

use std::future::Future;

use smol::{Executor, Task};

static EXECUTOR: Executor<'static> = Executor::new();

/// Runs the work, and all that it spawns meanwhile, on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    smol::block_on(EXECUTOR.run(work))
}

/// Runs something beside the work; it ends with the task that is returned, unless that is detached.
pub(crate) fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    EXECUTOR.spawn(future)
}
