//! Plays a random conversation, with the habits of some driver.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_proto::{QoS, SubscribeOptions, TopicFilter, Version};
use mqtt_session::{Command, Disconnect, Event, Instant, Publish, Status, Subscribe, TransmitBuf};

use super::script::Step;
use crate::harness::{Talk, message, payload, persistent, render_event, secs, server_bytes};

/// How a driver behaves where it is free.
#[derive(Debug, Default)]
pub(super) struct Habits {
    /// Sizes of the pieces in which input is handed over, again and again; whole if empty.
    pub(super) split: Vec<usize>,
    /// Sizes of what is written at once from a buffer that is filled up meanwhile; whole buffers if empty.
    pub(super) writes: Vec<usize>,
    /// Whether everything is asked for again and again.
    pub(super) is_restless: bool,
}

/// What can be seen from outside, in order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Trace {
    events: Vec<String>,
    /// What was sent after each step, as a size and a sum, to keep failures readable.
    sent: Vec<(usize, u64)>,
    due: Vec<Option<Duration>>,
}

pub(super) fn run(version: Version, steps: &[Step], habits: &Habits) -> Trace {
    let mut talk = Talk::new(persistent(version));
    let mut trace = Trace::default();
    talk.connect();
    talk.accept("CONNACK");
    for step in steps {
        play(&mut talk, version, step, habits, &mut trace);
        let sent =
            if habits.writes.is_empty() { talk.take_bytes() } else { write(&mut talk, &habits.writes) };
        let sum = sent.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        trace.sent.push((sent.len(), sum));
        settle(&mut talk);
        trace.events.extend(talk.take_events());
        trace.due.push(talk.due_in());
    }
    trace
}

/// Handles what is due now.
fn settle(talk: &mut Talk) {
    talk.wait(Duration::ZERO);
}

fn play(talk: &mut Talk, version: Version, step: &Step, habits: &Habits, trace: &mut Trace) {
    match step {
        Step::Say(packets) => {
            let bytes: Vec<u8> = packets.iter().flat_map(|packet| server_bytes(packet, version)).collect();
            feed(talk, &bytes, habits, trace);
        }
        Step::Bytes(bytes) => feed(talk, bytes, habits, trace),
        Step::Acknowledge(nth) => {
            if talk.receipts() > 0 {
                talk.acknowledge(nth % talk.receipts());
            }
        }
        Step::Opened => talk.opened(),
        Step::Cut => talk.cut(),
        Step::Wait(millis) => talk.wait(Duration::from_millis(*millis)),
        Step::Accept(connack) => accept(talk, connack),
        Step::Connect
        | Step::Publish(..)
        | Step::Subscribe(_)
        | Step::Unsubscribe(_)
        | Step::Disconnect(_) => {
            submit(talk, step);
        }
    }
    if habits.is_restless {
        fidget(talk, trace);
    }
}

fn accept(talk: &mut Talk, connack: &str) {
    if let Status::Waiting { until } = talk.session().status() {
        talk.wait_until(until);
    }
    if talk.session().status() == Status::Dialing {
        talk.opened();
        talk.take_bytes();
        talk.server_says(connack);
    }
}

/// The ticket, if the command is accepted.
fn submit(talk: &mut Talk, step: &Step) -> Option<u64> {
    let filter = |number: u8| ["a", "b/+", "c/#", "$share/g/d"][usize::from(number) % 4];
    let command = match step {
        Step::Connect => Command::Connect,
        Step::Publish(qos, size, timeout) => {
            let qos = QoS::from_bits(*qos).expect("0 to 2");
            let timeout = timeout.map(Duration::from_millis);
            Command::Publish(Publish { payload: payload(*size), timeout, ..message("t", qos, "") })
        }
        Step::Subscribe(number) => Command::Subscribe(Subscribe {
            filter: TopicFilter::new(filter(*number)).expect("a filter"),
            options: SubscribeOptions::default(),
        }),
        Step::Unsubscribe(number) => {
            Command::Unsubscribe(TopicFilter::new(filter(*number)).expect("a filter"))
        }
        Step::Disconnect(millis) => Command::Disconnect(Disconnect::within(Duration::from_millis(*millis))),
        _ => return None,
    };
    talk.submit(command).ok()
}

fn feed(talk: &mut Talk, bytes: &[u8], habits: &Habits, trace: &mut Trace) {
    if habits.split.is_empty() {
        return talk.server_sends(bytes);
    }
    let mut rest = bytes;
    for size in habits.split.iter().cycle() {
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        talk.server_sends(piece);
        if habits.is_restless {
            fidget(talk, trace);
        }
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
}

/// Asks for everything that may be asked for at any time.
fn fidget(talk: &mut Talk, trace: &mut Trace) {
    for _time in 0..2 {
        talk.transport();
        talk.due_in();
        talk.stats();
        talk.early_timeout();
        trace.events.extend(talk.next_event().as_ref().map(render_event));
    }
}

/// Keeps one buffer, and writes it in pieces.
fn write(talk: &mut Talk, writes: &[usize]) -> Vec<u8> {
    let mut out = TransmitBuf::new();
    let mut written = Vec::new();
    for size in writes.iter().cycle() {
        talk.poll_into(&mut out);
        let bytes: Vec<u8> = out.chunks().flatten().copied().collect();
        let len = (*size).min(bytes.len());
        written.extend_from_slice(&bytes[..len]);
        out.advance(len);
        if out.is_empty() && !talk.poll_into(&mut out) {
            break;
        }
    }
    written
}

/// Plays the steps, then stops for good, and counts how often each ticket has ended.
pub(super) fn end_of_tickets(version: Version, steps: &[Step], seed: u64) {
    let mut talk = Talk::seeded(persistent(version), seed);
    let mut ends: BTreeMap<u64, u32> = BTreeMap::new();
    let mut ended = Vec::new();
    ends.insert(talk.connect(), 0);
    let mut trace = Trace::default();
    for step in steps {
        match submit(&mut talk, step) {
            Some(ticket) => assert_eq!(ends.insert(ticket, 0), None),
            None => play(&mut talk, version, &refusable(step), &Habits::default(), &mut trace),
        }
        talk.take_bytes();
        ended.extend(ends_now(&mut talk));
    }
    for _attempt in 0..3 {
        talk.cut();
        ends.extend(submit(&mut talk, &Step::Connect).map(|ticket| (ticket, 0)));
        ends.extend(submit(&mut talk, &Step::Disconnect(0)).map(|ticket| (ticket, 0)));
        talk.wait(secs(60));
    }
    ended.extend(ends_now(&mut talk));
    assert_eq!(talk.session().status(), Status::Idle);
    assert_eq!(talk.transport(), mqtt_session::Transport::Closed);
    assert_eq!(talk.due_in(), None);
    for ticket in ended {
        *ends.get_mut(&ticket).expect("only accepted tickets end") += 1;
    }
    assert!(ends.values().all(|count| *count == 1), "{ends:?}");
    assert!(talk.now > Instant::ORIGIN);
}

/// A command that was refused is not played a second time.
fn refusable(step: &Step) -> Step {
    match step {
        Step::Connect
        | Step::Publish(..)
        | Step::Subscribe(_)
        | Step::Unsubscribe(_)
        | Step::Disconnect(_) => Step::Wait(0),
        other => other.clone(),
    }
}

fn ends_now(talk: &mut Talk) -> Vec<u64> {
    let events = std::iter::from_fn(|| talk.next_event());
    events
        .filter_map(|event| match event {
            Event::Ended { ticket, .. } => Some(ticket.get()),
            _ => None,
        })
        .collect()
}
