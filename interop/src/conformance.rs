//! The conformance kit against clients: ours and those of others, each with its driver, as tables for the docs.
//!
//! `cargo xtask conformance` runs it. A driver that cannot be prepared fails the run; what a client does wrong is a
//! result. The client of this workspace must keep every numbered statement.

mod page;

use std::path::PathBuf;
use std::time::Instant;

use mqtt_conformance::{Command, Report, Selection, Verdict, run};

use crate::fetch;
use crate::process::write;

struct Peer {
    name: &'static str,
    /// Fetches what is needed, and returns the driver's command.
    prepare: fn() -> Result<Command, String>,
}

const PEERS: [Peer; 5] = [
    Peer { name: "mqtt-std", prepare: || built("driver-mqtt-std") },
    Peer { name: "rumqttc", prepare: || built("driver-rumqttc") },
    Peer { name: "paho-mqtt", prepare: paho },
    Peer { name: "MQTT.js", prepare: mqtt_js },
    Peer { name: "libmosquitto", prepare: libmosquitto },
];

const OURS: &str = "mqtt-std";

/// Runs the kit; the words are names of clients, `--case BEGINNING`, `--verbose`, and `--write` for the page.
pub(crate) fn run_words(words: &[&str]) -> Result<(), String> {
    let start = Instant::now();
    let mut selection = Selection::default();
    let (mut names, mut writes, mut is_verbose) = (Vec::new(), false, false);
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        match word {
            "--write" => writes = true,
            "--verbose" => is_verbose = true,
            "--case" => selection.names.extend(rest.next().map(str::to_owned)),
            name if PEERS.iter().any(|peer| peer.name == name) => names.push(name),
            name => {
                let known: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
                return Err(format!("`{name}` is not known; there are {}", known.join(", ")));
            }
        }
    }
    if writes && !(names.is_empty() && selection.names.is_empty()) {
        return Err("the page has all clients and all cases; leave out what chooses some of them".into());
    }
    let mut reports = Vec::new();
    for peer in PEERS.iter().filter(|peer| names.is_empty() || names.contains(&peer.name)) {
        let report = check(peer, &selection, is_verbose)?;
        print!("{}", report.table());
        reports.push(report);
    }
    println!("{:.0} s", start.elapsed().as_secs_f64());
    if writes {
        page::write(&reports)?;
    }
    let ours = reports.iter().find(|report| report.client == OURS);
    if ours.is_none_or(Report::keeps_the_standard) {
        Ok(())
    } else {
        Err(format!("{OURS} breaks a statement of the standard; see its lines above"))
    }
}

fn check(peer: &Peer, selection: &Selection, is_verbose: bool) -> Result<Report, String> {
    println!("== {} ==", peer.name);
    let program = (peer.prepare)()?;
    let report = run(&program, selection, |result| {
        let is_shown = is_verbose || matches!(result.verdict, Verdict::Failed(_) | Verdict::NotFollowed(_));
        if is_verbose && result.verdict != Verdict::Passed {
            println!("{result}");
        } else if is_shown {
            println!("{:<6} {:<32} {}", result.version.to_string(), result.case.id, result.verdict);
        }
    });
    report.map_err(|error| error.to_string())
}

/// A driver of this package, which lies beside this program.
fn built(name: &str) -> Result<Command, String> {
    let own = std::env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let path = own.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if path.exists() {
        Ok(Command::new(path, Vec::<String>::new()))
    } else {
        Err(format!("{name} is not built; run `cargo build --release --package interop`"))
    }
}

fn paho() -> Result<Command, String> {
    let script = fetch::home().join("python").join("paho_driver.py");
    let python = fetch::python()?.join("python");
    write(&script, include_str!("../drivers/paho.py"))?;
    Ok(Command::new(python, [script]))
}

fn mqtt_js() -> Result<Command, String> {
    let script = fetch::npm()?.join("mqttjs_driver.mjs");
    write(&script, include_str!("../drivers/mqttjs.mjs"))?;
    Ok(Command::new("node", [script]))
}

fn libmosquitto() -> Result<Command, String> {
    // The package brings the library, wherever the system has its libraries.
    fetch::debian("mosquitto-clients", "/usr/bin/mosquitto_pub")?;
    let python = fetch::python()?.join("python");
    let script: PathBuf = fetch::home().join("python").join("libmosquitto_driver.py");
    write(&script, include_str!("../drivers/libmosquitto.py"))?;
    Ok(Command::new(python, [script]))
}
