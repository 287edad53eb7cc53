//! Who connects, what the session remembers, and what the server says when it ends.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::{OsStringValueParser, TypedValueParser};
use mqtt_smol::QoS;

use crate::properties::Given;
use crate::values::{self, Expiry};

/// Who connects.
#[derive(Debug, ClapArgs)]
pub(crate) struct LoginArgs {
    /// User name
    #[arg(short = 'u', long = "username", value_name = "NAME", allow_hyphen_values = true)]
    pub(crate) user_name: Option<String>,

    /// Password; others on this machine can see it, so prefer --password-file or MQTT_PASSWORD
    #[arg(
        short = 'P',
        long,
        alias = "pw",
        value_name = "PASSWORD",
        hide_short_help = true,
        allow_hyphen_values = true,
        conflicts_with_all = ["password_file", "ask_password"],
        value_parser = OsStringValueParser::new(),
    )]
    pub(crate) password: Option<OsString>,

    /// File whose first line is the password
    #[arg(long, value_name = "PATH", conflicts_with = "ask_password")]
    pub(crate) password_file: Option<PathBuf>,

    /// Ask for the password on the terminal
    #[arg(long, hide_short_help = true)]
    pub(crate) ask_password: bool,

    /// Client identifier [default: chosen by the server]
    #[arg(short = 'i', long = "id", value_name = "ID", allow_hyphen_values = true)]
    pub(crate) client_id: Option<String>,

    /// Beginning of a client identifier, which ends with the number of the process
    #[arg(
        short = 'I',
        long,
        value_name = "PREFIX",
        hide_short_help = true,
        allow_hyphen_values = true,
        conflicts_with = "client_id"
    )]
    pub(crate) id_prefix: Option<String>,
}

/// What the session remembers.
#[derive(Debug, ClapArgs)]
pub(crate) struct SessionArgs {
    /// Persistent session: the server keeps it while the client is away; needs -i
    #[arg(
        short = 'c',
        long = "keep-session",
        alias = "disable-clean-session",
        requires = "client_id",
        hide_short_help = true
    )]
    pub(crate) keep_session: bool,

    /// Seconds that the session outlives its connection (5.0); -1 is for ever [default: for ever with -c, otherwise 0]
    #[arg(
        short = 'x',
        long = "session-expiry",
        alias = "session-expiry-interval",
        value_name = "SECONDS",
        hide_short_help = true,
        allow_hyphen_values = true,
        value_parser = values::expiry,
    )]
    pub(crate) session_expiry: Option<Expiry>,

    /// Keep messages, acknowledgements and subscriptions in that file until they are over, also if this command is
    /// killed; needs -i, implies -c
    #[arg(
        long,
        value_name = "PATH",
        hide_short_help = true,
        requires = "client_id",
        conflicts_with = "capture"
    )]
    pub(crate) store: Option<PathBuf>,

    /// Largest packet taken, in bytes; a larger message is reported and left out
    #[arg(long, value_name = "BYTES", hide_short_help = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_packet: Option<u32>,

    /// Property (5.0): PACKET NAME VALUE, where a user-property has two values; may be repeated
    ///
    /// PACKET is connect, publish, subscribe, unsubscribe, disconnect or will; NAME is the standard's, in lower case with
    /// dashes: -D publish content-type text/plain, -D connect user-property key value.
    #[arg(
        short = 'D',
        long = "property",
        value_name = "PACKET NAME VALUE",
        hide_short_help = true,
        allow_hyphen_values = true,
        value_parser = OsStringValueParser::new().try_map(Given::parse),
    )]
    pub(crate) properties: Vec<Given>,
}

/// What the server publishes if the connection ends without a word.
#[derive(Debug, ClapArgs)]
pub(crate) struct WillArgs {
    /// Topic of the will, which the server publishes if this command ends without a word
    #[arg(long, value_name = "TOPIC", hide_short_help = true, allow_hyphen_values = true)]
    pub(crate) will_topic: Option<String>,

    /// Payload of the will [default: none]
    #[arg(
        long,
        value_name = "PAYLOAD",
        hide_short_help = true,
        allow_hyphen_values = true,
        requires = "will_topic",
        value_parser = OsStringValueParser::new(),
    )]
    pub(crate) will_payload: Option<OsString>,

    /// QoS of the will
    #[arg(
        long,
        value_name = "QOS",
        default_value = "0",
        hide_short_help = true,
        requires = "will_topic",
        value_parser = values::qos
    )]
    pub(crate) will_qos: QoS,

    /// Have the server retain the will
    #[arg(long, hide_short_help = true, requires = "will_topic")]
    pub(crate) will_retain: bool,
}
