//! Simulates seeds: `cargo xtask sim` runs it.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use tests::sim;

/// What is to be done.
#[derive(Debug, Default)]
struct Arguments {
    seed: Option<u64>,
    count: Option<u64>,
    minutes: Option<u64>,
    clients: Option<usize>,
    shows_trace: bool,
    shows_planted: bool,
    shows_fleet: bool,
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
        let mut number = || {
            let value = words.next().ok_or_else(|| format!("{word} needs a number"))?;
            value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"))
        };
        match word.as_str() {
            "--seed" => arguments.seed = Some(number()?),
            "--count" => arguments.count = Some(number()?),
            "--minutes" => arguments.minutes = Some(number()?),
            "--clients" => arguments.clients = Some(number()? as usize),
            "--planted" => arguments.shows_planted = true,
            "--fleet" => arguments.shows_fleet = true,
            "--trace" => arguments.shows_trace = true,
            _ => return Err(format!("`{word}` is unknown")),
        }
    }
    Ok(arguments)
}

fn simulate(arguments: &Arguments) -> Result<(), String> {
    let Arguments { seed, count, minutes, clients, shows_trace, shows_planted, shows_fleet } = arguments;
    if *shows_fleet {
        tests::fleet::print(clients.unwrap_or(FLEET_SIZE));
        return Ok(());
    }
    if *shows_planted {
        return planted();
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
    let (mut seeds, mut links, mut virtual_secs, mut failed) = (0, 0, 0, 0);
    println!("seeds from {first}");
    while seeds < count && limit.is_none_or(|limit| began.elapsed() < limit) {
        let verdict = sim::run(first.wrapping_add(seeds), *clients);
        seeds += 1;
        links += verdict.links;
        virtual_secs += verdict.virtual_secs;
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
    if failed == 0 { Ok(()) } else { Err(format!("{failed} seeds broke a promise")) }
}

#[cfg(feature = "planted")]
fn planted() -> Result<(), String> {
    tests::planted::table()
}

#[cfg(not(feature = "planted"))]
fn planted() -> Result<(), String> {
    Err("built without the feature `planted`".into())
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

/// Failing seeds after which the run ends.
const FAILURES_MAX: u64 = 10;

/// Sessions of a fleet, unless said.
const FLEET_SIZE: usize = 100_000;
