//! The arguments of `mqtt conformance`.

use std::ffi::OsString;

use clap::{Args as ClapArgs, Subcommand};
use mqtt_smol::Version;

const EXAMPLES: &str = "\
Examples:
  mqtt conformance client -- python3 my_driver.py
  mqtt conformance client --case session/ --verbose -- ./driver
  mqtt conformance client --list";

#[derive(Debug, ClapArgs)]
pub(crate) struct ConformanceArgs {
    #[command(subcommand)]
    pub(crate) command: ConformanceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConformanceCommand {
    /// Check a client, by a driver that connects it to the kit
    Client(ClientArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ClientArgs {
    /// Version of the protocol, 3.1.1 or 5.0 [default: both]
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(crate) only: Option<Version>,

    /// Only cases whose names begin so; may be repeated
    #[arg(long, value_name = "BEGINNING")]
    pub(crate) case: Vec<String>,

    /// Leave out cases that wait for timers
    #[arg(long)]
    pub(crate) fast: bool,

    /// Cases at once, each with a driver of its own
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,

    /// Print what happened in cases that did not pass
    #[arg(long)]
    pub(crate) verbose: bool,

    /// Print the cases with their statements, and run none
    #[arg(long)]
    pub(crate) list: bool,

    /// The driver and its arguments
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "list")]
    pub(crate) driver: Vec<OsString>,
}

fn version(text: &str) -> Result<Version, String> {
    match text {
        "3.1.1" => Ok(Version::V3_1_1),
        "5.0" | "5" => Ok(Version::V5_0),
        _ => Err("there are cases for 3.1.1 and 5.0".into()),
    }
}
