//! Runs a client's driver over the network of a world: dials, waits, and takes turns, as every adapter does.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use mqtt_client::{Driver, Goal, Turn};

use crate::executor::Alarm;
use crate::link::{End, wait};
use crate::network::Network;

/// Moves a client's bytes until all handles are gone and everything has ended.
pub(crate) async fn drive(network: Rc<Network>, name: Rc<str>, mut driver: Driver) {
    let mut alarm = Alarm::new(&network.executor);
    loop {
        match driver.goal() {
            Goal::Finished => return,
            Goal::Idle { deadline } => {
                wait(None, false, false, &mut alarm, deadline, |context| driver.poll_woken(context)).await;
            }
            Goal::Link { attempt, .. } => match open(&network, &name, &mut driver, &mut alarm, attempt).await
            {
                Some(Ok(link)) => run(&mut driver, &mut alarm, attempt, link).await,
                Some(Err(error)) => driver.on_dial_failed(attempt, error),
                None => {}
            },
        }
    }
}

/// Dials for as long as the link of that attempt is wanted.
async fn open(
    network: &Rc<Network>,
    name: &Rc<str>,
    driver: &mut Driver,
    alarm: &mut Alarm,
    attempt: u64,
) -> Option<io::Result<End>> {
    let mut dialling = pin!(Rc::clone(network).dial(Rc::clone(name)));
    loop {
        let deadline = match driver.goal() {
            Goal::Link { attempt: wanted, deadline } if wanted == attempt => deadline,
            Goal::Link { .. } | Goal::Idle { .. } | Goal::Finished => return None,
        };
        let mut called =
            pin!(wait(None, false, false, alarm, deadline, |context| driver.poll_woken(context)));
        let opened = poll_fn(|context| match dialling.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => called.as_mut().poll(context).map(|()| None),
        });
        if let Some(result) = opened.await {
            return Some(result);
        }
    }
}

async fn run(driver: &mut Driver, alarm: &mut Alarm, attempt: u64, mut link: End) {
    driver.on_opened(attempt);
    let (mut turns, mut since) = (0, driver.now());
    loop {
        let turn = driver.turn(&mut link);
        turns = if driver.now() == since { turns + 1 } else { 0 };
        since = driver.now();
        assert!(turns < TURNS_MAX, "at {since:?} the driver is never done: {turn:?}");
        match turn {
            Turn::Drop => return,
            // The others of this moment come first.
            Turn::Again => yield_now().await,
            Turn::Wait { wants_read, wants_write, deadline, .. } => {
                wait(Some(&link), wants_read, wants_write, alarm, deadline, |context| {
                    driver.poll_woken(context)
                })
                .await;
            }
        }
    }
}

/// Turns at one moment after which a driver counts as going round in circles.
const TURNS_MAX: u32 = 100_000;

async fn yield_now() {
    let mut is_polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
