//! The arguments of the command.

mod connection;
mod publish;
mod subscribe;
mod broker;
mod files;

pub(crate) use broker::BrokerArgs;
pub(crate) use connection::ConnectionArgs;
pub(crate) use files::{ReplayArgs, StoreArgs};
pub(crate) use publish::PubArgs;
pub(crate) use subscribe::SubArgs;

use clap::{ArgAction, Parser, Subcommand};

/// Publish and subscribe over MQTT 3.1.1 and 5.0.
#[derive(Debug, Parser)]
#[command(name = "mqtt", version, disable_help_flag = true, arg_required_else_help = true)]
pub(crate) struct Args {
    /// Print help (-h names the host)
    #[arg(long, global = true, action = ArgAction::Help)]
    help: Option<bool>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publish messages
    Pub(PubArgs),
    /// Subscribe and print messages
    Sub(SubArgs),
    /// Run a broker for tests and demos, in memory; not for production
    Broker(BrokerArgs),
    /// Show what a store holds, also a damaged one
    Store(StoreArgs),
    /// Replay a capture, and say where this build first differs from the one that was recorded
    Replay(ReplayArgs),
}
