//! The arguments of `mqtt broker`.

use clap::Args as ClapArgs;

use crate::values;

#[derive(Debug, ClapArgs)]
pub(crate) struct BrokerArgs {
    /// Address to listen on
    #[arg(short = 'h', long, default_value = "127.0.0.1")]
    pub(crate) host: String,

    /// Port to listen on; 0 takes any free one
    #[arg(short = 'p', long, default_value_t = 1883)]
    pub(crate) port: u16,

    /// Let in only this user; may be repeated
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = values::user)]
    pub(crate) users: Vec<(String, String)>,
}
