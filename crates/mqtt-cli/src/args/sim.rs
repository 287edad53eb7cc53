//! The arguments of `mqtt sim`.

use std::time::Duration;

use clap::Args as ClapArgs;
use mqtt_smol::QoS;

use crate::values;

const EXAMPLES: &str = "\
Examples:
  mqtt sim
  mqtt sim -q 0 --outages 8
  mqtt sim --seed 42 --time 3600 --network bad";

#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SimArgs {
    /// QoS of the messages: 0, 1 or 2
    #[arg(short = 'q', long, default_value = "1", value_parser = values::qos)]
    pub(crate) qos: QoS,

    /// Virtual seconds for which messages are published
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = values::simulated)]
    pub(crate) time: Duration,

    /// Messages per virtual second
    #[arg(long, value_name = "MESSAGES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rate: u32,

    /// Outages that are rehearsed
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) outages: u32,

    /// What the network is like between them: good or bad
    #[arg(long, value_name = "KIND", default_value = "good", value_parser = ["good", "bad"])]
    pub(crate) network: String,

    /// Everything that happens follows from it [default: drawn]
    #[arg(long)]
    pub(crate) seed: Option<u64>,

    /// Print a JSON object instead of a chart
    #[arg(long)]
    pub(crate) json: bool,
}
