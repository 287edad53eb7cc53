//! Prints one table of ratios: this codec beside the floor and the best peer, measured in one run.
//!
//! Fails if decoding or encoding with this codec allocates. An argument chooses the cases whose name holds it.

use benches::cases;
use benches::contest::{FLOOR, Figure, OURS};

fn main() {
    println!(
        "| case | ours ns | allocations | GB/s | ours ÷ floor | ours ÷ best peer | others: ns (allocations) |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut allocating = Vec::new();
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for mut case in cases().filter(|case| case.name.contains(&wanted)) {
        let figures = case.measure();
        let find = |name| figures.iter().find(|figure| figure.name == name);
        let ours = find(OURS).expect("ours takes part in every case");
        if ours.allocations > 0.0 {
            allocating.push(case.name.clone());
        }
        let floor = find(FLOOR);
        let peers: Vec<&Figure> =
            figures.iter().filter(|figure| ![OURS, FLOOR].contains(&figure.name)).collect();
        let best = peers.iter().min_by(|one, other| one.nanos.total_cmp(&other.nanos));
        let or_dash = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.2}"));
        let others: Vec<String> = figures
            .iter()
            .filter(|figure| figure.name != OURS)
            .map(|other| format!("{} {:.1} ({:.1})", other.name, other.nanos, other.allocations))
            .collect();
        println!(
            "| {} | {:.1} | {} | {:.2} | {} | {} | {} |",
            case.name,
            ours.nanos,
            ours.allocations,
            case.bytes_per_packet as f64 / ours.nanos,
            or_dash(floor.map(|floor| ours.nanos / floor.nanos)),
            or_dash(best.map(|best| ours.nanos / best.nanos)),
            others.join(", "),
        );
    }
    assert!(allocating.is_empty(), "ours allocates: {allocating:?}");
}
