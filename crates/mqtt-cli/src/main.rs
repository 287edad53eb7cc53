//! The `mqtt` command: publish, subscribe, measure, a broker for tests, and a look into stores and captures.
//!
//! Data goes to standard output, everything else to standard error, and the exit code says how it went.

#![forbid(unsafe_code)]

mod runtime;
mod interrupt;
mod failure;
mod values;
mod properties;
mod output;
mod args;
mod profile;
mod settings;
mod arguments;
mod password;
mod address;
mod security;
mod wire;
mod options;
mod session;
mod reader;
mod publish;
mod subscribe;
mod request;
mod check;
#[cfg(feature = "conformance")]
mod conformance;
mod sim;
mod bench;
mod broker;
mod replay;
mod store;
mod manual;

use std::process::ExitCode;

use crate::args::Command;
use crate::failure::Failure;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = &failure.message {
                eprintln!("mqtt: {message}");
            }
            ExitCode::from(failure.code)
        }
    }
}

fn run() -> Result<(), Failure> {
    let args = arguments::parse(std::env::args_os())?;
    runtime::block_on(async {
        match args.command {
            Command::Pub(args) => publish::run(*args).await,
            Command::Sub(args) => subscribe::run(*args).await,
            Command::Rr(args) => request::run(*args).await,
            Command::Check(args) => check::run(*args).await,
            #[cfg(feature = "conformance")]
            Command::Conformance(args) => conformance::run(&args),
            Command::Bench(args) => bench::run(args),
            Command::Broker(args) => broker::run(*args).await,
            Command::Sim(args) => sim::run(&args),
            Command::Store(args) => store::run(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Completions(args) => manual::completions(&args),
            Command::Man(args) => manual::man(&args),
        }
    })?
}
