//! SIGINT and SIGTERM, for work that is woken often.

use std::io;

use async_signal::{Signal, Signals};
use smol::Task;
use smol::channel::{Receiver, bounded};
use smol::stream::StreamExt;

/// Signals that ask to stop. They are waited for elsewhere: to ask the system whether there is one is a system call, and
/// whoever waits for the next asks only a channel each time it is woken.
#[derive(Debug)]
pub(crate) struct Interrupts {
    receiver: Receiver<()>,
    _waiting: Task<()>,
}

impl Interrupts {
    pub(crate) fn new() -> io::Result<Interrupts> {
        let mut signals = Signals::new([Signal::Int, Signal::Term])?;
        let (sender, receiver) = bounded(1);
        let waiting =
            smol::spawn(
                async move { while signals.next().await.is_some() && sender.send(()).await.is_ok() {} },
            );
        Ok(Interrupts { receiver, _waiting: waiting })
    }

    /// The next signal.
    pub(crate) async fn next(&self) {
        if self.receiver.recv().await.is_err() {
            // There are no signals here.
            smol::future::pending::<()>().await;
        }
    }
}
