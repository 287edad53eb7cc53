//! The arguments of the command.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand};
use mqtt_smol::{QoS, Version};

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

/// Where to connect, and as whom.
#[derive(Debug, ClapArgs)]
pub(crate) struct ConnectionArgs {
    /// Server, as a URL
    #[arg(help = "Server as mqtt://[USER[:PASSWORD]@]HOST[:PORT]", value_name = "URL", conflicts_with_all = ["url_option", "host", "port"])]
    pub(crate) url: Option<String>,

    /// Server as a URL, like the argument
    #[arg(short = 'L', long = "url", value_name = "URL", conflicts_with_all = ["host", "port"])]
    pub(crate) url_option: Option<String>,

    /// Host of the server
    #[arg(short = 'h', long, default_value = "localhost", env = "MQTT_HOST")]
    pub(crate) host: String,

    /// Port of the server
    #[arg(short = 'p', long, default_value_t = 1883, env = "MQTT_PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,

    /// Version of the protocol: 3.1, 3.1.1 or 5
    #[arg(short = 'V', long = "protocol-version", value_name = "VERSION", default_value = "5", value_parser = parse_version)]
    pub(crate) version: Version,

    /// Client identifier; without it the server chooses one
    #[arg(short = 'i', long = "id", value_name = "ID", allow_hyphen_values = true)]
    pub(crate) client_id: Option<String>,

    /// Persistent session: the server keeps it while the client is away; needs -i
    #[arg(short = 'c', long = "keep-session", requires = "client_id")]
    pub(crate) keep_session: bool,

    /// Seconds that a persistent session lasts (5.0 only). Default: for ever
    #[arg(short = 'x', long = "session-expiry", value_name = "SECONDS", requires = "keep_session")]
    pub(crate) session_expiry: Option<u32>,

    /// Longest silence before a ping, in seconds; 0 turns pings off
    #[arg(short = 'k', long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) keepalive: u16,

    /// User name
    #[arg(
        short = 'u',
        long = "username",
        value_name = "NAME",
        env = "MQTT_USERNAME",
        allow_hyphen_values = true
    )]
    pub(crate) user_name: Option<String>,

    /// Password; others can see it among the arguments, the variable is safer
    #[arg(
        short = 'P',
        long,
        value_name = "PASSWORD",
        env = "MQTT_PASSWORD",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub(crate) password: Option<String>,

    /// Bound for each step that waits for the network, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "6", value_parser = parse_seconds)]
    pub(crate) network_timeout: Duration,

    /// Largest packet taken from the server, in bytes; larger ones end the connection, or are dropped by a 5.0 server
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_packet: Option<u32>,

    /// Keep messages, acknowledgements and subscriptions in that file until they are over, also if this command is
    /// killed; needs -i, implies -c
    #[arg(long, value_name = "PATH", requires = "client_id", conflicts_with = "capture")]
    pub(crate) store: Option<PathBuf>,

    /// Record the session to that file, for `mqtt replay`; payloads and passwords are masked
    #[arg(long, value_name = "PATH")]
    pub(crate) capture: Option<PathBuf>,

    /// Leave payloads in the capture as they are
    #[arg(long, requires = "capture")]
    pub(crate) capture_payloads: bool,

    /// Print connection events on standard error
    #[arg(short = 'd', long)]
    pub(crate) debug: bool,
}

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
    #[arg(short = 'q', long, default_value = "0", value_parser = parse_qos)]
    pub(crate) qos: QoS,

    /// Retain the message for later subscribers
    #[arg(short = 'r', long)]
    pub(crate) retain: bool,

    /// Give up after that many seconds
    #[arg(short = 'W', long, value_name = "SECONDS", value_parser = parse_seconds)]
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

#[derive(Debug, ClapArgs)]
pub(crate) struct SubArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    /// Filter to subscribe to; may be repeated
    #[arg(short = 't', long = "topic", required = true, value_name = "FILTER", allow_hyphen_values = true)]
    pub(crate) filters: Vec<String>,

    /// Highest QoS: 0, 1 or 2
    #[arg(short = 'q', long, default_value = "0", value_parser = parse_qos)]
    pub(crate) qos: QoS,

    /// Print the topic and a space in front of each message
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,

    /// End after that many messages
    #[arg(short = 'C', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after that many seconds
    #[arg(short = 'W', long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BrokerArgs {
    /// Address to listen on
    #[arg(short = 'h', long, default_value = "127.0.0.1")]
    pub(crate) host: String,

    /// Port to listen on; 0 takes any free one
    #[arg(short = 'p', long, default_value_t = 1883)]
    pub(crate) port: u16,

    /// Let in only this user; may be repeated
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = parse_user)]
    pub(crate) users: Vec<(String, String)>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReplayArgs {
    /// The capture
    #[arg(value_name = "PATH")]
    pub(crate) file: PathBuf,

    /// Print each call of which something came, and what the session answered
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StoreArgs {
    /// The store
    #[arg(value_name = "PATH")]
    pub(crate) file: PathBuf,

    /// Print each message: its topic and its payload, unprintable bytes escaped
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
}

fn parse_version(text: &str) -> Result<Version, String> {
    match text {
        "3.1" | "31" | "mqttv31" => Ok(Version::V3_1),
        "3.1.1" | "311" | "4" | "mqttv311" => Ok(Version::V3_1_1),
        "5" | "5.0" | "mqttv5" => Ok(Version::V5_0),
        _ => Err("use 3.1, 3.1.1 or 5".into()),
    }
}

fn parse_qos(text: &str) -> Result<QoS, String> {
    text.parse().ok().and_then(QoS::from_bits).ok_or_else(|| "use 0, 1 or 2".into())
}

/// Seconds as a decimal number, at most a year.
fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "use a number of seconds")?;
    let is_sensible = seconds > 0.0 && seconds <= 366.0 * 86_400.0;
    if is_sensible {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("use more than 0 and at most a year".into())
    }
}

fn parse_user(text: &str) -> Result<(String, String), String> {
    let (name, password) = text.split_once(':').ok_or("use NAME:PASSWORD")?;
    Ok((name.into(), password.into()))
}
