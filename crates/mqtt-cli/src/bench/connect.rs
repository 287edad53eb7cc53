//! `mqtt bench conn`: from the time at which a connection is due to its CONNACK.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mqtt_smol::{Client, Disconnect, Options};
use serde_json::json;
use smol::future::or;
use smol::lock::Semaphore;
use smol::{Task, Timer};

use super::fleet::Names;
use super::limits::check_descriptors;
use super::progress::{Goal, Progress};
use super::recorder::Recorder;
use super::report::{Subject, give_out};
use super::run::{Run, pause, with_executor};
use super::schedule::{Course, Plan, Schedule};
use super::text::{counted, digits};
use super::usage::Usage;
use crate::args::BenchConnArgs;
use crate::failure::Failure;
use crate::options::prepare_many;

pub(crate) async fn run(args: &BenchConnArgs) -> Result<(), Failure> {
    check_descriptors(args.count)?;
    let connection = &args.connection;
    let names = Names::new(prepare_many(connection, "bench")?.retry_first(false), args.count);
    let plan = Plan {
        rate: args.rate.filter(|rate| *rate > 0.0),
        clients: 1,
        warm_up: Duration::ZERO,
        count: Some(args.count.into()),
        duration: None,
    };
    with_executor(connection.server.quiet, async |run| {
        let schedule = Schedule::new(plan, Instant::now());
        let mut recorder = Recorder::new(schedule.measured_from());
        recorder.planned = schedule.planned();
        recorder.usage[0] = Some(Usage::now());
        let opening = Rc::new(Opening {
            recorder: Rc::new(RefCell::new(recorder)),
            open: RefCell::default(),
            room: Arc::new(Semaphore::new(args.inflight.into())),
            room_since: Cell::new(Instant::now()),
        });
        let goal = Goal { count: plan.count, duration: None, one: "connection" };
        let progress = Progress::show(run, &opening.recorder, goal);
        let mut course = Course::new(&schedule, 0);
        let tasks = or(opening.start_all(run, &mut course, &names, schedule.is_open_loop()), async {
            run.starting.stopped().await;
            Vec::new()
        });
        let tasks = tasks.await;
        let usage = Some(Usage::now());
        opening.recorder.borrow_mut().usage[1] = usage;
        let all = async {
            for task in tasks {
                task.await;
            }
        };
        or(all, run.starting.stopped()).await;
        opening.recorder.borrow_mut().usage[2] = Some(Usage::now());
        drop(progress);
        or(pause(args.hold), run.starting.stopped()).await;
        opening.close(run, connection.server.network_timeout).await;
        let given = give_out(&args.report, &subject(args), &opening.recorder.borrow(), run.ending());
        run.take_failure().and(given)
    })
    .await
}

fn subject(args: &BenchConnArgs) -> Subject {
    let rate = args.rate.filter(|rate| *rate > 0.0);
    let at = match rate {
        Some(rate) => format!("{}/s", digits(rate)),
        None => "as many as go".into(),
    };
    let from = if rate.is_some() { "from the intended time" } else { "from the dialling" };
    let count = counted(args.count.into(), "connection");
    Subject {
        command: "conn",
        one: "connection",
        parameters: format!("{count}, {at}, at most {} at once", args.inflight),
        latency: format!("{from} to CONNACK"),
        rate_asked: rate,
        settings: vec![
            ("count_asked", json!(args.count)),
            ("inflight_max", json!(args.inflight)),
            ("hold_s", json!(args.hold.as_secs_f64())),
        ],
        counts: Vec::new(),
        notes: Vec::new(),
    }
}

/// Connections that are being opened, and those that are open.
#[derive(Debug)]
struct Opening {
    recorder: Rc<RefCell<Recorder>>,
    /// With what moves their bytes.
    open: RefCell<Vec<(Client, Task<()>)>>,
    room: Arc<Semaphore>,
    /// Since when there has been room.
    room_since: Cell<Instant>,
}

impl Opening {
    /// Starts each when it is due and there is room.
    async fn start_all(
        self: &Rc<Self>,
        run: &Rc<Run>,
        course: &mut Course<'_>,
        names: &Names,
        is_open_loop: bool,
    ) -> Vec<Task<()>> {
        let mut tasks = Vec::new();
        while let Some(due) = course.peek(Instant::now()) {
            if due.at > Instant::now() {
                Timer::at(due.at).await;
            }
            let room = match self.room.try_acquire_arc() {
                Some(room) => room,
                None => {
                    let room = self.room.acquire_arc().await;
                    self.room_since.set(Instant::now());
                    room
                }
            };
            let now = Instant::now();
            course.advance(&due);
            let due = if is_open_loop { due.at } else { now };
            let lag = now.saturating_duration_since(due.max(self.room_since.get()));
            self.recorder.borrow_mut().start(is_open_loop.then_some(lag));
            let options = names.options(tasks.len() as u64);
            let (opening, executor) = (Rc::clone(self), Rc::clone(run));
            tasks.push(run.executor.spawn(async move {
                let _room = room;
                opening.open(&executor, options, due).await;
            }));
            // Those that are under way have their turn.
            smol::future::yield_now().await;
        }
        tasks
    }

    async fn open(&self, run: &Run, options: Options, due: Instant) {
        let connected = async {
            let (client, drive) = mqtt_smol::client(options)?;
            let drive = run.executor.spawn(drive);
            client.connect()?.await?;
            Ok((client, drive))
        };
        match connected.await {
            Ok(open) => {
                self.recorder.borrow_mut().end(due, Instant::now(), 0);
                self.open.borrow_mut().push(open);
            }
            Err(failure) => self.recorder.borrow_mut().fail(failure),
        }
    }

    /// Counts those that were lost while they were held, and disconnects the others.
    async fn close(&self, run: &Run, network_timeout: Duration) {
        let open = self.open.take();
        let lost = open.iter().filter(|(client, _)| !client.is_connected()).count() as u64;
        run.connections_lost.set(lost);
        if lost > 0 {
            let failure = Failure::new(Failure::UNREACHABLE, "the connection was lost while it was held");
            self.recorder.borrow_mut().fail_many(failure, lost);
        }
        let how = Disconnect::within(Duration::ZERO);
        let leaving: Vec<_> =
            open.iter().filter_map(|(client, _)| client.disconnect_with(how).ok()).collect();
        let all = async {
            for leaving in leaving {
                leaving.await;
            }
        };
        or(all, pause(network_timeout)).await;
    }
}
