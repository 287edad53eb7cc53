//! `mqtt sub`: prints messages as they arrive.

use std::cell::Cell;
use std::collections::BTreeSet;

use mqtt_smol::{Client, Message, Publish, QoS, Subscribe, TopicFilter, TopicName};
use smol::future::or;

use crate::address;
use crate::args::{FilterArgs, OutputArgs, SubArgs};
use crate::failure::Failure;
use crate::options::prepare;
use crate::output::{Shape, Style};
use crate::reader;
use crate::runtime::Mover;
use crate::session::{Ended, session};

pub(crate) async fn run(args: SubArgs) -> Result<(), Failure> {
    let SubArgs { what, output, connection } = &args;
    let filters: Vec<&str> =
        what.filters.iter().map(String::as_str).chain(address::topic(&connection.server)).collect();
    if filters.is_empty() && what.unsubscribe.is_empty() {
        return Err(Failure::new(Failure::USAGE, "no filter was given; use -t FILTER"));
    }
    check_filters("-t", &filters)?;
    check_filters("-U", &what.unsubscribe)?;
    check_filters("-T", &what.left_out)?;
    let style = style(output);
    let printed = Cell::new(0);
    let prepared = prepare(connection)?;
    let subscriber =
        Subscriber { what, filters, style, printed: &printed, max_packet: connection.session.max_packet };
    let is_debug = connection.server.debug;
    let ended = session(connection, prepared, what.timeout, Mover::OwnThread, async |client| {
        subscriber.work(client, is_debug).await
    });
    match (ended.await?, what.count) {
        (Ended::TimedOut, Some(count)) => {
            let message = format!("{} of {count} messages came in time", printed.get());
            Err(Failure::new(Failure::TIMED_OUT, message))
        }
        (Ended::TimedOut, None) if printed.get() == 0 => {
            Err(Failure::new(Failure::TIMED_OUT, "no message came in time"))
        }
        (Ended::TimedOut, None) | (Ended::Done, _) => Ok(()),
    }
}

fn check_filters(option: &str, filters: &[impl AsRef<str>]) -> Result<(), Failure> {
    for filter in filters.iter().map(AsRef::as_ref) {
        TopicFilter::new(filter)
            .map_err(|error| Failure::new(Failure::USAGE, format_args!("{option} {filter:?}: {error}")))?;
    }
    Ok(())
}

/// How messages are printed.
pub(crate) fn style(args: &OutputArgs) -> Style {
    let shape = match (&args.format, args.json, args.verbose) {
        (Some(template), ..) => Shape::Template(template.clone()),
        (None, true, _) => Shape::Json,
        (None, false, true) => Shape::TopicAndPayload,
        (None, false, false) => Shape::Payload,
    };
    let end: &[u8] = match (args.null, args.no_newline) {
        (true, _) => b"\0",
        (false, true) => b"",
        (false, false) => b"\n",
    };
    Style::new(shape, end, args.pretty)
}

struct Subscriber<'a> {
    what: &'a FilterArgs,
    filters: Vec<&'a str>,
    style: Style,
    printed: &'a Cell<u64>,
    max_packet: Option<u32>,
}

/// What becomes of a message that has arrived.
enum Verdict {
    Print,
    LeaveOut,
    /// Nothing that follows is wanted.
    End,
}

impl Subscriber<'_> {
    async fn work(&self, client: &Client, is_debug: bool) -> Result<(), Failure> {
        self.subscribe(client, is_debug).await?;
        if self.what.exit_subscribed || self.filters.is_empty() {
            return Ok(());
        }
        or(self.take(client), async {
            reader::gone().await;
            Ok(())
        })
        .await
    }

    /// Asks for all at once, and fails if one is refused.
    async fn subscribe(&self, client: &Client, is_debug: bool) -> Result<(), Failure> {
        let mut unsubscribing = Vec::new();
        for filter in &self.what.unsubscribe {
            unsubscribing.push((filter.as_str(), client.unsubscribe(filter)?));
        }
        let mut granting = Vec::new();
        for filter in &self.filters {
            let mut subscribe = Subscribe::new(filter)
                .qos(self.what.qos)
                .no_local(self.what.no_local)
                .retain_as_published(self.what.retain_as_published);
            if let Some(handling) = self.what.retain_handling {
                subscribe = subscribe.retain_handling(handling);
            }
            granting.push((*filter, client.listen(subscribe)?));
        }
        let of = |filter: &str, failure: Failure| {
            let why = failure.message.unwrap_or_default();
            Failure::new(failure.code, format_args!("{filter}: {why}"))
        };
        for (filter, done) in unsubscribing {
            done.await.map_err(|error| of(filter, error.into()))?;
            if is_debug {
                eprintln!("mqtt: unsubscribed from {filter}");
            }
        }
        for (filter, granted) in granting {
            let qos = granted.await.map_err(|error| of(filter, error.into()))?;
            if is_debug {
                eprintln!("mqtt: subscribed to {filter} at QoS {qos}");
            }
        }
        Ok(())
    }

    async fn take(&self, client: &Client) -> Result<(), Failure> {
        // Topics whose retained message was removed: the empty message that did it comes back to this client, too.
        let mut removed = BTreeSet::new();
        while self.what.count.is_none_or(|count| self.printed.get() < count) {
            // The client gives up for good only when the server forbids it to go on.
            let Some(message) = client.receive_held().await else {
                return client.run().await.map_err(Failure::from);
            };
            let is_own = message.payload().is_empty() && !message.retain() && removed.remove(message.topic());
            let verdict = if is_own { Verdict::LeaveOut } else { self.judge(&message) };
            match verdict {
                Verdict::End => return Ok(()),
                Verdict::LeaveOut => drop(message.acknowledge()),
                Verdict::Print => {
                    // What cannot be printed is not acknowledged.
                    self.style.print(&message)?;
                    let message = message.acknowledge();
                    self.printed.set(self.printed.get() + 1);
                    if self.what.remove_retained && message.retain() {
                        removed.insert(message.topic().to_owned());
                        remove(client, message.topic()).await?;
                    }
                }
            }
        }
        Ok(())
    }

    fn judge(&self, message: &Message) -> Verdict {
        let what = self.what;
        if what.retained_only && !message.retain() {
            return Verdict::End;
        }
        if what.no_retained && message.retain() || self.is_left_out(message.topic()) {
            return Verdict::LeaveOut;
        }
        if let Some(max) = self.max_packet
            && message.packet_size() > max as usize
        {
            let (size, topic) = (message.packet_size(), message.topic());
            eprintln!("mqtt: {topic:?}: a message of {size} bytes is left out; --max-packet is {max}");
            return Verdict::LeaveOut;
        }
        match what.random_filter {
            Some(percent) if fastrand::f64() * 100.0 >= percent => Verdict::LeaveOut,
            _ => Verdict::Print,
        }
    }

    fn is_left_out(&self, topic: &str) -> bool {
        let Ok(topic) = TopicName::new(topic) else { return false };
        let filters = self.what.left_out.iter().filter_map(|filter| TopicFilter::new(filter).ok());
        filters.into_iter().any(|filter| filter.matches(topic))
    }
}

/// An empty retained message takes the place of the one that the server has.
async fn remove(client: &Client, topic: &str) -> Result<(), Failure> {
    let empty = Publish::new(topic, "").qos(QoS::AtLeastOnce).retain(true);
    client.publish(empty)?.await.map(drop).map_err(Failure::from)
}
