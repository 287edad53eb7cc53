//! The check of the checkers: faults planted on purpose, each of which the simulation must find.

use mqtt_session::{Planted, plant};

use crate::sim;

/// What became of one planted fault.
#[derive(Debug)]
pub struct Hunt {
    /// The fault.
    pub fault: Planted,
    /// How many seeds it took, and who found it; none if nobody did.
    pub found: Option<(u64, &'static str, String)>,
}

/// Looks for one fault with seeds from 1 on. No other simulation may run in this process meanwhile.
pub fn hunt(fault: Planted) -> Hunt {
    plant(Some(fault));
    let found = (1..=SEEDS_MAX).find_map(|seed| {
        let verdict = sim::run(seed, None);
        let violation = verdict.violations.into_iter().next()?;
        Some((seed, violation.oracle, violation.text))
    });
    plant(None);
    Hunt { fault, found }
}

/// Prints a row for each fault; fails if one is not found.
pub fn table() -> Result<(), String> {
    // A panic is a finding here like any other.
    std::panic::set_hook(Box::new(|_panic| {}));
    println!("{:<26} {:>5}  {:<10}  what it saw", "fault", "seeds", "oracle");
    let mut missed = 0;
    for fault in Planted::ALL {
        match hunt(fault).found {
            Some((seeds, oracle, text)) => {
                let text = text.lines().next().unwrap_or_default();
                println!("{:<26} {seeds:>5}  {oracle:<10}  {text}", format!("{fault:?}"));
            }
            None => {
                missed += 1;
                println!("{:<26} {:>5}  not found", format!("{fault:?}"), SEEDS_MAX);
            }
        }
    }
    match missed {
        0 => Ok(()),
        missed => Err(format!("{missed} planted faults were not found in {SEEDS_MAX} seeds")),
    }
}

/// Within so many seeds each fault must be found.
pub const SEEDS_MAX: u64 = 300;
