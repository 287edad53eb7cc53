//! Prints what a message costs through whole clients on loopback, against a mosquitto of one's own: one client publishes,
//! another one of the same process receives. CPU time of the process, messages in a second, system calls, lost messages,
//! and round trips; ours on each adapter beside a floor written by hand and beside the clients of others.
//!
//! Without mosquitto there is nothing to measure, and without `perf` no system call is counted. An argument chooses the
//! rows whose name holds it.

mod floor;
mod ours;
mod peers;
mod round_trip;
mod shape;
mod system_calls;

use benches::server::Server;
use mqtt_smol::QoS;
use round_trip::Times;
use shape::{Figure, Shape};

/// Rounds of each contestant, which are interleaved; medians count.
const ROUNDS: usize = 5;

type Run = fn(&Shape) -> Figure;

const FLOORS: [(&str, Run); 2] =
    [("floor, batches", floor::batches), ("floor, coalescing", floor::coalescing)];

const OURS: [(&str, Run); 5] = [
    ("tokio, one thread", ours::tokio_one_thread),
    ("std, this thread", ours::std_this_thread),
    ("tokio, default", ours::tokio_default),
    ("smol, global", ours::smol_global),
    ("std", ours::std_threads),
];

const PEERS: [(&str, Run); 6] = [
    ("rumqttc 3.1.1, one thread", peers::rumqttc_v4_one_thread),
    ("rumqttc 3.1.1, default", peers::rumqttc_v4_default),
    ("rumqttc 5.0, one thread", peers::rumqttc_v5_one_thread),
    ("rumqttc 5.0, default", peers::rumqttc_v5_default),
    ("rumqttc-next, one thread", peers::rumqttc_next_one_thread),
    ("rumqttc-next, default", peers::rumqttc_next_default),
];

type Trip = fn(u16, QoS) -> Times;

const TRIPS: [(&str, Trip); 6] = [
    ("floor", round_trip::floor),
    ("tokio, one thread", round_trip::tokio_one_thread),
    ("std, this thread", round_trip::std_this_thread),
    ("tokio, default", round_trip::tokio_default),
    ("smol, global", round_trip::smol_global),
    ("std", round_trip::std_threads),
];

/// Exchanges that the server lets be under way: as many as the contestants, and mosquitto's default.
const WINDOWS: [u16; 2] = [100, 20];

/// A server that drops nothing and has that window; otherwise it has its defaults.
fn start_server(window: u16) -> Option<Server> {
    let configuration = "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages ";
    Server::start_with(&format!("{configuration}{window}\n"))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [once, contestant, rest @ ..] = &arguments[..]
        && once == "--once"
    {
        run_once(contestant, rest);
        return;
    }
    let wanted = arguments.first().map_or("", String::as_str);
    let [Some(server), Some(narrow)] = WINDOWS.map(start_server) else {
        println!("mosquitto is not installed: nothing is measured");
        return;
    };
    let mut lost = 0;
    for size in [64, 1024] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let count = if qos == QoS::AtMostOnce { 100_000 } else { 20_000 };
            let title = format!("QoS {qos}, {size} B");
            lost += print_table(&title, &Shape { port: server.port, qos, size, count }, wanted);
        }
    }
    // At QoS 2 mosquitto ends connections that have more under way, as those of 3.1.1 do, which are told of no window.
    let narrow = Shape { port: narrow.port, qos: QoS::AtLeastOnce, size: 64, count: 20_000 };
    lost += print_table(&format!("window of {}, QoS 1, 64 B", WINDOWS[1]), &narrow, wanted);
    print_round_trips(server.port, wanted);
    assert_eq!(lost, 0, "ours lost messages");
}

/// One contestant alone, for those who count what the process does.
fn run_once(contestant: &str, rest: &[String]) {
    let numbers: Vec<usize> = rest.iter().map(|number| number.parse().expect("a number")).collect();
    let &[port, qos, size, count] = &numbers[..] else { panic!("port, QoS, size and count are wanted") };
    let qos = QoS::from_bits(qos as u8).expect("0 to 2");
    let shape = Shape { port: port as u16, qos, size, count };
    let all = FLOORS.iter().chain(&OURS).chain(&PEERS);
    let (_, run) = all.into_iter().find(|(name, _)| *name == contestant).expect("a contestant");
    let Figure { cpu, rate, lost, allocations, .. } = run(&shape);
    let allocations = allocations.map_or("–".into(), |allocations| format!("{allocations:.3}"));
    println!("{cpu:.2} µs, {rate:.0} k/s, {lost} lost, {allocations} allocations");
}

/// Prints one table, and returns how many messages ours lost.
fn print_table(title: &str, shape: &Shape, wanted: &str) -> usize {
    let is_wanted = |name: &str| format!("{title}: {name}").contains(wanted);
    let contestants: Vec<_> =
        FLOORS.iter().chain(&OURS).chain(&PEERS).filter(|(name, _)| is_wanted(name)).collect();
    if contestants.is_empty() {
        return 0;
    }
    let mut figures = vec![Vec::with_capacity(ROUNDS); contestants.len()];
    for _round in 0..ROUNDS {
        for ((_, run), figures) in contestants.iter().zip(&mut figures) {
            figures.push(run(shape));
        }
    }
    let medians: Vec<_> = figures.iter().map(|figures| median(figures)).collect();
    let of = |group: &[(&str, Run)]| {
        let cpus =
            contestants.iter().zip(&medians).filter(|((name, _), _)| group.iter().any(|(of, _)| of == name));
        cpus.map(|(_, figure)| figure.cpu).min_by(f64::total_cmp)
    };
    let (floor, peer) = (of(&FLOORS), of(&PEERS));
    let calls: Vec<_> = system_calls::CALLS.iter().map(|(name, _)| *name).collect();
    println!("\n{title}, {} messages, medians of {ROUNDS} interleaved rounds\n", shape.count);
    println!(
        "| client | µs CPU | lowest to highest | ÷ best floor | ÷ best peer | k/s | lost | allocations | calls: {} |",
        calls.join(" | ")
    );
    println!("|---|---|---|---|---|---|---|---|{}", "---|".repeat(calls.len()));
    let mut lost = 0;
    for (((name, _), figure), all) in contestants.iter().zip(&medians).zip(&figures) {
        let ratio =
            |other: Option<f64>| other.map_or("–".into(), |other| format!("{:.2}", figure.cpu / other));
        let cpus = || all.iter().map(|figure| figure.cpu);
        let counted = match system_calls::count(name, shape) {
            Some(counts) => counts.map(|count| format!("{count:.2}")).join(" | "),
            None => vec!["–"; calls.len()].join(" | "),
        };
        println!(
            "| {name} | {:.2} | {:.2} to {:.2} | {} | {} | {:.0} | {} | {} | {counted} |",
            figure.cpu,
            cpus().fold(f64::MAX, f64::min),
            cpus().fold(0.0, f64::max),
            ratio(floor),
            ratio(peer),
            figure.rate,
            figure.lost,
            figure.allocations.map_or("–".into(), |allocations| format!("{allocations:.3}")),
        );
        lost += if OURS.iter().any(|(ours, _)| ours == name) { figure.lost } else { 0 };
    }
    lost
}

/// The median of each column; of lost messages the most, since none may be.
fn median(figures: &[Figure]) -> Figure {
    let middle = |of: fn(&Figure) -> f64| {
        let mut values: Vec<f64> = figures.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Figure {
        cpu: middle(|figure| figure.cpu),
        rate: middle(|figure| figure.rate),
        lost: figures.iter().map(|figure| figure.lost).max().unwrap_or(0),
        ..figures[0]
    }
}

fn print_round_trips(port: u16, wanted: &str) {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let is_wanted = |name: &str| format!("round trip, QoS {qos}: {name}").contains(wanted);
        let trips: Vec<_> = TRIPS.iter().filter(|(name, _)| is_wanted(name)).collect();
        if trips.is_empty() {
            continue;
        }
        println!("\nround trip, QoS {qos}, 64 B, medians of {ROUNDS} interleaved rounds\n");
        println!("| client | p50 µs | ÷ floor | p99 µs | longest ms |");
        println!("|---|---|---|---|---|");
        let mut runs: Vec<Vec<Times>> = trips.iter().map(|_| Vec::with_capacity(ROUNDS)).collect();
        for _round in 0..ROUNDS {
            for ((_, trip), runs) in trips.iter().zip(&mut runs) {
                runs.push(trip(port, qos));
            }
        }
        let middle = |runs: &[Times], part: f64| {
            let mut values: Vec<f64> = runs.iter().map(|times| times.at(part)).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let floor = runs.first().map_or(f64::NAN, |runs| middle(runs, 0.5));
        for ((name, _), runs) in trips.iter().zip(&runs) {
            let p50 = middle(runs, 0.5);
            let longest = runs.iter().map(|times| times.at(1.0) / 1e3).fold(0.0, f64::max);
            println!("| {name} | {p50:.0} | {:.2} | {:.0} | {longest:.1} |", p50 / floor, middle(runs, 0.99));
        }
    }
}
