//! Starts, kills and starts again; then lets everything end, and counts.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use mqtt_store::{Store, inspect};
use mqtt_store_redb::RedbStore;
use tests::dice::Dice;

use crate::proxy::Proxy;
use crate::server::Mosquitto;

/// Whoever says nothing for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs, and what it says.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<(String, u64)>,
}

/// How to start a program again.
struct Role {
    name: &'static str,
    adapter: &'static str,
    url: String,
    store: PathBuf,
}

impl Role {
    fn start(&self) -> Program {
        let own = std::env::current_exe().expect("it has a path");
        let mut child = Command::new(own)
            .args(["child", self.name, self.adapter, &self.url])
            .arg(&self.store)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("it was asked for"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let (what, number) = line.split_once(' ').expect("a word and a number");
                let number = number.parse().expect("a word and a number");
                if sender.send((what.to_string(), number)).is_err() {
                    return;
                }
            }
        });
        Program { input: child.stdin.take(), child, lines }
    }
}

impl Program {
    fn next(&self) -> Option<(String, u64)> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("it says nothing any more"),
        }
    }

    fn kill(mut self, told: &mut Told) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        while let Some(line) = self.next() {
            told.hear(&line);
        }
    }

    /// Lets it end in order.
    fn end(mut self, told: &mut Told) {
        drop(self.input.take());
        let mut is_whole = false;
        while let Some(line) = self.next() {
            is_whole |= line.0 == "end";
            told.hear(&line);
        }
        let status = self.child.wait().expect("it ends");
        assert!(is_whole && status.success(), "it ends in order: {status}");
    }
}

/// What the programs have said.
#[derive(Debug, Default)]
struct Told {
    /// The highest number that was stored, and so all before it.
    stored: u64,
    seen: BTreeMap<u64, u64>,
}

impl Told {
    fn hear(&mut self, (what, number): &(String, u64)) {
        match what.as_str() {
            "stored" | "done" => self.stored = self.stored.max(*number),
            "seen" => *self.seen.entry(*number).or_default() += 1,
            _ => {}
        }
    }
}

/// Kills so many programs in all, with each adapter and broker in turn.
pub(crate) fn run(kills: u64, seed: u64) {
    let folder = std::env::temp_dir().join(format!("mqtt-crash-{}", std::process::id()));
    let mut totals = Totals::default();
    let mut left = kills;
    let brokers: &[&str] = &["embedded", "mosquitto"];
    let runs: Vec<(&'static str, &str)> = ["smol", "tokio", "std"]
        .iter()
        .flat_map(|adapter| brokers.iter().map(|broker| (*adapter, *broker)))
        .collect();
    for (index, &(adapter, broker)) in runs.iter().enumerate() {
        let share = left / (runs.len() - index) as u64;
        left -= share;
        fs::create_dir_all(&folder).expect("it can be made");
        let mut dice = Dice(seed.wrapping_add(index as u64));
        let done = match broker {
            "embedded" => smol::block_on(async {
                let broker = mqtt_smol::broker::start("127.0.0.1:0").expect("a port is free");
                let port = broker.url().rsplit(':').next().and_then(|port| port.parse().ok());
                let (folder, port) = (folder.clone(), port.expect("it has a port"));
                smol::unblock(move || run_one(adapter, port, &folder, share, &mut dice)).await
            }),
            _ => {
                let lines = "allow_anonymous true\nmax_queued_messages 0\n";
                let Some(server) = Mosquitto::start_with(lines) else { continue };
                run_one(adapter, server.port, &folder, share, &mut dice)
            }
        };
        println!(
            "{adapter} with {broker}: {share} kills, {} messages stored, {} counted, {} links, stores of {} and {} \
             bytes: none lost, none doubled by us{}",
            done.stored,
            done.counted,
            done.links,
            done.sizes[0],
            done.sizes[1],
            if done.by_broker > 0 {
                format!(", {} doubled by the broker", done.by_broker)
            } else {
                String::new()
            },
        );
        totals.messages += done.stored;
        totals.kills += share;
        fs::remove_dir_all(&folder).expect("it is there");
    }
    println!(
        "crash: {} kills, {} messages, none lost, none doubled by us, seed {seed}",
        totals.kills, totals.messages
    );
}

#[derive(Default)]
struct Totals {
    kills: u64,
    messages: u64,
}

struct Done {
    stored: u64,
    counted: usize,
    by_broker: u64,
    links: u64,
    sizes: [u64; 2],
}

fn run_one(adapter: &'static str, port: u16, folder: &Path, kills: u64, dice: &mut Dice) -> Done {
    let proxy = Proxy::start(port);
    let role = |name: &'static str, port: u16| Role {
        name,
        adapter,
        url: format!("mqtt://127.0.0.1:{port}"),
        store: folder.join(format!("{name}.store")),
    };
    let roles = [role("publisher", proxy.port), role("subscriber", port)];
    let mut told = Told::default();
    // There is a subscription before the first message.
    let subscriber = roles[1].start();
    while subscriber.next().is_some_and(|(what, _)| what != "granted") {}
    let mut programs = [Some(roles[0].start()), Some(subscriber)];
    for _kill in 0..kills {
        let victim = dice.below(2) as usize;
        let program = programs[victim].take().expect("both run");
        // The moment is somewhere behind the last of so many words; with none it may be before it is connected.
        for _word in 0..dice.below(40) {
            let line = program.next().expect("it goes on until it is killed");
            told.hear(&line);
        }
        program.kill(&mut told);
        programs[victim] = Some(roles[victim].start());
    }
    let [publisher, subscriber] = programs.map(|program| program.expect("both run"));
    publisher.end(&mut told);
    let wanted = told.stored;
    while (1..=wanted).any(|number| !told.seen.contains_key(&number)) {
        let line = subscriber.next().expect("it goes on until all has come");
        told.hear(&line);
    }
    subscriber.end(&mut told);
    check(&roles, &proxy, wanted)
}

fn check(roles: &[Role; 2], proxy: &Proxy, wanted: u64) -> Done {
    let counts = counts(&roles[1].store);
    let log = proxy.log.lock().expect("nobody panics");
    let mut by_broker = 0;
    for number in 1..=wanted {
        let count = counts.get(&number).copied().unwrap_or(0);
        assert!(count > 0, "{number} was stored and is lost");
        if number % 2 == 0 && count > 1 {
            assert!(
                log.exchanges(number) == 1,
                "{number} was doubled by us: {} exchanges",
                log.exchanges(number)
            );
            by_broker += 1;
        }
        if number % 2 == 0 {
            assert!(
                log.exchanges(number) <= 1,
                "{number} was published in {} exchanges",
                log.exchanges(number)
            );
        }
    }
    let publisher =
        inspect(&mut RedbStore::open_existing(&roles[0].store).expect("it is good")).expect("it is good");
    assert!(
        publisher.iter().all(|report| report.messages.is_empty()),
        "nothing is left to be sent: {publisher:?}"
    );
    let size = |role: &Role| fs::metadata(&role.store).expect("it is there").len();
    Done {
        stored: wanted,
        counted: counts.len(),
        by_broker,
        links: log.links,
        sizes: [size(&roles[0]), size(&roles[1])],
    }
}

/// How often the subscriber has counted each number, as its store says.
fn counts(path: &Path) -> BTreeMap<u64, u64> {
    let mut store = RedbStore::open_existing(path).expect("it is good");
    assert!(store.name().ends_with("subscriber.store"));
    let reports = inspect(&mut store).expect("it is good");
    let notes = reports.into_iter().flat_map(|report| report.notes);
    notes
        .filter_map(|(key, value)| {
            let number = String::from_utf8(key).ok()?.strip_prefix("vseen ")?.parse().ok()?;
            Some((number, String::from_utf8(value).ok()?.parse().ok()?))
        })
        .collect()
}
