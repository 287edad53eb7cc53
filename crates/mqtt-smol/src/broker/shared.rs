//! What the tasks of a served broker share: the broker behind one lock, and its end.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use mqtt_broker::Config;
use mqtt_broker::host::{Access, Host};
use mqtt_client::Instant;
use mqtt_client::adapter::{Clock, SystemClock};

/// Shared by the tasks of one broker.
#[derive(Debug)]
pub(crate) struct Shared {
    host: Mutex<Host>,
    /// Apart from the host, since it is looked at whenever any task is woken.
    stop: Mutex<Stop>,
}

#[derive(Debug, Default)]
struct Stop {
    is_stopped: bool,
    waker: Option<Waker>,
}

impl Access for Shared {
    fn access<T>(&self, f: impl FnOnce(&mut Host, Instant) -> T) -> T {
        let now = SystemClock.now();
        let mut host = lock(&self.host);
        let result = f(&mut host, now);
        let wakers = host.take_wakers();
        drop(host);
        wakers.into_iter().for_each(Waker::wake);
        result
    }
}

impl Shared {
    pub(crate) fn new(config: Config, seed: u64) -> Shared {
        Shared { host: Mutex::new(Host::new(config, seed)), stop: Mutex::default() }
    }

    pub(crate) fn stop(&self) {
        let waker = {
            let mut stop = lock(&self.stop);
            stop.is_stopped = true;
            stop.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Resolves once the broker is to stop.
    pub(crate) async fn stopped(&self) {
        poll_fn(|context| {
            let mut stop = lock(&self.stop);
            if stop.is_stopped {
                return Poll::Ready(());
            }
            stop.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
