//! The arguments of the commands that look into files: `mqtt replay` and `mqtt store`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct ReplayArgs {
    /// The capture
    #[arg(value_name = "PATH")]
    pub(crate) file: PathBuf,

    /// Print each call of which something came, and what the session answered
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,

    /// Print one call for each line of standard input, so for each time that Enter is pressed
    #[arg(long)]
    pub(crate) step: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StoreArgs {
    /// The store
    #[arg(value_name = "PATH")]
    pub(crate) file: PathBuf,

    /// Print each message: its topic and its payload, unprintable bytes escaped
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
}
