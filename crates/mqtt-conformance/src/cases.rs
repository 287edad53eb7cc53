//! All cases, by what they are about.

mod connect;
mod limits;
mod outward;
mod inward;
mod sessions;
mod aliases;
mod subscriptions;
mod refusals;
mod malformed;
mod ending;

use crate::case::Case;

/// All cases, in the order of the scoreboard.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let groups: [&'static [Case]; 10] = [
        connect::CASES,
        limits::CASES,
        outward::CASES,
        inward::CASES,
        sessions::CASES,
        aliases::CASES,
        subscriptions::CASES,
        refusals::CASES,
        malformed::CASES,
        ending::CASES,
    ];
    groups.into_iter().flatten()
}
