//! The arguments of `mqtt broker`.

mod access;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use mqtt_smol::QoS;

use crate::values;
use access::AccessArgs;

const EXAMPLES: &str = "\
Limits, such as --max-packet and --max-qos, are on the page of --help-all.

Examples:
  mqtt broker
  mqtt broker -p 0 --user me:secret --rule 'deny write $SYS/#'
  mqtt broker --tls-port 8883 --cert cert.pem --key key.pem --ws-port 8080";

#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BrokerArgs {
    /// Address to listen on [default: 127.0.0.1]
    ///
    /// What is not loopback can be reached from the network.
    #[arg(
        short = 'h',
        long,
        default_value = "127.0.0.1",
        hide_default_value = true,
        help_heading = "Sockets"
    )]
    pub(crate) host: String,

    /// Port to listen on; 0 takes any free one
    #[arg(short = 'p', long, default_value_t = 1883, help_heading = "Sockets")]
    pub(crate) port: u16,

    #[command(flatten, next_help_heading = "Sockets")]
    pub(crate) listen: ListenArgs,

    #[command(flatten, next_help_heading = "Access")]
    pub(crate) access: AccessArgs,

    #[command(flatten, next_help_heading = "Limits")]
    pub(crate) limits: LimitArgs,

    /// Seconds after which counters are published below $SYS/broker/, again and again
    #[arg(long, hide_short_help = true, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) sys_interval: Option<Duration>,

    /// Say nothing about connections
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Further ports.
#[derive(Debug, ClapArgs)]
pub(crate) struct ListenArgs {
    /// Port for TLS
    #[arg(long, value_name = "PORT")]
    pub(crate) tls_port: Option<u16>,

    /// Port for WebSocket
    #[arg(long, value_name = "PORT")]
    pub(crate) ws_port: Option<u16>,

    /// Port for WebSocket over TLS
    #[arg(long, value_name = "PORT")]
    pub(crate) wss_port: Option<u16>,

    /// Certificate for TLS, with its chain, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// Private key of the certificate in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// Let in only clients with a certificate of this authority
    ///
    /// The file is PEM; clients that do not use TLS are not asked.
    #[arg(long, value_name = "FILE")]
    pub(crate) cafile: Option<PathBuf>,
}

/// What the broker offers and how much it takes; each default is that of the broker.
#[derive(Debug, ClapArgs)]
pub(crate) struct LimitArgs {
    /// Connections at one time
    #[arg(long, hide_short_help = true, value_name = "COUNT")]
    pub(crate) max_connections: Option<usize>,

    /// Largest packet taken
    #[arg(long, hide_short_help = true, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_packet: Option<u32>,

    /// Highest QoS: 0, 1 or 2
    #[arg(long, hide_short_help = true, value_name = "QOS", value_parser = values::qos)]
    pub(crate) max_qos: Option<QoS>,

    /// QoS 1 and 2 messages that a 5.0 client may have unacknowledged
    #[arg(long, hide_short_help = true, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) receive_maximum: Option<u16>,

    /// QoS 1 and 2 messages that are sent to one client without its acknowledgement
    #[arg(long, hide_short_help = true, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_inflight: Option<u16>,

    /// Messages that wait for one client
    #[arg(long, hide_short_help = true, value_name = "COUNT")]
    pub(crate) max_queued: Option<usize>,

    /// Retained messages
    #[arg(long, hide_short_help = true, value_name = "COUNT")]
    pub(crate) max_retained: Option<usize>,

    /// Longest that a session is kept without connection
    #[arg(long, hide_short_help = true, value_name = "SECONDS")]
    pub(crate) session_expiry_max: Option<u32>,

    /// Keep alive that 5.0 clients are to use instead of theirs; 0 is none
    #[arg(long, hide_short_help = true, value_name = "SECONDS")]
    pub(crate) server_keep_alive: Option<u16>,

    /// Topic aliases that a 5.0 client may use; 0 offers none
    #[arg(long, hide_short_help = true, value_name = "COUNT")]
    pub(crate) topic_alias_maximum: Option<u16>,

    /// Take no retained messages
    #[arg(long, hide_short_help = true)]
    pub(crate) no_retain: bool,

    /// Take no filters with wildcards
    #[arg(long, hide_short_help = true)]
    pub(crate) no_wildcards: bool,

    /// Take no shared subscriptions
    #[arg(long, hide_short_help = true)]
    pub(crate) no_shared: bool,
}
