//! The `mqtt` command: publish, subscribe, a broker for tests, and a look into stores and captures.
//!
//! Data goes to standard output, everything else to standard error, and the exit code says how it went.

#![forbid(unsafe_code)]

mod failure;
mod values;
mod args;
mod connection;
mod reader;
mod publish;
mod subscribe;
mod broker;
mod replay;
mod store;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let result = smol::block_on(async {
        match args.command {
            Command::Pub(args) => publish::run(args).await,
            Command::Sub(args) => subscribe::run(args).await,
            Command::Broker(args) => broker::run(args).await,
            Command::Store(args) => store::run(&args),
            Command::Replay(args) => replay::run(&args),
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = &failure.message {
                eprintln!("mqtt: {message}");
            }
            ExitCode::from(failure.code)
        }
    }
}
