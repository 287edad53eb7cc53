//! The arguments of `mqtt pub`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use mqtt_smol::QoS;

use super::ConnectionArgs;
use crate::values;

#[derive(Debug, ClapArgs)]
pub(crate) struct PubArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    /// Topic to publish to
    #[arg(short = 't', long, allow_hyphen_values = true)]
    pub(crate) topic: String,

    #[command(flatten)]
    pub(crate) payload: PayloadArgs,

    /// QoS: 0, 1 or 2
    #[arg(short = 'q', long, default_value = "0", value_parser = values::qos)]
    pub(crate) qos: QoS,

    /// Retain the message for later subscribers
    #[arg(short = 'r', long)]
    pub(crate) retain: bool,

    /// Give up after that many seconds
    #[arg(short = 'W', long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) timeout: Option<Duration>,
}

/// What to publish: exactly one of these.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct PayloadArgs {
    /// Publish this text
    #[arg(short = 'm', long, allow_hyphen_values = true)]
    pub(crate) message: Option<String>,

    /// Publish the content of a file
    #[arg(short = 'f', long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,

    /// Publish all of standard input as one message
    #[arg(short = 's', long)]
    pub(crate) stdin: bool,

    /// Publish each line of standard input as a message
    #[arg(short = 'l', long)]
    pub(crate) lines: bool,

    /// Publish an empty message
    #[arg(short = 'n', long)]
    pub(crate) null: bool,
}
