//! Prints what things cost at three sizes, and how the total grows: 1.00 is a cost for each that stays the same.
//!
//! Fails if an exponent is above the bound of its row. An argument chooses the rows whose name holds it.

mod clients;
mod fleet;
mod sessions;

use std::process::ExitCode;

/// How many of each, unless the row says otherwise.
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// As many as there are packet identifiers, about.
const IDENTIFIERS: [usize; 3] = [600, 6_000, 60_000];

/// What an exponent may be where each costs a few microseconds at most: what fits no cache takes up to ten times as
/// long. A walk over all for each would be 2.
const CACHES: f64 = 1.5;

/// Where each takes many microseconds of its own, caches matter less: three times as long.
const FLAT: f64 = 1.25;

/// The longest of many is as long as a copy of one piece of memory, which the smallest size does not reach.
const LONGEST: f64 = 1.6;

/// Runs of each size, of which the cheapest counts, since what disturbs only adds.
const ROUNDS: usize = 3;

/// What one of so many costs, in nanoseconds or bytes.
type Cost = fn(usize) -> f64;

struct Row {
    name: &'static str,
    unit: &'static str,
    sizes: [usize; 3],
    bound: f64,
    cost: Cost,
}

const fn row(name: &'static str, sizes: [usize; 3], bound: f64, cost: Cost) -> Row {
    Row { name, unit: "ns", sizes, bound, cost }
}

const ROWS: [Row; 20] = [
    row("simulation: connect a client", SIZES, FLAT, fleet::connect),
    row("simulation: cut the link of a client", SIZES, CACHES, fleet::cut),
    row("simulation: part and heal a client", SIZES, CACHES, fleet::part),
    Row {
        unit: "bytes",
        ..row("simulation: memory of an idle client and its server", SIZES, FLAT, fleet::memory)
    },
    row("subscribe", SIZES, CACHES, clients::subscribe),
    row("route a message among filters", SIZES, CACHES, clients::route),
    row("drop a stream, clean session, online", SIZES, CACHES, |count| {
        clients::drop_streams(count, true, true)
    }),
    row("drop a stream, clean session, offline", SIZES, CACHES, |count| {
        clients::drop_streams(count, true, false)
    }),
    row("drop a stream, persistent session, online", SIZES, CACHES, |count| {
        clients::drop_streams(count, false, true)
    }),
    row("drop a stream, persistent session, offline", SIZES, CACHES, |count| {
        clients::drop_streams(count, false, false)
    }),
    row("drop a stream that was never granted", SIZES, CACHES, clients::drop_ungranted),
    row("drop a stream of a filter that all have", SIZES, CACHES, clients::drop_of_one_filter),
    row("explain the last queued message", SIZES, CACHES, clients::explain),
    row("submit a message offline", SIZES, CACHES, |count| clients::submit_offline(count).0),
    row("submit a message offline, the longest", SIZES, LONGEST, |count| clients::submit_offline(count).1),
    row("send a queued message, window of 20", SIZES, FLAT, clients::send_queued),
    row("repeat a QoS 1 message, window of 20", IDENTIFIERS, CACHES, |count| {
        sessions::repeat(count, mqtt_client::QoS::AtLeastOnce)
    }),
    row("repeat a QoS 2 message, window of 20", IDENTIFIERS, CACHES, |count| {
        sessions::repeat(count, mqtt_client::QoS::ExactlyOnce)
    }),
    row("answer to a SUBSCRIBE, the first sent first", IDENTIFIERS, CACHES, |count| {
        sessions::answer_subscribes(count, false)
    }),
    row("answer to a SUBSCRIBE, the last sent first", IDENTIFIERS, CACHES, |count| {
        sessions::answer_subscribes(count, true)
    }),
];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    println!("| each, with so many | small | middle | large | exponent | bound |");
    println!("|---|---|---|---|---|---|");
    let mut all_fit = true;
    for row in ROWS.iter().filter(|row| row.name.contains(&wanted)) {
        let costs = row.sizes.map(|size| {
            (0..ROUNDS).map(|_| (row.cost)(size)).min_by(f64::total_cmp).expect("there are rounds")
        });
        let exponent = 1.0 + (costs[2] / costs[0]).ln() / (row.sizes[2] as f64 / row.sizes[0] as f64).ln();
        let fits = exponent <= row.bound;
        let [small, middle, large] = costs;
        let (unit, bound, verdict) = (row.unit, row.bound, if fits { "" } else { ", exceeded" });
        println!(
            "| {}, {unit} | {small:.0} | {middle:.0} | {large:.0} | {exponent:.2} | {bound:.2}{verdict} |",
            row.name
        );
        all_fit &= fits;
    }
    if all_fit { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
