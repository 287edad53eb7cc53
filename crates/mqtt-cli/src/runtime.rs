//! The threads of the command: one for the work, and who moves the bytes of its client.
//!
//! What waits for nobody, such as publishing, shares its thread with the client: the two wake each other without the
//! system's help. What prints may be stopped for as long as nobody reads, and its client must not be.

use std::cell::OnceCell;
use std::future::Future;
use std::io;

use mqtt_smol::{Client, ConnectError, Options};
use mqtt_std::{Clients, ThisThread};

/// Who moves the bytes of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mover {
    /// The thread that works with it, whenever it waits.
    ThisThread,
    /// A thread of its own, which pings while the work is stopped.
    OwnThread,
}

thread_local! {
    static CLIENTS: OnceCell<Clients> = const { OnceCell::new() };
}

/// Runs the work, and its clients meanwhile, on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let mut thread = ThisThread::new()?;
    CLIENTS.with(|clients| clients.get_or_init(|| thread.clients()).clone());
    Ok(thread.block_on(work))
}

/// A client for work that runs by [`block_on`].
pub(crate) fn client(options: Options, mover: Mover) -> Result<Client, ConnectError> {
    match CLIENTS.with(|clients| clients.get().cloned()) {
        Some(clients) if mover == Mover::ThisThread => clients.client(options),
        Some(_) | None => mqtt_std::client(options),
    }
}
