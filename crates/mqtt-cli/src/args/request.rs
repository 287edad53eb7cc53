//! The arguments of `mqtt rr`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use clap::builder::OsStringValueParser;
use mqtt_smol::QoS;

use super::{ConnectionArgs, OutputArgs, PayloadArgs};
use crate::values;

const EXAMPLES: &str = "\
Examples:
  mqtt rr -t lab/lamp/get -m state
  mqtt rr -V 3.1.1 -t lab/lamp/get -m state -e lab/lamp/state -W 5";

#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES, override_usage = "mqtt rr [OPTIONS] -t TOPIC -m TEXT [URL]")]
pub(crate) struct RrArgs {
    #[command(flatten, next_help_heading = "Request")]
    pub(crate) request: RequestArgs,

    #[command(flatten, next_help_heading = "Output")]
    pub(crate) output: OutputArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What to ask, and where the response comes.
#[derive(Debug, ClapArgs)]
#[group(skip)]
pub(crate) struct RequestArgs {
    /// Topic of the request
    #[arg(short = 't', long, allow_hyphen_values = true)]
    pub(crate) topic: Option<String>,

    #[command(flatten)]
    pub(crate) payload: RequestPayloadArgs,

    /// QoS of the request: 0, 1 or 2
    #[arg(short = 'q', long, default_value = "0", value_parser = values::qos)]
    pub(crate) qos: QoS,

    /// Topic at which the response comes; needed before 5.0
    ///
    /// In 5.0 it is below the Response Information of the server, or at responses/ and the client identifier.
    #[arg(short = 'e', long, value_name = "TOPIC", allow_hyphen_values = true)]
    pub(crate) response_topic: Option<String>,

    /// Give up after that many seconds
    #[arg(short = 'W', long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) timeout: Option<Duration>,
}

/// The payload of the request: one of these kinds.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct RequestPayloadArgs {
    /// Ask with this text
    #[arg(short = 'm', long, value_name = "TEXT", allow_hyphen_values = true, value_parser = OsStringValueParser::new())]
    message: Option<OsString>,

    /// Ask with the content of a file
    #[arg(short = 'f', long, value_name = "PATH")]
    file: Option<PathBuf>,

    /// Ask with all of standard input
    #[arg(short = 's', long)]
    stdin: bool,

    /// Ask with an empty message
    #[arg(short = 'n', long = "null-message")]
    empty: bool,
}

impl RequestPayloadArgs {
    /// The same as what `mqtt pub` takes.
    pub(crate) fn to_payload(&self) -> PayloadArgs {
        PayloadArgs {
            message: self.message.iter().cloned().collect(),
            file: self.file.iter().cloned().collect(),
            stdin: self.stdin,
            null: self.empty,
            lines: false,
            lines_with_topic: None,
            json: false,
        }
    }
}
