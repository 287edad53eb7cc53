//! Publishers and subscribers, each on a thread of its own with a session of its own, and the count of it all.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mqtt_smol::{Options, Publish, PublishToken, QoS, Version};

use crate::peer::{Peer, expect_that};

/// Each has a topic below that of each publisher.
pub(super) const SUBSCRIBERS: usize = 3;

const PUBLISHERS: usize = 3;

/// Acknowledgements of each publisher that count as progress.
pub(super) const PROGRESS: usize = 300;

/// What runs.
#[derive(Debug)]
pub(super) struct Workload {
    progress: Arc<Progress>,
    publishers: Vec<JoinHandle<Result<Published, String>>>,
    subscribers: Vec<JoinHandle<Result<Received, String>>>,
}

/// What the threads report while they run.
#[derive(Debug, Default)]
struct Progress {
    is_over: AtomicBool,
    /// By publisher.
    acknowledged: [AtomicUsize; PUBLISHERS],
    /// All messages that came for the first time.
    delivered: AtomicUsize,
    /// How many must come before the subscribers may end; none before all publishers have ended.
    due: AtomicUsize,
}

#[derive(Debug)]
struct Published {
    /// Whether each message was acknowledged.
    is_acknowledged: Vec<bool>,
    disconnections: u64,
    resent: u64,
}

#[derive(Debug)]
struct Received {
    /// How often each message came, by publisher and number.
    times: Vec<Vec<u32>>,
    disconnections: u64,
}

impl Workload {
    /// Subscribes, then publishes until it is stopped.
    pub(super) fn start(ports: &[u16]) -> Result<Workload, String> {
        let progress = Arc::new(Progress { due: AtomicUsize::new(usize::MAX), ..Progress::default() });
        let mut subscribers = Vec::new();
        for index in 0..SUBSCRIBERS {
            let peer = Peer::connect(options(ports, index, &format!("subscriber{index}")))?;
            let inbox = peer.subscribe(&format!("cluster/+/{index}"), QoS::AtLeastOnce)?;
            let progress = Arc::clone(&progress);
            subscribers.push(thread::spawn(move || receive(peer, inbox, &progress)));
        }
        let mut publishers = Vec::new();
        for index in 0..PUBLISHERS {
            let peer = Peer::connect(options(ports, index, &format!("publisher{index}")))?;
            let progress = Arc::clone(&progress);
            publishers.push(thread::spawn(move || publish(peer, index, &progress)));
        }
        Ok(Workload { progress, publishers, subscribers })
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.progress.acknowledged.iter().map(|count| count.load(SeqCst)).sum()
    }

    /// Waits until every publisher has so many acknowledgements more, and says how many there are in all.
    pub(super) fn wait_for_progress(&self) -> Result<usize, String> {
        let start = Instant::now();
        let counts = || self.progress.acknowledged.each_ref().map(|count| count.load(SeqCst));
        let wanted = counts().map(|count| count + PROGRESS);
        loop {
            let lacking = counts().iter().zip(wanted).position(|(count, wanted)| *count < wanted);
            let Some(index) = lacking else { return Ok(self.acknowledged()) };
            if start.elapsed() > PROGRESS_MAX {
                return Err(format!("publisher {index} makes no progress in {} s", PROGRESS_MAX.as_secs()));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets the publishers end and the subscribers take what is left, and counts.
    pub(super) fn finish(self) -> Result<Figures, String> {
        self.progress.is_over.store(true, SeqCst);
        let published = join(self.publishers)?;
        let acknowledged = |of: &Published| of.is_acknowledged.iter().filter(|it| **it).count();
        self.progress.due.store(published.iter().map(acknowledged).sum(), SeqCst);
        let received = join(self.subscribers)?;
        let mut figures = Figures {
            published: published.iter().map(|of| of.is_acknowledged.len()).sum(),
            acknowledged: published.iter().map(acknowledged).sum(),
            outages: published.iter().map(|of| of.disconnections).sum::<u64>()
                + received.iter().map(|of| of.disconnections).sum::<u64>(),
            resent: published.iter().map(|of| of.resent).sum(),
            ..Figures::default()
        };
        for (publisher, of) in published.iter().enumerate() {
            for (number, is_acknowledged) in of.is_acknowledged.iter().enumerate() {
                let times = received[number % SUBSCRIBERS].times[publisher].get(number).copied().unwrap_or(0);
                figures.lost += usize::from(*is_acknowledged && times == 0);
                figures.delivered += usize::from(times > 0);
                figures.duplicates += times.saturating_sub(1) as usize;
            }
        }
        Ok(figures)
    }
}

fn join<T>(threads: Vec<JoinHandle<Result<T, String>>>) -> Result<Vec<T>, String> {
    let join = |thread: JoinHandle<_>| thread.join().map_err(|_| "a thread of the workload panicked")?;
    threads.into_iter().map(join).collect()
}

/// A persistent session over all servers; each client has another one first.
fn options(ports: &[u16], index: usize, name: &str) -> Options {
    let port = |of: usize| ports[(index + of) % ports.len()];
    let mut options = Options::new("127.0.0.1").port(port(0));
    for of in 1..ports.len() {
        options = options.or_server("127.0.0.1", port(of));
    }
    options
        .client_id(name)
        .version(Version::V3_1_1)
        .clean_session(false)
        .reconnect_after(Duration::from_millis(100))
}

/// Message `number` goes to subscriber `number % SUBSCRIBERS`.
fn publish(peer: Peer, publisher: usize, progress: &Progress) -> Result<Published, String> {
    let mut is_acknowledged = Vec::new();
    let mut tokens: VecDeque<PublishToken> = VecDeque::new();
    let mut number = 0;
    loop {
        let is_over = progress.is_over.load(SeqCst);
        while !is_over && tokens.len() < OUTSTANDING {
            let topic = format!("cluster/{publisher}/{}", number % SUBSCRIBERS);
            let publish = Publish::new(&topic, format!("{publisher} {number}")).qos(QoS::AtLeastOnce);
            tokens.push_back(peer.client.publish(publish).map_err(|error| error.to_string())?);
            number += 1;
        }
        let Some(token) = tokens.pop_front() else { break };
        match token.wait_for(ACKNOWLEDGEMENT_MAX) {
            Ok(outcome) => is_acknowledged.push(outcome.is_ok()),
            Err(token) => return Err(format!("publisher {publisher}: {}", token.explain())),
        }
        progress.acknowledged[publisher].fetch_add(usize::from(is_acknowledged.ends_with(&[true])), SeqCst);
    }
    let stats = peer.client.stats();
    peer.leave()?;
    Ok(Published { is_acknowledged, disconnections: stats.disconnections, resent: stats.messages_resent })
}

/// Takes messages until all that are due have come, or nothing comes any more.
fn receive(peer: Peer, mut inbox: crate::peer::Inbox, progress: &Progress) -> Result<Received, String> {
    let mut times = vec![Vec::new(); PUBLISHERS];
    let mut last = Instant::now();
    while progress.delivered.load(SeqCst) < progress.due.load(SeqCst) {
        let is_waited_for_last = progress.due.load(SeqCst) < usize::MAX;
        let Some(message) = inbox.next_within(LOOK_AGAIN)? else {
            if is_waited_for_last && last.elapsed() > LAST_MAX {
                // What lacks is counted.
                break;
            }
            continue;
        };
        last = Instant::now();
        let text = std::str::from_utf8(message.payload()).unwrap_or_default();
        let numbers = text.split_once(' ').and_then(|(one, other)| one.parse().ok().zip(other.parse().ok()));
        let (publisher, number): (usize, usize) = numbers.ok_or_else(|| format!("{text:?} came"))?;
        let of: &mut Vec<u32> = &mut times[publisher];
        if of.len() <= number {
            of.resize(number + 1, 0);
        }
        of[number] += 1;
        progress.delivered.fetch_add(usize::from(of[number] == 1), SeqCst);
    }
    let disconnections = peer.client.stats().disconnections;
    drop(inbox);
    peer.leave()?;
    Ok(Received { times, disconnections })
}

/// What became of all messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    published: usize,
    acknowledged: usize,
    delivered: usize,
    lost: usize,
    duplicates: usize,
    /// Connections that ended.
    outages: u64,
    /// Messages that were sent again after one.
    resent: u64,
}

impl Figures {
    /// No message is lost that was acknowledged, and all were.
    pub(super) fn judge(&self) -> Result<(), String> {
        let Figures { published, acknowledged, lost, outages, .. } = *self;
        expect_that(lost == 0, || {
            format!("{lost} of {acknowledged} acknowledged messages were not delivered")
        })?;
        expect_that(acknowledged == published, || {
            format!("of {published} messages {} ended without an acknowledgement", published - acknowledged)
        })?;
        expect_that(outages > 0, || "no connection was cut: the kills met nobody".into())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { published, acknowledged, delivered, lost, duplicates, outages, resent } = self;
        writeln!(f, "| figure | |\n| --- | --- |")?;
        writeln!(f, "| QoS 1 messages published | {published} |\n| acknowledged | {acknowledged} |")?;
        writeln!(f, "| delivered | {delivered} |\n| acknowledged and lost | {lost} |")?;
        writeln!(f, "| delivered again | {duplicates} |\n| connections cut | {outages} |")?;
        writeln!(f, "| sent again | {resent} |")
    }
}

/// Messages of a publisher that wait for their acknowledgement.
const OUTSTANDING: usize = 20;

/// A publisher that waits longer is stuck.
const ACKNOWLEDGEMENT_MAX: Duration = Duration::from_secs(90);

const PROGRESS_MAX: Duration = Duration::from_secs(90);

const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Nothing more comes after a silence of that length.
const LAST_MAX: Duration = Duration::from_secs(30);
