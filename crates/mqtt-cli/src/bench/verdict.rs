//! Whether the figures are those of the server, or those of the generator that was to measure it.

use std::time::Duration;

use super::text::time;
use super::usage::Spent;

/// Why the generator itself was the limit; none if it was not.
pub(crate) fn generator_limit(lag_p99: Duration, spent: &Spent) -> Option<String> {
    let mut reasons = Vec::new();
    if lag_p99 > LAG_MAX {
        reasons.push(format!("1 % started {} or more after their time, with room for them", time(lag_p99)));
    }
    let share = |time: Duration| 100.0 * time.as_secs_f64() / spent.wall.as_secs_f64().max(1e-9);
    if let Some(thread) = spent.thread
        && spent.wall >= WALL_MIN
        && share(thread + spent.waited) > SHARE_MAX
    {
        reasons.push(match share(spent.waited) {
            waited if waited > 5.0 => format!(
                "its thread used {:.0} % of a core and waited {waited:.0} % of the time for one",
                share(thread)
            ),
            _ => format!("its thread used {:.0} % of a core", share(thread)),
        });
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// How late one of a hundred messages may be.
const LAG_MAX: Duration = Duration::from_millis(1);

/// How much of a core the thread may use, in percent.
const SHARE_MAX: f64 = 90.0;

/// Shorter runs say nothing about how busy a thread is.
const WALL_MIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
