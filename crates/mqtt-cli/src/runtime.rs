//! One thread for everything: a client and the work that is done with it wake each other without the system's help.

use std::cell::OnceCell;
use std::future::Future;
use std::io;

use mqtt_smol::{Client, ConnectError, Options};
use mqtt_std::{Clients, ThisThread};
use smol::{Executor, Task};

static EXECUTOR: Executor<'static> = Executor::new();

thread_local! {
    static CLIENTS: OnceCell<Clients> = const { OnceCell::new() };
}

/// Runs the work, its clients, and all that is spawned meanwhile, on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let mut thread = ThisThread::new()?;
    CLIENTS.with(|clients| clients.get_or_init(|| thread.clients()).clone());
    Ok(thread.block_on(EXECUTOR.run(work)))
}

/// A client whose bytes are moved by this thread while [`block_on`] runs here.
pub(crate) fn client(options: Options) -> Result<Client, ConnectError> {
    match CLIENTS.with(|clients| clients.get().cloned()) {
        Some(clients) => clients.client(options),
        None => mqtt_std::client(options),
    }
}

/// Runs something beside the work; it ends with the task that is returned, unless that is detached.
pub(crate) fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    EXECUTOR.spawn(future)
}
