//! The arguments of `mqtt broker`.

mod access;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use mqtt_smol::QoS;

use crate::values;
use access::AccessArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct BrokerArgs {
    /// Address to listen on; what is not loopback can be reached from the network
    #[arg(short = 'h', long, default_value = "127.0.0.1")]
    pub(crate) host: String,

    /// Port to listen on; 0 takes any free one
    #[arg(short = 'p', long, default_value_t = 1883)]
    pub(crate) port: u16,

    #[command(flatten)]
    pub(crate) listen: ListenArgs,

    #[command(flatten)]
    pub(crate) access: AccessArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    /// Publish counters below $SYS/broker/ that often
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) sys_interval: Option<Duration>,

    /// Say nothing about connections
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Further ports.
#[derive(Debug, ClapArgs)]
pub(crate) struct ListenArgs {
    /// Port for MQTT over TLS; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub(crate) tls_port: Option<u16>,

    /// Port for MQTT over WebSocket; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub(crate) ws_port: Option<u16>,

    /// Port for MQTT over WebSocket over TLS; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub(crate) wss_port: Option<u16>,

    /// Certificate of the broker in PEM, with the chain behind it, for TLS
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// Private key of the certificate in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// Over TLS, let in only clients with a certificate that one in this PEM file has signed
    #[arg(long, value_name = "FILE")]
    pub(crate) cafile: Option<PathBuf>,
}

/// What the broker offers and how much it takes; each default is that of the broker.
#[derive(Debug, ClapArgs)]
pub(crate) struct LimitArgs {
    /// Connections at one time
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_connections: Option<usize>,

    /// Largest packet taken
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_packet: Option<u32>,

    /// Highest QoS: 0, 1 or 2
    #[arg(long, value_name = "QOS", value_parser = values::qos)]
    pub(crate) max_qos: Option<QoS>,

    /// QoS 1 and 2 messages that a 5.0 client may have unacknowledged
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) receive_maximum: Option<u16>,

    /// QoS 1 and 2 messages that are sent to one client without its acknowledgement
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_inflight: Option<u16>,

    /// Messages that wait for one client
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_queued: Option<usize>,

    /// Retained messages
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_retained: Option<usize>,

    /// Longest that a session is kept without connection
    #[arg(long, value_name = "SECONDS")]
    pub(crate) session_expiry_max: Option<u32>,

    /// Keep alive that 5.0 clients are to use instead of theirs; 0 is none
    #[arg(long, value_name = "SECONDS")]
    pub(crate) server_keep_alive: Option<u16>,

    /// Topic aliases that a 5.0 client may use; 0 offers none
    #[arg(long, value_name = "COUNT")]
    pub(crate) topic_alias_maximum: Option<u16>,

    /// Take no retained messages
    #[arg(long)]
    pub(crate) no_retain: bool,

    /// Take no filters with wildcards
    #[arg(long)]
    pub(crate) no_wildcards: bool,

    /// Take no shared subscriptions
    #[arg(long)]
    pub(crate) no_shared: bool,
}
