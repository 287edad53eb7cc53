//! Starts messages when they are due and there is room, and waits for what becomes of them: the same for every exchange.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use smol::future::yield_now;
use smol::{Task, Timer};

use super::progress::{Goal, Progress};
use super::recorder::Recorder;
use super::run::Run;
use super::schedule::{Course, Due, Plan, Schedule};
use super::usage::Usage;
use crate::failure::Failure;

/// What one client does with each message.
pub(crate) trait Exchange {
    /// Starts a message. An error means that no further one can be started.
    fn start(&mut self, due: &Due, now: Instant) -> Result<(), Failure>;

    /// Whether one more message may be under way.
    fn has_room(&self) -> bool;

    /// Whether no message is under way.
    fn is_idle(&self) -> bool;

    /// Records messages that have ended; ready if there were any.
    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// When a message will be given up.
    fn next_expiry(&self) -> Option<Instant> {
        None
    }

    /// Records that what is under way is waited for no longer.
    fn give_up(&mut self);
}

/// What all clients of a run share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) run: Rc<Run>,
    pub(crate) recorder: Rc<RefCell<Recorder>>,
    pub(crate) schedule: Rc<Schedule>,
    /// How long nothing may end until what is under way is given up.
    pub(crate) patience: Duration,
}

impl Shared {
    /// Begins the schedule now.
    pub(crate) fn begin(run: &Rc<Run>, plan: Plan, patience: Duration) -> Shared {
        let schedule = Schedule::new(plan, Instant::now());
        let mut recorder = Recorder::new(schedule.measured_from());
        recorder.planned = schedule.planned();
        Shared {
            run: Rc::clone(run),
            recorder: Rc::new(RefCell::new(recorder)),
            schedule: Rc::new(schedule),
            patience,
        }
    }

    /// Waits for the clients, and shows how far they are.
    pub(crate) async fn finish(&self, working: Vec<Task<()>>) {
        let Plan { count, duration, .. } = self.schedule.plan();
        let _progress = Progress::show(&self.run, &self.recorder, Goal { count, duration, one: "message" });
        let recorder = Rc::clone(&self.recorder);
        let _at_begin = self.run.executor.spawn(async move {
            let from = recorder.borrow().from;
            Timer::at(from).await;
            recorder.borrow_mut().usage[0] = Some(Usage::now());
        });
        for client in working {
            client.await;
        }
    }
}

/// One client's part of the run: until nothing more is to be started, and all that was started has ended.
pub(crate) async fn work(shared: Shared, client: u64, mut exchange: impl Exchange) {
    let mut course = Course::new(&shared.schedule, client);
    generate(&shared, &mut course, &mut exchange).await;
    {
        let mut recorder = shared.recorder.borrow_mut();
        recorder.left_out += course.left_out(Instant::now());
        // The last client has the last word.
        recorder.usage[1] = Some(Usage::now());
    }
    drain(&shared, &mut exchange).await;
    exchange.give_up();
    shared.recorder.borrow_mut().usage[2] = Some(Usage::now());
}

async fn generate(shared: &Shared, course: &mut Course<'_>, exchange: &mut impl Exchange) {
    let mut timer = Timer::never();
    let mut stopped = pin!(shared.run.starting.stopped());
    // Since when there has been room: nobody is late before.
    let mut room_since = Instant::now();
    while !shared.run.starting.is_stopped() {
        let mut wake_at = None;
        let mut started = 0;
        loop {
            let now = Instant::now();
            let Some(due) = course.peek(now) else { return };
            if !exchange.has_room() {
                wake_at = [shared.schedule.end(), exchange.next_expiry()].into_iter().flatten().min();
                break;
            }
            if due.at > now {
                wake_at = Some(exchange.next_expiry().map_or(due.at, |expiry| expiry.min(due.at)));
                break;
            }
            if started == BATCH {
                break;
            }
            started += 1;
            course.advance(&due);
            if due.is_counted {
                let lag = now.saturating_duration_since(due.at.max(room_since));
                shared.recorder.borrow_mut().start(shared.schedule.is_open_loop().then_some(lag));
            }
            if let Err(failure) = exchange.start(&due, now) {
                shared.recorder.borrow_mut().fail(failure);
                return;
            }
        }
        if started == BATCH && wake_at.is_none() {
            // Messages have to be sent as well, and what has ended makes room.
            yield_now().await;
            wake_at = Some(Instant::now());
        }
        match wake_at {
            Some(at) => timer.set_at(at),
            None => timer = Timer::never(),
        }
        let was_full = !exchange.has_room();
        poll_fn(|context| {
            let is_ready = exchange.poll_ended(context).is_ready()
                || Pin::new(&mut timer).poll(context).is_ready()
                || stopped.as_mut().poll(context).is_ready();
            if is_ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        if was_full && exchange.has_room() {
            room_since = Instant::now();
        }
    }
}

/// Waits for what is under way, as long as something ends from time to time.
async fn drain(shared: &Shared, exchange: &mut impl Exchange) {
    let mut stopped = pin!(shared.run.waiting.stopped());
    let mut timer = Timer::after(shared.patience);
    while !exchange.is_idle() {
        let has_ended = poll_fn(|context| {
            if exchange.poll_ended(context).is_ready() {
                return Poll::Ready(true);
            }
            let is_over =
                Pin::new(&mut timer).poll(context).is_ready() || stopped.as_mut().poll(context).is_ready();
            if is_over { Poll::Ready(false) } else { Poll::Pending }
        })
        .await;
        if !has_ended {
            return;
        }
        timer.set_after(shared.patience);
    }
}

/// Messages that one client starts before others have their turn.
const BATCH: usize = 64;
