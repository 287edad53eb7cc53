//! Tests of the workspace, and the simulation that checks its promises against all that can go wrong.

#![forbid(unsafe_code)]

pub mod scripted;
pub mod dice;
pub mod digest;
pub mod disk;
pub mod scenario;
pub mod story;
pub mod oracle;
pub mod life;
mod readers;
pub mod recording;
pub mod features;
pub mod sim;
pub mod durable;
pub mod fleet;

/// The guide's examples, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/what-endures.md")]
struct Endures;

/// The page on arriving messages, likewise.
#[cfg(doctest)]
#[doc = include_str!("../../docs/what-arrives.md")]
struct Arrives;

/// The guide to stores, likewise.
#[cfg(doctest)]
#[doc = include_str!("../../docs/durable-sessions.md")]
struct Durable;
