//! Simulates seeds: `cargo xtask sim` runs it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use mqtt_capture::ReplayError;
use tests::features::FEATURES;
use tests::recording::record_simulation;
use tests::{durable, sim};

/// What is to be done.
#[derive(Debug, Default)]
struct Arguments {
    seed: Option<u64>,
    count: Option<u64>,
    minutes: Option<u64>,
    clients: Option<usize>,
    shows_trace: bool,
    record: Option<PathBuf>,
    replay: Option<PathBuf>,
    shows_fleet: bool,
    shows_features: bool,
    has_store: bool,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| simulate(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let mut number = || {
            let value = value()?;
            value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"))
        };
        match word.as_str() {
            "--seed" => arguments.seed = Some(number()?),
            "--count" => arguments.count = Some(number()?),
            "--minutes" => arguments.minutes = Some(number()?),
            "--clients" => arguments.clients = Some(number()? as usize),
            "--record" => arguments.record = Some(value()?.into()),
            "--replay" => arguments.replay = Some(value()?.into()),
            "--features" => arguments.shows_features = true,
            "--fleet" => arguments.shows_fleet = true,
            "--store" => arguments.has_store = true,
            "--trace" => arguments.shows_trace = true,
            _ => return Err(format!("`{word}` is unknown")),
        }
    }
    Ok(arguments)
}

fn simulate(arguments: &Arguments) -> Result<(), String> {
    let Arguments {
        seed,
        count,
        minutes,
        clients,
        record,
        replay,
        shows_trace,
        shows_fleet,
        shows_features,
        has_store,
    } = arguments;
    if *shows_fleet {
        tests::fleet::print(clients.unwrap_or(FLEET_SIZE));
        return Ok(());
    }
    if let Some(folder) = record {
        return record_captures(folder).map_err(|error| format!("{}: {error}", folder.display()));
    }
    if let Some(folder) = replay {
        return replay_captures(folder);
    }
    if *has_store {
        return simulate_stores(seed.unwrap_or_else(fresh_seed), count.unwrap_or(1000));
    }
    if let (Some(seed), true) = (seed, shows_trace) {
        print!("{}", sim::trace(*seed, *clients));
    }
    let first = seed.unwrap_or_else(fresh_seed);
    let count = count.unwrap_or(match (seed, minutes) {
        (_, Some(_)) => u64::MAX,
        (Some(_), None) => 1,
        (None, None) => 1000,
    });
    let limit = minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let began = Instant::now();
    let (mut seeds, mut links, mut virtual_secs, mut failed) = (0_u64, 0, 0, 0);
    let mut drawn: BTreeMap<&str, u64> = FEATURES.iter().map(|feature| (*feature, 0)).collect();
    println!("seeds from {first}");
    for verdict in verdicts(first, count, limit, *clients) {
        seeds += 1;
        links += verdict.links;
        virtual_secs += verdict.virtual_secs;
        for feature in &verdict.features {
            *drawn.entry(feature).or_default() += 1;
        }
        if !verdict.violations.is_empty() {
            failed += 1;
            report(&verdict, *clients);
            if failed == FAILURES_MAX {
                break;
            }
        }
    }
    let secs = began.elapsed().as_secs_f64();
    println!(
        "{seeds} seeds, {links} connections with faults, {:.0} virtual hours in {secs:.1} s: {:.0} connections and \
         {:.0} seeds a second; {failed} seeds with violations",
        virtual_secs as f64 / 3600.0,
        links as f64 / secs,
        seeds as f64 / secs,
    );
    if *shows_features {
        for feature in FEATURES {
            println!("{:>8}  {feature}", drawn[feature]);
        }
        if let Some(feature) = FEATURES.iter().find(|feature| drawn[*feature] == 0) {
            return Err(format!("none of {seeds} seeds had this in it: {feature}"));
        }
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} seeds broke a promise")) }
}

/// The verdicts of all seeds, each simulated on one of all cores, in the order in which they are reached.
fn verdicts(
    first: u64,
    count: u64,
    limit: Option<Duration>,
    clients: Option<usize>,
) -> impl Iterator<Item = sim::Verdict> {
    let began = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    // No more than these wait for whoever counts them.
    let (sender, verdicts) = mpsc::sync_channel(64);
    for _core in 0..thread::available_parallelism().map_or(1, usize::from) {
        let (next, sender) = (Arc::clone(&next), sender.clone());
        thread::spawn(move || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let is_over = number >= count || limit.is_some_and(|limit| began.elapsed() >= limit);
                // Whoever counts has seen enough failures.
                if is_over || sender.send(sim::run(first.wrapping_add(number), clients)).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    verdicts.into_iter()
}

/// Clients with a store whose programs crash.
fn simulate_stores(first: u64, count: u64) -> Result<(), String> {
    let began = Instant::now();
    let (mut crashes, mut messages, mut failed) = (0, 0, 0);
    println!("seeds from {first}");
    for seed in (0..count).map(|number| first.wrapping_add(number)) {
        let verdict = durable::run(seed);
        crashes += verdict.crashes;
        messages += verdict.messages;
        if !verdict.violations.is_empty() {
            failed += 1;
            println!("\nseed {seed} breaks promises\n{}", verdict.evidence);
            verdict.violations.iter().for_each(|violation| println!("seed {seed}: {violation}"));
            println!("replay: cargo xtask sim --store --seed {seed} --count 1");
            if failed == FAILURES_MAX {
                break;
            }
        }
    }
    let secs = began.elapsed().as_secs_f64();
    println!(
        "{count} seeds, {crashes} crashes, {messages} messages in {secs:.1} s; {failed} seeds with violations"
    );
    if failed == 0 { Ok(()) } else { Err(format!("{failed} seeds broke a promise")) }
}

/// Captures of all clients of some simulations.
fn record_captures(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for seed in 1..=CAPTURED_SEEDS {
        for (client, log) in record_simulation(seed).1.into_iter().enumerate() {
            fs::write(folder.join(format!("{seed:03}-{client:03}.mqttcap")), log)?;
        }
    }
    Ok(())
}

/// Prints the first capture that this build replays otherwise, and fails then.
fn replay_captures(folder: &Path) -> Result<(), String> {
    let problem = |error: io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut paths: Vec<PathBuf> = entries.map_err(problem)?.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        let log = fs::read(&path).map_err(problem)?;
        let seen = match catch_unwind(AssertUnwindSafe(|| mqtt_capture::replay(&log))) {
            Ok(Ok(_)) => continue,
            Ok(Err(ReplayError::Differs(found))) => {
                format!("{} → {} instead of {}", found.call, found.found, found.expected)
            }
            Ok(Err(error)) => return Err(format!("{}: {error}", path.display())),
            Err(_) => "an assertion of the session".into(),
        };
        println!("seed {}: {seen}", path.file_stem().unwrap_or_default().display());
        return Err("a capture replays otherwise".into());
    }
    Ok(())
}

fn report(verdict: &sim::Verdict, clients: Option<usize>) {
    println!("\nseed {} breaks promises", verdict.seed);
    println!("{}", verdict.evidence);
    for violation in &verdict.violations {
        println!("seed {}: {}: {}", verdict.seed, violation.oracle, violation.text);
    }
    let clients = clients.map(|clients| format!(" --clients {clients}")).unwrap_or_default();
    println!("replay: cargo xtask sim --seed {}{clients} --trace", verdict.seed);
}

/// A seed that nobody has chosen.
fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as u64 >> 8
}

/// Simulations whose clients are captured.
const CAPTURED_SEEDS: u64 = 40;

/// Failing seeds after which the run ends.
const FAILURES_MAX: u64 = 10;

/// Sessions of a fleet by default.
const FLEET_SIZE: usize = 100_000;
