//! The client against brokers that others wrote, and clients that others wrote against the embedded broker.
//!
//! `cargo xtask interop` runs it, and `cargo xtask conformance` the conformance kit with clients. Brokers and clients come from the package registries, run on the loopback
//! interface on free ports, and are stopped by their ids. A deviation of a broker that is known stands in the
//! broker's file with its reason; any other makes the run fail.

#![forbid(unsafe_code)]

mod process;
mod fetch;
mod broker;
mod peer;
mod relay;
mod report;
mod checks;
mod brokers;
mod clients;
mod cluster;
mod conformance;

use std::process::ExitCode;
use std::time::Instant;

use broker::Broker;
use report::Row;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), String> {
    match words {
        ["--cluster"] => cluster::run(),
        ["--conformance", words @ ..] => conformance::run_words(words),
        names => run_table(names),
    }
}

fn run_table(names: &[&str]) -> Result<(), String> {
    let start = Instant::now();
    if let Some(name) = names.iter().find(|name| !known_names().any(|known| known == **name)) {
        let known: Vec<&str> = known_names().collect();
        return Err(format!(
            "`{name}` is not known; there are {}, and `--cluster` and `--conformance` alone",
            known.join(", ")
        ));
    }
    let is_wanted = |name: &str| names.is_empty() || names.contains(&name);
    let mut rows = Vec::new();
    let mut faults = Vec::new();
    for broker in brokers::BROKERS.iter().filter(|broker| is_wanted(broker.name)) {
        match check(broker) {
            Ok(some) => rows.extend(some),
            Err(problem) => faults.push(format!("{}: {problem}", broker.name)),
        }
    }
    for client in clients::CLIENTS.iter().filter(|client| is_wanted(client.name)) {
        println!("== {} ==", client.name);
        match client.check() {
            Ok(some) => rows.extend(some),
            Err(problem) => faults.push(format!("{}: {problem}", client.name)),
        }
    }
    println!("\n{}", report::table(&rows));
    println!("{:.0} s", start.elapsed().as_secs_f64());
    faults.extend(rows.into_iter().flat_map(|row| row.faults));
    if faults.is_empty() { Ok(()) } else { Err(format!("{} faults:\n{}", faults.len(), faults.join("\n"))) }
}

fn known_names() -> impl Iterator<Item = &'static str> {
    let brokers = brokers::BROKERS.iter().map(|broker| broker.name);
    brokers.chain(clients::CLIENTS.iter().map(|client| client.name))
}

fn check(broker: &Broker) -> Result<Vec<Row>, String> {
    let start = Instant::now();
    println!("== {} ==", broker.name);
    let folder = fetch::home().join("run").join(broker.name);
    process::empty_folder(&folder)?;
    let running = (broker.start)(&folder)?;
    println!("{} {} listens after {:.1} s", broker.name, running.version, start.elapsed().as_secs_f64());
    let rows = checks::check_broker(broker, running.port, &running.version);
    println!("{} took {:.1} s", broker.name, start.elapsed().as_secs_f64());
    Ok(rows)
}
