//! The arguments of the command: one file for each command, and for what all that connect have in common.
//!
//! Options that few need are hidden from the page of `--help` and stand on that of `--help-all`.

mod server;
mod session;
mod tls;
mod publish;
mod subscribe;
mod request;
mod check;
#[cfg(feature = "conformance")]
mod conformance;
mod sim;
mod bench;
mod broker;
mod files;
mod manual;

pub(crate) use bench::{
    BenchArgs, BenchCommand, BenchConnArgs, BenchPubArgs, BenchRttArgs, BenchSubArgs, LoadArgs, ReportArgs,
};
pub(crate) use broker::BrokerArgs;
pub(crate) use check::CheckArgs;
#[cfg(feature = "conformance")]
pub(crate) use conformance::{ClientArgs, ConformanceArgs, ConformanceCommand};
pub(crate) use files::{ReplayArgs, StoreArgs};
pub(crate) use manual::{CompletionsArgs, ManArgs};
pub(crate) use publish::{MessageArgs, PayloadArgs, PropertyArgs, PubArgs};
pub(crate) use request::RrArgs;
pub(crate) use server::ServerArgs;
pub(crate) use session::{LoginArgs, SessionArgs, WillArgs};
pub(crate) use sim::SimArgs;
pub(crate) use subscribe::{FilterArgs, OutputArgs, SubArgs};
pub(crate) use tls::TlsArgs;

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand};

/// MQTT on the command line: publish, subscribe, measure, and a broker for tests.
#[derive(Debug, Parser)]
#[command(
    name = "mqtt",
    version,
    disable_help_flag = true,
    disable_help_subcommand = true,
    args_override_self = true
)]
#[command(
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "`mqtt pub --help` explains a command."
)]
pub(crate) struct Args {
    /// Print help; -h names the host
    #[arg(long, global = true, action = ArgAction::HelpShort, help_heading = "Help")]
    help: Option<bool>,

    /// Print help with all options
    #[arg(long, global = true, action = ArgAction::HelpLong, help_heading = "Help")]
    help_all: Option<bool>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publish messages
    Pub(Box<PubArgs>),
    /// Subscribe and print messages
    Sub(Box<SubArgs>),
    /// Publish a request and print the response
    Rr(Box<RrArgs>),
    /// Try each capability of a broker, and show them as a table
    Check(Box<CheckArgs>),
    /// Check programs by the numbered statements of the standard
    // Help is the same with and without the feature.
    #[cfg(feature = "conformance")]
    #[command(hide = true)]
    Conformance(ConformanceArgs),
    /// Measure a broker: connections, messages, round trips
    Bench(BenchArgs),
    /// Run a broker for tests and demos, in memory; not for production
    Broker(Box<BrokerArgs>),
    /// Simulate a publisher and a subscriber through rehearsed outages, with a chart
    Sim(SimArgs),
    /// Show what a store holds, also a damaged one
    Store(StoreArgs),
    /// Replay a capture, and say where this build first differs from the one that was recorded
    Replay(ReplayArgs),
    /// Print a script that has a shell complete words
    Completions(CompletionsArgs),
    /// Print a manual page
    Man(ManArgs),
}

/// What all commands that connect have in common.
#[derive(Debug, ClapArgs)]
pub(crate) struct ConnectionArgs {
    #[command(flatten, next_help_heading = "Server")]
    pub(crate) server: ServerArgs,

    #[command(flatten, next_help_heading = "Server")]
    pub(crate) login: LoginArgs,

    #[command(flatten, next_help_heading = "TLS")]
    pub(crate) tls: TlsArgs,

    #[command(flatten, next_help_heading = "Session")]
    pub(crate) session: SessionArgs,

    #[command(flatten, next_help_heading = "Will")]
    pub(crate) will: WillArgs,
}
