//! `mqtt bench rtt`: each client publishes to a topic of its own, and measures until it has its message back.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use mqtt_smol::{Client, Publish, PublishToken, QoS, Subscribe, Subscription};
use smol::stream::Stream;

use super::asked::Asked;
use super::fleet::Fleet;
use super::load::{Exchange, Shared, work};
use super::payload::{Stamp, filler, topic, unix_ns};
use super::recorder::Recorder;
use super::report::{Subject, give_out};
use super::run::with_executor;
use super::schedule::Due;
use crate::args::BenchRttArgs;
use crate::failure::Failure;
use crate::options::prepare_many;

pub(crate) async fn run(args: &BenchRttArgs) -> Result<(), Failure> {
    let BenchRttArgs { load, connection, .. } = args;
    let asked = Asked::new(load, &connection.server, args.size as usize)?;
    if asked.topic.contains("%n") || load.clients > 1 && !asked.topic.contains("%c") {
        let why = "-t: each client has one topic of its own here; use %c in it, and no %n";
        return Err(Failure::new(Failure::USAGE, why));
    }
    let options = asked.with_room(prepare_many(connection, "bench")?);
    let run_number = fastrand::u32(..);
    let duplicates = Rc::new(Cell::new(0));
    with_executor(connection.server.quiet, async |run| {
        let fleet = run.unless_stopped(Fleet::connect(run, connection, options, load.clients)).await?;
        let mut streams = Vec::new();
        for (client, number) in fleet.clients.iter().zip(0..) {
            streams.push(client.subscribe(Subscribe::new(&topic(asked.topic, number, None)).qos(load.qos))?);
        }
        let granted = async {
            for stream in &mut streams {
                stream.granted().await?;
            }
            Ok::<(), Failure>(())
        };
        run.unless_stopped(granted).await?;
        let shared = Shared::begin(run, asked.plan, connection.server.network_timeout);
        let clients = fleet.clients.iter().zip(streams).zip(0..);
        let working = clients.map(|((client, stream), number)| {
            let traveller = Traveller {
                client: client.clone(),
                stream,
                recorder: Rc::clone(&shared.recorder),
                duplicates: Rc::clone(&duplicates),
                topic: topic(asked.topic, number, None),
                qos: load.qos,
                template: filler(asked.size),
                stamp: Stamp { run: run_number, client: number as u32, sequence: 0, due_ns: 0 },
                inflight: asked.inflight.into(),
                patience: connection.server.network_timeout,
                first: 0,
                out: VecDeque::new(),
                open: 0,
                tokens: VecDeque::new(),
            };
            run.executor.spawn(work(shared.clone(), number, traveller))
        });
        shared.finish(working.collect()).await;
        fleet.disconnect().await;
        let subject = subject(args, &asked, duplicates.get());
        let given = give_out(&args.report, &subject, &shared.recorder.borrow(), run.ending());
        run.take_failure().and(given)
    })
    .await
}

fn subject(args: &BenchRttArgs, asked: &Asked<'_>, duplicates: u64) -> Subject {
    let mut counts = Vec::new();
    if duplicates > 0 || args.report.json {
        counts.push(("duplicates", "duplicates", duplicates));
    }
    Subject {
        command: "rtt",
        one: "message",
        parameters: asked.parameters(),
        latency: format!("{} to the message's own return", asked.latency_from()),
        rate_asked: asked.plan.rate,
        settings: asked.settings(),
        counts,
        notes: asked.notes(),
    }
}

/// One client whose messages come back to itself.
struct Traveller {
    client: Client,
    stream: Subscription,
    recorder: Rc<RefCell<Recorder>>,
    duplicates: Rc<Cell<u64>>,
    topic: String,
    qos: QoS,
    template: Vec<u8>,
    /// Of the next message.
    stamp: Stamp,
    inflight: usize,
    /// How long a QoS 0 message may be away, which nobody would miss otherwise.
    patience: Duration,
    /// The number of the first message in `out`.
    first: u64,
    out: VecDeque<Out>,
    /// Messages in `out` that have neither come back nor failed.
    open: usize,
    /// Acknowledgements, which come in this order. [5.0 MQTT-4.6.0-2] [5.0 MQTT-4.6.0-3]
    tokens: VecDeque<(u64, PublishToken)>,
}

/// A message that was sent.
struct Out {
    due: Due,
    started: Instant,
    is_open: bool,
}

impl Traveller {
    /// A message has come back or failed; false if it had done so before, or is not known.
    fn close(&mut self, number: u64, then: impl FnOnce(&mut Recorder, &Out)) -> bool {
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        let Some(out) = place.and_then(|place| self.out.get_mut(place)) else { return false };
        if !std::mem::take(&mut out.is_open) {
            return false;
        }
        self.open -= 1;
        then(&mut self.recorder.borrow_mut(), out);
        while self.out.front().is_some_and(|out| !out.is_open) {
            self.out.pop_front();
            self.first += 1;
        }
        true
    }

    fn fail(&mut self, number: u64, failure: Failure) -> bool {
        self.close(number, |recorder, _| recorder.fail(failure))
    }

    fn poll_returned(&mut self, context: &mut Context<'_>) -> bool {
        let mut returned_at = None;
        while let Poll::Ready(Some(message)) = Pin::new(&mut self.stream).poll_next(context) {
            let now = *returned_at.get_or_insert_with(Instant::now);
            let size = message.payload().len();
            // Others may publish to the topic as well.
            let own = |stamp: &Stamp| (stamp.run, stamp.client) == (self.stamp.run, self.stamp.client);
            let Some(stamp) = Stamp::read(message.payload()).filter(own) else { continue };
            let is_first = self.close(stamp.sequence, |recorder, out| {
                if out.due.is_counted {
                    recorder.end(out.due.at, now, size);
                }
            });
            if !is_first {
                self.duplicates.set(self.duplicates.get() + 1);
            }
        }
        returned_at.is_some()
    }

    fn poll_acknowledged(&mut self, context: &mut Context<'_>) -> bool {
        let mut has_ended = false;
        while let Some((number, token)) = self.tokens.front_mut() {
            let Poll::Ready(result) = Pin::new(token).poll(context) else { break };
            let number = *number;
            has_ended = true;
            self.tokens.pop_front();
            if let Err(error) = result {
                self.fail(number, error.into());
            }
        }
        has_ended
    }

    fn expire(&mut self) -> bool {
        let mut has_ended = false;
        while self.next_expiry().is_some_and(|expiry| expiry <= Instant::now()) {
            let why = "it did not come back in time; the server may have dropped it";
            has_ended |= self.fail(self.first, Failure::new(Failure::TIMED_OUT, why));
        }
        has_ended
    }
}

impl Exchange for Traveller {
    fn start(&mut self, due: &Due, now: Instant) -> Result<(), Failure> {
        let late = now.saturating_duration_since(due.at);
        self.stamp.due_ns = unix_ns(SystemTime::now().checked_sub(late).unwrap_or(SystemTime::UNIX_EPOCH));
        let mut payload = self.template.clone();
        self.stamp.write(&mut payload);
        let token = self.client.publish(Publish::new(&self.topic, payload).qos(self.qos))?;
        self.tokens.push_back((self.stamp.sequence, token));
        self.out.push_back(Out { due: *due, started: now, is_open: true });
        self.open += 1;
        self.stamp.sequence += 1;
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.open < self.inflight && self.tokens.len() < self.inflight && self.out.len() < OUT_MAX
    }

    fn is_idle(&self) -> bool {
        self.open == 0 && self.tokens.is_empty()
    }

    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let has_returned = self.poll_returned(context);
        let has_acknowledged = self.poll_acknowledged(context);
        let has_expired = self.expire();
        if has_returned || has_acknowledged || has_expired { Poll::Ready(()) } else { Poll::Pending }
    }

    fn next_expiry(&self) -> Option<Instant> {
        let first = self.out.front().filter(|_| self.qos == QoS::AtMostOnce)?;
        Some(first.started + self.patience)
    }

    fn give_up(&mut self) {
        let count = self.open as u64;
        if count > 0 {
            let failure = Failure::new(Failure::TIMED_OUT, "they did not come back in time");
            self.recorder.borrow_mut().fail_many(failure, count);
        }
        self.tokens.clear();
    }
}

/// Messages that are remembered behind one that has not come back.
const OUT_MAX: usize = 100_000;
