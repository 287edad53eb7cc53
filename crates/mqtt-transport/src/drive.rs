//! Runs a client's driver on any runtime: dials, waits, and takes turns.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use mqtt_client::adapter::{self, Driver, Goal, SystemClock, Turn};
use mqtt_client::{Client, IntoOptions, OptionsError};

use crate::defaults::with_defaults;
use crate::runtime::{Connection, Interest, Runtime};
use crate::waiter::Waiter;

/// The future that moves a client's bytes; it ends when all handles are gone and everything has ended.
///
/// Dropping it leaves the client without a connection for good.
#[must_use = "nothing happens unless the future is spawned"]
pub struct Drive(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Drive {
    /// The future of [`drive`], whatever its runtime.
    pub fn new(drive: impl Future<Output = ()> + Send + 'static) -> Drive {
        Drive(Box::pin(drive))
    }
}

impl Future for Drive {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Drive")
    }
}

/// A client on the system's clock and what [`drive`] runs for it, for options or a URL, with the layers that
/// [`with_defaults`] adds. Nothing is connected yet.
///
/// Fails if the options are not valid, or need a layer that this build lacks.
pub fn client(options: impl IntoOptions) -> Result<(Client, Driver), OptionsError> {
    let options = with_defaults(options.into_options()?)?;
    adapter::client(options, SystemClock, fastrand::u64(..))
}

/// Moves a client's bytes until all its handles are gone and everything has ended.
///
/// A turn costs no allocation of its own; a dial is boxed.
#[expect(
    clippy::manual_async_fn,
    reason = "it would keep room for its arguments beside that for its variables"
)]
pub fn drive<R: Runtime>(runtime: R, mut driver: Driver) -> impl Future<Output = ()> {
    async move {
        driver.set_coalescing(R::COALESCES);
        let mut waiter = Waiter::new(runtime.timer());
        loop {
            match driver.goal() {
                Goal::Finished => return,
                Goal::Idle { deadline } => {
                    waiter.wait(deadline, |context| driver.poll_woken(context).is_ready()).await;
                }
                Goal::Link { attempt, .. } => match dial(&runtime, &mut driver, &mut waiter, attempt).await {
                    Some(Ok(connection)) => {
                        driver.on_opened(attempt);
                        run::<R>(&mut driver, &mut waiter, connection).await;
                    }
                    Some(Err(error)) => driver.on_dial_failed(attempt, error),
                    None => {}
                },
            }
        }
    }
}

/// Dials for as long as the connection of that attempt is wanted.
async fn dial<R: Runtime>(
    runtime: &R,
    driver: &mut Driver,
    waiter: &mut Waiter<R::Timer>,
    attempt: u64,
) -> Option<io::Result<Connection<R::Socket, R::Link>>> {
    // On the heap, so that a connection that is open does not keep the room for it.
    let mut dialling = Box::pin(runtime.dial(driver.route()));
    loop {
        let deadline = match driver.goal() {
            Goal::Link { attempt: wanted, deadline } if wanted == attempt => deadline,
            Goal::Link { .. } | Goal::Idle { .. } | Goal::Finished => return None,
        };
        let mut opened = None;
        let is_ready = |context: &mut Context<'_>| match dialling.as_mut().poll(context) {
            Poll::Ready(result) => {
                opened = Some(result);
                true
            }
            Poll::Pending => driver.poll_woken(context).is_ready(),
        };
        waiter.wait(deadline, is_ready).await;
        if opened.is_some() {
            return opened;
        }
    }
}

/// Takes turns over a connection for as long as it is wanted.
async fn run<R: Runtime>(
    driver: &mut Driver,
    waiter: &mut Waiter<R::Timer>,
    mut connection: Connection<R::Socket, R::Link>,
) {
    loop {
        match driver.turn(&mut connection.link) {
            Turn::Drop => return,
            Turn::Again => R::yield_now().await,
            Turn::Wait { coalescing_delay: Some(delay), .. } => {
                pause::<R>(driver, delay).await;
            }
            Turn::Wait { wants_read, wants_write, deadline, .. } => {
                let interest = Interest { read: wants_read, write: wants_write };
                let is_woken = |context: &mut Context<'_>| driver.poll_woken(context).is_ready();
                waiter.wait_for(&connection.socket, interest, deadline, is_woken).await;
            }
        }
    }
}

/// Leaves a connection alone under load: whatever comes meanwhile is found in the turn that follows.
///
/// Others of the thread come first. If they leave time, the thread sleeps: no timer of a runtime is as fine, and meanwhile
/// nothing wakes the task for what it will find anyway.
async fn pause<R: Runtime>(driver: &Driver, delay: Duration) {
    let until = driver.now() + delay;
    R::yield_now().await;
    let left = until.since(driver.now());
    if !left.is_zero() {
        thread::sleep(left);
    }
}
