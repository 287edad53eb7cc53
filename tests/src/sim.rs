//! One seed, one simulation, one verdict.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::features::features;
use crate::life::{live, world};
use crate::oracle::{Violation, check_all};
use crate::scenario::Scenario;

/// What became of one seed.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// Links that were dialled, each with its faults.
    pub links: u64,
    /// Virtual time that passed, in seconds.
    pub virtual_secs: u64,
    /// Covers everything that happened.
    pub digest: u64,
    /// What it had in it: some of [`FEATURES`](crate::features::FEATURES).
    pub features: BTreeSet<&'static str>,
    /// Promises that were broken.
    pub violations: Vec<Violation>,
    /// The faults drawn and the last events, if a promise was broken.
    pub evidence: String,
}

/// Simulates one seed and asks all oracles.
pub fn run(seed: u64, clients: Option<usize>) -> Verdict {
    let scenario = Scenario::draw(seed, clients);
    let world = world(seed, &scenario);
    let lived = catch_unwind(AssertUnwindSafe(|| live(&world, scenario, false)));
    let violations = match &lived {
        Ok(story) => check_all(story),
        Err(panic) => vec![Violation { oracle: "panic", text: panic_text(&**panic) }],
    };
    let features = lived.as_ref().map(features).unwrap_or_default();
    let evidence = if violations.is_empty() { String::new() } else { evidence(&world) };
    let links = u64::from(world.links_dialled());
    let virtual_secs = world.now().as_millis() / 1000;
    let digest = world.digest();
    if lived.is_err() {
        // What is left of it could panic once more when it is dropped.
        std::mem::forget(world);
    }
    Verdict { seed, links, virtual_secs, digest, features, violations, evidence }
}

/// Everything that happened in one seed, in words.
pub fn trace(seed: u64, clients: Option<usize>) -> String {
    let scenario = Scenario::draw(seed, clients);
    let mut text = String::new();
    for plan in &scenario.clients {
        text += &format!("{plan:?}\n");
    }
    text += &format!("{:?}\nthief {}\n", scenario.broker, scenario.has_thief);
    let world = world(seed, &scenario);
    let _ = catch_unwind(AssertUnwindSafe(|| live(&world, scenario, true)));
    text + &world.trace()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// The faults that were drawn, and the newest events.
fn evidence(world: &mqtt_memory::World) -> String {
    let mut dials = String::new();
    world.for_each_record(|record| {
        if let mqtt_memory::Event::Dialled { .. } | mqtt_memory::Event::BrokerStopped { .. } = record.event {
            dials += &format!("{record}\n");
        }
    });
    format!("faults drawn:\n{dials}last events:\n{}", world.trace_tail(LAST_EVENTS))
}

/// How many of the newest events are shown.
const LAST_EVENTS: usize = 40;
