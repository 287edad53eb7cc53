//! Very many sessions against one broker, in virtual time: what a broker sees when all of them come back at once.
//!
//! Sessions and broker are driven directly, without links that break: here the crowd is the fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use bytes::BytesMut;
use mqtt_memory::broker::{self, Broker, ConnectionId};
use mqtt_session::{Command, Config, Input, Instant, OfflineCause, Session, Status, TransmitBuf, Transport};

/// What became of a fleet.
#[derive(Debug)]
pub struct Wave {
    /// CONNECTs in each second after the broker was back.
    pub connects: Vec<usize>,
    /// Dials that were refused while the broker was away.
    pub refused: usize,
    /// Bytes of memory for each session, its counterpart in the broker included, where the system reports it.
    pub bytes_per_session: Option<usize>,
}

struct Node {
    session: Session,
    input: BytesMut,
    attempt: u64,
    link: Option<ConnectionId>,
    armed: Option<Instant>,
}

enum Due {
    Opened { node: usize, attempt: u64 },
    ToBroker { node: usize, link: ConnectionId, bytes: Vec<u8> },
    ToClient { node: usize, link: ConnectionId, bytes: Vec<u8> },
}

struct Fleet {
    now: Instant,
    nodes: Vec<Node>,
    broker: Broker,
    is_up: bool,
    owners: BTreeMap<ConnectionId, usize>,
    timers: BTreeSet<(Instant, usize)>,
    due: BTreeMap<(Instant, u64), Due>,
    count: u64,
    out: TransmitBuf,
    /// When a CONNECT reached the broker.
    connects: Vec<Instant>,
    refused: usize,
}

/// How long bytes are under way.
const LATENCY: Duration = Duration::from_millis(10);

/// How long the broker is away.
const OUTAGE: Duration = Duration::from_secs(60);

/// Runs a fleet through an outage of a minute.
pub fn run(size: usize, has_jitter: bool) -> Wave {
    let before = resident_bytes();
    let mut config = broker::Config::default();
    (config.connections_max, config.sessions_max) = (size, size);
    let mut fleet = Fleet {
        now: Instant::ORIGIN,
        nodes: Vec::with_capacity(size),
        broker: Broker::new(config, 1),
        is_up: true,
        owners: BTreeMap::new(),
        timers: BTreeSet::new(),
        due: BTreeMap::new(),
        count: 0,
        out: TransmitBuf::new(),
        connects: Vec::new(),
        refused: 0,
    };
    for number in 0..size {
        let mut config = Config::new(format!("device-{number}"));
        config.clean_session = false;
        config.reconnect.jitter = has_jitter;
        let mut session = Session::new(config, number as u64);
        // They were not all switched on at one moment.
        let start = Instant::from_micros(number as u64 * 10_000_000 / size as u64);
        session.submit(start, &Command::Connect).expect("it is not connected yet");
        let input = BytesMut::new();
        fleet.nodes.push(Node { session, input, attempt: 0, link: None, armed: Some(start) });
        fleet.timers.insert((start, number));
    }
    fleet.run_until(Instant::from_millis(15_000));
    assert!(fleet.nodes.iter().all(|node| node.session.status() == Status::Online), "all are online");
    let after = resident_bytes();
    fleet.stop_broker();
    let back = fleet.now + OUTAGE;
    fleet.run_until(back);
    fleet.is_up = true;
    fleet.connects.clear();
    fleet.run_until(back + Duration::from_secs(180));
    assert!(fleet.nodes.iter().all(|node| node.session.status() == Status::Online), "all are back");
    let mut connects = vec![0; 180];
    for at in &fleet.connects {
        connects[at.since(back).as_secs().min(179) as usize] += 1;
    }
    while connects.last() == Some(&0) {
        connects.pop();
    }
    let bytes_per_session = before.zip(after).map(|(before, after)| after.saturating_sub(before) / size);
    Wave { connects, refused: fleet.refused, bytes_per_session }
}

impl Fleet {
    fn run_until(&mut self, end: Instant) {
        loop {
            let timer = self.timers.first().map(|(at, _)| *at);
            let due = self.due.first_key_value().map(|((at, _), _)| *at);
            let broker = self.broker.poll_timeout();
            let Some(next) = [timer, due, broker].into_iter().flatten().min().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if due == Some(next) {
                if let Some((_, due)) = self.due.pop_first() {
                    self.happen(due);
                }
            } else if timer == Some(next) {
                if let Some((_, node)) = self.timers.pop_first() {
                    self.nodes[node].armed = None;
                    self.turn(node);
                }
            } else {
                self.broker.handle_timeout(self.now);
            }
            self.serve();
        }
    }

    fn later(&mut self, due: Due) {
        self.count += 1;
        self.due.insert((self.now + LATENCY, self.count), due);
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Opened { node, attempt } => {
                if self.nodes[node].session.poll_transport() != (Transport::Open { attempt }) {
                    return;
                }
                if self.is_up {
                    let link = self.broker.handle_opened(self.now);
                    self.owners.insert(link, node);
                    self.nodes[node].link = Some(link);
                    self.nodes[node].session.apply(self.now, Input::Opened).expect("it only happens");
                } else {
                    self.refused += 1;
                    self.nodes[node]
                        .session
                        .apply(self.now, Input::Closed(OfflineCause::DialFailed))
                        .expect("it only happens");
                }
                self.turn(node);
            }
            Due::ToBroker { node, link, bytes } if self.nodes[node].link == Some(link) => {
                if bytes.first() == Some(&0x10) {
                    self.connects.push(self.now);
                }
                self.broker.handle_input(self.now, link, &mut BytesMut::from(&bytes[..]));
            }
            Due::ToClient { node, link, bytes } if self.nodes[node].link == Some(link) => {
                let Node { session, input, .. } = &mut self.nodes[node];
                input.extend_from_slice(&bytes);
                session.apply(self.now, Input::Bytes(input)).expect("it only happens");
                if input.is_empty() {
                    // An idle session holds no buffer.
                    *input = BytesMut::new();
                }
                self.turn(node);
            }
            Due::ToBroker { .. } | Due::ToClient { .. } => {}
        }
    }

    /// Does what a driver does: dials, writes, and sets its timer.
    fn turn(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        node.session.apply(self.now, Input::Timeout).expect("it only happens");
        let mut opened = None;
        match node.session.poll_transport() {
            Transport::Open { attempt } if node.attempt != attempt => {
                node.attempt = attempt;
                node.link = None;
                opened = Some(attempt);
            }
            Transport::Open { .. } | Transport::Closed | Transport::Flush => {}
        }
        let mut bytes = Vec::new();
        if let Some(link) = node.link {
            node.session.poll_transmit(self.now, &mut self.out);
            self.out.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
            self.out.clear();
            if !bytes.is_empty() {
                self.later(Due::ToBroker { node: number, link, bytes });
            }
        }
        if let Some(attempt) = opened {
            self.later(Due::Opened { node: number, attempt });
        }
        let node = &mut self.nodes[number];
        while node.session.poll_event().is_some() {}
        let deadline = node.session.poll_timeout();
        if let Some(armed) = std::mem::replace(&mut node.armed, deadline) {
            self.timers.remove(&(armed, number));
        }
        self.timers.extend(deadline.map(|at| (at, number)));
    }

    fn serve(&mut self) {
        while let Some(link) = self.broker.poll_ready() {
            while self.broker.poll_transmit(self.now, link, &mut self.out) {}
            let mut bytes = Vec::new();
            self.out.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
            self.out.clear();
            if let (Some(node), false) = (self.owners.get(&link).copied(), bytes.is_empty()) {
                self.later(Due::ToClient { node, link, bytes });
            }
        }
    }

    fn stop_broker(&mut self) {
        self.is_up = false;
        self.broker.restart(true);
        self.owners.clear();
        for number in 0..self.nodes.len() {
            self.nodes[number].link = None;
            self.nodes[number]
                .session
                .apply(self.now, Input::Closed(OfflineCause::TransportClosed))
                .expect("it only happens");
            self.turn(number);
        }
    }
}

/// Prints the wave with and without jitter.
pub fn print(size: usize) {
    for has_jitter in [false, true] {
        let wave = run(size, has_jitter);
        let word = if has_jitter { "with" } else { "without" };
        println!("{size} sessions, an outage of {OUTAGE:?}, {word} jitter");
        println!("  {} dials refused, CONNECTs a second once the broker is back:", wave.refused);
        print!("{}", histogram(&wave.connects));
        // The second run uses the memory of the first again.
        if let Some(bytes) = wave.bytes_per_session.filter(|_| !has_jitter) {
            println!("  {bytes} bytes of memory for each session, its counterpart in the broker included");
        }
    }
}

fn histogram(connects: &[usize]) -> String {
    let most = connects.iter().copied().max().unwrap_or(0).max(1);
    let mut text = String::new();
    for (second, connects) in connects.iter().enumerate().filter(|(_, connects)| **connects > 0) {
        let bar = "#".repeat((connects * 60).div_ceil(most));
        let _ = writeln!(text, "  {second:>4} s {connects:>7} {bar}");
    }
    text
}

/// Memory of this process, where the system reports it.
fn resident_bytes() -> Option<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<usize>().ok()? * PAGE_SIZE)
}

/// On systems that report it.
const PAGE_SIZE: usize = 4096;
