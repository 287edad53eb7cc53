//! The arguments of `mqtt pub`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use clap::builder::OsStringValueParser;
use mqtt_smol::QoS;

use super::ConnectionArgs;
use crate::values;

const EXAMPLES: &str = "\
Examples:
  mqtt pub -t lab/temperature -m 21.5
  mqtt pub mqtts://broker.example -u me -t lab/state -m on -q 1 -r
  tail -f log | mqtt pub -t log -l -q 1";

#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES, override_usage = "mqtt pub [OPTIONS] -t TOPIC -m TEXT [URL]")]
pub(crate) struct PubArgs {
    #[command(flatten, next_help_heading = "Message")]
    pub(crate) message: MessageArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What to publish.
#[derive(Debug, ClapArgs)]
pub(crate) struct MessageArgs {
    /// Topic to publish to
    #[arg(short = 't', long, allow_hyphen_values = true)]
    pub(crate) topic: Option<String>,

    #[command(flatten)]
    pub(crate) payload: PayloadArgs,

    /// QoS: 0, 1 or 2
    #[arg(short = 'q', long, default_value = "0", value_parser = values::qos)]
    pub(crate) qos: QoS,

    /// Retain the message for later subscribers
    #[arg(short = 'r', long)]
    pub(crate) retain: bool,

    /// Publish the messages of -m, -f, -s or -n that many times
    #[arg(long, value_name = "COUNT", hide_short_help = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) repeat: Option<u64>,

    /// Seconds between messages [default: 0]
    #[arg(long, alias = "repeat-delay", value_name = "SECONDS", hide_short_help = true, value_parser = values::pause)]
    pub(crate) interval: Option<Duration>,

    /// QoS 1 and 2 messages sent at once without an acknowledgement [default: 1024, and 20 before 5.0]
    #[arg(short = 'M', long, value_name = "COUNT", hide_short_help = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_inflight: Option<u16>,

    /// Give up after that many seconds
    #[arg(short = 'W', long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) timeout: Option<Duration>,

    #[command(flatten, next_help_heading = "Properties of the message (5.0)")]
    pub(crate) properties: PropertyArgs,
}

/// The common properties of a message, by options of their own.
#[derive(Debug, ClapArgs)]
pub(crate) struct PropertyArgs {
    /// Seconds after which the server drops the message
    #[arg(short = 'e', long, value_name = "SECONDS", hide_short_help = true)]
    pub(crate) expiry: Option<u32>,

    /// What the payload is, such as text/plain
    #[arg(short = 'T', long, value_name = "TYPE", hide_short_help = true, allow_hyphen_values = true)]
    pub(crate) content_type: Option<String>,

    /// Topic at which a response is expected
    #[arg(short = 'R', long, value_name = "TOPIC", hide_short_help = true, allow_hyphen_values = true)]
    pub(crate) response_topic: Option<String>,

    /// What a response has to repeat
    #[arg(short = 'C', long, value_name = "DATA", hide_short_help = true, allow_hyphen_values = true, value_parser = OsStringValueParser::new())]
    pub(crate) correlation_data: Option<OsString>,

    /// Say that the payload is UTF-8
    #[arg(long, hide_short_help = true)]
    pub(crate) payload_utf8: bool,

    /// User Property NAME=VALUE; may be repeated
    #[arg(short = 'U', long, value_name = "NAME=VALUE", hide_short_help = true, allow_hyphen_values = true, value_parser = values::pair)]
    pub(crate) user_property: Vec<(String, String)>,
}

/// The payload: one of these kinds.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct PayloadArgs {
    /// Publish this text; may be repeated
    #[arg(short = 'm', long, value_name = "TEXT", allow_hyphen_values = true, value_parser = OsStringValueParser::new())]
    pub(crate) message: Vec<OsString>,

    /// Publish the content of a file; may be repeated
    #[arg(short = 'f', long, value_name = "PATH")]
    pub(crate) file: Vec<PathBuf>,

    /// Publish all of standard input as one message
    #[arg(short = 's', long, alias = "stdin-file")]
    pub(crate) stdin: bool,

    /// Publish each line of standard input as a message
    #[arg(short = 'l', long, alias = "stdin-line")]
    pub(crate) lines: bool,

    /// Publish lines of a topic, SEPARATOR and the payload
    #[arg(long, value_name = "SEPARATOR", hide_short_help = true, allow_hyphen_values = true, value_parser = values::separator)]
    pub(crate) lines_with_topic: Option<String>,

    /// Publish a JSON object for each line, as `mqtt sub --json` prints them
    ///
    /// Its fields: topic, payload (text, or any JSON value) or payload_base64, qos, retain, and properties.
    #[arg(long, hide_short_help = true)]
    pub(crate) json: bool,

    /// Publish an empty message
    #[arg(short = 'n', long, alias = "null-message")]
    pub(crate) null: bool,
}
