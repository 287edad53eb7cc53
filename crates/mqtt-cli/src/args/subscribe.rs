//! The arguments of `mqtt sub`.

use std::time::Duration;

use clap::Args as ClapArgs;
use mqtt_smol::QoS;

use super::ConnectionArgs;
use crate::output::Template;
use crate::values;

const EXAMPLES: &str = "\
Examples:
  mqtt sub -t 'lab/#' -v
  mqtt sub mqtts://broker.example -u me -t lab/state -C 1 -W 5
  mqtt sub -t 'lab/#' -F '%I %t %p'
  mqtt sub -t 'lab/#' --json | jq .payload";

#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES, override_usage = "mqtt sub [OPTIONS] -t FILTER [URL]")]
pub(crate) struct SubArgs {
    #[command(flatten, next_help_heading = "Subscription")]
    pub(crate) what: FilterArgs,

    #[command(flatten, next_help_heading = "Output")]
    pub(crate) output: OutputArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What to subscribe to, what is left out, and when to end.
#[derive(Debug, ClapArgs)]
pub(crate) struct FilterArgs {
    /// Filter to subscribe to; may be repeated
    #[arg(short = 't', long = "topic", value_name = "FILTER", allow_hyphen_values = true)]
    pub(crate) filters: Vec<String>,

    /// Highest QoS: 0, 1 or 2
    #[arg(short = 'q', long, default_value = "0", value_parser = values::qos)]
    pub(crate) qos: QoS,

    /// End after that many messages
    #[arg(short = 'C', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after that many seconds
    ///
    /// The exit code is 5 if fewer messages than -C came, or none.
    #[arg(short = 'W', long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) timeout: Option<Duration>,

    /// Leave out retained messages
    #[arg(short = 'R', long, conflicts_with_all = ["retained_only", "remove_retained"])]
    pub(crate) no_retained: bool,

    /// Print only retained messages, end when another comes
    #[arg(long)]
    pub(crate) retained_only: bool,

    /// Remove each retained message from the server once it is printed
    #[arg(long, hide_short_help = true)]
    pub(crate) remove_retained: bool,

    /// Leave out the messages of that filter; may be repeated
    #[arg(
        short = 'T',
        long = "filter-out",
        value_name = "FILTER",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub(crate) left_out: Vec<String>,

    /// Unsubscribe from a filter of the session; may be repeated
    #[arg(short = 'U', long, value_name = "FILTER", hide_short_help = true, allow_hyphen_values = true)]
    pub(crate) unsubscribe: Vec<String>,

    /// End once all subscriptions are granted
    #[arg(short = 'E', long, hide_short_help = true)]
    pub(crate) exit_subscribed: bool,

    /// Do not receive what this client publishes itself (5.0)
    #[arg(long, hide_short_help = true)]
    pub(crate) no_local: bool,

    /// Keep the retain flag as the publisher has set it (5.0)
    #[arg(long, hide_short_help = true)]
    pub(crate) retain_as_published: bool,

    /// Retained messages: always, new (only for a new subscription) or never (5.0)
    #[arg(long, value_name = "WHEN", hide_short_help = true, value_parser = values::retain_handling)]
    pub(crate) retain_handling: Option<mqtt_smol::RetainHandling>,

    /// Print only that share of the messages, in percent
    #[arg(long, value_name = "PERCENT", hide_short_help = true, value_parser = values::percent)]
    pub(crate) random_filter: Option<f64>,
}

/// How messages are printed.
#[derive(Debug, ClapArgs)]
pub(crate) struct OutputArgs {
    /// Print the topic in front of each message
    #[arg(short = 'v', long, conflicts_with_all = ["format", "json"])]
    pub(crate) verbose: bool,

    /// Print by a template, as '%I %t %p'; see --help-all
    ///
    /// %t topic, %p payload, %x and %X payload in hexadecimal, %l its length, %q QoS, %r retained, %m packet identifier,
    /// %I time as in ISO 8601, %U seconds since 1970, %j and %J JSON, and of 5.0: %A topic alias, %C content type,
    /// %D correlation data, %E expiry, %F payload format indicator, %P user properties, %R response topic, %S subscription
    /// identifiers. Widths stand behind the %, as in %-20t, %.8x or %010l. @Y, @m, @d, @H and so on are parts of the
    /// time, @N its nanoseconds. \0 \a \e \n \r \t \v \\ are characters.
    #[arg(short = 'F', long, value_name = "TEMPLATE", conflicts_with = "json", allow_hyphen_values = true, value_parser = Template::parse)]
    pub(crate) format: Option<Template>,

    /// Print a JSON object a line
    ///
    /// Its fields are ts, topic, qos, retain, dup, payload (or payload_base64, where it is no UTF-8) and properties.
    #[arg(long)]
    pub(crate) json: bool,

    /// Spread JSON over several lines; on a terminal this is always so
    #[arg(long, hide_short_help = true)]
    pub(crate) pretty: bool,

    /// End each message with a null character instead of a newline
    #[arg(short = '0', long, hide_short_help = true, conflicts_with = "no_newline")]
    pub(crate) null: bool,

    /// Print nothing behind a message
    #[arg(short = 'N', long = "no-newline", alias = "no-eol", hide_short_help = true)]
    pub(crate) no_newline: bool,
}
