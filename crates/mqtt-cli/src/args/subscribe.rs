//! The arguments of `mqtt sub`.

use std::time::Duration;

use clap::Args as ClapArgs;
use mqtt_smol::QoS;

use super::ConnectionArgs;
use crate::values;

#[derive(Debug, ClapArgs)]
pub(crate) struct SubArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    /// Filter to subscribe to; may be repeated
    #[arg(short = 't', long = "topic", required = true, value_name = "FILTER", allow_hyphen_values = true)]
    pub(crate) filters: Vec<String>,

    /// Highest QoS: 0, 1 or 2
    #[arg(short = 'q', long, default_value = "0", value_parser = values::qos)]
    pub(crate) qos: QoS,

    /// Print the topic and a space in front of each message
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,

    /// End after that many messages
    #[arg(short = 'C', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after that many seconds
    #[arg(short = 'W', long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) timeout: Option<Duration>,
}
