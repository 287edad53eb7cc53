//! Prints tables of ratios: this codec beside the floor and the best peer, measured in one run.
//!
//! A row of decoding has three figures in each column, one for each shape: in place, behind an inlined function, behind
//! a called one. Fails if decoding or encoding with this codec allocates. An argument chooses the cases whose name
//! holds it.

use benches::codec::{Shape, decodings, encode_cases};
use benches::contest::{Case, FLOOR, Figure, OURS};
use benches::topics::topic_cases;

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let mut tables = Tables::default();
    println!("Three figures: {}.\n", Shape::ALL.map(Shape::name).join(" / "));
    println!("| case | ours ns | ours ÷ floor | ours ÷ best peer | best peer | spread of the floor |");
    println!("|---|---|---|---|---|---|");
    for decoding in decodings().iter().filter(|decoding| decoding.name.contains(&wanted)) {
        let shapes = Shape::ALL.map(|shape| Standing::of(decoding.case(shape)));
        tables.add(&decoding.name, &shapes);
    }
    for case in encode_cases().into_iter().chain(topic_cases()).filter(|case| case.name.contains(&wanted)) {
        let standing = Standing::of(case);
        tables.add(&standing.name.clone(), &[standing]);
    }
    tables.print_rest();
    assert!(tables.allocating.is_empty(), "ours allocates: {:?}", tables.allocating);
}

/// What a case came to.
struct Standing {
    name: String,
    figures: Vec<Figure>,
}

impl Standing {
    fn of(mut case: Case) -> Standing {
        let figures = case.measure();
        Standing { name: case.name, figures }
    }

    fn find(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    fn ours(&self) -> &Figure {
        self.find(OURS).expect("ours takes part in every case")
    }

    fn best_peer(&self) -> Option<&Figure> {
        let peers = self.figures.iter().filter(|figure| ![OURS, FLOOR].contains(&figure.name));
        peers.max_by(|one, other| self.ours().ratio_to(one).total_cmp(&self.ours().ratio_to(other)))
    }

    fn to_floor(&self) -> Option<f64> {
        self.find(FLOOR).map(|floor| self.ours().ratio_to(floor))
    }

    fn to_peer(&self) -> Option<f64> {
        self.best_peer().map(|peer| self.ours().ratio_to(peer))
    }
}

/// What is printed behind the rows.
#[derive(Default)]
struct Tables {
    details: Vec<String>,
    summaries: Vec<(String, f64, f64)>,
    spreads: Vec<f64>,
    allocating: Vec<String>,
}

impl Tables {
    fn add(&mut self, name: &str, shapes: &[Standing]) {
        let each = |of: &dyn Fn(&Standing) -> String| shapes.iter().map(of).collect::<Vec<_>>().join(" / ");
        let or_dash = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.2}"));
        let last = &shapes[shapes.len() - 1];
        println!(
            "| {name} | {} | {} | {} | {} | {} |",
            each(&|standing| format!("{:.1}", standing.ours().nanos)),
            each(&|standing| or_dash(standing.to_floor())),
            each(&|standing| or_dash(standing.to_peer())),
            last.best_peer().map_or("–", |peer| peer.name),
            each(&|standing| {
                standing.find(FLOOR).map_or("–".into(), |floor| format!("{:.0} %", 100.0 * floor.spread()))
            }),
        );
        for standing in shapes {
            let of_one =
                |figure: &Figure| format!("{} {:.1} ({:.1})", figure.name, figure.nanos, figure.allocations);
            let figures: Vec<String> = standing.figures.iter().map(of_one).collect();
            self.details.push(format!("| {} | {} |", standing.name, figures.join(", ")));
            self.spreads.extend(standing.find(FLOOR).map(Figure::spread));
            if standing.ours().allocations > 0.0 {
                self.allocating.push(standing.name.clone());
            }
        }
        let group = name.split(' ').next().unwrap_or_default();
        let worst = |of: fn(&Standing) -> Option<f64>| shapes.iter().filter_map(of).fold(0.0, f64::max);
        self.summaries.push((group.into(), worst(Standing::to_floor), worst(Standing::to_peer)));
    }

    fn print_rest(&mut self) {
        println!("\n| case, shape | ns (allocations) of everybody |\n|---|---|");
        self.details.iter().for_each(|row| println!("{row}"));
        println!();
        for group in ["decode", "encode"] {
            let rows: Vec<_> = self.summaries.iter().filter(|(name, ..)| name == group).collect();
            let worst =
                |of: fn(&(String, f64, f64)) -> f64| rows.iter().map(|row| of(row)).fold(0.0, f64::max);
            let behind = rows.iter().filter(|(.., to_peer)| *to_peer > 1.0).count();
            println!(
                "{group}: at worst {:.2} of the floor and {:.2} of the best peer; behind a peer in {behind} of {} rows",
                worst(|row| row.1),
                worst(|row| row.2),
                rows.len(),
            );
        }
        self.spreads.sort_by(f64::total_cmp);
        if let Some(median) = self.spreads.get(self.spreads.len() / 2) {
            println!(
                "noise: half of the floor's rounds lie within {:.1} % (median of all rows)",
                100.0 * median
            );
        }
    }
}
