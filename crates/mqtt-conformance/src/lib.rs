//! Checks any MQTT client by the numbered statements of the standard, 3.1.1 and 5.0.
//!
//! A *driver* is a small program around the client library under test. It reads commands from its standard input
//! (`connect`, `subscribe`, `publish`, …) and writes what the library reports to its standard output (`connected`,
//! `message`, `published`, …), one [`Line`] each. For each [`Case`] the kit starts a driver, serves it on a port of
//! the loopback interface with raw packets, and compares what the client sends and reports with what the standard
//! asks. [`run`] runs cases, several at once, and [`Report`] is the scoreboard.
//!
//! The page `docs/conformance.md` of the project describes the line protocol and shows a driver.
//!
//! ```no_run
//! use mqtt_conformance::{Command, Selection, run};
//!
//! let program = Command::new("python3", ["my_driver.py"]);
//! let report = run(&program, &Selection::default(), |result| println!("{result}"))?;
//! print!("{}", report.table());
//! # Ok::<(), mqtt_conformance::StartError>(())
//! ```

#![forbid(unsafe_code)]

mod line;
mod program;
mod packets;
mod server;
mod outcome;
mod stage;
mod case;
mod cases;
mod report;
mod kit;

pub use case::{Case, Duty};
pub use cases::all as cases;
pub use kit::{Selection, run};
pub use line::{Line, LineError};
pub use outcome::Verdict;
pub use program::{Command, End, Program, Running, StartError};
pub use report::{CaseResult, Counts, Report};

pub use mqtt_proto::Version;
