//! Runs a client's driver: dials, waits, and takes turns.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_lite::future::{or, yield_now};
use mqtt_client::{Client, ConnectError, Driver, Goal, IntoOptions, OptionsError, SystemClock, Turn};

use mqtt_transport::with_defaults;

use crate::dial::{Connection, dial};
use crate::wait::{Alarm, Ready, wait};

/// The future that moves a client's bytes; it ends when all handles are gone and everything has ended.
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
    let (client, driver) =
        Client::new(with_defaults(options.into_options()?)?, SystemClock, fastrand::u64(..));
    Ok((client, Drive(Box::pin(drive(driver)))))
}

/// Connects with options or to a URL: `spawn` is given the future that moves the bytes.
///
/// Fails if the first attempt fails, unless the options say that it is tried again.
pub async fn connect(options: impl IntoOptions, spawn: impl FnOnce(Drive)) -> Result<Client, ConnectError> {
    let (client, drive) = client(options)?;
    spawn(drive);
    client.connect()?.await?;
    Ok(client)
}

async fn drive(mut driver: Driver) {
    let mut alarm = Alarm::new();
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
        let called = wait(None, alarm, deadline, |context| driver.poll_woken(context));
        let called = async {
            called.await;
            None
        };
        if let Some(result) = or(async { Some(dialling.as_mut().await) }, called).await {
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
            Turn::Wait { wants_read, wants_write, deadline, rest } => {
                if let Some(rest) = rest {
                    // What calls meanwhile is looked at in the turn that follows.
                    async_io::Timer::after(rest).await;
                    continue;
                }
                let ready = Some(Ready { socket: &connection.socket, wants_read, wants_write });
                wait(ready, alarm, deadline, |context| driver.poll_woken(context)).await;
            }
        }
    }
}
