//! `mqtt bench sub`: counts what arrives; where payloads have stamps also how long it took, what is missing and what is
//! double.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use mqtt_smol::{Message, Subscribe, Subscription, TopicFilter};
use serde_json::json;
use smol::future::or;

use super::asked::{duration, qos_number};
use super::fleet::Fleet;
use super::limits::check_descriptors;
use super::payload::{Stamp, topic};
use super::progress::{Goal, Progress};
use super::recorder::Recorder;
use super::report::{Subject, give_out};
use super::run::{Stop, pause, with_executor};
use super::sequence::Sequence;
use super::text::counted;
use super::usage::Usage;
use crate::address;
use crate::args::BenchSubArgs;
use crate::failure::Failure;
use crate::options::prepare_many;

pub(crate) async fn run(args: &BenchSubArgs) -> Result<(), Failure> {
    let BenchSubArgs { connection, .. } = args;
    let template = args.topic.as_deref().or(address::topic(&connection.server)).unwrap_or("bench/#");
    let filter = |number| topic(template, number, None);
    if let Err(error) = TopicFilter::new(&filter(0)) {
        return Err(Failure::new(Failure::USAGE, format_args!("-t {:?}: {error}", filter(0))));
    }
    check_descriptors(args.clients)?;
    let duration = duration(args.count, args.duration);
    let options = prepare_many(connection, "bench")?;
    with_executor(connection.server.quiet, async |run| {
        let fleet = run.unless_stopped(Fleet::connect(run, connection, options, args.clients)).await?;
        let mut streams = Vec::new();
        for (client, number) in fleet.clients.iter().zip(0..) {
            streams.push(client.subscribe(Subscribe::new(&filter(number)).qos(args.qos))?);
        }
        let granted = async {
            for stream in &mut streams {
                stream.granted().await?;
            }
            Ok::<(), Failure>(())
        };
        run.unless_stopped(granted).await?;
        if connection.server.debug {
            run.say("subscribed");
        }
        let recorder = Rc::new(RefCell::new(Recorder::new(Instant::now())));
        recorder.borrow_mut().usage[0] = Some(Usage::now());
        let tally = Rc::new(Tally {
            recorder: Rc::clone(&recorder),
            left: Cell::new(args.count),
            is_over: run.starting.clone(),
            publishers: Cell::new(0),
        });
        let goal = Goal { count: args.count, duration, one: "message" };
        let progress = Progress::show(run, &recorder, goal);
        let counts = Rc::new(RefCell::new(Counts::default()));
        let counting: Vec<_> = streams
            .into_iter()
            .map(|stream| run.executor.spawn(count(stream, Rc::clone(&tally), Rc::clone(&counts))))
            .collect();
        let time = async {
            match duration {
                Some(duration) => pause(duration).await,
                None => smol::future::pending().await,
            }
        };
        or(time, run.starting.stopped()).await;
        drop((progress, counting));
        let usage = Some(Usage::now());
        recorder.borrow_mut().usage[1..].fill(usage);
        fleet.disconnect().await;
        let subject = subject(args, template, &counts.borrow());
        let given = give_out(&args.report, &subject, &recorder.borrow(), run.ending());
        run.take_failure().and(given)
    })
    .await
}

/// What all subscribers share.
#[derive(Debug)]
struct Tally {
    recorder: Rc<RefCell<Recorder>>,
    /// Messages that are still to be counted; none if there is no end.
    left: Cell<Option<u64>>,
    is_over: Stop,
    /// Publishers that are followed, over all subscribers.
    publishers: Cell<usize>,
}

/// What is known of stamped messages.
#[derive(Debug, Default)]
struct Counts {
    stamped: u64,
    missing: u64,
    duplicates: u64,
    late: u64,
    /// Stamped messages of publishers that are too many to be followed.
    unfollowed: u64,
}

/// Counts what one subscriber gets.
async fn count(mut stream: Subscription, tally: Rc<Tally>, counts: Rc<RefCell<Counts>>) {
    let mut publishers = BTreeMap::new();
    while let Some(message) = stream.next().await {
        match tally.left.get() {
            Some(0) => return,
            Some(left) => tally.left.set(Some(left - 1)),
            None => {}
        }
        take(&message, &tally, &mut publishers, &mut counts.borrow_mut());
        if tally.left.get() == Some(0) {
            tally.is_over.stop();
        }
    }
}

fn take(
    message: &Message,
    tally: &Tally,
    publishers: &mut BTreeMap<(u32, u32), Sequence>,
    counts: &mut Counts,
) {
    let (now, size) = (Instant::now(), message.payload().len());
    let mut recorder = tally.recorder.borrow_mut();
    if recorder.done == 0 {
        // Before there was nobody who published.
        recorder.from = now;
    }
    let Some(stamp) = Stamp::read(message.payload()) else {
        return recorder.arrive(now, size);
    };
    counts.stamped += 1;
    let due = now.checked_sub(stamp.age());
    recorder.end(due.unwrap_or(now), now, size);
    let key = (stamp.run, stamp.client);
    if !publishers.contains_key(&key) {
        if tally.publishers.get() >= PUBLISHERS_MAX {
            counts.unfollowed += 1;
            return;
        }
        tally.publishers.set(tally.publishers.get() + 1);
    }
    let sequence = publishers.entry(key).or_insert_with(|| Sequence::new(stamp.sequence));
    let before = (sequence.missing, sequence.duplicates, sequence.late);
    sequence.take(stamp.sequence);
    // A late message takes its gap back.
    counts.missing = counts.missing + sequence.missing - before.0;
    counts.duplicates += sequence.duplicates - before.1;
    counts.late += sequence.late - before.2;
}

fn subject(args: &BenchSubArgs, filter: &str, counts: &Counts) -> Subject {
    let mut parameters = format!("{}, QoS {}, {}", counted(args.clients.into(), "client"), args.qos, filter);
    if let Some(count) = args.count {
        parameters.push_str(&format!(", {}", counted(count, "message")));
    }
    let duration = duration(args.count, args.duration);
    if let Some(duration) = duration {
        parameters.push_str(&format!(", {} s", duration.as_secs_f64()));
    }
    let mut notes = Vec::new();
    let mut all = vec![
        ("stamped", "stamped", counts.stamped),
        ("missing", "missing", counts.missing),
        ("duplicates", "duplicates", counts.duplicates),
        ("late", "out of order", counts.late),
    ];
    if counts.stamped > 0 {
        notes.push("latency is right only if publisher and subscriber share a clock".into());
    } else if !args.report.json {
        all.clear();
    }
    if counts.unfollowed > 0 {
        notes.push(format!(
            "{} came of more than {PUBLISHERS_MAX} publishers; gaps among them are not counted",
            counted(counts.unfollowed, "message")
        ));
    }
    Subject {
        command: "sub",
        one: "message",
        parameters,
        latency: "from the intended time of the publisher to the arrival".into(),
        rate_asked: None,
        settings: vec![
            ("clients", json!(args.clients)),
            ("filter", json!(filter)),
            ("qos", json!(qos_number(args.qos))),
            ("count_asked", json!(args.count)),
            ("duration_asked_s", json!(duration.map(|duration| duration.as_secs_f64()))),
        ],
        counts: all,
        notes,
    }
}

/// Publishers that are followed, over all subscribers; each takes some 200 bytes.
const PUBLISHERS_MAX: usize = 100_000;
