//! The arguments of `mqtt bench`: one struct for each subcommand, and those that several of them have.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::OsStringValueParser;
use clap::{Args as ClapArgs, Subcommand};
use mqtt_smol::QoS;

use super::ConnectionArgs;
use crate::values;

const EXAMPLES: &str = "\
Examples:
  mqtt bench pub -h localhost --rate 1000 --duration 30 --plot pub.svg
  mqtt bench rtt mqtts://broker.example --clients 10 --rate 50 --json";

const PUB_EXAMPLES: &str = "\
Examples:
  mqtt bench pub -h localhost --rate 1000 --duration 30 --plot pub.svg
  mqtt bench pub -h localhost --clients 10 -q 2 --size 1024";

const SUB_EXAMPLES: &str = "\
Examples:
  mqtt bench sub -h localhost -t 'bench/#' --duration 60
  mqtt bench pub -h localhost --rate 1000 --timestamp    # at the same time";

const RTT_EXAMPLES: &str = "\
Examples:
  mqtt bench rtt -h localhost --rate 100 --hgrm rtt.hgrm
  mqtt bench rtt mqtts://broker.example --clients 10 -q 0 --rate 50 --json";

const CONN_EXAMPLES: &str = "\
Examples:
  mqtt bench conn -h localhost --count 1000 --rate 200
  mqtt bench conn mqtts://broker.example --count 500 --hold 60";

/// Which measurement.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Measure how long it takes to open connections
    Conn(Box<BenchConnArgs>),
    /// Measure how long the server takes to acknowledge messages
    Pub(Box<BenchPubArgs>),
    /// Count messages that arrive, and measure how long they took
    Sub(Box<BenchSubArgs>),
    /// Measure how long messages take to the server and back
    Rtt(Box<BenchRttArgs>),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = PUB_EXAMPLES, override_usage = "mqtt bench pub [OPTIONS] [URL]")]
pub(crate) struct BenchPubArgs {
    #[command(flatten, next_help_heading = "Load")]
    pub(crate) load: LoadArgs,

    /// Bytes of each payload
    #[arg(long, value_name = "BYTES", default_value_t = 64, help_heading = "Load", conflicts_with = "message", value_parser = clap::value_parser!(u32).range(..=i64::from(SIZE_MAX)))]
    pub(crate) size: u32,

    /// Publish this text instead of --size bytes
    #[arg(short = 'm', long, value_name = "TEXT", help_heading = "Load", hide_short_help = true, allow_hyphen_values = true, value_parser = OsStringValueParser::new())]
    pub(crate) message: Option<OsString>,

    /// Begin payloads with a time, for `mqtt bench sub`
    #[arg(long, help_heading = "Load", conflicts_with = "message")]
    pub(crate) timestamp: bool,

    #[command(flatten, next_help_heading = "Load")]
    pub(crate) report: ReportArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = RTT_EXAMPLES, override_usage = "mqtt bench rtt [OPTIONS] [URL]")]
pub(crate) struct BenchRttArgs {
    #[command(flatten, next_help_heading = "Load")]
    pub(crate) load: LoadArgs,

    /// Bytes of each payload, at least 28
    #[arg(long, value_name = "BYTES", default_value_t = 64, help_heading = "Load", value_parser = clap::value_parser!(u32).range(28..=i64::from(SIZE_MAX)))]
    pub(crate) size: u32,

    #[command(flatten, next_help_heading = "Load")]
    pub(crate) report: ReportArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What `mqtt bench pub` and `mqtt bench rtt` ask of the server, and for how long.
#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArgs {
    /// Clients, each with its own connection
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=CLIENTS_MAX))]
    pub(crate) clients: u32,

    /// Topic; %c: client, %n: message [default: bench/%c]
    #[arg(short = 't', long, allow_hyphen_values = true)]
    pub(crate) topic: Option<String>,

    /// QoS: 0, 1 or 2
    #[arg(short = 'q', long, default_value = "1", value_parser = values::qos)]
    pub(crate) qos: QoS,

    /// Messages per second in all [default: no limit]
    ///
    /// They are sent on a schedule that does not wait for the server, and latency is counted from the time at which a
    /// message should have been sent. Without a rate, or with 0, each acknowledgement makes room for the next message,
    /// and latency is counted from the sending.
    #[arg(long, value_name = "PER_SECOND", allow_negative_numbers = true, value_parser = values::rate)]
    pub(crate) rate: Option<f64>,

    /// Messages under way, for each client [default: 100]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) inflight: Option<u16>,

    /// Seconds at first that do not count
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = values::pause)]
    pub(crate) warmup: Duration,

    /// End after so many messages
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after so many seconds [default: 10, or --count]
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) duration: Option<Duration>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = SUB_EXAMPLES, override_usage = "mqtt bench sub [OPTIONS] [URL]")]
pub(crate) struct BenchSubArgs {
    /// Clients, each with its own connection
    #[arg(long, value_name = "COUNT", default_value_t = 1, help_heading = "Load", value_parser = clap::value_parser!(u32).range(1..=CLIENTS_MAX))]
    pub(crate) clients: u32,

    /// Filter; %c is the client's number [default: bench/#]
    #[arg(short = 't', long, value_name = "FILTER", help_heading = "Load", allow_hyphen_values = true)]
    pub(crate) topic: Option<String>,

    /// QoS: 0, 1 or 2
    #[arg(short = 'q', long, default_value = "1", help_heading = "Load", value_parser = values::qos)]
    pub(crate) qos: QoS,

    /// End after so many messages of all clients
    #[arg(long, value_name = "COUNT", help_heading = "Load", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after so many seconds [default: 10, or --count]
    #[arg(long, value_name = "SECONDS", help_heading = "Load", value_parser = values::seconds)]
    pub(crate) duration: Option<Duration>,

    #[command(flatten, next_help_heading = "Load")]
    pub(crate) report: ReportArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = CONN_EXAMPLES, override_usage = "mqtt bench conn [OPTIONS] [URL]")]
pub(crate) struct BenchConnArgs {
    /// Connections to open
    #[arg(long, value_name = "COUNT", default_value_t = 100, help_heading = "Load", value_parser = clap::value_parser!(u32).range(1..=CONNECTIONS_MAX))]
    pub(crate) count: u32,

    /// Connections per second [default: no limit]
    #[arg(long, value_name = "PER_SECOND", allow_negative_numbers = true, help_heading = "Load", value_parser = values::rate)]
    pub(crate) rate: Option<f64>,

    /// Connections being opened at once
    #[arg(long, value_name = "COUNT", default_value_t = 100, help_heading = "Load", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) inflight: u16,

    /// Seconds to hold all once they are open
    #[arg(long, value_name = "SECONDS", default_value = "0", help_heading = "Load", value_parser = values::pause)]
    pub(crate) hold: Duration,

    #[command(flatten, next_help_heading = "Load")]
    pub(crate) report: ReportArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// How the figures are given out.
#[derive(Debug, ClapArgs)]
pub(crate) struct ReportArgs {
    /// Print a JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Write the percentiles for plotters of HdrHistogram
    #[arg(long, value_name = "PATH")]
    pub(crate) hgrm: Option<PathBuf>,

    /// Write latency and rate over time as an SVG
    #[arg(long, value_name = "PATH")]
    pub(crate) plot: Option<PathBuf>,
}

/// Clients of one run; each costs some 100 KB of memory.
const CLIENTS_MAX: i64 = 10_000;

/// Connections of one run.
const CONNECTIONS_MAX: i64 = 50_000;

/// The largest payload: what one packet holds beside a long topic.
const SIZE_MAX: u32 = 268_000_000;
