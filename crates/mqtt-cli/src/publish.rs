//! `mqtt pub`: messages from arguments and files, or one for each line of standard input.

mod message;
mod flight;
mod source;

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use mqtt_smol::{Bytes, Options, QoS, TopicName, Version};
use smol::Timer;

use crate::address;
use crate::args::{MessageArgs, PubArgs};
use crate::failure::Failure;
use crate::options::prepare;
use crate::runtime::Mover;
use crate::session::{Ended, session};
use flight::Flight;
use message::{Outgoing, base_properties};
use source::Lines;
pub(crate) use source::fixed;

pub(crate) async fn run(args: PubArgs) -> Result<(), Failure> {
    let PubArgs { message: what, connection } = &args;
    let topic = what.topic.as_deref().or(address::topic(&connection.server));
    let has_topics = what.payload.json || what.payload.lines_with_topic.is_some();
    match topic {
        Some(topic) => check_topic(topic)?,
        None if has_topics => {}
        None => return Err(Failure::new(Failure::USAGE, "no topic was given; use -t TOPIC")),
    }
    if what.topic.is_some() && what.payload.lines_with_topic.is_some() {
        return Err(Failure::new(
            Failure::USAGE,
            "--lines-with-topic takes the topic from each line; leave out -t",
        ));
    }
    if connection.session.store.is_some() && what.qos == QoS::AtMostOnce && !what.payload.json {
        return Err(Failure::new(Failure::USAGE, "--store keeps nothing of QoS 0; use -q 1 or -q 2"));
    }
    let properties = base_properties(&what.properties, &connection.session.properties)?;
    if !properties.is_empty() && connection.server.version != Version::V5_0 {
        let why = format!("properties are part of version 5.0, and this is {}", connection.server.version);
        return Err(Failure::new(Failure::USAGE, why));
    }
    let base = Outgoing {
        topic: topic.unwrap_or_default().into(),
        payload: Bytes::new(),
        qos: what.qos,
        retain: what.retain,
        properties,
    };
    let from_lines = what.payload.lines || has_topics;
    if from_lines && what.repeat.is_some() {
        return Err(Failure::new(
            Failure::USAGE,
            "--repeat is for -m, -f, -s and -n; lines are published once",
        ));
    }
    // What cannot be read is said before anything is connected.
    let payloads = if from_lines { Vec::new() } else { fixed(&what.payload).await? };
    let mut prepared = prepare(connection)?;
    prepared.options = with_room(prepared.options, what);
    let ended = session(connection, prepared, what.timeout, Mover::ThisThread, async |client| {
        let mut flight = Flight::new(client);
        let published = match from_lines {
            true => publish_lines(what, &base, &mut flight).await,
            false => publish_repeated(what, &base, &payloads, &mut flight).await,
        };
        // What was published before something went wrong is still waited for.
        let landed = flight.land().await;
        published.and(landed)
    });
    match ended.await? {
        Ended::Done => Ok(()),
        Ended::TimedOut => {
            let what = match &connection.session.store {
                Some(path) => {
                    format!("time ran out; what was accepted waits in {} for the next run", path.display())
                }
                None => "time ran out before all was published".into(),
            };
            Err(Failure::new(Failure::TIMED_OUT, what))
        }
    }
}

fn check_topic(topic: &str) -> Result<(), Failure> {
    match TopicName::new(topic) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(Failure::USAGE, format_args!("-t {topic:?}: {error}"))),
    }
}

/// Room for the largest message that the protocol has, beside those that wait.
fn with_room(mut options: Options, what: &MessageArgs) -> Options {
    options.config.queue_bytes_max = QUEUE_BYTES_MAX;
    if let Some(count) = what.max_inflight {
        options.config.in_flight_max = NonZeroU16::new(count);
    }
    options
}

/// Publishes the same messages as often as was asked for.
async fn publish_repeated(
    what: &MessageArgs,
    base: &Outgoing,
    payloads: &[Bytes],
    flight: &mut Flight<'_>,
) -> Result<(), Failure> {
    let mut pace = Pace::new(what);
    for _ in 0..what.repeat.unwrap_or(1) {
        for payload in payloads {
            pace.wait().await;
            flight.launch(base.with_payload(payload.clone())).await?;
        }
    }
    Ok(())
}

/// A last line without an end counts.
async fn publish_lines(what: &MessageArgs, base: &Outgoing, flight: &mut Flight<'_>) -> Result<(), Failure> {
    let (mut lines, mut pace) = (Lines::new(&what.payload), Pace::new(what));
    while let Some(message) = lines.next(base).await? {
        pace.wait().await;
        flight.launch(message).await?;
    }
    Ok(())
}

/// When messages are due: at once, or on a schedule that does not drift.
struct Pace {
    interval: Duration,
    start: Instant,
    count: u32,
}

impl Pace {
    fn new(what: &MessageArgs) -> Pace {
        Pace { interval: what.interval.unwrap_or_default(), start: Instant::now(), count: 0 }
    }

    /// Waits until the next message is due; the first is due at once.
    async fn wait(&mut self) {
        let after = self.interval.checked_mul(self.count);
        self.count = self.count.saturating_add(1);
        if let Some(due) =
            after.filter(|after| !after.is_zero()).and_then(|after| self.start.checked_add(after))
        {
            Timer::at(due).await;
        }
    }
}

/// Bytes that may wait to be sent: the largest packet, and those that are under way beside it.
const QUEUE_BYTES_MAX: usize = 384 * 1024 * 1024;
