//! `mqtt bench pub`: from the time at which a message is due to its acknowledgement.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use mqtt_smol::{Bytes, Client, PropertyBuf, Publish, PublishToken, QoS};
use serde_json::json;

use super::asked::Asked;
use super::fleet::Fleet;
use super::load::{Exchange, Shared, work};
use super::payload::{Stamp, filler, topic, unix_ns};
use super::recorder::Recorder;
use super::report::{Subject, give_out};
use super::run::with_executor;
use super::schedule::Due;
use crate::args::BenchPubArgs;
use crate::failure::Failure;
use crate::options::prepare_many;
use crate::properties::Sorted;
use crate::values;

pub(crate) async fn run(args: &BenchPubArgs) -> Result<(), Failure> {
    let BenchPubArgs { load, connection, .. } = args;
    let payload = match &args.message {
        Some(text) => values::bytes(text.clone()),
        None => filler(args.size as usize),
    };
    if args.timestamp && payload.len() < Stamp::SIZE {
        let why = format!("--timestamp takes {} bytes; use a larger --size", Stamp::SIZE);
        return Err(Failure::new(Failure::USAGE, why));
    }
    let asked = Asked::new(load, &connection.server, payload.len())?;
    let usage = |why: String| Failure::new(Failure::USAGE, why);
    let message = Rc::new(Message {
        template: asked.topic.to_owned(),
        has_numbers: asked.topic.contains("%n"),
        payload: payload.into(),
        qos: load.qos,
        properties: Sorted::new(&connection.session.properties).map_err(usage)?.publish,
        run: args.timestamp.then(|| fastrand::u32(..)),
    });
    let options = asked.with_room(prepare_many(connection, "bench")?);
    let subject = subject(args, &asked);
    with_executor(connection.server.quiet, async |run| {
        let fleet = run.unless_stopped(Fleet::connect(run, connection, options, load.clients)).await?;
        let shared = Shared::begin(run, asked.plan, connection.server.network_timeout);
        let clients = fleet.clients.iter().zip(0..);
        let working = clients.map(|(client, number)| {
            let publisher = Publisher {
                client: client.clone(),
                message: Rc::clone(&message),
                recorder: Rc::clone(&shared.recorder),
                number,
                topic: topic(&message.template, number, None),
                sequence: 0,
                inflight: asked.inflight.into(),
                under_way: VecDeque::new(),
            };
            run.executor.spawn(work(shared.clone(), number, publisher))
        });
        shared.finish(working.collect()).await;
        fleet.disconnect().await;
        let given = give_out(&args.report, &subject, &shared.recorder.borrow(), run.ending());
        run.take_failure().and(given)
    })
    .await
}

fn subject(args: &BenchPubArgs, asked: &Asked<'_>) -> Subject {
    let to = match args.load.qos {
        QoS::AtMostOnce => "the hand-over to the transport",
        QoS::AtLeastOnce => "PUBACK",
        QoS::ExactlyOnce => "PUBCOMP",
    };
    let mut settings = asked.settings();
    settings.push(("has_timestamps", json!(args.timestamp)));
    let mut notes = asked.notes();
    if args.load.qos == QoS::AtMostOnce {
        notes.push("QoS 0 has no acknowledgement: nobody knows what arrived".into());
    }
    Subject {
        command: "pub",
        one: "message",
        parameters: asked.parameters(),
        latency: format!("{} to {to}", asked.latency_from()),
        rate_asked: asked.plan.rate,
        settings,
        counts: Vec::new(),
        notes,
    }
}

/// What all messages have in common.
#[derive(Debug)]
struct Message {
    template: String,
    /// Each message has a topic of its own.
    has_numbers: bool,
    payload: Bytes,
    qos: QoS,
    properties: PropertyBuf,
    /// Names the run in the stamps; none where payloads have no stamp.
    run: Option<u32>,
}

/// One client that publishes.
struct Publisher {
    client: Client,
    message: Rc<Message>,
    recorder: Rc<RefCell<Recorder>>,
    number: u64,
    topic: String,
    sequence: u64,
    inflight: usize,
    /// Oldest first. A server acknowledges in this order, so that only the oldest has to be looked at.
    /// [5.0 MQTT-4.6.0-2] [5.0 MQTT-4.6.0-3]
    under_way: VecDeque<(Due, PublishToken)>,
}

impl Publisher {
    fn payload(&self, due: &Due, now: Instant) -> Bytes {
        let Some(run) = self.message.run else { return self.message.payload.clone() };
        let late = now.saturating_duration_since(due.at);
        let due_ns = unix_ns(SystemTime::now().checked_sub(late).unwrap_or(SystemTime::UNIX_EPOCH));
        let mut payload = self.message.payload.to_vec();
        Stamp { run, client: self.number as u32, sequence: self.sequence, due_ns }.write(&mut payload);
        payload.into()
    }
}

impl Exchange for Publisher {
    fn start(&mut self, due: &Due, now: Instant) -> Result<(), Failure> {
        if self.message.has_numbers {
            self.topic = topic(&self.message.template, self.number, Some(self.sequence));
        }
        let publish = Publish::new(&self.topic, self.payload(due, now))
            .qos(self.message.qos)
            .properties(self.message.properties.as_properties());
        let token = self.client.publish(publish)?;
        self.sequence += 1;
        self.under_way.push_back((*due, token));
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.under_way.len() < self.inflight
    }

    fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut ended_at = None;
        while let Some((due, token)) = self.under_way.front_mut() {
            let Poll::Ready(result) = Pin::new(token).poll(context) else { break };
            let now = *ended_at.get_or_insert_with(Instant::now);
            match result {
                Ok(_) if due.is_counted => {
                    self.recorder.borrow_mut().end(due.at, now, self.message.payload.len());
                }
                Ok(_) => {}
                Err(error) => self.recorder.borrow_mut().fail(error.into()),
            }
            self.under_way.pop_front();
        }
        if ended_at.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn give_up(&mut self) {
        let count = self.under_way.len() as u64;
        if count > 0 {
            let failure =
                Failure::new(Failure::TIMED_OUT, "no acknowledgement in time; they may have arrived");
            self.recorder.borrow_mut().fail_many(failure, count);
        }
        self.under_way.clear();
    }
}
