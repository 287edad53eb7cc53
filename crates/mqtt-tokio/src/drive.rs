//! Runs a client's driver: dials, waits, and takes turns.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use mqtt_client::{Client, ConnectError, Driver, Goal, IntoOptions, OptionsError, SystemClock, Turn};
use mqtt_transport::with_defaults;
use tokio::task::yield_now;

use crate::dial::{Connection, dial};
use crate::wait::{Alarm, Ready, wait};

/// The future that moves a client's bytes; it ends when all handles are gone and everything has ended.
///
/// It needs tokio's sockets and timers, so it is spawned on a runtime that has both enabled.
#[must_use = "nothing happens unless the future is spawned"]
pub struct Drive(Pin<Box<dyn Future<Output = ()> + Send>>);

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

/// A client and the future that moves its bytes, for options or a URL. Nothing is connected yet.
pub fn client(options: impl IntoOptions) -> Result<(Client, Drive), OptionsError> {
    let options = with_defaults(options.into_options()?)?;
    let (client, driver) = Client::new(options, SystemClock, fastrand::u64(..));
    Ok((client, Drive(Box::pin(drive(driver)))))
}

/// Connects with options or to a URL; a task of the current runtime moves the bytes.
///
/// Fails if the first attempt fails, unless the options say that it is tried again.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub async fn connect(options: impl IntoOptions) -> Result<Client, ConnectError> {
    let (client, drive) = client(options)?;
    drop(tokio::spawn(drive));
    client.connect()?.await?;
    Ok(client)
}

async fn drive(mut driver: Driver) {
    let mut alarm = Alarm::default();
    loop {
        match driver.goal() {
            Goal::Finished => return,
            Goal::Idle { deadline } => {
                wait(None, &mut alarm, deadline, |context| driver.poll_woken(context)).await;
            }
            Goal::Link { attempt, .. } => match open(&mut driver, &mut alarm, attempt).await {
                Some(Ok(connection)) => run(&mut driver, &mut alarm, attempt, connection).await,
                Some(Err(error)) => driver.on_dial_failed(attempt, error),
                None => {}
            },
        }
    }
}

/// Dials for as long as the link of that attempt is wanted.
async fn open(driver: &mut Driver, alarm: &mut Alarm, attempt: u64) -> Option<io::Result<Connection>> {
    let mut dialling = pin!(dial(driver.route()));
    loop {
        let deadline = match driver.goal() {
            Goal::Link { attempt: wanted, deadline } if wanted == attempt => deadline,
            Goal::Link { .. } | Goal::Idle { .. } | Goal::Finished => return None,
        };
        let mut called = pin!(wait(None, alarm, deadline, |context| driver.poll_woken(context)));
        let opened = poll_fn(|context| match dialling.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => called.as_mut().poll(context).map(|()| None),
        });
        if let Some(result) = opened.await {
            return Some(result);
        }
    }
}

async fn run(driver: &mut Driver, alarm: &mut Alarm, attempt: u64, mut connection: Connection) {
    driver.on_opened(attempt);
    loop {
        match driver.turn(&mut connection.link) {
            Turn::Drop => return,
            Turn::Again => yield_now().await,
            Turn::Wait { wants_read, wants_write, deadline, .. } => {
                let ready = Some(Ready { socket: &connection.socket, wants_read, wants_write });
                wait(ready, alarm, deadline, |context| driver.poll_woken(context)).await;
            }
        }
    }
}
