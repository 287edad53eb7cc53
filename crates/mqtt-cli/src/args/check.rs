//! The arguments of `mqtt check`.

use std::time::Duration;

use clap::Args as ClapArgs;

use super::ConnectionArgs;
use crate::values;

const EXAMPLES: &str = "\
Examples:
  mqtt check mqtts://broker.example -u me --password-file secret
  mqtt check -h localhost --json";

#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES, override_usage = "mqtt check [OPTIONS] [URL]")]
pub(crate) struct CheckArgs {
    /// Publish and subscribe below this topic
    #[arg(short = 't', long, value_name = "PREFIX", default_value = "mqtt-check", help_heading = "Check")]
    pub(crate) topic: String,

    /// Seconds to wait for each message
    #[arg(short = 'W', long, value_name = "SECONDS", default_value = "5", help_heading = "Check", value_parser = values::seconds)]
    pub(crate) timeout: Duration,

    /// Print a JSON object instead of a table
    #[arg(long, help_heading = "Check")]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
