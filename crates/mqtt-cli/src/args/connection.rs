//! The arguments of every command that connects: where to, as whom, and how.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use mqtt_smol::Version;

use crate::values;

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
    #[arg(short = 'V', long = "protocol-version", value_name = "VERSION", default_value = "5", value_parser = values::version)]
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
    #[arg(long, value_name = "SECONDS", default_value = "6", value_parser = values::seconds)]
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
