//! Where to connect: a URL, or host and port, through a proxy or over WebSocket.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use mqtt_smol::Version;

use crate::values::{self, Header, Retry};

/// Where to connect, and how the connection is looked after.
#[derive(Debug, ClapArgs)]
pub(crate) struct ServerArgs {
    /// Server as a URL: mqtt, mqtts, ws, wss or unix
    ///
    /// User name and password stand before the host, as in mqtt://USER:PASSWORD@HOST:PORT; a Unix socket is unix:///PATH. What
    /// follows the port of an mqtt or mqtts URL is the topic, as in -L.
    #[arg(value_name = "URL", help_heading = "Server", conflicts_with_all = ["url_option", "host", "port", "unix"])]
    pub(crate) url: Option<String>,

    /// Server as a URL, with the topic behind it: mqtt://HOST/TOPIC
    #[arg(short = 'L', long = "url", value_name = "URL", hide_short_help = true, conflicts_with_all = ["host", "port", "unix"])]
    pub(crate) url_option: Option<String>,

    /// Host [default: localhost]
    #[arg(short = 'h', long, value_name = "HOST")]
    pub(crate) host: Option<String>,

    /// Port [default: 1883, or 8883 with TLS]
    ///
    /// With WebSocket the default is 80, or 443 with TLS.
    #[arg(short = 'p', long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,

    /// Connect to a Unix socket
    #[arg(long, value_name = "PATH", hide_short_help = true, conflicts_with_all = ["host", "port"])]
    pub(crate) unix: Option<String>,

    /// Use WebSocket; with TLS where an option of TLS is given
    #[arg(long, hide_short_help = true, conflicts_with = "unix")]
    pub(crate) ws: bool,

    /// Path of the WebSocket [default: that of the URL, or /mqtt]
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub(crate) ws_path: Option<String>,

    /// Header of the WebSocket's request; may be repeated
    #[arg(long, value_name = "NAME: VALUE", hide_short_help = true, value_parser = values::header)]
    pub(crate) ws_header: Vec<Header>,

    /// Connect through a proxy: socks5h://USER:PASSWORD@HOST:PORT, or http://…
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) proxy: Option<String>,

    /// Local address to connect from
    #[arg(short = 'A', long, value_name = "ADDRESS", hide_short_help = true)]
    pub(crate) bind: Option<IpAddr>,

    /// Version of the protocol: 5, 3.1.1 or 3.1
    #[arg(short = 'V', long = "protocol-version", value_name = "VERSION", default_value = "5", hide_short_help = true, value_parser = values::version)]
    pub(crate) version: Version,

    /// Longest silence before a ping, in seconds; 0 turns pings off
    #[arg(short = 'k', long, value_name = "SECONDS", default_value_t = 60, hide_short_help = true)]
    pub(crate) keepalive: u16,

    /// Bound for each step that waits for the network, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "6", hide_short_help = true, value_parser = values::seconds)]
    pub(crate) network_timeout: Duration,

    /// Attempts in a row to connect again: never, a number, or forever
    ///
    /// Without this option the first attempt is the only one, and a connection that was lost is tried again 100 times,
    /// with growing pauses up to 30 seconds. What a server refuses for good is never tried again.
    #[arg(long, value_name = "ATTEMPTS", hide_short_help = true, value_parser = values::retry)]
    pub(crate) retry: Option<Retry>,

    /// Send small packets at once; this is always so, and the option is there for scripts of mosquitto
    #[arg(long, hide_short_help = true)]
    pub(crate) nodelay: bool,

    /// Take settings from that section of the file of profiles
    ///
    /// The file is mqtt/profiles.toml in the folder for configuration, which is ~/.config on Linux; MQTT_PROFILES names
    /// another. Settings without a section hold for every command.
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) profile: Option<String>,

    /// Print only data, no warnings and no reasons
    #[arg(long, hide_short_help = true, conflicts_with = "debug")]
    pub(crate) quiet: bool,

    /// Print every packet and connection event
    #[arg(short = 'd', long)]
    pub(crate) debug: bool,

    /// Record the session to a file, for `mqtt replay`; payloads and passwords are masked
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub(crate) capture: Option<PathBuf>,

    /// Leave payloads in the capture as they are
    #[arg(long, hide_short_help = true, requires = "capture")]
    pub(crate) capture_payloads: bool,
}
